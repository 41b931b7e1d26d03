/* The partitions of this host in memory: found by uuid through a hash (lists
 * of a thousand domains are joined with it), by name by looking at all. */
#include "resourced/partition.h"

#include <stdlib.h>
#include <string.h>

static struct partition_bucket *bucket_of(const struct registry *registry,
                                          const struct vdc_uuid *uuid)
{
    /* Bytes of a random uuid need no mixing; one that a user chose may put
     * all in one bucket, which costs time and nothing else. */
    size_t hash = (size_t)uuid->bytes[14] << 8 | uuid->bytes[15];

    return (struct partition_bucket *)&registry
        ->buckets[hash % REGISTRY_BUCKETS];
}

void registry_init(struct registry *registry)
{
    TAILQ_INIT(&registry->all);
    for (size_t i = 0; i < REGISTRY_BUCKETS; i++)
        LIST_INIT(&registry->buckets[i]);
    registry->n_partitions = 0;
}

void registry_fini(struct registry *registry)
{
    struct partition *partition;

    while ((partition = TAILQ_FIRST(&registry->all)))
        registry_remove(registry, partition);
}

/* Both definitions; when they say the same, they share their parts. */
static int copy_definitions(const struct partition_row *row,
                            struct arena *arena, struct partition_row *ret,
                            struct vdc_error *err)
{
    const struct wire_struct *s = &wire_struct_definition;
    struct arena *between = arena_new();
    uint8_t *remembered, *live;
    size_t size, live_size;
    int rc = wire_struct_encode(s, &row->definition, between, &remembered,
                                &size, err);

    wire_init(s, &ret->definition);
    if (!rc)
        rc = wire_struct_encode(s, &row->live, between, &live, &live_size,
                                err);
    if (!rc)
        rc = wire_struct_decode(s, remembered, size, arena, &ret->definition,
                                err);
    if (rc)
        goto out;
    ret->live = ret->definition;
    if (size != live_size || memcmp(remembered, live, size) != 0) {
        wire_init(s, &ret->live);
        rc = wire_struct_decode(s, live, live_size, arena, &ret->live, err);
    }
out:
    arena_free(between);
    return rc;
}

static int row_copy(const struct partition_row *row, struct arena *arena,
                    struct partition_row *ret, struct vdc_error *err)
{
    struct partition_row copy = *row;
    int rc = copy_definitions(row, arena, &copy, err);

    if (rc)
        return rc;
    copy.owner = arena_strdup(arena, row->owner);
    copy.name = arena_strdup(arena, row->name);
    copy.xen_name = arena_strdup(arena, row->xen_name);
    copy.last_stop = arena_strdup(arena, row->last_stop);
    *ret = copy;
    return 0;
}

/* Copied twice: the second time into just as much memory as it needs. */
int partition_set_row(struct partition *partition,
                      const struct partition_row *row, struct vdc_error *err)
{
    struct arena *wide = arena_new(), *arena = NULL;
    struct partition_row copy;
    int rc = row_copy(row, wide, &copy, err);

    if (!rc) {
        arena = arena_new_sized(arena_used(wide));
        rc = row_copy(row, arena, &copy, err);
    }
    arena_free(wide);
    if (rc) {
        arena_free(arena);
        return rc;
    }
    arena_free(partition->arena);
    partition->arena = arena;
    partition->row = copy;
    return 0;
}

int registry_add(struct registry *registry, const struct partition_row *row,
                 struct partition **ret, struct vdc_error *err)
{
    struct partition *partition = XNEW(struct partition);
    int rc = partition_set_row(partition, row, err);

    if (rc) {
        free(partition);
        return rc;
    }
    LIST_INSERT_HEAD(bucket_of(registry, &row->uuid), partition, in_bucket);
    TAILQ_INSERT_TAIL(&registry->all, partition, in_all);
    registry->n_partitions++;
    *ret = partition;
    return 0;
}

void registry_remove(struct registry *registry, struct partition *partition)
{
    LIST_REMOVE(partition, in_bucket);
    TAILQ_REMOVE(&registry->all, partition, in_all);
    registry->n_partitions--;
    arena_free(partition->arena);
    free(partition);
}

struct partition *registry_by_uuid(const struct registry *registry,
                                   const struct vdc_uuid *uuid)
{
    struct partition *partition;

    LIST_FOREACH (partition, bucket_of(registry, uuid), in_bucket)
        if (uuid_equal(&partition->row.uuid, uuid))
            return partition;
    return NULL;
}

struct partition *registry_by_name(const struct registry *registry,
                                   const char *owner, const char *name)
{
    struct partition *partition;

    TAILQ_FOREACH (partition, &registry->all, in_all)
        if (strcmp(partition->row.name, name) == 0 &&
            strcmp(partition->row.owner, owner) == 0)
            return partition;
    return NULL;
}

struct partition *registry_by_xen_name(const struct registry *registry,
                                       const char *xen_name)
{
    struct partition *partition;

    TAILQ_FOREACH (partition, &registry->all, in_all)
        if (strcmp(partition->row.xen_name, xen_name) == 0)
            return partition;
    return NULL;
}
