/*
 * What operators enter of hosts: host_add, host_remove, host_set.
 */
#include <string.h>

#include "base/clock.h"
#include "base/tcp.h"
#include "policyd/api/operations.h"
#include "policyd/fence/watch.h"
#include "policyd/hosts/dial.h"
#include "policyd/hosts/farewell.h"

static int no_host(const char *name, struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_NOT_FOUND, "no such host: %s", name);
    vdc_error_hint(err, "`xl-vdc host-list` shows them");
    return VDC_E_NOT_FOUND;
}

/* Dedicated to whom? */
static int check_customer(const struct operations *ops, const char *name,
                          struct vdc_error *err)
{
    if (!*name || book_customer(ops->book, name))
        return 0;
    return vdc_error_set(err, VDC_E_NOT_FOUND, "no such customer: %s", name);
}

static void reply_one(struct request *request, const struct wire_host *one)
{
    struct wire_host copy = *one;
    const struct wire_host_list list = { .hosts = &copy, .n_hosts = 1 };

    request_reply(request, WIRE_MSG_host_list_reply, &list);
}

/* The host as it is now, or would be. */
static void reply_record(struct request *request,
                         const struct wire_host_record *record)
{
    const struct host *host = hosts_find(request->ops->hosts, record->name);
    struct wire_host one;

    if (host) {
        hosts_describe(host, request->arena, &one);
    } else {
        wire_init(&wire_struct_host, &one);
        one.name = record->name;
        one.state = "not connected yet";
    }
    one.record = *record;
    reply_one(request, &one);
}

/* Recorded, and then in force. */
static int put(struct request *request, const struct wire_host_record *record,
               struct vdc_error *err)
{
    struct operations *ops = request->ops;
    const struct store_audit audit =
        operations_audit(request, "", record->name, 0);
    int rc = book_host_put(ops->book, record, &audit, err);

    if (!rc)
        hosts_put(ops->hosts, record);
    return rc;
}

/* ---- what may be entered ---- */

static int check_word(const char *what, const char *word,
                      struct vdc_error *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_.:/=";

    if (*word && word[strspn(word, allowed)] == '\0')
        return 0;
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "%s '%s': letters, digits and -_.:/= make one", what,
                         word);
}

/* Who is there, only a certificate says, which a host gets when it joins. */
static int check_tls_address(const struct wire_host_record *record,
                             struct vdc_error *err)
{
    char host[TCP_HOST_MAX + 1], port[6];
    const char *address = record->address + strlen(DIAL_PREFIX);
    int rc = tcp_split(address, host, port, err);

    if (!rc && !tcp_is_number(host))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "address '%s': the host is to be a number",
                             address);
    if (rc || *record->certificate)
        return rc;
    vdc_error_set(err, VDC_E_BAD_VALUE,
                  "host '%s' has no certificate, so it cannot be reached over "
                  "TLS", record->name);
    vdc_error_hint(err, "a host gets one by joining: `xl-vdc dc-token %s` "
                        "here, and `xl-vdc dc-join` on it", record->name);
    return VDC_E_BAD_VALUE;
}

static int check_address(const struct wire_host_record *record,
                         struct vdc_error *err)
{
    static const char *const kinds[] = { "memory:/", "unix:/", "channel:" };
    const char *address = record->address;

    if (!*address)
        return 0;
    if (dial_is_address(address))
        return check_tls_address(record, err);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strncmp(address, kinds[i], strlen(kinds[i])) == 0 &&
            address[strlen(kinds[i])])
            return 0;
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "address '%s': memory:PATH, unix:PATH or "
                         "channel:SERVICE@PARTITION is one; a host that has "
                         "joined has tls:HOST:PORT",
                         address);
}

static int check_fence_address(const struct wire_host_record *record,
                               struct vdc_error *err)
{
    char host[TCP_HOST_MAX + 1], port[6];
    int rc = tcp_split(record->fence_address, host, port, err);

