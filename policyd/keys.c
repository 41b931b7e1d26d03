/*
 * Requests with keys; see keys.h.  Failures are not kept: nothing was done,
 * and the next attempt may succeed.
 */
#include "policyd/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

struct keyed {
    TAILQ_ENTRY(keyed) link;
    struct request *request;
    const char *owner, *key;
    uint64_t digest;
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
    request_reply(request, (enum wire_message_number)answer->message, body);
    return 0;
}

int keys_begin(struct request *request, const char *owner, const char *key,
               struct keyed **ret_keyed, struct vdc_error *err)
{
    struct keys *keys = request->ops->keys;
    struct keyed *keyed = ARENA_NEW(request->arena, struct keyed);
    const struct keyed *other;
    struct store_answer answer;

    keyed->request = request;
    keyed->owner = arena_strdup(request->arena, owner);
    keyed->key = key;
    int rc = digest_of(request, &keyed->digest, err);
    if (rc)
        return rc;
    TAILQ_FOREACH(other, &keys->under_way, link)
    if (strcmp(other->owner, owner) == 0 && strcmp(other->key, key) == 0)
        return vdc_error_set(err, VDC_E_BUSY,
                             "a request with the key '%s' is under way", key);
    rc = book_answer_find(request->ops->book, owner, key, request->arena,
                          &answer, err);
    if (!rc && answer.digest != keyed->digest) {
        vdc_error_set(err, VDC_E_CONFLICT,
                      "the key '%s' was used for another request", key);
        vdc_error_hint(err, "take another key for another request");
        return VDC_E_CONFLICT;
    }
    if (rc == VDC_E_NOT_FOUND) {
        TAILQ_INSERT_TAIL(&keys->under_way, keyed, link);
        *ret_keyed = keyed;
        return 0;
    }
    if (!rc) {
        *ret_keyed = NULL; /* before the request goes */
        rc = answer_again(request, &answer, err);
    }
    return rc;
}

void keys_keep(struct keyed *keyed, enum wire_message_number number,
               const void *body)
{
    const struct wire_message *message = wire_message_by_number(number);
    struct request *request = keyed->request;
    struct vdc_error err = { 0 };
    uint8_t *data;
    size_t size;
    int rc = wire_struct_encode(message->body, body, request->arena, &data,
                                &size, &err);

    if (!rc) {
        const struct store_answer answer = { .owner = keyed->owner,
                                             .key = keyed->key,
                                             .digest = keyed->digest,
                                             .message = number,
                                             .time_ms = clock_wall().ms,
                                             .body = data,
                                             .size = size };
        rc = book_answer_put(request->ops->book, &answer, &err);
    }
    if (rc)
        log_error("the answer to key '%s' of %s is not kept: %s", keyed->key,
                  keyed->owner, err.text);
}

void keys_end(struct keyed *keyed)
{
    if (keyed)
        TAILQ_REMOVE(&keyed->request->ops->keys->under_way, keyed, link);
}
