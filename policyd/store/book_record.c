/* What is in memory as records of the store, and the other way; see
 * book_impl.h. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/store/book_impl.h"

static int apply_customer(struct book *book, const char *id, const void *body,
                          struct vdc_error *err)
{
    struct customer *c = book_customer(book, id);
    const struct wire_customer *from = body;
    char parent[NAMES_CUSTOMER_MAX + 1];

    if (from && names_parent(id, parent) && !book_customer(book, parent))
        return vdc_error_set(err, VDC_E_STORE_CORRUPT,
                             "the database is damaged: project '%s' has no "
                             "customer",
                             id);
    if (!from && c) {
        book_drop_customer(book, c);
    } else if (from && c) {
        c->quota = from->quota;
        book_set_logins(book, c, from);
        book_set_bounds(c, from);
    } else if (from) {
        book_insert_customer(book, from);
    }
    return 0;
}

void book_describe_customer(const struct customer *c,
                            struct wire_customer *ret)
{
    wire_init(&wire_struct_customer, ret);
    ret->name = c->name;
    ret->logins = c->logins;
    ret->n_logins = c->n_logins;
    ret->quota = c->quota;
    ret->created_ms = c->created_ms;
    ret->bounds = c->bounds;
    ret->n_bounds = c->n_bounds;
}

static const void *describe_customer(const struct book *book, const char *id,
                                     struct arena *arena)
{
    struct wire_customer *ret = ARENA_NEW(arena, struct wire_customer);
    const struct customer *c = book_customer(book, id);

    if (!c)
        return NULL;
    book_describe_customer(c, ret);
    return ret;
}

static int apply_host(struct book *book, const char *id, const void *body,
                      struct vdc_error *err)
{
    book_set_host(book, id, body);
    return 0;
}

static const void *describe_host(const struct book *book, const char *id,
                                 struct arena *arena)
{
    const struct book_host *host = book_host(book, id);

    return host ? host->record : NULL;
}

/* Texts may be its own. */
static void change_assignment(struct book *book, struct assignment *a,
                              const struct store_assignment *to)
{
    char *host = xstrdup(to->host), *macs = book_keep_text(to->macs);
    char *new_name = book_keep_text(to->new_name);
    char *reason = book_keep_text(to->reason);
    char *images = book_keep_text(to->images);
    char *name = a->name;

    /* who refers to it may do so as long as it is not another */
    if (strcmp(name, to->name) != 0)
        name = book_keep_text(to->name);
    book_lose_assignment(book, a);
    book_uncount(a);
    if (strcmp(a->host, host) != 0) {
        book_take_away(book, a);
        book_put_there(book, a, host);
    }
    free(host);
    if (name != a->name)
        book_drop_text(a->name);
    book_drop_text(a->new_name);
    book_drop_text(a->macs);
    book_drop_text(a->reason);
    book_drop_text(a->images);
    a->name = name;
    a->new_name = new_name;
    a->macs = macs;
    a->reason = reason;
    a->images = images;
    a->state = to->state;
    book_set_counted(a, &to->counts);
    a->since_ms = to->since_ms;
    a->runs = to->runs;
    a->host_busy_ms = to->host_busy_ms;
    a->moved_ms = to->moved_ms;
    book_count(a);
    book_find_assignment(book, a);
    book_tell(book, a, false);
}

static int apply_partition(struct book *book, const char *id, const void *body,
                           struct vdc_error *err)
{
    struct store_assignment row;
    struct vdc_uuid uuid;
    struct customer *customer;
    int rc = 0;

    if (!uuid_from_text(id, &uuid))
        return vdc_error_set(err, VDC_E_STORE_CORRUPT,
                             "the database is damaged: '%s' is no UUID", id);
    struct assignment *a = book_assignment(book, &uuid);
    if (body)
        rc = record_to_assignment(body, &row, err);
    if (rc)
        return rc;
    if (!body && a) {
        book_drop_assignment(book, a);
    } else if (body && a) {
        change_assignment(book, a, &row);
    } else if (body) {
        customer = book_customer(book, row.customer);
        if (!customer)
            return vdc_error_set(err, VDC_E_STORE_CORRUPT,
                                 "the database is damaged: guest '%s' has the "
                                 "unknown customer '%s'",
                                 row.name, row.customer);
        book_insert_assignment(book, customer, &row);
    }
    return 0;
}