    if (!rc && !tcp_is_number(host))
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "fence address '%s': the host is to be a number",
                           record->fence_address);
    return rc;
}

static int check_record(const struct wire_host_record *record,
                        struct vdc_error *err)
{
    int rc = names_check_guest(record->name, err);

    if (rc)
        vdc_error_prefix(err, "host");
    if (!rc)
        rc = check_address(record, err);
    if (!rc && *record->fence_address)
        rc = check_fence_address(record, err);
    if (!rc && *record->domain)
        rc = check_word("failure domain", record->domain, err);
    for (uint32_t i = 0; !rc && i < record->n_tags; i++)
        rc = check_word("tag", record->tags[i], err);
    return rc;
}

/* What was asked is right, or `rc` and `err` say why not. */
static void finish(struct request *request,
                   const struct wire_host_record *record, int rc,
                   struct vdc_error *err)
{
    const struct wire_host_change *asked = request->body;

    if (!rc && !asked->dry_run)
        rc = put(request, record, err);
    if (rc)
        request_fail(request, err);
    else
        reply_record(request, record);
}

/* ---- host_add ---- */

static int check_new(const struct operations *ops,
                     const struct wire_host_record *record,
                     struct vdc_error *err)
{
    const struct host *other;
    int rc = check_record(record, err);

    if (!rc && !*record->address)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "host '%s' needs the address of its command "
                           "channel",
                           record->name);
    if (!rc && hosts_find(ops->hosts, record->name))
        rc = vdc_error_set(err, VDC_E_EXISTS, "there is a host '%s' already",
                           record->name);
    for (other = hosts_first(ops->hosts); !rc && other;
         other = hosts_next(other))
        if (strcmp(service_address(other->service), record->address) == 0)
            rc = vdc_error_set(err, VDC_E_EXISTS,
                               "host '%s' has the address %s already",
                               other->name, record->address);
    return rc ? rc : check_customer(ops, record->dedicated, err);
}

void host_add(struct request *request)
{
    const struct wire_host_change *asked = request->body;
    struct wire_host_record record = asked->record;
    struct vdc_error err = { 0 };
    int rc;

    record.certificate = ""; /* by dc_join alone */
    record.certificate_to_ms = 0;
    record.certificate_next = "";
    record.certificate_next_to_ms = 0;
    record.fenced_ms = 0; /* by host_fenced alone */
    record.fenced_why = "";
    rc = check_new(request->ops, &record, &err);
    record.created_ms = clock_wall().ms;
    finish(request, &record, rc, &err);
}

/* ---- host_set ---- */

static bool is_meant(const struct wire_host_change *asked, const char *field)
{
    for (uint32_t i = 0; i < asked->n_fields; i++)
        if (strcmp(asked->fields[i], field) == 0)
            return true;
    return false;
}

/* A reason is of one state. */
static void change_record(const struct wire_host_change *asked,
                          struct wire_host_record *record)
{
    const struct wire_host_record *to = &asked->record;

    if (is_meant(asked, "address"))
        record->address = to->address;
    if (is_meant(asked, "state")) {
        record->state = to->state;
        record->reason = "";
    }
    if (is_meant(asked, "reason"))
        record->reason = to->reason;
    if (is_meant(asked, "tags")) {
        record->tags = to->tags;
        record->n_tags = to->n_tags;
    }
    if (is_meant(asked, "domain"))
        record->domain = to->domain;
    if (is_meant(asked, "dedicated"))
        record->dedicated = to->dedicated;
    if (is_meant(asked, "fence_address"))
        record->fence_address = to->fence_address;
}

static int check_set(const struct operations *ops, const struct host *host,
                     const struct wire_host_record *record,
                     struct vdc_error *err)
{
    int rc = check_record(record, err);

    if (!rc && host->own && *record->address)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "the address of host '%s' is in policyd.conf",
                           host->name);
    if (!rc && !host->own && !*record->address)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE, "host '%s' needs an address",
                           host->name);
    return rc ? rc : check_customer(ops, record->dedicated, err);
}

