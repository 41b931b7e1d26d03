/*
 * A policyd that was removed from those that may lead: see dc.h.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/textfile.h"
#include "base/tls_issue.h"
#include "policyd/dc/dc.h"
#include "policyd/setup.h"
#include "policyd/store/store.h"

#define FILE_MOST 32768
/* Who stands by looks so often whether it still may. */
#define LOOK_MS 5000

struct removed {
    const char *name;
    uint64_t since_ms; /* 0: it is not */
    char authority[TLS_FINGERPRINT_TEXT_SIZE];
};

static void found(void *arg, const char *id, const void *body)
{
    const struct wire_dc_policyd *record = body;
    struct removed *removed = arg;

    if (strcmp(id, removed->name) != 0)
        return; /* its name begins with ours */
    removed->since_ms = record->removed_ms;
    snprintf(removed->authority, sizeof(removed->authority), "%s",
             record->authority);
}

/* Those of another authority, which it has got since, stay. */
static void remove_files(const char *directory, const char *authority)
{
    char *ca_path = xasprintf("%s/ca.pem", directory);
    char *own_path = xasprintf("%s/policyd.pem", directory);
    char *text = NULL, fingerprint[TLS_FINGERPRINT_TEXT_SIZE];
    struct tls_certificate ca;

    if (!textfile_read(ca_path, FILE_MOST, &text, NULL) &&
        !tls_certificate_read(text, strlen(text), &ca, NULL)) {
        tls_fingerprint_text(ca.fingerprint, fingerprint);
        if (strcmp(fingerprint, authority) == 0 && !unlink(ca_path)) {
            unlink(own_path);
            log_warning("%s and policyd.pem, by which this policyd commanded "
                        "hosts, are removed", ca_path);
        }
    }
    tls_issue_free(text);
    free(ca_path);
    free(own_path);
}

/* It is. */
static int refuse(const struct setup *setup, const struct removed *removed,
                  struct vdc_error *err)
{
    char date[32];

    remove_files(setup->dc_directory, removed->authority);
    vdc_error_set(err, VDC_E_DENIED,
                  "policyd of %s was removed from those that may lead this "
                  "data center, at %s", removed->name,
                  clock_wall_format((struct wall){ removed->since_ms }, date,
                                    sizeof(date)));
    vdc_error_hint(err, "where another leads, `xl-vdc dc-token --policyd %s` "
                        "lets it in again, and `xl-vdc dc-join --policyd` "
                        "here",
                   removed->name);
    return VDC_E_DENIED;
}

int dc_check_removed(const struct setup *setup, struct store *store,
                     struct vdc_error *err)
{
    struct removed removed = { .name = setup->host_name };
    int rc = store_read_now(store, STORE_POLICYD, removed.name, found,
                            &removed, err);

    return rc || !removed.since_ms ? rc : refuse(setup, &removed, err);
}

/* ---- while it stands by ---- */

struct dc_stay {
    const struct setup *setup;
    struct store *store;
    struct event *timer;
    struct removed removed;
    dc_removed_fn *fn;
    void *arg;
};

static void look_later(struct dc_stay *stay)
{
    const struct timeval later = { LOOK_MS / 1000, LOOK_MS % 1000 * 1000 };

    evtimer_add(stay->timer, &later);
}

static void found_later(void *arg, const char *id, const void *body)
{
    struct dc_stay *stay = arg;

    found(&stay->removed, id, body);
}

/* A store that does not answer says nothing of that. */
static void looked(void *arg, const struct vdc_error *why)
{
    struct dc_stay *stay = arg;
    struct vdc_error err = { 0 };

    if (why->code || !stay->removed.since_ms) {
        look_later(stay);
        return;
    }
    refuse(stay->setup, &stay->removed, &err);
    stay->fn(stay->arg, &err);
}

static void look(evutil_socket_t fd, short what, void *arg)
{
    struct dc_stay *stay = arg;

    stay->removed = (struct removed){ .name = stay->setup->host_name };
    store_read(stay->store, STORE_POLICYD, stay->removed.name, found_later,
               looked, stay);
}

struct dc_stay *dc_stay_new(struct event_base *base,
                            const struct setup *setup, struct store *store,
                            dc_removed_fn *fn, void *arg)
{
    struct dc_stay *stay = XNEW(struct dc_stay);

    stay->setup = setup;
    stay->store = store;
    stay->fn = fn;
    stay->arg = arg;
    stay->timer = evtimer_new(base, look, stay);
    look_later(stay);
    return stay;
}

void dc_stay_free(struct dc_stay *stay)
{
    if (!stay)
        return;
    event_free(stay->timer);
    free(stay);
}
