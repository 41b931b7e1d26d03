/*
 * The record of who did what; see audit.h.
 */
#include "policyd/customers/audit.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/api/auth.h"
#include "policyd/api/operations.h"
#include "policyd/customers/history.h"
#include "policyd/customers/secret.h"
#include "wire/page.h"

/* ---- what was refused ---- */

#define REFUSED_PER_MINUTE 60

/* Accounts share them by number, and guests by theirs; the worst is that one's
 * refusals are not recorded for a minute. */
static struct {
    uint64_t minute;
    unsigned n;
} buckets[64];

static bool is_too_many(const struct request *request)
{
    /* not whom it acts as: that is not known of one who is nobody here; who
     * comes over TLS has no uid, and a token of random digits */
    const struct auth_peer *peer = &request->peer;
    const char *token = request->auth.token;
    unsigned number = *token ? (unsigned)strtoul(token + 8, NULL, 16)
                      : uuid_is_zero(&peer->guest) ? (unsigned)peer->uid
                                                   : peer->guest.bytes[15];
    unsigned bucket = number % 64;
    uint64_t minute = clock_mono().ms / 60000;

    if (buckets[bucket].minute != minute)
        buckets[bucket].n = 0;
    buckets[bucket].minute = minute;
    return ++buckets[bucket].n > REFUSED_PER_MINUTE;
}

/* A field of the request's body; NULL: it has none of that name and kind. */
static const void *field(const struct request *request, const char *name,
                         enum wire_kind kind)
{
    const struct wire_struct *s = request->message->body;

    for (size_t i = 0; i < s->n_fields; i++)
        if (s->fields[i].kind == kind && strcmp(s->fields[i].name, name) == 0)
            return (const char *)request->body + s->fields[i].offset;
    return NULL;
}

static const char *text_field(const struct request *request, const char *name)
{
    const char *const *text = field(request, name, WIRE_KIND_STR);

    return text ? *text : "";
}

/* What it was about, as far as it was said. */
static const char *object_of(const struct request *request)
{
    const struct wire_partition_create *create = request->body;
    const struct wire_transaction *order = request->body;
    const char *text = "";

    if (request->message->number == WIRE_MSG_partition_create)
        return create->definition.name;
    if (request->message->number != WIRE_MSG_transaction)
        return *text_field(request, "name") ? text_field(request, "name")
                                            : text_field(request, "id");
    for (uint32_t i = 0; i < order->n_operations && strlen(text) < 512; i++) {
        const struct wire_operation *op = &order->operations[i];
        text = arena_printf(request->arena, "%s%s%s", text, i ? " " : "",
                            op->kind == WIRE_OP_CREATE ? op->definition.name
                                                       : op->name);
    }
    return text;
}

/* Whose affair it is: what a customer may not name is its own try. */
static const char *customer_of(const struct request *request)
{
    const struct auth *auth = &request->auth;
    const char *asked = text_field(request, "customer");
    const struct customer *c = book_customer(request->ops->book, asked);

    if (auth->role == W_OPERATOR)
        return c ? c->name : NAMES_PROVIDER;
    return c && names_covers(auth->customer, c->name) ? c->name
                                                      : auth->customer;
}

static void add(struct request *request, const struct vdc_error *err)
{
    struct vdc_error why = { 0 };
    const struct store_audit audit = { .time_ms = clock_wall().ms,
                                       .uid = (uint32_t)request->peer.uid,
                                       .customer = customer_of(request),
                                       .message = request->message->name,
                                       .object = object_of(request),
                                       .result = err->code,
                                       .who = operations_who(request),
                                       .origin = operations_origin(request),
                                       .detail = err->text };
    request->audited = true;
    if (book_audits(request->ops->book, &audit, 1, &why))
        log_debug("record of %s: %s", request->message->name, why.text);
}

void audit_done(struct request *request)
{
    const struct vdc_error none = { 0 };

    add(request, &none);
}

void audit_refused(struct request *request, const struct vdc_error *err)
{
    const bool *dry_run = field(request, "dry_run", WIRE_KIND_BOOL);

    if (request->peer.joins) /* anybody may come there and try */
        return;
    if (request->audited || !*request->peer.text || (dry_run && *dry_run) ||
        auth_needs(request->message) == WIRE_ROLE_READ || is_too_many(request))
        return;
    add(request, err);
}

/* ---- showing ---- */

/* Of a page, in bytes of texts, about. */
#define PAGE_ROWS_MAX 512

struct listing {
    struct request *request;               /* its arena holds this */
    char customer[NAMES_CUSTOMER_MAX + 1]; /* "": all */
    uint64_t not_before_ms; /* a namesake's are not this customer's */
    struct wire_audit_list list;
    bool more;
};

static const char *copy(const struct listing *l, const char *text)
{
    return arena_strdup(l->request->arena, text);
}