void host_set(struct request *request)
{
    const struct wire_host_change *asked = request->body;
    const struct host *host =
        hosts_find(request->ops->hosts, asked->record.name);
    struct wire_host_record record;
    struct vdc_error err = { 0 };
    int rc = 0;

    if (!host)
        rc = no_host(asked->record.name, &err);
    if (!rc) /* the host's own is replaced by it */
        rc = wire_struct_copy(&wire_struct_host_record, &host->record,
                              request->arena, &record, &err);
    if (!rc) {
        change_record(asked, &record);
        rc = check_set(request->ops, host, &record, &err);
    }
    finish(request, &record, rc, &err);
}

/* ---- host_remove ---- */

/* A guest may come from there, or go back. */
static bool moves_concern(const struct operations *ops, const char *name)
{
    const struct wire_stored_move *move = NULL;

    while ((move = book_move_after(ops->book, move)))
        if (move->state != WIRE_MOVE_KEPT &&
            (strcmp(move->from, name) == 0 || strcmp(move->to, name) == 0))
            return true;
    return false;
}

static int check_guests(const struct operations *ops, const char *name,
                        struct vdc_error *err)
{
    const struct book_host *there = book_host(ops->book, name);

    if (!there || !there->n_assignments)
        return 0;
    vdc_error_set(err, VDC_E_WRONG_STATE,
                  "host '%s' has %zu guests: nothing was changed", name,
                  there->n_assignments);
    vdc_error_hint(err,
                   "`xl-vdc host-evacuate %s` moves them away; `xl-vdc "
                   "host-set %s --state draining` keeps new ones from it",
                   name, name);
    return VDC_E_WRONG_STATE;
}

int host_check_remove(const struct operations *ops, const char *name,
                      struct vdc_error *err)
{
    const struct host *host = hosts_find(ops->hosts, name);

    if (!host)
        return no_host(name, err);
    if (host->own) {
        vdc_error_set(err, VDC_E_WRONG_STATE,
                      "host '%s' is that of policyd.conf", name);
        vdc_error_hint(err,
                       "`xl-vdc host-set %s --state maintenance` keeps "
                       "guests from it",
                       name);
        return VDC_E_WRONG_STATE;
    }
    if (moves_concern(ops, name))
        return vdc_error_set(err, VDC_E_BUSY,
                             "a guest is being moved from or to host '%s': "
                             "nothing was changed", name);
    int rc = check_guests(ops, name, err);
    /* who is no member hears no majority, and stops */
    if (rc || !watch_would_stop(ops->watch, name))
        return rc;
    vdc_error_set(err, VDC_E_WRONG_STATE,
                  "the watchdog of host '%s' is armed, or may be at any "
                  "moment: it would stop the machine later", name);
    vdc_error_hint(err, "on it: systemctl stop xen-vdc-watchdogd; then again "
                        "in 10 s");
    return VDC_E_WRONG_STATE;
}

void host_remove(struct request *request)
{
    const struct wire_host_ref *asked = request->body;
    struct operations *ops = request->ops;
    struct wire_host one;
    struct vdc_error err = { 0 };
    int rc = host_check_remove(ops, asked->name, &err);

    if (!rc) {
        hosts_describe(hosts_find(ops->hosts, asked->name), request->arena,
                       &one);
        rc = wire_struct_copy(&wire_struct_host, &one, request->arena, &one,
                              &err);
    }
    if (!rc && !asked->dry_run) {
        const struct store_audit audit =
            operations_audit(request, "", asked->name, 0);
        rc = book_host_remove(ops->book, asked->name, &audit, &err);
    }
    if (rc) {
        request_fail(request, &err);
        return;
    }
    if (!asked->dry_run) {
        hosts_remove(ops->hosts, asked->name);
        farewell_begin(ops->farewells, &one.record);
    }
    reply_one(request, &one);
}
