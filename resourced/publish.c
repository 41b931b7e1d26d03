/* What resourced writes to xenstore; the paths are in doc/xenstore-paths.md */
#include "resourced/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "resourced/host.h"

#define ROOT "/tool/xen-vdc"
#define PARTITIONS ROOT "/partition"
#define DAEMON ROOT "/resourced"

int publish_domain(struct host *host, uint32_t domid,
                   const struct vdc_uuid *uuid, struct vdc_error *err)
{
    char path[64], text[UUID_TEXT_SIZE];

    snprintf(path, sizeof(path), PARTITIONS "/%u", domid);
    return host->hv->store->write(host->hv, path, uuid_format(uuid, text),
                                  err);
}

int unpublish_domain(struct host *host, uint32_t domid, struct vdc_error *err)
{
    char path[64];

    snprintf(path, sizeof(path), PARTITIONS "/%u", domid);
    return host->hv->store->remove(host->hv, path, err);
}

static struct partition *partition_of_node(const struct host *host,
                                           const char *node)
{
    struct partition *partition;
    char *end;
    unsigned long domid = strtoul(node, &end, 10);

    if (end == node || *end)
        return NULL;
    TAILQ_FOREACH (partition, &host->partitions.all, in_all)
        if (partition->row.domid == domid)
            return partition;
    return NULL;
}

/* Nodes of domains that went away while nobody looked. */
static int remove_stale(struct host *host, struct arena *arena,
                        struct vdc_error *err)
{
    const char **nodes;
    size_t n_nodes;
    int rc = host->hv->store->list(host->hv, PARTITIONS, arena, &nodes,
                                   &n_nodes, err);

    if (rc == VDC_E_NOT_FOUND)
        return 0;
    for (size_t i = 0; !rc && i < n_nodes; i++)
        if (!partition_of_node(host, nodes[i]))
            rc = host->hv->store->remove(
                host->hv, arena_printf(arena, PARTITIONS "/%s", nodes[i]),
                err);
    return rc;
}

int publish_all(struct host *host, struct vdc_error *err)
{
    struct hv *hv = host->hv;
    struct arena *arena = arena_new();
    struct partition *partition;
    int rc = remove_stale(host, arena, err);

    if (!rc)
        rc = hv->store->write(hv, PARTITIONS, "", err);
    TAILQ_FOREACH (partition, &host->partitions.all, in_all)
        if (!rc && partition_has_domain(partition))
            rc = publish_domain(host, partition->row.domid,
                                &partition->row.uuid, err);
    if (!rc)
        rc = hv->store->write(hv, DAEMON "/version", PACKAGE_VERSION, err);
    if (!rc)
        rc = hv->store->write(hv, DAEMON "/pid",
                              arena_printf(arena, "%ld", (long)getpid()),
                              err);
    arena_free(arena);
    return rc;
}

void unpublish_daemon(struct host *host)
{
    struct vdc_error err;

    if (host->hv->store->remove(host->hv, DAEMON, &err))
        log_warning("%s stays in xenstore: %s", DAEMON, err.text);
}
