/*
 * Asks policyd whose login an account is; see account.h.  One connection
 * serves all who ask meanwhile.
 */
#include "channeld/account.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/stream.h"
#include "wire/wire.h"

#define ANSWER_S 5

struct account_request {
    TAILQ_ENTRY(account_request) link;
    struct accounts *accounts;
    uid_t uid;
    bool asked; /* its answer is under way; others wait for the next one */
    account_fn *fn;
    void *arg;
};

struct accounts {
    struct event_base *base;
    char *socket;
    TAILQ_HEAD(, account_request) requests;
    struct stream *stream; /* NULL: nothing is under way */
    struct event *timer, *begin;
};

static void settle(struct account_request *request, const char *customer,
                   const struct vdc_error *err)
{
    TAILQ_REMOVE(&request->accounts->requests, request, link);
    request->fn(request->arg, err->code, customer, err);
    free(request);
}

static void begin_soon(struct accounts *accounts)
{
    event_active(accounts->begin, EV_TIMEOUT, 0);
}

/* The connection is over; those it was for are answered. */
static void end(struct accounts *accounts,
                const struct wire_customer_list *list,
                const struct vdc_error *failed);

static void fail_all(struct accounts *accounts, const struct vdc_error *why)
{
    struct vdc_error err = *why;

    vdc_error_prefix(&err, "policyd does not say whose login you are");
    vdc_error_hint(&err, "operators are in channeld.conf; for customers "
                         "policyd must run");
    end(accounts, NULL, &err);
}

static const char *customer_of(const struct wire_customer_list *list,
                               uid_t uid)
{
    for (uint32_t i = 0; i < list->n_customers; i++)
        for (uint32_t j = 0; j < list->customers[i].n_logins; j++)
            if (list->customers[i].logins[j].uid == uid)
                return list->customers[i].name;
    return NULL;
}

static void answer(struct account_request *request,
                   const struct wire_customer_list *list)
{
    const char *customer = customer_of(list, request->uid);
    struct vdc_error err = { 0 };

    if (!customer) {
        vdc_error_set(&err, VDC_E_DENIED,
                      "uid %u is neither an operator nor a login of a "
                      "customer",
                      (unsigned)request->uid);
        vdc_error_hint(&err, "xl-vdc customer-create NAME --user %u, as root",
                       (unsigned)request->uid);
    }
    settle(request, customer, &err);
}

static void end(struct accounts *accounts,
                const struct wire_customer_list *list,
                const struct vdc_error *failed)
{
    struct account_request *request, *next;

    stream_destroy(accounts->stream);
    accounts->stream = NULL;
    event_del(accounts->timer);
    for (request = TAILQ_FIRST(&accounts->requests); request; request = next) {
        next = TAILQ_NEXT(request, link);
        if (!request->asked)
            continue;
        if (failed)
            settle(request, NULL, failed);
        else
            answer(request, list);
    }
    if (!TAILQ_EMPTY(&accounts->requests))
        begin_soon(accounts);
}

static void on_frame(void *arg, const uint8_t *data, size_t size)
{
    struct accounts *accounts = arg;
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    struct wire_frame frame;

    if (wire_decode(data, size, arena, &frame, &err)) {
        fail_all(accounts, &err);
    } else if (frame.message->number == WIRE_MSG_error) {
        wire_error_take(frame.body, &err);
        fail_all(accounts, &err);
    } else if (frame.message->number == WIRE_MSG_customer_list_reply) {
        end(accounts, frame.body, NULL);
    }
    arena_free(arena);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    fail_all(arg, err);
}

static const struct stream_ops stream_ops = { .on_frame = on_frame,
                                              .on_close = on_close };

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct vdc_error err = { 0 };

    vdc_error_set(&err, VDC_E_TIMEOUT, "no answer for %d s", ANSWER_S);
    fail_all(arg, &err);
}

static int send_one(struct accounts *accounts, enum wire_message_number number,
                    uint32_t id, const void *body)
{
    struct arena *arena = arena_new();
    uint8_t *data;
    size_t size;
    int rc = wire_encode(number, id, body, arena, &data, &size, NULL);

    if (rc == 0)
        rc = stream_send(accounts->stream, data, size);
    arena_free(arena);
    return rc;
}

static void ask_policyd(struct accounts *accounts)
{
    struct wire_hello hello;
    struct wire_customer_ref ref;

    wire_init(&wire_struct_hello, &hello);
    hello.program = "channeld";
    hello.version = PACKAGE_VERSION;
    hello.protocol = WIRE_PROTOCOL;
    wire_init(&wire_struct_customer_ref, &ref);
    /* a failure comes as on_close */
    send_one(accounts, WIRE_MSG_hello, 1, &hello);
    send_one(accounts, WIRE_MSG_customer_list, 2, &ref);
}

static void on_begin(evutil_socket_t fd, short what, void *arg)
{
    const struct timeval most = { ANSWER_S, 0 };
    struct accounts *accounts = arg;
    struct account_request *request;
    struct vdc_error err = { 0 };

    if (accounts->stream || TAILQ_EMPTY(&accounts->requests))
        return;
    TAILQ_FOREACH(request, &accounts->requests, link)
    request->asked = true;
    if (stream_connect_unix(accounts->base, accounts->socket, &stream_ops,
                            accounts, &accounts->stream, &err)) {
        fail_all(accounts, &err);
        return;
    }
    evtimer_add(accounts->timer, &most);
    ask_policyd(accounts);
}

struct account_request *account_ask(struct accounts *accounts, uid_t uid,
                                    account_fn *fn, void *arg)
{
    struct account_request *request = XNEW(struct account_request);

    request->accounts = accounts;
    request->uid = uid;
    request->fn = fn;
    request->arg = arg;
    TAILQ_INSERT_TAIL(&accounts->requests, request, link);
    begin_soon(accounts);
    return request;
}

void account_cancel(struct account_request *request)
{
    TAILQ_REMOVE(&request->accounts->requests, request, link);
    free(request);
}

struct accounts *accounts_new(struct event_base *base, const char *socket)
{
    struct accounts *accounts = XNEW(struct accounts);

    accounts->base = base;
    accounts->socket = xstrdup(socket);
    TAILQ_INIT(&accounts->requests);
    accounts->timer = evtimer_new(base, on_timer, accounts);
    accounts->begin = evtimer_new(base, on_begin, accounts);
    return accounts;
}

void accounts_free(struct accounts *accounts)
{
    if (!accounts)
        return;
    while (!TAILQ_EMPTY(&accounts->requests))
        account_cancel(TAILQ_FIRST(&accounts->requests));
    stream_destroy(accounts->stream);
    event_free(accounts->timer);
    event_free(accounts->begin);
    free(accounts->socket);
    free(accounts);
}
