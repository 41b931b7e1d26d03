/* What records are in the store; see record.h. */
#include "policyd/store/record.h"

void record_of_assignment(const struct store_assignment *a,
                          struct wire_stored_partition *ret)
{
    wire_init(&wire_struct_stored_partition, ret);
    ret->uuid = a->uuid;
    ret->customer = a->customer;
    ret->name = a->name;
    ret->new_name = a->new_name;
    ret->host = a->host;
    ret->state = a->state;
    ret->counts = a->counts;
    ret->macs = a->macs;
    ret->reason = a->reason;
    ret->created_ms = a->created_ms;
    ret->since_ms = a->since_ms;
    ret->runs = a->runs;
    ret->placing = a->placing ? a->placing : "";
    ret->host_busy_ms = a->host_busy_ms;
    ret->moved_ms = a->moved_ms;
    ret->images = a->images ? a->images : "";
}

int record_to_assignment(const struct wire_stored_partition *record,
                         struct store_assignment *ret, struct vdc_error *err)
{
    if (record->state < ASSIGNMENT_CREATING ||
        record->state > ASSIGNMENT_CHANGING)
        return vdc_error_set(err, VDC_E_STORE_CORRUPT,
                             "the database is damaged: guest '%s' is in a "
                             "state that there is not (%u)",
                             record->name, record->state);
    *ret = (struct store_assignment){
        .uuid = record->uuid,
        .customer = record->customer,
        .name = record->name,
        .new_name = record->new_name,
        .host = record->host,
        .state = (enum assignment_state)record->state,
        .counts = record->counts,
        .macs = record->macs,
        .reason = record->reason,
        .created_ms = record->created_ms,
        .since_ms = record->since_ms,
        .runs = record->runs,
        .placing = record->placing,
        .host_busy_ms = record->host_busy_ms,
        .moved_ms = record->moved_ms,
        .images = record->images,
    };
    return 0;
}

void record_of_answer(const struct store_answer *a,
                      struct wire_stored_answer *ret)
{
    wire_init(&wire_struct_stored_answer, ret);
    ret->owner = a->owner;
    ret->key = a->key;
    ret->digest = a->digest;
    ret->message = a->message;
    ret->time_ms = a->time_ms;
    ret->body = a->body;
    ret->n_body = (uint32_t)a->size;
}

void record_to_answer(const struct wire_stored_answer *record,
                      struct store_answer *ret)
{
    *ret = (struct store_answer){ .owner = record->owner,
                                  .key = record->key,
                                  .digest = record->digest,
                                  .message = record->message,
                                  .time_ms = record->time_ms,
                                  .body = record->body,
                                  .size = record->n_body };
}

void record_of_audit(const struct store_audit *a,
                     struct wire_stored_audit *ret)
{
    wire_init(&wire_struct_stored_audit, ret);
    ret->time_ms = a->time_ms;
    ret->own = a->uid == STORE_UID_NONE;
    ret->uid = ret->own ? 0 : a->uid;
    ret->customer = a->customer;
    ret->message = a->message;
    ret->object = a->object;
    ret->result = a->result;
    ret->who = a->who ? a->who : "";
    ret->origin = a->origin ? a->origin : "";
    ret->detail = a->detail ? a->detail : "";
}

const char *record_id(enum store_record record, const void *body,
                      struct arena *arena)
{
    const struct wire_stored_answer *answer = body;
    char uuid[UUID_TEXT_SIZE];

    if (record == STORE_CUSTOMER)
        return ((const struct wire_customer *)body)->name;
    if (record == STORE_HOST)
        return ((const struct wire_host_record *)body)->name;
    if (record == STORE_PARTITION)
        return arena_strdup(
            arena,
            uuid_format(&((const struct wire_stored_partition *)body)->uuid,
                        uuid));
    if (record == STORE_MOVE)
        return arena_strdup(
            arena, uuid_format(&((const struct wire_stored_move *)body)->uuid,
                               uuid));
    if (record == STORE_KEPT)
        return arena_strdup(
            arena, uuid_format(&((const struct wire_stored_kept *)body)->uuid,
                               uuid));
    if (record == STORE_TAKEN)
        return arena_strdup(
            arena, uuid_format(&((const struct wire_stored_taken *)body)->uuid,
                               uuid));
    if (record == STORE_RUN)
        return arena_printf(
            arena, "%llu",
            (unsigned long long)((const struct wire_stored_run *)body)
                ->number);
    if (record == STORE_IMAGE)
        return record_image_id(((const struct wire_image *)body)->customer,
                               ((const struct wire_image *)body)->name, arena);
    if (record == STORE_ANSWER)
        return record_answer_id(answer->owner, answer->key, arena);
    return NULL;
}

char *record_image_id(const char *customer, const char *name,
                      struct arena *arena)
{
    return arena_printf(arena, "%s/%s", customer, name);
}

char *record_answer_id(const char *owner, const char *key, struct arena *arena)
{
    return arena_printf(arena, "%s/%s", owner, key);
}

char *record_audit_id(uint64_t time_ms, uint64_t number, struct arena *arena)
{
    return arena_printf(arena, "%014llu-%06llu", (unsigned long long)time_ms,
                        (unsigned long long)(number % 1000000));
}

char *record_use_id(uint64_t end_ms, const struct vdc_uuid *uuid,
                    struct arena *arena)
{
    char text[UUID_TEXT_SIZE];

    return arena_printf(arena, "%014llu-%s", (unsigned long long)end_ms,
                        uuid_format(uuid, text));
}

char *record_time_prefix(uint64_t time_ms, struct arena *arena)
{
    return arena_printf(
        arena, "%06llu", (unsigned long long)(time_ms / RECORD_TIME_STEP));
}
