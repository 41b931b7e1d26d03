/*
 * dc_init, dc_token, dc_join: who is let in, and what a machine that joins
 * must show.  doc/design/013 says why.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/tcp.h"
#include "base/tls_issue.h"
#include "policyd/api/operations.h"
#include "policyd/customers/secret.h"
#include "policyd/dc/dc_impl.h"

#define HOUR_MS UINT64_C(3600000)
#define TOKEN_USUAL_MS HOUR_MS
#define TOKEN_MOST_MS (7 * 24 * HOUR_MS)
/* Certificates say when they are good; a machine whose clock differs by more
 * would refuse others', or have its own refused, sooner or later. */
#define CLOCK_DIFFERS_MS UINT64_C(300000)
#define USUAL_PORT 8444

static const char *time_text(struct arena *arena, uint64_t ms)
{
    char buf[32];

    return arena_strdup(arena, clock_wall_format((struct wall){ ms }, buf,
                                                 sizeof(buf)));
}

/* ---- dc_init ---- */

static void describe(const struct operations *ops, struct arena *arena,
                     struct wire_dc_authority *ret)
{
    char text[TLS_FINGERPRINT_TEXT_SIZE];
    struct tls_certificate ca;

    ret->address = ops->setup->dc_address;
    if (!dc_authority(ops->dc, &ca))
        return;
    tls_fingerprint_text(ca.fingerprint, text);
    ret->fingerprint = arena_strdup(arena, text);
    ret->subject = arena_strdup(arena, ca.subject);
    ret->valid_from_ms = ca.valid_from_ms;
    ret->valid_to_ms = ca.valid_to_ms;
}

/* Hosts that have joined would refuse another authority: it is more likely
 * that this machine lacks the files than that a new one is wanted. */
static int check_none_joined(const struct operations *ops,
                             struct vdc_error *err)
{
    const struct host *host;
    unsigned n = 0;

    for (host = hosts_first(ops->hosts); host; host = hosts_next(host))
        n += *host->record.certificate != '\0';
    if (!n)
        return 0;
    vdc_error_set(err, VDC_E_WRONG_STATE,
                  "%u host%s joined under an authority whose files are not in "
                  "%s", n, n == 1 ? " has" : "s have",
                  ops->setup->dc_directory);
    vdc_error_hint(err, "put a copy of that directory there, from where "
                        "policyd was before, and restart policyd; with "
                        "--again another authority is made, and every host "
                        "must join again");
    return VDC_E_WRONG_STATE;
}

void dc_serve_init(struct request *request)
{
    const struct wire_dc_init *asked = request->body;
    struct operations *ops = request->ops;
    struct wire_dc_authority reply;
    struct tls_certificate ca;
    struct vdc_error err = { 0 };
    int rc = 0;

    wire_init(&wire_struct_dc_authority, &reply);
    reply.existed = dc_authority(ops->dc, &ca);
    if (dc_would_make(ops->dc) && !asked->again)
        rc = check_none_joined(ops, &err);
    if (!rc && !asked->dry_run)
        rc = dc_init(ops->dc, &err);
    if (!rc)
        describe(ops, request->arena, &reply);
    if (!rc && !asked->dry_run && !reply.existed) {
        const struct store_audit audit =
            operations_audit(request, "", reply.fingerprint, 0);
        rc = book_audits(ops->book, &audit, 1, &err);
        dc_note_holder(ops);
        log_info("certificate authority %s was made by %s", reply.fingerprint,
                 operations_who(request));
    }
    if (rc)
        request_fail(request, &err);
    else
        request_reply(request, WIRE_MSG_dc_init_reply, &reply);
}

/* ---- dc_token ---- */

static int check_host(const struct operations *ops,
                      const struct wire_dc_token *asked, struct vdc_error *err)
{
    const struct host *host = hosts_find(ops->hosts, asked->host);
    int rc = names_check_guest(asked->host, err);

    if (rc)
        vdc_error_prefix(err, "host");
    else if (tcp_is_number(asked->host))
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "host '%s': an address cannot be a host's name",
                           asked->host);
    else if (host && host->own)
        rc = vdc_error_set(err, VDC_E_WRONG_STATE,
                           "host '%s' is that of policyd.conf: it needs not "
                           "join", asked->host);
    else if (host && !asked->again) {
        rc = vdc_error_set(err, VDC_E_EXISTS, "there is a host '%s' already",
                           asked->host);
        vdc_error_hint(err, "--again lets that host have a new certificate; "
                            "another machine needs another name");
    } else if (!host && asked->again) {
        rc = vdc_error_set(err, VDC_E_NOT_FOUND, "no such host: %s",
                           asked->host);
        vdc_error_hint(err, "without --again a new host is let in");
    }
    return rc;
}

