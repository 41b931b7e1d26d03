/* What a transaction is about, as keys of locks: partitions, names, domains'
 * names, PCI devices, its lease, its idempotency key. */
#include "resourced/host.h"
#include "resourced/transaction_impl.h"

static void lock_partition(struct transaction *t, struct locks *locks,
                           const struct partition *partition)
{
    const struct partition_row *row = &partition->row;
    char uuid[UUID_TEXT_SIZE];

    locks_add(locks, t->arena, "partition %s", uuid_format(&row->uuid, uuid));
    locks_add(locks, t->arena, "name %s %s", row->owner, row->name);
    locks_add(locks, t->arena, "xen-name %s", row->xen_name);
}

static void lock_pci(struct transaction *t, struct locks *locks,
                     const struct wire_definition *definition)
{
    for (uint32_t i = 0; i < definition->n_pci; i++)
        locks_add(locks, t->arena, "pci %s", definition->pci[i]);
}

static const char *owner_of(const struct wire_operation *request)
{
    return request->owner[0] ? request->owner : request->customer;
}

static void lock_for_create(struct transaction *t, struct locks *locks,
                            const struct wire_operation *request)
{
    const struct wire_definition *definition = &request->definition;
    char uuid[UUID_TEXT_SIZE];

    locks_add(locks, t->arena, "partition %s",
              uuid_format(&definition->uuid, uuid));
    locks_add(locks, t->arena, "name %s %s", owner_of(request),
              definition->name);
    locks_add(locks, t->arena, "xen-name %s",
              request->xen_name[0] ? request->xen_name : definition->name);
    lock_pci(t, locks, definition);
}

/* What the operation is about, as far as it is known now. */
static void lock_for(struct transaction *t, struct locks *locks,
                     const struct wire_operation *request)
{
    const struct partition *partition;
    char uuid[UUID_TEXT_SIZE];

    if (request->kind == WIRE_OP_CREATE) {
        lock_for_create(t, locks, request);
        return;
    }
    if (uuid_is_zero(&request->uuid)) {
        locks_add(locks, t->arena, "name %s %s", request->customer,
                  request->name);
        partition = registry_by_name(&t->host->partitions, request->customer,
                                     request->name);
    } else {
        locks_add(locks, t->arena, "partition %s",
                  uuid_format(&request->uuid, uuid));
        partition = registry_by_uuid(&t->host->partitions, &request->uuid);
    }
    if (partition) {
        lock_partition(t, locks, partition);
        lock_pci(t, locks, &partition->row.definition);
    }
    if (request->kind == WIRE_OP_RENAME) {
        locks_add(locks, t->arena, "name %s %s",
                  partition ? partition->row.owner : request->customer,
                  request->new_name);
        locks_add(locks, t->arena, "xen-name %s",
                  request->new_xen_name[0] ? request->new_xen_name
                                           : request->new_name);
    }
    if (request->kind == WIRE_OP_PCI_ATTACH ||
        request->kind == WIRE_OP_PCI_DETACH)
        locks_add(locks, t->arena, "pci %s", request->device);
}

void transaction_find_locks(struct transaction *t, struct locks *ret)
{
    char lease[UUID_TEXT_SIZE];

    for (size_t i = 0; i < t->n_operations; i++)
        lock_for(t, ret, &t->operations[i].request);
    if (!uuid_is_zero(&t->request.lease))
        locks_add(ret, t->arena, "lease %s",
                  uuid_format(&t->request.lease, lease));
    if (t->request.key[0])
        locks_add(ret, t->arena, "key %s %s", t->request.owner,
                  t->request.key);
}
