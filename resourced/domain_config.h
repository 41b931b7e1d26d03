/* Definitions: whether they can be built here, and what the hypervisor is
 * told of them. */
#ifndef RESOURCED_DOMAIN_CONFIG_H
#define RESOURCED_DOMAIN_CONFIG_H

#include "base/arena.h"
#include "base/reasons.h"
#include "hv/hv.h"
#include "resourced/partition.h"

struct host;

/* Into the arena; strings are shared with the row. */
void domain_config_fill(const struct host *host,
                        const struct partition_row *row, struct arena *arena,
                        struct hv_domain_config *ret);

/* One disk, one interface; strings are shared. */
void domain_config_disk(const struct wire_disk *from, struct hv_disk *ret);
void domain_config_nic(const struct wire_nic *from, struct hv_nic *ret);

/* Adds each amount and name that no domain can have: VDC_E_BAD_VALUE. */
void definition_check_values(const struct wire_definition *definition,
                             struct reasons *reasons);
/* Adds each file in dom0 that it needs and that cannot be read:
 * VDC_E_NO_FILE, naming the file.  images: those, too, which policyd has
 * brought before it asks for more than a dry run. */
void definition_check_files(const struct host *host,
                            const struct wire_definition *definition,
                            bool images, struct reasons *reasons);
/* Gives each interface without an address a random one in Xen's range. */
void definition_choose_macs(struct wire_definition *definition,
                            struct arena *arena);

#endif