static int check_token(const struct operations *ops,
                       const struct wire_dc_token *asked,
                       struct vdc_error *err)
{
    int rc = dc_check(ops->dc, err);

    if (!rc && !*ops->setup->dc_address) {
        rc = vdc_error_set(err, VDC_E_WRONG_STATE,
                           "hosts cannot join: policyd.conf has no "
                           "dc_address");
        vdc_error_hint(err, "say there where they come, as dc_address = "
                            "\"192.0.2.1:8445\", and restart policyd");
    }
    if (!rc)
        rc = asked->policyd ? dc_check_policyd(ops, asked, err)
                            : check_host(ops, asked, err);
    if (!rc && asked->expires_ms > TOKEN_MOST_MS)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "a token to join with lives at most 7 days");
    return rc;
}

static int make_token(struct request *request,
                      const struct wire_dc_token *asked,
                      struct wire_dc_ticket *ticket, struct vdc_error *err)
{
    struct operations *ops = request->ops;
    char id[SECRET_ID_SIZE], secret[SECRET_TEXT_SIZE];
    uint8_t salt[SECRET_SALT_SIZE], hash[SECRET_HASH_SIZE];
    struct wire_dc_authority authority;
    struct wire_stored_join join;
    int rc = secret_draw(id, secret, salt, err);

    if (!rc)
        rc = secret_hash(salt, sizeof(salt), secret, hash, err);
    if (rc)
        return rc;
    wire_init(&wire_struct_stored_join, &join);
    join.host = asked->policyd
        ? arena_printf(request->arena, BOOK_JOIN_POLICYD "%s", asked->host)
        : asked->host;
    join.salt = salt;
    join.n_salt = sizeof(salt);
    join.hash = hash;
    join.n_hash = sizeof(hash);
    join.expires_ms = ticket->expires_ms;
    join.again = asked->again;
    const struct store_audit audit =
        operations_audit(request, "", asked->host, 0);
    rc = book_join_put(ops->book, &join, clock_wall().ms, &audit, err);
    if (rc)
        return rc;
    wire_init(&wire_struct_dc_authority, &authority);
    describe(ops, request->arena, &authority);
    ticket->token = arena_printf(request->arena, "%s:%s:%s", join.host, secret,
                                 authority.fingerprint);
    log_info("a token for %s %s to join was made by %s",
             asked->policyd ? "policyd of" : "host", asked->host,
             operations_who(request));
    return 0;
}

void dc_serve_token(struct request *request)
{
    const struct wire_dc_token *asked = request->body;
    struct wire_dc_ticket ticket;
    struct vdc_error err = { 0 };
    int rc = check_token(request->ops, asked, &err);

    wire_init(&wire_struct_dc_ticket, &ticket);
    ticket.host = asked->host;
    ticket.address = request->ops->setup->dc_address;
    ticket.expires_ms =
        clock_wall().ms +
        (asked->expires_ms ? asked->expires_ms : TOKEN_USUAL_MS);
    if (!rc && !asked->dry_run)
        rc = make_token(request, asked, &ticket, &err);
    if (rc)
        request_fail(request, &err);
    else
        request_reply(request, WIRE_MSG_dc_token_reply, &ticket);
}

/* ---- dc_join: the token ---- */

/* HOST:SECRET:FINGERPRINT; a host's name has no colon. */
static bool take_apart(struct arena *arena, const char *token,
                       const char **ret_host, const char **ret_secret)
{
    char *copy = arena_strdup(arena, token);
    char *secret = strchr(copy, ':');
    char *fingerprint = secret ? strchr(secret + 1, ':') : NULL;

    if (!fingerprint)
        return false;
    *secret = *fingerprint = '\0';
    *ret_host = copy;
    *ret_secret = secret + 1;
    return true;
}

static int bad_token(struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_DENIED,
                  "the token is not known here: it is mistyped, or a later "
                  "one was made for the host, or the host was removed");
    vdc_error_hint(err, "an operator makes another with `xl-vdc dc-token "
                        "HOST`");
    return VDC_E_DENIED;
}

