/*
 * A change as the statements that write it, made in the thread that asks for
 * it: its rows are encoded and summed there, and the writer has only to run
 * them.
 */
#include <string.h>

#include "resourced/store_impl.h"

struct encoder {
    struct store_item *item;
    struct vdc_error *err;
};

static struct store_op *add_op(struct encoder *to, enum store_op_kind kind,
                               enum store_statement statement,
                               enum store_table table)
{
    struct store_op *op = ARENA_NEW(to->item->arena, struct store_op);

    size_t n = kind == STORE_OP_KEY ? 1 : store_table_columns[table];

    op->kind = kind;
    op->statement = statement;
    store_row_init(&op->row, table,
                   ARENA_ARRAY(to->item->arena, n, struct store_value));
    STAILQ_INSERT_TAIL(&to->item->ops, op, link);
    to->item->n_ops++;
    return op;
}

static void put_text(struct encoder *to, struct store_op *op, const char *text)
{
    store_row_text(&op->row, arena_strdup(to->item->arena, text));
}

static void put_uuid(struct encoder *to, struct store_op *op,
                     const struct vdc_uuid *uuid)
{
    store_row_uuid(&op->row,
                   arena_memdup(to->item->arena, uuid, sizeof(*uuid)));
}

static int put_body(struct encoder *to, struct store_op *op,
                    const struct wire_struct *s, const void *body)
{
    uint8_t *data;
    size_t size;
    int rc = wire_struct_encode(s, body, to->item->arena, &data, &size,
                                to->err);

    if (!rc)
        store_row_blob(&op->row, data, size);
    return rc;
}

static void raise_to(uint64_t *highest, uint64_t n)
{
    if (n > *highest)
        *highest = n;
}

static struct store_op *number_key(struct encoder *to,
                                   enum store_statement statement,
                                   enum store_table table, uint64_t n)
{
    struct store_op *op = add_op(to, STORE_OP_KEY, statement, table);

    store_row_number(&op->row, n);
    return op;
}

static void uuid_key(struct encoder *to, enum store_statement statement,
                     enum store_table table, const struct vdc_uuid *uuid)
{
    put_uuid(to, add_op(to, STORE_OP_KEY, statement, table), uuid);
}

static int encode_journal(struct encoder *to,
                          const struct journal_entry *entry)
{
    struct store_op *op = add_op(to, STORE_OP_RUN, STORE_JOURNAL_ADD,
                                 STORE_TABLE_JOURNAL);

    raise_to(&to->item->highest.last_transaction, entry->id);
    store_row_number(&op->row, entry->id);
    store_row_number(&op->row, entry->prepared ? STORE_PREPARED
                                               : entry->passed);
    int rc = put_body(to, op, &wire_struct_transaction, &entry->request);
    if (rc)
        return rc;
    store_row_number(&op->row, entry->begun_ms);
    store_row_seal(&op->row);
    return 0;
}

static int encode_partition(struct encoder *to,
                            const struct partition_row *row)
{
    struct store_op *op = add_op(to, STORE_OP_PARTITION, STORE_PARTITION_SET,
                                 STORE_TABLE_PARTITION);

    raise_to(&to->item->highest.last_partition, row->index);
    store_row_number(&op->row, row->index);
    put_uuid(to, op, &row->uuid);
    put_text(to, op, row->owner);
    put_text(to, op, row->name);
    put_text(to, op, row->xen_name);
    int rc = put_body(to, op, &wire_struct_definition, &row->definition);
    if (!rc)
        rc = put_body(to, op, &wire_struct_definition, &row->live);
    if (rc)
        return rc;
    store_row_number(&op->row, row->paused);
    store_row_number(&op->row, row->generation);
    store_row_number(&op->row, row->wanted_running);
    store_row_number(&op->row, row->preserved);
    if (row->domid == HV_DOMID_NONE)
        store_row_null(&op->row);
    else
        store_row_number(&op->row, row->domid);
    store_row_number(&op->row, row->boot_id);
    store_row_number(&op->row, row->created_ms);
    store_row_number(&op->row, row->started_ms);
    store_row_number(&op->row, row->stopped_ms);
    put_text(to, op, row->last_stop);
    store_row_number(&op->row, row->restarts);
    store_row_number(&op->row, row->host_reserve.kib);
    store_row_number(&op->row, row->dom0_keep.kib);
    store_row_seal(&op->row);
    return 0;
}

static void encode_resource(struct encoder *to, const struct resource_row *row)
{
    struct store_op *op = add_op(to, STORE_OP_RUN, STORE_RESOURCE_PUT,
                                 STORE_TABLE_RESOURCE);

    raise_to(&to->item->highest.last_resource, row->index);
    store_row_number(&op->row, row->index);
    store_row_number(&op->row, row->kind);
    put_text(to, op, row->name);
    put_uuid(to, op, &row->uuid);
    put_text(to, op, row->owner);
    store_row_number(&op->row, row->leased);
    store_row_number(&op->row, row->amount);
    put_text(to, op, row->backend);
    put_text(to, op, row->detail);
    store_row_number(&op->row, row->generation);
    store_row_number(&op->row, row->since_ms);
    store_row_seal(&op->row);
}

