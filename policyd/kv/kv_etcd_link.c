/*
 * Whether etcd answers, and which of its endpoints: a linearizable read of one
 * key is asked for at the start, after a failure, and when nothing else was
 * answered for a while.  An endpoint that cannot reach the others of its
 * cluster does not answer that.
 *
 *             answered            a request failed, or the read
 *   ASKING ------------> UP ------------------------------------> ASKING
 *     | ^
 *     v | by the timer: after 100 ms, then up to each 2 s
 *    DOWN  (each endpoint was asked once, in vain)
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/kv/kv_etcd_impl.h"

#define BACK_OFF_MIN_MS 100
#define BACK_OFF_MAX_MS 2000

static void ask(struct kv_etcd *kv);

static void tell(struct kv_etcd *kv, bool is_up)
{
    if (kv->is_up == is_up)
        return;
    kv->is_up = is_up;
    if (kv->kv.changed)
        kv->kv.changed(kv->kv.changed_arg);
}

/* As the last: may call kv_close. */
static void good(struct kv_etcd *kv, uint64_t revision)
{
    bool was_up = kv->link == ETCD_UP;

    kv->answered = clock_mono();
    kv->n_failed = 0;
    kv->link = ETCD_UP;
    etcd_set_timer(kv->probe_timer, kv->request_ms / 2);
    /* Not the greatest that was heard of: it may be another etcd. */
    kv->revision = revision;
    if (kv->compacted > revision)
        kv->compacted = kv->compact_to = 0;
    etcd_watches_check(kv, revision);
    if (!was_up) {
        kv->no_grpc = false; /* perhaps another endpoint, or a new token */
        etcd_watches_restart(kv);
        etcd_leases_renew(kv);
        etcd_requests_run(kv);
    }
    tell(kv, true);
}

/* As the last: may call kv_close. */
static void bad(struct kv_etcd *kv, const struct vdc_error *why)
{
    if (kv->link == ETCD_UP)
        kv->since = clock_mono();
    vdc_error_set(&kv->why, why->code, "%s: %s", kv->endpoints[kv->at],
                  why->text);
    kv->at = (kv->at + 1) % kv->n_endpoints;
    kv->n_failed++;
    if (kv->n_failed % kv->n_endpoints) {
        kv->link = ETCD_ASKING;
        ask(kv);
        return;
    }
    unsigned rounds = kv->n_failed / (unsigned)kv->n_endpoints;
    uint64_t ms = rounds > 5 ? BACK_OFF_MAX_MS
                             : (uint64_t)BACK_OFF_MIN_MS << (rounds - 1);
    kv->link = ETCD_DOWN;
    etcd_set_timer(kv->probe_timer, ms);
    tell(kv, false);
}

static void drop_token(struct kv_etcd *kv)
{
    free(kv->token);
    kv->token = NULL;
}

static bool take_token(struct kv_etcd *kv, const struct json_value *answer)
{
    const struct json_value *token = json_get(answer, "token");

    if (!token || token->type != JSON_STRING || !token->text[0] ||
        strcspn(token->text, "\r\n") != strlen(token->text))
        return false;
    drop_token(kv);
    kv->token = xstrdup(token->text);
    return true;
}

/* Both kinds of question end here. */
static void on_answer(struct kv_etcd *kv, const struct http_answer *answer,
                      const struct vdc_error *err, bool is_login)
{
    struct arena *arena = arena_new();
    const struct json_value *json;
    struct vdc_error why = { 0 };
    uint64_t revision = 0;

    kv->probe = NULL;
    enum etcd_verdict verdict = etcd_judge(answer, err, arena, &json, &why);
    if (verdict == ETCD_OK &&
        !(is_login ? take_token(kv, json)
                   : etcd_get_revision(json, &revision))) {
        verdict = ETCD_NONSENSE;
        vdc_error_set(&why, VDC_E_STORE, "the answer is not etcd's");
    }
    arena_free(arena);
    if (verdict == ETCD_LOGIN)
        drop_token(kv);
    if (verdict != ETCD_OK)
        bad(kv, &why);
    else if (is_login)
        ask(kv);
    else
        good(kv, revision);
}