/* "token ID", or "certificate SUBJECT (ID)", where a subject may be anything.
 */
static bool find_token_id(const char *who, char *ret)
{
    size_t len = strlen(who), digits = SECRET_ID_SIZE - 1;
    const char *id = NULL;

    if (strncmp(who, "token ", 6) == 0)
        id = who + 6;
    else if (strncmp(who, "certificate ", 12) == 0 && len > 14 + digits)
        id = who + len - digits - 1;
    if (!id || strlen(id) < digits)
        return false;
    memcpy(ret, id, digits);
    ret[digits] = '\0';
    return true;
}

/* What an operator was told is not for customers: it may name hosts, and
 * others.  Of what is not sure to be their own they see the error's name. */
static bool is_own(const struct listing *l,
                   const struct wire_stored_audit *audit)
{
    const struct book *book = l->request->ops->book;
    const struct wire_stored_token *t;
    char id[SECRET_ID_SIZE];

    if (l->request->auth.role == W_OPERATOR ||
        strncmp(audit->who, "user ", 5) == 0 ||
        strncmp(audit->who, "guest ", 6) == 0)
        return true;
    if (!find_token_id(audit->who, id))
        return false;
    t = book_token(book, id);
    return t && names_covers(l->request->auth.customer, t->token.customer);
}

static void describe(const struct listing *l, const char *id,
                     const struct wire_stored_audit *from,
                     struct wire_audit *ret)
{
    wire_init(&wire_struct_audit, ret);
    ret->id = copy(l, id);
    ret->time_ms = from->time_ms;
    ret->customer = copy(l, from->customer);
    ret->action = copy(l, from->message);
    ret->object = copy(l, from->object);
    ret->origin = copy(l, from->origin);
    if (is_own(l, from))
        ret->detail = copy(l, from->detail);
    if (*from->who)
        ret->who = copy(l, from->who);
    else if (from->own)
        ret->who = "policyd";
    else
        ret->who = arena_printf(l->request->arena, "uid %u", from->uid);
    if (from->result)
        ret->error = vdc_error_name((int)from->result);
}

static bool wanted(const struct listing *l,
                   const struct wire_stored_audit *audit)
{
    const struct wire_audit_query *query = l->request->body;

    return audit->time_ms >= query->since_ms &&
           (!*l->customer || (names_covers(l->customer, audit->customer) &&
                              audit->time_ms >= l->not_before_ms)) &&
           (!*query->object || strcmp(audit->object, query->object) == 0) &&
           (!query->failed || audit->result);
}

static bool take(void *arg, const char *id, const void *body)
{
    struct listing *l = arg;
    const struct wire_audit_query *query = l->request->body;

    if (strcmp(id, query->from) <= 0 || !wanted(l, body))
        return true;
    if (l->list.n_audits == PAGE_ROWS_MAX) {
        l->more = true;
        return false;
    }
    describe(l, id, body, &l->list.audits[l->list.n_audits++]);
    return true;
}

static void done(void *arg, const struct vdc_error *why)
{
    struct listing *l = arg;
    struct wire_audit_list *list = &l->list;

    if (why->code) {
        request_fail(l->request, why);
        return;
    }
    uint32_t n =
        wire_page_count(&wire_struct_audit, list->audits, list->n_audits);
    list->next = n < list->n_audits || l->more ? list->audits[n - 1].id : "";
    list->n_audits = n;
    request_reply(l->request, WIRE_MSG_audit_list_reply, list);
}

void audit_list(struct request *request)
{
    const struct wire_audit_query *query = request->body;
    struct listing *l = ARENA_NEW(request->arena, struct listing);
    struct vdc_error err = { 0 };
    uint64_t from_ms = query->since_ms, place = 0;
    struct customer *c;
    int rc = 0;

    l->request = request;
    if (*query->customer || request->auth.role != W_OPERATOR) {
        rc = operations_customer(request, query->customer, &c, &err);
        if (!rc)
            strcpy(l->customer, c->name);
        if (!rc && request->auth.role != W_OPERATOR)
            l->not_before_ms = c->created_ms;
    }
    /* the place is an id, which begins with its time */
    if (!rc && *query->from) {
        size_t len = strspn(query->from, "0123456789");
        char *text = arena_strndup(request->arena, query->from, len);
        rc = len == 14 ? wire_page_number(text, &place, &err)
                       : wire_page_refuse(query->from, &err);
    }
    if (rc) {
        request_fail(request, &err);
        return;
    }
    if (from_ms < place)
        from_ms = place;
    if (from_ms < l->not_before_ms)
        from_ms = l->not_before_ms;
    l->list.audits =
        ARENA_ARRAY(request->arena, PAGE_ROWS_MAX, struct wire_audit);
    history_read(request, STORE_AUDIT, from_ms, take, done, l);
}
