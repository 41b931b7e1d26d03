/* What resourced writes to xenstore; the paths are in doc/xenstore-paths.md */
#include "resourced/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "resourced/host.h"
#include "resourced/published.h"

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

static const char *path_of(struct arena *arena, uint32_t domid,
                           const char *below)
{
    return arena_printf(arena, PARTITIONS "/%u%s", domid, below);
}

static int write_node(struct host *host, struct arena *arena, uint32_t domid,
                      const char *below, const char *value,
                      struct vdc_error *err)
{
    return host->hv->store->write(host->hv, path_of(arena, domid, below),
                                  value, err);
}

/* "" when there is none. */
static int read_node(struct host *host, struct arena *arena, uint32_t domid,
                     const char *below, const char **ret,
                     struct vdc_error *err)
{
    int rc = host->hv->store->read(host->hv, path_of(arena, domid, below),
                                   arena, ret, err);

    if (rc == VDC_E_NOT_FOUND) {
        *ret = "";
        rc = 0;
    }
    return rc;
}

static const char *piece_name(struct arena *arena, size_t i)
{
    return arena_printf(arena, "/record/%zu", i);
}

/* ---- writing ---- */

/* The head comes last: until then the pieces are not its own. */
static int write_record(struct host *host, struct arena *arena,
                        uint32_t domid, const struct published_text *text,
                        struct vdc_error *err)
{
    const char *old;
    int rc = read_node(host, arena, domid, "/record", &old, err);
    size_t n_old = rc ? 0 : published_count(old);

    for (size_t i = 0; !rc && i < text->n_pieces; i++)
        rc = write_node(host, arena, domid, piece_name(arena, i),
                        text->pieces[i], err);
    for (size_t i = text->n_pieces; !rc && i < n_old; i++)
        rc = host->hv->store->remove(
            host->hv, path_of(arena, domid, piece_name(arena, i)), err);
    if (!rc)
        rc = write_node(host, arena, domid, "/record", text->head, err);
    return rc;
}

static uint64_t mix(uint64_t hash, const char *text)
{
    do
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    while (*text++);
    return hash;
}

/* Of what is published of it, its domain included; never 0. */
static uint64_t digest(const struct partition *partition,
                       const struct published_text *text)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ partition->row.domid;

    hash = mix(hash, partition->row.owner);
    hash = mix(hash, partition->row.name);
    hash = mix(hash, text->head);
    return hash ? hash : 1;
}

/* What is too much for xenstore has a record that says nothing. */
static void encode(const struct partition_row *row, struct arena *arena,
                   struct published_text *ret)
{
    if (published_encode(row, arena, ret, NULL)) {
        ret->head = "";
        ret->n_pieces = 0;
    }
}

static int write_all(struct host *host, struct partition *partition,
                     struct arena *arena, bool in_any_case,
                     struct vdc_error *err)
{
    const struct partition_row *row = &partition->row;
    struct published_text text;
    int rc = 0;

    encode(row, arena, &text);
    uint64_t now = digest(partition, &text);
    if (!in_any_case && now == partition->published)
        return 0;
    partition->published = 0;
    if (in_any_case)
        rc = publish_domain(host, row->domid, &row->uuid, err);
    if (!rc)
        rc = write_node(host, arena, row->domid, "/owner", row->owner, err);
    if (!rc)
        rc = write_node(host, arena, row->domid, "/name", row->name, err);
    if (!rc)
        rc = write_record(host, arena, row->domid, &text, err);
    if (!rc)
        partition->published = now;
    return rc;
}

int publish_again(struct host *host, struct partition *partition,
                  struct vdc_error *err)
{
    struct arena *arena = arena_new();
    int rc = write_all(host, partition, arena, true, err);

    arena_free(arena);
    return rc;
}

void publish_changed(struct host *host, struct partition *partition)
{
    struct arena *arena = arena_new();
    struct vdc_error err;

    if (partition_has_domain(partition) &&
        write_all(host, partition, arena, false, &err))
        log_warning("%s: xenstore does not have what has changed: %s",
                    partition->row.name, err.text);
    arena_free(arena);
}

/* ---- reading ---- */

static int read_pieces(struct host *host, struct arena *arena, uint32_t domid,
                       const char *head, struct published_text *ret,
                       struct vdc_error *err)
{
    int rc = 0;

    ret->head = head;
    ret->n_pieces = published_count(head);
    for (size_t i = 0; !rc && i < ret->n_pieces; i++)
        rc = read_node(host, arena, domid, piece_name(arena, i),
                       &ret->pieces[i], err);
    return rc;
}

int publish_find(struct host *host, uint32_t domid, struct arena *arena,
                 struct publish_found *ret, struct vdc_error *err)
{
    struct publish_found found = { 0 };
    struct published_text text;
    const char *uuid, *head;
    int rc = read_node(host, arena, domid, "", &uuid, err);

    if (!rc && !uuid_from_text(uuid, &found.uuid))
        rc = vdc_error_set(err, VDC_E_NOT_FOUND,
                           "domain %u is not published", domid);
    if (!rc)
        rc = read_node(host, arena, domid, "/owner", &found.owner, err);
    if (!rc)
        rc = read_node(host, arena, domid, "/name", &found.name, err);
    if (!rc)
        rc = read_node(host, arena, domid, "/record", &head, err);
    if (!rc)
        rc = read_pieces(host, arena, domid, head, &text, err);
    if (rc)
        return rc;
    found.whole = !published_decode(&text, arena, &found.row, NULL) &&
                  uuid_equal(&found.row.uuid, &found.uuid);
    *ret = found;
    return 0;
}