/* As it is stored. */
struct store_assignment book_row(const struct assignment *a)
{
    return (struct store_assignment){
        .uuid = a->uuid,
        .customer = a->customer->name,
        .name = a->name,
        .new_name = a->new_name,
        .host = a->host,
        .state = (enum assignment_state)a->state,
        .counts = book_counted(a),
        .macs = a->macs,
        .reason = a->reason,
        .created_ms = a->created_ms,
        .since_ms = a->since_ms,
        .runs = a->runs,
        .placing = a->placing,
        .host_busy_ms = a->host_busy_ms,
        .moved_ms = a->moved_ms,
        .images = a->images,
    };
}

static const void *describe_partition(const struct book *book, const char *id,
                                      struct arena *arena)
{
    struct wire_stored_partition *ret =
        ARENA_NEW(arena, struct wire_stored_partition);
    const struct assignment *a;
    struct vdc_uuid uuid;

    if (!uuid_from_text(id, &uuid) || !(a = book_assignment(book, &uuid)))
        return NULL;
    const struct store_assignment row = book_row(a);
    record_of_assignment(&row, ret);
    return ret;
}

static int apply_move(struct book *book, const char *id, const void *body,
                      struct vdc_error *err)
{
    struct vdc_uuid uuid;

    if (!uuid_from_text(id, &uuid))
        return vdc_error_set(err, VDC_E_STORE_CORRUPT,
                             "the database is damaged: '%s' is no UUID", id);
    book_set_move(book, &uuid, body);
    return 0;
}

static const void *describe_move(const struct book *book, const char *id,
                                 struct arena *arena)
{
    struct wire_stored_move *ret = ARENA_NEW(arena, struct wire_stored_move);
    const struct wire_stored_move *move;
    struct vdc_uuid uuid;

    if (!uuid_from_text(id, &uuid) ||
        !(move = book_find_move(book, &uuid)) ||
        wire_struct_copy(&wire_struct_stored_move, move, arena, ret, NULL))
        return NULL;
    return ret;
}

static int apply_kept(struct book *book, const char *id, const void *body,
                      struct vdc_error *err)
{
    struct vdc_uuid uuid;

    if (!uuid_from_text(id, &uuid))
        return vdc_error_set(err, VDC_E_STORE_CORRUPT,
                             "the database is damaged: '%s' is no UUID", id);
    book_set_kept(book, &uuid, body);
    return 0;
}

static const void *describe_kept(const struct book *book, const char *id,
                                 struct arena *arena)
{
    struct wire_stored_kept *ret = ARENA_NEW(arena, struct wire_stored_kept);
    const struct wire_stored_kept *kept;
    struct vdc_uuid uuid;

    if (!uuid_from_text(id, &uuid) || !(kept = book_kept(book, &uuid)) ||
        wire_struct_copy(&wire_struct_stored_kept, kept, arena, ret, NULL))
        return NULL;
    return ret;
}

static int apply_taken(struct book *book, const char *id, const void *body,
                       struct vdc_error *err)
{
    struct vdc_uuid uuid;

    if (!uuid_from_text(id, &uuid))
        return vdc_error_set(err, VDC_E_STORE_CORRUPT,
                             "the database is damaged: '%s' is no UUID", id);
    book_set_taken(book, &uuid, body);
    return 0;
}

static const void *describe_taken(const struct book *book, const char *id,
                                  struct arena *arena)
{
    struct wire_stored_taken *ret =
        ARENA_NEW(arena, struct wire_stored_taken);
    const struct wire_stored_taken *taken;
    struct vdc_uuid uuid;

    if (!uuid_from_text(id, &uuid) || !(taken = book_taken(book, &uuid)) ||
        wire_struct_copy(&wire_struct_stored_taken, taken, arena, ret, NULL))
        return NULL;
    return ret;
}

static int apply_fence(struct book *book, const char *id, const void *body,
                       struct vdc_error *err)
{
    book_set_fence(book, body);
    return 0;
}

static const void *describe_fence(const struct book *book, const char *id,
                                  struct arena *arena)
{
    struct wire_stored_fence *ret = ARENA_NEW(arena, struct wire_stored_fence);
    const struct wire_stored_fence *fence = book_fence(book);

    if (!fence ||
        wire_struct_copy(&wire_struct_stored_fence, fence, arena, ret, NULL))
        return NULL;
    return ret;
}

static int apply_run(struct book *book, const char *id, const void *body,
                     struct vdc_error *err)
{
    book_set_run(book, strtoull(id, NULL, 10), body);
    return 0;
}

static const void *describe_run(const struct book *book, const char *id,
                                struct arena *arena)
{
    const struct wire_stored_run *run = book_run(book);
    struct wire_stored_run *ret = ARENA_NEW(arena, struct wire_stored_run);

    if (!run || run->number != strtoull(id, NULL, 10) ||
        wire_struct_copy(&wire_struct_stored_run, run, arena, ret, NULL))
        return NULL;
    return ret;
}

