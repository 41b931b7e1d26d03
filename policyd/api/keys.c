/*
 * Requests with keys; see keys.h.
 */
#include "policyd/api/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* The same request again, while the first is under way; in its arena. */
struct joined {
    TAILQ_ENTRY(joined) link;
    struct request *request;
};

struct keyed {
    TAILQ_ENTRY(keyed) link;
    struct request *request;
    const char *owner, *key;
    uint64_t digest;
    bool open;        /* noted before, without an answer */
    bool same;        /* and by this very request */
    const char *host; /* to which that was sent */
    TAILQ_HEAD(, joined) joined;
    struct store_answer answer; /* body NULL: none yet */
};

struct keys {
    TAILQ_HEAD(, keyed) under_way;
};

struct keys *keys_new(void)
{
    struct keys *keys = XNEW(struct keys);

    TAILQ_INIT(&keys->under_way);
    return keys;
}

void keys_free(struct keys *keys)
{
    free(keys);
}

/* FNV-1a of message and body: who reuses a key by mistake is told; one who
 * makes two requests of the same digest deceives nobody but itself. */
static int digest_of(const struct request *request, uint64_t *ret,
                     struct vdc_error *err)
{
    struct arena *arena = arena_new();
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ request->message->number;
    uint8_t *data;
    size_t size;
    int rc = wire_struct_encode(request->message->body, request->body, arena,
                                &data, &size, err);

    if (!rc) {
        for (size_t i = 0; i < size; i++)
            hash = (hash ^ data[i]) * UINT64_C(0x100000001b3);
        *ret = hash;
    }
    arena_free(arena);
    return rc;
}

static int used_otherwise(const char *key, struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_CONFLICT,
                  "the key '%s' was used for another request", key);
    vdc_error_hint(err, "take another key for another request");
    return VDC_E_CONFLICT;
}

/* ---- the first answer again ---- */

static int answer_again(struct request *request,
                        const struct store_answer *answer,
                        struct vdc_error *err)
{
    const struct wire_message *message =
        wire_message_by_number(answer->message);
    void *body;

    if (!message)
        return vdc_error_set(err, VDC_E_STORE_CORRUPT,
                             "the answer to key '%s' is of an unknown kind",
                             answer->key);
    body = arena_alloc(request->arena, message->body->size);
    int rc = wire_struct_decode(message->body, answer->body, answer->size,
                                request->arena, body, err);
    if (rc)
        return rc;
    if (answer->message == WIRE_MSG_transaction_reply)
        ((struct wire_transaction_reply *)body)->again = true;
    if (answer->message == WIRE_MSG_partition_reply)
        ((struct wire_partition_reply *)body)->again = true;
    request->changes = request->stands = true; /* as the first */
    request_reply(request, (enum wire_message_number)answer->message, body);
    return 0;
}

/* ---- the beginning ---- */

static struct keyed *find_under_way(const struct keys *keys, const char *owner,
                                    const char *key)
{
    struct keyed *keyed;

    TAILQ_FOREACH(keyed, &keys->under_way, link)
    if (strcmp(keyed->owner, owner) == 0 && strcmp(keyed->key, key) == 0)
        return keyed;
    return NULL;
}

static int join(struct keyed *first, const struct keyed *again,
                struct vdc_error *err)
{
    if (first->digest != again->digest)
        return used_otherwise(again->key, err);
    struct joined *joined = ARENA_NEW(again->request->arena, struct joined);
    joined->request = again->request;
    TAILQ_INSERT_TAIL(&first->joined, joined, link);
    return 0;
}

int keys_begin(struct request *request, const char *owner, const char *key,
               struct keyed **ret_keyed, struct vdc_error *err)
{
    struct keys *keys = request->ops->keys;
    struct keyed *keyed = ARENA_NEW(request->arena, struct keyed);
    struct keyed *first = find_under_way(keys, owner, key);
    struct store_answer answer;

    keyed->request = request;
    keyed->owner = arena_strdup(request->arena, owner);
    keyed->key = key;
    TAILQ_INIT(&keyed->joined);
    int rc = digest_of(request, &keyed->digest, err);
    if (!rc && first) {
        rc = join(first, keyed, err);
        if (!rc)
            *ret_keyed = NULL;
        return rc;
    }
    if (!rc)
        rc = book_answer_find(request->ops->book, owner, key, request->arena,
                              &answer, err);
    if (rc && rc != VDC_E_NOT_FOUND)
        return rc;
    keyed->open = !rc && answer.message == STORE_ANSWER_OPEN;
    keyed->same = !rc && answer.digest == keyed->digest;
    keyed->host = "";
    if (keyed->open)
        keyed->host = arena_printf(request->arena, "%.*s", (int)answer.size,
                                   (const char *)answer.body);
    if (rc || keyed->open) {
        TAILQ_INSERT_TAIL(&keys->under_way, keyed, link);
        *ret_keyed = keyed;
        return 0;
    }
    if (!keyed->same)
        return used_otherwise(key, err);
    *ret_keyed = NULL; /* before the request goes */
    return answer_again(request, &answer, err);
}

bool keys_is_open(const struct keyed *keyed)
{
    return keyed->open;
}

int keys_check_same(const struct keyed *keyed, struct vdc_error *err)
{
    return keyed->same ? 0 : used_otherwise(keyed->key, err);
}

/* ---- what is recorded ---- */

static int put(struct keyed *keyed, struct vdc_error *err)
{
    const struct operations *ops = keyed->request->ops;
    struct store_answer *answer = &keyed->answer;

    answer->owner = keyed->owner;
    answer->key = keyed->key;
    answer->digest = keyed->digest;
    answer->time_ms = clock_wall().ms;
    answer->keep_ms = ops->setup->answer_keep_ms;
    return book_answer_put(ops->book, answer, err);
}

const char *keys_host(const struct keyed *keyed)
{
    return keyed->host;
}

/* In place of a body there is the host's name. */
int keys_note(struct keyed *keyed, const char *host, struct vdc_error *err)
{
    keyed->answer.message = STORE_ANSWER_OPEN;
    keyed->answer.body = (const uint8_t *)host;
    keyed->answer.size = strlen(host);
    return put(keyed, err);
}

void keys_keep(struct keyed *keyed, enum wire_message_number number,
               const void *body)
{
    const struct wire_message *message = wire_message_by_number(number);
    struct vdc_error err = { 0 };
    uint8_t *data;

    keyed->answer.body = NULL;
    int rc = wire_struct_encode(message->body, body, keyed->request->arena,
                                &data, &keyed->answer.size, &err);

    if (!rc) {
        keyed->answer.message = number;
        keyed->answer.body = data;
        rc = put(keyed, &err);
    }
    if (rc)
        log_error("the answer to key '%s' of %s is not kept: %s", keyed->key,
                  keyed->owner, err.text);
}

/* ---- the end ---- */

void keys_end(struct keyed *keyed, const struct vdc_error *err)
{
    const struct vdc_error lost = { .code = VDC_E_INTERNAL,
                                    .text = "the answer could not be kept" };
    struct vdc_error why = { 0 };
    struct joined *joined;

    if (!keyed)
        return;
    TAILQ_REMOVE(&keyed->request->ops->keys->under_way, keyed, link);
    while ((joined = TAILQ_FIRST(&keyed->joined))) {
        TAILQ_REMOVE(&keyed->joined, joined, link);
        if (err)
            request_fail(joined->request, err);
        else if (!keyed->answer.body)
            request_fail(joined->request, &lost);
        else if (answer_again(joined->request, &keyed->answer, &why))
            request_fail(joined->request, &why);
    }
}