int dc_find_join(struct request *request, const char *token,
                 const struct wire_stored_join **ret, struct vdc_error *err)
{
    static const uint8_t none[SECRET_HASH_SIZE];
    uint8_t hash[SECRET_HASH_SIZE];
    const struct wire_stored_join *join;
    const char *host, *secret;

    if (!take_apart(request->arena, token, &host, &secret))
        return bad_token(err);
    join = book_join(request->ops->book, host);
    if (join && join->n_hash != sizeof(hash))
        join = NULL;
    int rc = secret_hash(join ? join->salt : none, join ? join->n_salt : 16,
                         secret, hash, err);
    if (rc)
        return rc;
    if (!secret_same(hash, join ? join->hash : none, sizeof(hash)) || !join)
        return bad_token(err);
    *ret = join;
    return 0;
}

/* As it is written after dc-token. */
static const char *whose(struct arena *arena,
                         const struct wire_stored_join *join)
{
    const char *name = dc_policyd_of(join);

    return name ? arena_printf(arena, "--policyd %s", name) : join->host;
}

int dc_check_time(struct arena *arena, const struct wire_stored_join *join,
                  uint64_t theirs, struct vdc_error *err)
{
    uint64_t now_ms = clock_wall().ms;
    uint64_t differs = theirs > now_ms ? theirs - now_ms : now_ms - theirs;

    /* one that was used is good for the same key alone, at any time */
    if (!*join->key && join->expires_ms <= now_ms) {
        vdc_error_set(err, VDC_E_DENIED, "the token expired at %s",
                      time_text(arena, join->expires_ms));
        vdc_error_hint(err, "an operator makes another with `xl-vdc dc-token "
                            "%s%s`", whose(arena, join),
                       join->again ? " --again" : "");
        return VDC_E_DENIED;
    }
    if (differs <= CLOCK_DIFFERS_MS)
        return 0;
    vdc_error_set(err, VDC_E_BAD_VALUE,
                  "the clock of this machine says %s, and that of policyd "
                  "%s: they differ by more than 5 minutes",
                  time_text(arena, theirs), time_text(arena, now_ms));
    vdc_error_hint(err, "set the clock that is wrong and try again, with the "
                        "same token");
    return VDC_E_BAD_VALUE;
}

/* ---- dc_join: the host ---- */

/* Where policyd will reach it. */
static int take_address(struct request *request,
                        const struct wire_dc_join *asked, const char **ret,
                        struct vdc_error *err)
{
    char host[TCP_HOST_MAX + 1], port[6];
    const char *from = request->peer.text, *address = asked->address;

    if (!*address)
        address = arena_printf(request->arena,
                               strchr(from, ':') ? "[%s]:%d" : "%s:%d", from,
                               USUAL_PORT);
    int rc = tcp_split(address, host, port, err);
    if (!rc && !tcp_is_number(host)) {
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "address '%s': the host is to be a number",
                           address);
        vdc_error_hint(err, "as 192.0.2.1:8444 or [2001:db8::1]:8444");
    }
    *ret = arena_printf(request->arena, "tls:%s", address);
    return rc;
}

static int check_place(const struct operations *ops,
                       const struct wire_stored_join *join,
                       const char *address, struct vdc_error *err)
{
    const struct host *host = hosts_find(ops->hosts, join->host), *other;

    if (host && !join->again)
        return vdc_error_set(err, VDC_E_EXISTS,
                             "there is a host '%s' already: nothing was "
                             "changed", join->host);
    if (!host && join->again)
        return vdc_error_set(err, VDC_E_NOT_FOUND,
                             "there is no host '%s' any more: nothing was "
                             "changed", join->host);
    for (other = hosts_first(ops->hosts); other; other = hosts_next(other))
        if (other != host &&
            strcmp(service_address(other->service), address) == 0) {
            vdc_error_set(err, VDC_E_EXISTS,
                          "host '%s' has the address %s already: nothing was "
                          "changed", other->name, address);
            vdc_error_hint(err, "--address says where resourced of this "
                                "machine listens");
            return VDC_E_EXISTS;
        }
    return 0;
}

static void reply(struct request *request, const struct wire_stored_join *join,
                  const struct wire_host_record *record)
{
    struct wire_dc_joined joined;

    wire_init(&wire_struct_dc_joined, &joined);
    joined.host = record->name;
    joined.address = record->address;
    joined.certificate = join->certificate;
    joined.authority = dc_authority_text(request->ops->dc);
    joined.certificate_to_ms = record->certificate_to_ms;
    request_reply(request, WIRE_MSG_dc_join_reply, &joined);
}

