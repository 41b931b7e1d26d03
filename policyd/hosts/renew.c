/*
 * Renews the certificates of hosts; see renew.h.
 *
 *   the host has a key made, and asks for a certificate for it, in PEM
 *   -> granted, and recorded beside the one that is good, durably
 *   -> the host has it -> it is the one that is good
 *
 * Whoever is asked again answers from where it stands: the host says which
 * certificate it has, and keeps its next key until it is used.
 */
#include "policyd/hosts/renew.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/tls.h"
#include "policyd/api/operations.h"
#include "policyd/dc/dc.h"
#include "policyd/hosts/hosts.h"
#include "policyd/rebalance/mover.h"

#define SOON_MS 1000
#define LOOK_MS 60000
/* When it is not known whether a host has it. */
#define LOST_MS 5000
/* To the next host, when one was renewed. */
#define PAUSE_MS 10
/* A guest that goes to or from a host, to which both have said who the other
 * is, has it wait; not when so little of its time is left. */
#define URGENT_MS (UINT64_C(7) * 24 * 3600 * 1000)
/* One that could not be renewed has its turn again after so long. */
#define AGAIN_MS UINT64_C(600000)

struct renew {
    struct operations *ops;
    struct event *timer;
    /* Of the one under way; none: "". */
    char host[64];
    char *certificate; /* granted, in PEM */
    bool stopped;
    LIST_HEAD(, failure) failures;
};

/* A host that could not be renewed. */
struct failure {
    LIST_ENTRY(failure) link;
    char host[64];
    uint64_t until_ms; /* monotonic */
};

static void look_in(struct renew *renew, unsigned ms)
{
    const struct timeval tv = { (time_t)(ms / 1000),
                                (suseconds_t)(ms % 1000) * 1000 };

    if (!renew->stopped)
        evtimer_add(renew->timer, &tv);
}

/* ---- the end of one ---- */

static void end(struct renew *renew, unsigned ms)
{
    renew->host[0] = '\0';
    free(renew->certificate);
    renew->certificate = NULL;
    look_in(renew, ms);
}

static struct failure *find_failure(const struct renew *renew,
                                    const char *host)
{
    struct failure *failure;

    LIST_FOREACH(failure, &renew->failures, link)
    if (strcmp(failure->host, host) == 0)
        break;
    return failure;
}

static void failed(struct renew *renew, const struct vdc_error *why)
{
    struct failure *failure = find_failure(renew, renew->host);

    if (!failure) {
        failure = XNEW(struct failure);
        snprintf(failure->host, sizeof(failure->host), "%s", renew->host);
        LIST_INSERT_HEAD(&renew->failures, failure, link);
    }
    failure->until_ms = clock_mono().ms + AGAIN_MS;
    log_warning("the certificate of host %s is not renewed: %s", renew->host,
                why->text);
    end(renew, PAUSE_MS);
}

/* What was asked is of a host that is none any more, or of a process that
 * ends. */
static struct host *host_of(struct renew *renew)
{
    return renew->stopped ? NULL : hosts_find(renew->ops->hosts, renew->host);
}

/* ---- the record ---- */

static int put(struct renew *renew, const struct wire_host_record *record,
               const char *detail, struct vdc_error *err)
{
    const struct store_audit audit = { .time_ms = clock_wall().ms,
                                       .customer = "",
                                       .message = "dc_renew",
                                       .object = record->name,
                                       .result = 0,
                                       .who = "policyd",
                                       .origin = "",
                                       .detail = detail };
    int rc = book_host_put(renew->ops->book, record, &audit, err);

    if (!rc)
        hosts_put(renew->ops->hosts, record);
    return rc;
}

/* The host has its next certificate. */
static int promote(struct renew *renew, const struct host *host,
                   struct vdc_error *err)
{
    struct wire_host_record record = host->record;

    record.certificate = record.certificate_next;
    record.certificate_to_ms = record.certificate_next_to_ms;
    record.certificate_next = "";
    record.certificate_next_to_ms = 0;
    int rc = put(renew, &record, "it has its next certificate", err);
    if (!rc)
        log_info("the certificate of host %s is renewed", renew->host);
    return rc;
}

/* ---- the host has it ---- */

static void given(void *arg, const void *answer, const struct vdc_error *why)
{
    struct renew *renew = arg;
    struct host *host = host_of(renew);
    struct vdc_error err = { 0 };

    if (!host)
        end(renew, LOOK_MS);
    else if (why && why->code == VDC_E_CLOSED)
        end(renew, LOST_MS); /* it may have it */
    else if (why)
        failed(renew, why);
    else if (promote(renew, host, &err))
        failed(renew, &err);
    else
        end(renew, PAUSE_MS);
}