static int encode_lease(struct encoder *to, const struct wire_lease *lease)
{
    struct store_op *op =
        add_op(to, STORE_OP_RUN, STORE_LEASE_PUT, STORE_TABLE_LEASE);

    put_uuid(to, op, &lease->id);
    int rc = put_body(to, op, &wire_struct_lease, lease);
    if (!rc)
        store_row_seal(&op->row);
    return rc;
}

static void encode_epoch(struct encoder *to, const struct stored_epoch *epoch)
{
    struct store_op *op =
        add_op(to, STORE_OP_RUN, STORE_EPOCH_PUT, STORE_TABLE_EPOCH);

    put_uuid(to, op, &epoch->uuid);
    store_row_number(&op->row, epoch->epoch);
    store_row_number(&op->row, epoch->gone);
    store_row_seal(&op->row);
}

static int encode_answer(struct encoder *to,
                         const struct stored_answer *answer)
{
    struct store_op *op =
        add_op(to, STORE_OP_RUN, STORE_ANSWER_ADD, STORE_TABLE_ANSWER);
    struct wire_transaction_reply none;

    put_text(to, op, answer->owner);
    put_text(to, op, answer->key);
    store_row_number(&op->row, answer->digest);
    store_row_number(&op->row, answer->time_ms);
    store_row_number(&op->row, (uint64_t)(int64_t)answer->code);
    put_text(to, op, answer->text);
    put_text(to, op, answer->hint);
    wire_init(&wire_struct_transaction_reply, &none);
    int rc = put_body(to, op, &wire_struct_transaction_reply,
                      answer->code ? &none : &answer->reply);
    if (!rc)
        store_row_seal(&op->row);
    return rc;
}

/* Its number comes when it is written. */
static void encode_event(struct encoder *to, const struct wire_event *event)
{
    struct store_op *op =
        add_op(to, STORE_OP_EVENT, STORE_EVENT_ADD, STORE_TABLE_EVENT);

    store_row_number(&op->row, 0);
    store_row_number(&op->row, event->time_ms);
    store_row_number(&op->row, event->kind);
    put_uuid(to, op, &event->uuid);
    put_text(to, op, event->customer);
    put_text(to, op, event->name);
    put_text(to, op, event->host);
    store_row_number(&op->row, event->domid);
    put_text(to, op, event->text);
    store_row_seal(&op->row);
}

static int encode_journal_and_rows(struct encoder *to,
                                   const struct store_change *change)
{
    int rc = 0;

    if (change->journal_add)
        rc = encode_journal(to, change->journal_add);
    if (change->journal_pass)
        number_key(to, STORE_JOURNAL_ONE, STORE_TABLE_JOURNAL,
                   change->journal_pass)
            ->kind = STORE_OP_PASS;
    if (change->journal_prepare)
        number_key(to, STORE_JOURNAL_ONE, STORE_TABLE_JOURNAL,
                   change->journal_prepare)
            ->kind = STORE_OP_PREPARE;
    /* One without a journal has its number from here. */
    raise_to(&to->item->highest.last_transaction, change->journal_remove);
    if (change->journal_remove)
        number_key(to, STORE_JOURNAL_REMOVE, STORE_TABLE_JOURNAL,
                   change->journal_remove);
    /* First what goes: another may take its name in the same change. */
    for (size_t i = 0; i < change->n_forget; i++)
        uuid_key(to, STORE_PARTITION_FORGET, STORE_TABLE_PARTITION,
                 &change->forget[i]);
    for (size_t i = 0; !rc && i < change->n_put; i++)
        rc = encode_partition(to, change->put[i]);
    return rc;
}

int store_encode(struct store_item *item, const struct store_change *change,
                 struct vdc_error *err)
{
    struct encoder to = { item, err };

    STAILQ_INIT(&item->ops);
    int rc = encode_journal_and_rows(&to, change);
    for (size_t i = 0; i < change->n_resources_remove; i++)
        number_key(&to, STORE_RESOURCE_REMOVE, STORE_TABLE_RESOURCE,
                   change->resources_remove[i]);
    for (size_t i = 0; i < change->n_resources_put; i++)
        encode_resource(&to, &change->resources_put[i]);
    if (change->lease_remove)
        uuid_key(&to, STORE_LEASE_REMOVE, STORE_TABLE_LEASE,
                 change->lease_remove);
    if (!rc && change->lease_put)
        rc = encode_lease(&to, change->lease_put);
    for (size_t i = 0; i < change->n_epochs; i++)
        encode_epoch(&to, &change->epochs[i]);
    if (change->answers_before_ms)
        number_key(&to, STORE_ANSWER_DROP, STORE_TABLE_ANSWER,
                   change->answers_before_ms);
    if (!rc && change->answer)
        rc = encode_answer(&to, change->answer);
    for (size_t i = 0; i < change->n_events; i++)
        encode_event(&to, &change->events[i]);
    item->n_events = change->n_events;
    item->event_keep = change->event_keep;
    return rc;
}
