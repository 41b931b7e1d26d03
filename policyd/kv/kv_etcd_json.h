/*
 * What goes to etcd's JSON gateway and comes from it: requests as text,
 * answers judged and taken apart.  Pure: no I/O.
 *
 * etcd's bytes are base64 in JSON, its 64-bit numbers strings of digits, and
 * what is 0, false or empty is left out.
 */
#ifndef POLICYD_KV_KV_ETCD_JSON_H
#define POLICYD_KV_KV_ETCD_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "policyd/kv/http.h"
#include "policyd/kv/kv.h"

/* What came of a request. */
enum etcd_verdict {
    ETCD_OK,
    ETCD_REFUSED,     /* not done, and would not be if asked again */
    ETCD_UNAVAILABLE, /* not done; another endpoint, or this one later, may */
    ETCD_LOGIN,       /* not done; a new token is needed */
    ETCD_UNKNOWN,     /* perhaps done */
    ETCD_NONSENSE     /* perhaps done; what came is not etcd's */
};

/* err is set unless ETCD_OK, with a code of kv.h's; then *ret is the answer,
 * an object in `arena`. */
enum etcd_verdict etcd_judge(const struct http_answer *answer,
                             const struct vdc_error *transport,
                             struct arena *arena,
                             const struct json_value **ret,
                             struct vdc_error *err);
/* As etcd_judge, of an error in a stream or the reason of a watch's end. */
enum etcd_verdict etcd_judge_words(const char *words, struct vdc_error *err);

/* One answer of a stream: the member "result".  Else as etcd_judge. */
enum etcd_verdict etcd_judge_line(const char *line, size_t size,
                                  struct arena *arena,
                                  const struct json_value **ret,
                                  struct vdc_error *err);

/* A member that is a number or digits; absent is 0.  False: it is something
 * else, or not in range. */
bool etcd_get_u64(const struct json_value *object, const char *name,
                  uint64_t *ret);
/* Absent is false. */
bool etcd_get_bool(const struct json_value *object, const char *name);
/* Of "header"; false when there is none, or 0. */
bool etcd_get_revision(const struct json_value *answer, uint64_t *ret);
/* A pair of an answer, its key without the `prefix_len` characters before
 * it.  False: not a pair, or a key that was not asked for. */
bool etcd_get_pair(const struct json_value *kv, const char *prefix,
                   struct arena *arena, struct kv_pair *ret);

/* One page of a range; all of it in the arena, or in the answer. */
struct etcd_page {
    uint64_t revision; /* of the store, not of the page */
    bool more;
    struct kv_pair *pairs;
    size_t n_pairs;
};
/* False: not a page, or a pair as for etcd_get_pair. */
bool etcd_get_page(const struct json_value *answer, const char *prefix,
                   struct arena *arena, struct etcd_page *ret);
/* Whether these bytes are a key that begins with `prefix`. */
bool etcd_is_key(const void *key, size_t size, const char *prefix);

/* The first string behind all that begin with `text`, of which `len`
 * characters are in it, is put there; its length.  For all strings there are,
 * in etcd's words, it is "\0". */
size_t etcd_range_end(char *text, size_t len);

/* Members of a request, "key" and "range_end" for what begins with both. */
void etcd_put_bytes(struct json_out *out, const char *name, const void *data,
                    size_t size);
void etcd_put_u64(struct json_out *out, const char *name, uint64_t n);
void etcd_put_key(struct json_out *out, const char *prefix, const char *key);
void etcd_put_prefix(struct json_out *out, const char *prefix,
                     const char *key);
/* As etcd_put_prefix, but only what comes after the key `after`; NULL: all. */
void etcd_put_rest(struct json_out *out, const char *prefix, const char *key,
                   const char *after);
/* The whole of a transaction. */
void etcd_put_commit(struct json_out *out, const char *prefix,
                     const struct kv_compare *compares, size_t n_compares,
                     const struct kv_change *changes, size_t n_changes);

#endif