static void on_login(void *arg, const struct http_answer *answer,
                     const struct vdc_error *err)
{
    on_answer(arg, answer, err, true);
}

static void on_probe(void *arg, const struct http_answer *answer,
                     const struct vdc_error *err)
{
    on_answer(arg, answer, err, false);
}

static void ask(struct kv_etcd *kv)
{
    struct json_out *out = json_out_new(false);
    bool login = kv->user && !kv->token;
    struct http_notify notify = { .done = login ? on_login : on_probe,
                                  .arg = kv };

    event_del(kv->probe_timer);
    etcd_watches_ask(kv);
    json_out_object(out);
    if (login) {
        json_out_key(out, "name");
        json_out_string(out, kv->user);
        json_out_key(out, "password");
        json_out_string(out, kv->password);
    } else {
        /* Of keys that this user may read, whatever else he may not. */
        etcd_put_bytes(out, "key", kv->prefix,
                       kv->prefix[0] ? strlen(kv->prefix) : 1);
        json_out_key(out, "count_only");
        json_out_bool(out, true);
    }
    json_out_object_end(out);
    kv->probe = etcd_post(kv, login ? "auth/authenticate" : "kv/range", out,
                          kv->request_ms / 2, 64 * 1024, &notify);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct kv_etcd *kv = arg;
    uint64_t idle_ms = clock_mono().ms - kv->answered.ms;

    if (kv->link == ETCD_UP && idle_ms < kv->request_ms / 2) {
        etcd_set_timer(kv->probe_timer, kv->request_ms / 2 - idle_ms);
        return;
    }
    if (!kv->probe)
        ask(kv);
}

void etcd_link_failed(struct kv_etcd *kv, enum etcd_verdict verdict,
                      const struct vdc_error *why)
{
    if (kv->link != ETCD_UP)
        return;
    kv->link = ETCD_ASKING;
    kv->since = clock_mono();
    kv->n_failed = 0;
    vdc_error_set(&kv->why, why->code, "%s: %s", kv->endpoints[kv->at],
                  why->text);
    if (verdict == ETCD_LOGIN)
        drop_token(kv);
    else
        kv->at = (kv->at + 1) % kv->n_endpoints;
    http_cancel(kv->probe);
    ask(kv);
}

void etcd_link_check(struct kv_etcd *kv)
{
    if (kv->link == ETCD_UP && !kv->probe)
        ask(kv);
}

void etcd_link_why(const struct kv_etcd *kv, struct vdc_error *ret)
{
    int code = kv->why.code == VDC_E_DENIED ? VDC_E_DENIED : VDC_E_STORE;

    vdc_error_set(ret, code, "etcd cannot be used: %s", kv->why.text);
}

uint64_t etcd_link_patience(const struct kv_etcd *kv)
{
    uint64_t down_ms = clock_mono().ms - kv->since.ms;

    if (kv->link != ETCD_DOWN)
        return kv->request_ms;
    return down_ms < kv->request_ms ? kv->request_ms - down_ms : 0;
}

bool etcd_up(const struct kv *base, struct vdc_error *why)
{
    const struct kv_etcd *kv = (const struct kv_etcd *)base;

    if (!kv->is_up && why)
        etcd_link_why(kv, why);
    return kv->is_up;
}

void etcd_link_start(struct kv_etcd *kv)
{
    kv->link = ETCD_ASKING;
    kv->since = clock_mono();
    vdc_error_set(&kv->why, VDC_E_STORE, "%s has not answered yet",
                  kv->endpoints[0]);
    kv->probe_timer = evtimer_new(kv->base, on_timer, kv);
    ask(kv);
}

void etcd_link_fini(struct kv_etcd *kv)
{
    http_cancel(kv->probe);
    event_free(kv->probe_timer);
}
