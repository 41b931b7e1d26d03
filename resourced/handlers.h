/* Which function handles which message. */
#ifndef RESOURCED_HANDLERS_H
#define RESOURCED_HANDLERS_H

#include "resourced/server.h"

struct partition;

/* NULL when resourced does not handle it. */
request_fn *handler_of(unsigned message_number);
/* Those of handlers_resource.c. */
request_fn *handler_of_resources(unsigned message_number);
/* handlers_certificate.c */
void handle_dc_renew(struct request *request);
void handle_dc_renewed(struct request *request);
void handle_dc_forget(struct request *request);
/* handlers_files.c */
void handle_files_look(struct request *request);
void handle_file_probe(struct request *request);
/* Its connection has ended: files that it had put are removed. */
void handler_drop_probes(struct host *host, const void *session);
/* Measures the disks of a reply to show. */
void handler_measure(struct request *request,
                     struct wire_partition_reply *reply);

/* Whom a request is about; NULL with VDC_E_NOT_FOUND when there is none. */
struct partition *handler_partition(struct host *host,
                                    const struct wire_partition_ref *ref,
                                    struct vdc_error *err);

/* The tty of a guest's console.  Errors: VDC_E_NOT_FOUND, VDC_E_WRONG_STATE
 * (it does not run), those of hv. */
int handler_console_path(struct host *host,
                         const struct wire_partition_ref *ref,
                         struct arena *arena, const char **ret,
                         struct vdc_error *err);

#endif