/* The answer was lost: it is the same once more.  True: it was used. */
static bool repeat(struct request *request,
                   const struct wire_stored_join *join, const char *key)
{
    const struct host *host = hosts_find(request->ops->hosts, join->host);
    struct tls_certificate given;
    char text[TLS_FINGERPRINT_TEXT_SIZE] = "";
    struct vdc_error err = { 0 };

    if (!*join->key)
        return false;
    if (!tls_certificate_read(join->certificate, strlen(join->certificate),
                              &given, NULL))
        tls_fingerprint_text(given.fingerprint, text);
    if (strcmp(join->key, key) == 0 && host &&
        strcmp(host->record.certificate, text) == 0) {
        request->changes = true; /* what it was let in by may be on its way */
        reply(request, join, &host->record);
        return true;
    }
    vdc_error_set(&err, VDC_E_DENIED,
                  "the token was used already: host '%s' has joined with it",
                  join->host);
    vdc_error_hint(&err, "if that was this machine, `xl-vdc dc-token %s "
                         "--again` makes one for it; if not, find out who it "
                         "was", join->host);
    request_fail(request, &err);
    return true;
}

/* What was entered of a host that is one already stays. */
static int make_record(struct request *request,
                       const struct wire_stored_join *join,
                       const char *address, const struct tls_certificate *x,
                       struct wire_host_record *ret, struct vdc_error *err)
{
    const struct host *host = hosts_find(request->ops->hosts, join->host);
    char text[TLS_FINGERPRINT_TEXT_SIZE];
    int rc = 0;

    wire_init(&wire_struct_host_record, ret);
    if (host)
        rc = wire_struct_copy(&wire_struct_host_record, &host->record,
                              request->arena, ret, err);
    else
        ret->created_ms = clock_wall().ms;
    tls_fingerprint_text(x->fingerprint, text);
    ret->name = arena_strdup(request->arena, join->host);
    ret->address = address;
    ret->certificate = arena_strdup(request->arena, text);
    ret->certificate_to_ms = x->valid_to_ms;
    ret->certificate_next = ""; /* one that was being made is not */
    ret->certificate_next_to_ms = 0;
    return rc;
}

static int let_in(struct request *request, const char *key,
                  const char *address, struct wire_stored_join *join,
                  struct wire_host_record *record, struct vdc_error *err)
{
    const struct wire_dc_join *asked = request->body;
    struct operations *ops = request->ops;
    struct tls_certificate x;
    char *certificate = NULL;
    int rc = dc_grant_host(ops->dc, join->host, asked->request, &certificate,
                           &x, err);

    if (!rc)
        rc = make_record(request, join, address, &x, record, err);
    if (!rc) {
        const struct store_audit audit =
            operations_audit(request, "", record->name, 0);
        join->key = key;
        join->certificate = arena_strdup(request->arena, certificate);
        rc = book_join_use(ops->book, join, record, &audit, err);
    }
    free(certificate);
    if (rc)
        return rc;
    log_info("host %s has joined from %s, to be reached at %s", record->name,
             request->peer.text, record->address);
    hosts_put(ops->hosts, record);
    return 0;
}

void dc_serve_join(struct request *request)
{
    const struct wire_dc_join *asked = request->body;
    const struct wire_stored_join *found = NULL;
    char key[TLS_FINGERPRINT_TEXT_SIZE];
    struct wire_host_record record;
    struct wire_stored_join join;
    const char *address = "";
    struct vdc_error err = { 0 };
    int rc = dc_find_join(request, asked->token, &found, &err);

    /* anybody may come and try: that is for the log, which has a limit */
    request->audited = rc;
    if (!rc && dc_policyd_of(found)) {
        rc = vdc_error_set(&err, VDC_E_BAD_VALUE,
                           "this token is for a policyd, not for a host");
        vdc_error_hint(&err, "on the machine of that policyd: xl-vdc dc-join "
                             "--policyd");
    }
    if (!rc)
        rc = dc_check_time(request->arena, found, asked->now_ms, &err);
    if (!rc)
        rc = tls_issue_key_id(asked->request, key, &err);
    if (!rc && repeat(request, found, key))
        return;
    if (!rc) /* the book's is replaced by it */
        rc = wire_struct_copy(&wire_struct_stored_join, found, request->arena,
                              &join, &err);
    if (!rc)
        rc = take_address(request, asked, &address, &err);
    if (!rc)
        rc = check_place(request->ops, &join, address, &err);
    if (!rc)
        rc = let_in(request, key, address, &join, &record, &err);
    if (rc) {
        log_limited(VDC_LOG_WARNING, request->peer.text,
                    "a machine that wants to join is refused: %s", err.text);
        request_fail(request, &err);
        return;
    }
    reply(request, &join, &record);
}
