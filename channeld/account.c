/*
 * Asks policyd whose login an account is; see account.h.  One connection
 * serves all who ask meanwhile.  A policyd in a domain of its own is asked
 * over a channel, which this channeld makes for itself as for any program.
 */
#include "channeld/account.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "chan/chan.h"
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
    char *address, *broker;
    TAILQ_HEAD(, account_request) requests;
    struct chan *chan; /* NULL: nothing is under way */
    struct event *timer, *begin;
};

static int ask_page(struct accounts *accounts, const char *from);

static void settle(struct account_request *request, const char *customer,
                   bool looks, const struct vdc_error *err)
{
    TAILQ_REMOVE(&request->accounts->requests, request, link);
    request->fn(request->arg, err->code, customer, looks, err);
    free(request);
}

static void begin_soon(struct accounts *accounts)
{
    event_active(accounts->begin, EV_TIMEOUT, 0);
}

/* The connection is over; those it was for are answered. */
static void end(struct accounts *accounts, const struct vdc_error *failed);

static void fail_all(struct accounts *accounts, const struct vdc_error *why)
{
    struct vdc_error err = *why;

    vdc_error_prefix(&err, "policyd does not say whose login you are");
    vdc_error_hint(&err, "operators are in channeld.conf; for customers "
                         "policyd must run");
    end(accounts, &err);
}

static const char *customer_of(const struct wire_customer_list *list,
                               uid_t uid, bool *ret_looks)
{
    for (uint32_t i = 0; i < list->n_customers; i++)
        for (uint32_t j = 0; j < list->customers[i].n_logins; j++)
            if (list->customers[i].logins[j].uid == uid) {
                *ret_looks =
                    list->customers[i].logins[j].role == WIRE_ROLE_READ;
                return list->customers[i].name;
            }
    return NULL;
}

/* policyd has named all, and this one not. */
static void refuse(struct account_request *request)
{
    struct vdc_error err = { 0 };

    vdc_error_set(&err, VDC_E_DENIED,
                  "uid %u is neither an operator nor a login of a customer",
                  (unsigned)request->uid);
    vdc_error_hint(&err, "xl-vdc customer-create NAME --user %u, as root",
                   (unsigned)request->uid);
    settle(request, NULL, false, &err);
}

/* failed NULL: policyd has said all. */
static void end(struct accounts *accounts, const struct vdc_error *failed)
{
    struct account_request *request, *next;

    chan_destroy(accounts->chan);
    accounts->chan = NULL;
    event_del(accounts->timer);
    for (request = TAILQ_FIRST(&accounts->requests); request; request = next) {
        next = TAILQ_NEXT(request, link);
        if (!request->asked)
            continue;
        if (failed)
            settle(request, NULL, false, failed);
        else
            refuse(request);
    }
    if (!TAILQ_EMPTY(&accounts->requests))
        begin_soon(accounts);
}

static bool is_awaited(const struct accounts *accounts)
{
    const struct account_request *request;

    TAILQ_FOREACH(request, &accounts->requests, link)
    if (request->asked)
        return true;
    return false;
}

/* Those who are in it are answered at once; the others may be in the next. */
static void take_page(struct accounts *accounts,
                      const struct wire_customer_list *list)
{
    struct account_request *request, *next;
    struct vdc_error err = { 0 };

    for (request = TAILQ_FIRST(&accounts->requests); request; request = next) {
        next = TAILQ_NEXT(request, link);
        bool looks = false;
        const char *customer =
            request->asked ? customer_of(list, request->uid, &looks) : NULL;
        if (customer)
            settle(request, customer, looks, &err);
    }
    if (!*list->next || !is_awaited(accounts)) {
        end(accounts, NULL);
    } else if (list->n_customers == 0) {
        vdc_error_set(&err, VDC_E_PROTOCOL, "its pages do not go on");
        fail_all(accounts, &err);
    } else {
        ask_page(accounts, list->next);
    }
}

static void on_message(void *arg, const uint8_t *data, size_t size)
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
        take_page(accounts, frame.body);
    }
    arena_free(arena);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    fail_all(arg, err);
}

static const struct chan_ops chan_ops = { .on_message = on_message,
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
        rc = chan_send(accounts->chan, data, size);
    arena_free(arena);
    return rc;
}

/* A failure comes as on_close. */
static int ask_page(struct accounts *accounts, const char *from)
{
    struct wire_customer_ref ref;

    wire_init(&wire_struct_customer_ref, &ref);
    ref.from = from;
    return send_one(accounts, WIRE_MSG_customer_list, 2, &ref);
}

static void ask_policyd(struct accounts *accounts)
{
    struct wire_hello hello;

    wire_init(&wire_struct_hello, &hello);
    hello.program = "channeld";
    hello.version = PACKAGE_VERSION;
    hello.protocol = WIRE_PROTOCOL;
    send_one(accounts, WIRE_MSG_hello, 1, &hello);
    ask_page(accounts, "");
}

static void on_begin(evutil_socket_t fd, short what, void *arg)
{
    const struct timeval most = { ANSWER_S, 0 };
    struct accounts *accounts = arg;
    struct account_request *request;
    struct vdc_error err = { 0 };

    if (accounts->chan || TAILQ_EMPTY(&accounts->requests))
        return;
    TAILQ_FOREACH(request, &accounts->requests, link)
    request->asked = true;
    if (chan_connect(accounts->base, accounts->address, accounts->broker,
                     &chan_ops, accounts, &accounts->chan, &err)) {
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

struct accounts *accounts_new(struct event_base *base, const char *policyd,
                              const char *broker)
{
    struct accounts *accounts = XNEW(struct accounts);

    accounts->base = base;
    accounts->address = *policyd == '/' ? xasprintf("unix:%s", policyd)
                                        : xstrdup(policyd);
    accounts->broker = xstrdup(broker);
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
    chan_destroy(accounts->chan);
    event_free(accounts->timer);
    event_free(accounts->begin);
    free(accounts->address);
    free(accounts->broker);
    free(accounts);
}