/* ret is false when a node has another value. */
static int check_node(struct host *host, struct arena *arena, uint32_t domid,
                      const char *below, const char *value, bool *ret,
                      struct vdc_error *err)
{
    const char *has;
    int rc = read_node(host, arena, domid, below, &has, err);

    if (!rc && strcmp(has, value) != 0)
        *ret = false;
    return rc;
}

int publish_check(struct host *host, const struct partition *partition,
                  bool *ret_right, struct vdc_error *err)
{
    const struct partition_row *row = &partition->row;
    struct arena *arena = arena_new();
    char uuid[UUID_TEXT_SIZE];
    struct published_text text;
    bool right = true;

    encode(row, arena, &text);
    int rc = check_node(host, arena, row->domid, "",
                        uuid_format(&row->uuid, uuid), &right, err);
    if (!rc)
        rc = check_node(host, arena, row->domid, "/owner", row->owner, &right,
                        err);
    if (!rc)
        rc = check_node(host, arena, row->domid, "/name", row->name, &right,
                        err);
    if (!rc)
        rc = check_node(host, arena, row->domid, "/record", text.head, &right,
                        err);
    for (size_t i = 0; !rc && i < text.n_pieces; i++)
        rc = check_node(host, arena, row->domid, piece_name(arena, i),
                        text.pieces[i], &right, err);
    arena_free(arena);
    if (!rc)
        *ret_right = right;
    return rc;
}

int publish_list(struct host *host, struct arena *arena, uint32_t **ret,
                 size_t *ret_n, struct vdc_error *err)
{
    const char **nodes = NULL;
    size_t n_nodes = 0, n = 0;
    int rc = host->hv->store->list(host->hv, PARTITIONS, arena, &nodes,
                                   &n_nodes, err);

    if (rc && rc != VDC_E_NOT_FOUND)
        return rc;
    uint32_t *domids = ARENA_ARRAY(arena, n_nodes, uint32_t);
    for (size_t i = 0; i < n_nodes; i++) {
        char *end;
        unsigned long domid = strtoul(nodes[i], &end, 10);
        if (end != nodes[i] && !*end && domid <= HV_DOMID_MAX)
            domids[n++] = (uint32_t)domid;
    }
    *ret = domids;
    *ret_n = n;
    return 0;
}

/* ---- the start ---- */

static struct partition *partition_of_domid(const struct host *host,
                                            uint32_t domid)
{
    struct partition *partition;

    TAILQ_FOREACH (partition, &host->partitions.all, in_all)
        if (partition->row.domid == domid)
            return partition;
    return NULL;
}

int publish_is_stale(struct host *host, uint32_t domid, bool *ret,
                     struct vdc_error *err)
{
    struct arena *arena = arena_new();
    struct hv_domain_info info;
    struct vdc_uuid uuid;
    const char *text;
    int rc = read_node(host, arena, domid, "", &text, err);
    int found = rc ? rc : host->hv->domain->info(host->hv, domid, arena,
                                                 &info, err);

    if (!rc && found && found != VDC_E_NOT_FOUND)
        rc = found;
    if (!rc)
        *ret = found == VDC_E_NOT_FOUND || !uuid_from_text(text, &uuid) ||
               !uuid_equal(&uuid, &info.uuid);
    arena_free(arena);
    return rc;
}

/* Nodes of domains that went away while nobody looked.  Those of a domain
 * that is there and that the database does not know stay: verify tells. */
static int remove_stale(struct host *host, struct arena *arena,
                        struct vdc_error *err)
{
    uint32_t *domids;
    size_t n_domids;
    int rc = publish_list(host, arena, &domids, &n_domids, err);

    for (size_t i = 0; !rc && i < n_domids; i++) {
        bool stale = false;
        if (partition_of_domid(host, domids[i]))
            continue;
        rc = publish_is_stale(host, domids[i], &stale, err);
        if (!rc && stale)
            rc = unpublish_domain(host, domids[i], err);
    }
    return rc;
}

/* What has the right head is left as it is: verify looks closer. */
static int publish_one(struct host *host, struct partition *partition,
                       struct vdc_error *err)
{
    const struct partition_row *row = &partition->row;
    struct arena *arena = arena_new();
    struct published_text text;
    bool right = true;
    int rc = publish_domain(host, row->domid, &row->uuid, err);

    encode(row, arena, &text);
    if (!rc)
        rc = check_node(host, arena, row->domid, "/record", text.head, &right,
                        err);
    if (!rc && right)
        partition->published = digest(partition, &text);
    if (!rc)
        publish_changed(host, partition);
    arena_free(arena);
    return rc;
}

int publish_all(struct host *host, struct vdc_error *err)
{
    static const struct hv_store_access dom0_only = {
        .owner_domid = 0,
        .reader_domid = HV_DOMID_NONE,
    };
    struct hv *hv = host->hv;
    struct arena *arena = arena_new();
    struct partition *partition;
    int rc = remove_stale(host, arena, err);

    if (!rc)
        rc = hv->store->write(hv, PARTITIONS, "", err);
    /* Nodes below it get the same. */
    if (!rc)
        rc = hv->store->set_access(hv, PARTITIONS, &dom0_only, err);
    /* What a transaction that has come to no end yet is at, it publishes. */
    TAILQ_FOREACH (partition, &host->partitions.all, in_all)
        if (!rc && partition_has_domain(partition) && !partition->transaction)
            rc = publish_one(host, partition, err);
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