/* OWNER/KEY; an owner has no '/'. */
static const char *split_id(const char *id, const char **ret_key,
                            struct arena *arena)
{
    const char *slash = strchr(id, '/');

    *ret_key = slash ? slash + 1 : "";
    return arena_strndup(arena, id, slash ? (size_t)(slash - id) : 0);
}

static int apply_answer(struct book *book, const char *id, const void *body,
                        struct vdc_error *err)
{
    struct arena *arena = arena_new();
    struct store_answer answer;
    const char *key, *owner = split_id(id, &key, arena);

    if (body) {
        record_to_answer(body, &answer);
        answers_put(book->answers, &answer);
    } else {
        answers_remove(book->answers, owner, key);
    }
    arena_free(arena);
    return 0;
}

static const void *describe_answer(const struct book *book, const char *id,
                                   struct arena *arena)
{
    struct wire_stored_answer *ret =
        ARENA_NEW(arena, struct wire_stored_answer);
    const char *key, *owner = split_id(id, &key, arena);
    const struct store_answer *answer =
        answers_find(book->answers, owner, key);

    if (!answer)
        return NULL;
    record_of_answer(answer, ret);
    return ret;
}

static int apply_token(struct book *book, const char *id, const void *body,
                       struct vdc_error *err)
{
    if (body)
        return tokens_put(book->tokens, body, err);
    tokens_remove(book->tokens, id);
    return 0;
}

static const void *describe_token(const struct book *book, const char *id,
                                  struct arena *arena)
{
    const struct wire_stored_token *token = tokens_find(book->tokens, id);
    struct wire_stored_token *ret =
        ARENA_NEW(arena, struct wire_stored_token);

    if (!token ||
        wire_struct_copy(&wire_struct_stored_token, token, arena, ret, NULL))
        return NULL;
    return ret;
}

static int apply_join(struct book *book, const char *id, const void *body,
                      struct vdc_error *err)
{
    return book_set_join(book, id, body, err);
}

static const void *describe_join(const struct book *book, const char *id,
                                 struct arena *arena)
{
    const struct wire_stored_join *join = book_join(book, id);
    struct wire_stored_join *ret = ARENA_NEW(arena, struct wire_stored_join);

    if (!join ||
        wire_struct_copy(&wire_struct_stored_join, join, arena, ret, NULL))
        return NULL;
    return ret;
}

static int apply_image(struct book *book, const char *id, const void *body,
                       struct vdc_error *err)
{
    return book_set_image(book, id, body, err);
}

static const void *describe_image(const struct book *book, const char *id,
                                  struct arena *arena)
{
    const struct wire_image *image = book_image_of_id(book, id);
    struct wire_image *ret = ARENA_NEW(arena, struct wire_image);

    if (!image ||
        wire_struct_copy(&wire_struct_image, image, arena, ret, NULL))
        return NULL;
    return ret;
}

static int apply_policyd(struct book *book, const char *id, const void *body,
                         struct vdc_error *err)
{
    return book_set_policyd(book, id, body, err);
}

static const void *describe_policyd(const struct book *book, const char *id,
                                    struct arena *arena)
{
    const struct wire_dc_policyd *policyd = book_policyd(book, id);
    struct wire_dc_policyd *ret = ARENA_NEW(arena, struct wire_dc_policyd);

    if (!policyd ||
        wire_struct_copy(&wire_struct_dc_policyd, policyd, arena, ret, NULL))
        return NULL;
    return ret;
}

/* Those that are put while policyd runs are in memory already. */
static int apply_decision(struct book *book, const char *id, const void *body,
                          struct vdc_error *err)
{
    return body ? book_load_decision(book, body, err) : 0;
}

const struct book_kind book_kinds[STORE_N_RECORDS] = {
    [STORE_CUSTOMER] = { apply_customer, describe_customer },
    [STORE_HOST] = { apply_host, describe_host },
    [STORE_PARTITION] = { apply_partition, describe_partition },
    [STORE_MOVE] = { apply_move, describe_move },
    [STORE_KEPT] = { apply_kept, describe_kept },
    [STORE_TAKEN] = { apply_taken, describe_taken },
    [STORE_FENCE] = { apply_fence, describe_fence },
    [STORE_RUN] = { apply_run, describe_run },
    [STORE_ANSWER] = { apply_answer, describe_answer },
    [STORE_TOKEN] = { apply_token, describe_token },
    [STORE_JOIN] = { apply_join, describe_join },
    [STORE_IMAGE] = { apply_image, describe_image },
    [STORE_POLICYD] = { apply_policyd, describe_policyd },
    [STORE_DECISION] = { apply_decision, NULL },
};