static void granted(void *arg, const struct vdc_error *why)
{
    struct renew *renew = arg;
    struct host *host = host_of(renew);
    struct wire_dc_renewed order;
    struct vdc_error err = { 0 };

    if (!host) {
        end(renew, LOOK_MS);
        return;
    }
    if (why->code) {
        failed(renew, why);
        return;
    }
    wire_init(&wire_struct_dc_renewed, &order);
    order.certificate = renew->certificate;
    if (service_ask(host->service, WIRE_MSG_dc_renewed, &order, given, NULL,
                    renew, NULL, &err))
        failed(renew, &err);
}

/* ---- it is granted ---- */

static int grant(struct renew *renew, const struct host *host,
                 const char *request, struct vdc_error *err)
{
    struct wire_host_record record = host->record;
    char text[TLS_FINGERPRINT_TEXT_SIZE];
    struct tls_certificate x;
    int rc = dc_grant_host(renew->ops->dc, host->name, request,
                           &renew->certificate, &x, err);

    if (rc)
        return rc;
    tls_fingerprint_text(x.fingerprint, text);
    record.certificate_next = text;
    record.certificate_next_to_ms = x.valid_to_ms;
    return put(renew, &record, "it may have another certificate", err);
}

static void asked(void *arg, const void *answer, const struct vdc_error *why)
{
    const struct wire_dc_renewal *renewal = answer;
    struct renew *renew = arg;
    struct host *host = host_of(renew);
    struct vdc_error err = { 0 };

    if (!host) {
        end(renew, LOOK_MS);
        return;
    }
    if (why) {
        failed(renew, why);
        return;
    }
    if (*host->record.certificate_next &&
        strcmp(renewal->certificate, host->record.certificate_next) == 0) {
        /* it has had it since before the answer was lost */
        if (promote(renew, host, &err))
            failed(renew, &err);
        else
            end(renew, PAUSE_MS);
        return;
    }
    if (grant(renew, host, renewal->request, &err))
        failed(renew, &err);
    else if (!book_wait(renew->ops->book, granted, renew))
        granted(renew, &err);
}

/* ---- whose turn it is ---- */

static bool has_failed(const struct renew *renew, const char *host)
{
    const struct failure *failure = find_failure(renew, host);

    return failure && failure->until_ms > clock_mono().ms;
}

/* Both hosts of a move know the other by its certificate. */
static bool is_needed(const struct renew *renew, const struct host *host)
{
    const struct wire_stored_move *move = NULL;

    while ((move = book_move_after(renew->ops->book, move)))
        if (mover_needs_certificate(move, host->name))
            return true;
    return false;
}

static bool is_due(const struct renew *renew, const struct host *host)
{
    const struct wire_host_record *record = &host->record;
    uint64_t now = clock_wall().ms;

    if (!host->up || !*record->certificate ||
        record->certificate_to_ms > now + RENEW_BEFORE_MS)
        return false;
    if (record->certificate_to_ms > now + URGENT_MS &&
        is_needed(renew, host))
        return false;
    return !has_failed(renew, host->name);
}

bool renew_is_under_way(const struct renew *renew, const struct host *host)
{
    if (!renew)
        return false;
    return strcmp(renew->host, host->name) == 0 ||
           (*host->record.certificate_next &&
            !has_failed(renew, host->name));
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct renew *renew = arg;
    struct wire_empty nothing;
    struct vdc_error err = { 0 };
    struct host *host;

    for (host = hosts_first(renew->ops->hosts); host; host = hosts_next(host))
        if (is_due(renew, host))
            break;
    if (!host) {
        look_in(renew, LOOK_MS);
        return;
    }
    snprintf(renew->host, sizeof(renew->host), "%s", host->name);
    wire_init(&wire_struct_empty, &nothing);
    if (service_ask(host->service, WIRE_MSG_dc_renew, &nothing, asked, NULL,
                    renew, NULL, &err))
        failed(renew, &err);
}

struct renew *renew_new(struct operations *ops)
{
    struct renew *renew = XNEW(struct renew);

    renew->ops = ops;
    LIST_INIT(&renew->failures);
    renew->timer = evtimer_new(ops->base, on_timer, renew);
    look_in(renew, SOON_MS);
    return renew;
}

void renew_soon(struct renew *renew)
{
    if (renew && !renew->stopped && !renew->host[0])
        look_in(renew, SOON_MS);
}

void renew_stop(struct renew *renew)
{
    if (!renew)
        return;
    renew->stopped = true;
    evtimer_del(renew->timer);
}

void renew_free(struct renew *renew)
{
    if (!renew)
        return;
    while (!LIST_EMPTY(&renew->failures)) {
        struct failure *failure = LIST_FIRST(&renew->failures);
        LIST_REMOVE(failure, link);
        free(failure);
    }
    event_free(renew->timer);
    free(renew->certificate);
    free(renew);
}
