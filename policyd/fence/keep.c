/*
 * What protected guests are, kept; see keep.h.
 *
 *   note, look -> queue -> its host is asked -> recorded
 *
 * What could not be asked is noted again when its host is compared with the
 * book (reconcile.h), which happens with each new connection.
 */
#include "policyd/fence/keep.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* Hosts have other things to do. */
#define ASKED_MAX 16

struct keeping {
    TAILQ_ENTRY(keeping) link;
    struct keep *keep;
    struct vdc_uuid uuid;
    bool again; /* it was noted again after it was asked */
};

TAILQ_HEAD(keepings, keeping);

struct keep {
    struct operations *ops;
    struct keepings queue, asked;
    unsigned n_asked;
    bool stopped;
};

bool keep_is_protected(const struct assignment *a)
{
    static const char word[] = "protected";
    size_t len = sizeof(word) - 1;

    for (const char *at = a->placing; (at = strstr(at, word)); at += len)
        if ((at == a->placing || at[-1] == ' ') &&
            (at[len] == ' ' || !at[len]))
            return true;
    return false;
}

static struct keeping *find_asked(const struct keep *keep,
                                  const struct vdc_uuid *uuid)
{
    struct keeping *k;

    TAILQ_FOREACH(k, &keep->asked, link)
    if (uuid_equal(&k->uuid, uuid))
        break;
    return k;
}

static void go_on(struct keep *keep);

static void record(const struct keep *keep,
                   const struct wire_partition_reply *shown)
{
    struct book *book = keep->ops->book;
    const struct wire_stored_kept *old;
    struct wire_stored_kept kept;
    struct vdc_error err = { 0 };

    wire_init(&wire_struct_stored_kept, &kept);
    kept.uuid = shown->partition.uuid;
    kept.definition = shown->definition;
    kept.definition.uuid = kept.uuid;
    kept.generation = shown->partition.generation;
    kept.owner = shown->partition.customer;
    kept.xen_name = shown->partition.xen_name;
    old = book_kept(book, &kept.uuid);
    if (old && old->generation == kept.generation &&
        strcmp(old->definition.name, kept.definition.name) == 0)
        return;
    if (book_kept_put(book, &kept, &err))
        log_error("what guest '%s' is, is not recorded: %s",
                  kept.definition.name, err.text);
}

static void shown(void *arg, const void *answer, const struct vdc_error *why)
{
    struct keeping *k = arg;
    struct keep *keep = k->keep;
    const struct wire_partition_reply *reply = answer;
    const struct assignment *a = book_assignment(keep->ops->book, &k->uuid);

    TAILQ_REMOVE(&keep->asked, k, link);
    keep->n_asked--;
    if (!keep->stopped && !why && a && !book_moves(a) &&
        strcmp(a->host, reply->partition.host) == 0)
        record(keep, reply);
    if (k->again && !keep->stopped)
        TAILQ_INSERT_TAIL(&keep->queue, k, link);
    else
        free(k);
    if (!keep->stopped)
        go_on(keep);
}

static void ask(struct keep *keep, struct keeping *k)
{
    struct assignment *a = book_assignment(keep->ops->book, &k->uuid);
    struct wire_partition_ref ref;
    struct service *service;

    wire_init(&wire_struct_partition_ref, &ref);
    ref.uuid = k->uuid;
    k->again = false;
    if (a)
        a->keep_queued = false;
    if (!a || book_moves(a) ||
        hosts_service(keep->ops->hosts, a->host, &service, NULL) ||
        service_act(service, WIRE_MSG_partition_show, &ref, shown, NULL, k,
                    NULL, NULL)) {
        free(k);
        return;
    }
    TAILQ_INSERT_TAIL(&keep->asked, k, link);
    keep->n_asked++;
}

static void go_on(struct keep *keep)
{
    struct keeping *k;

    while (!keep->stopped && keep->n_asked < ASKED_MAX &&
           (k = TAILQ_FIRST(&keep->queue))) {
        TAILQ_REMOVE(&keep->queue, k, link);
        ask(keep, k);
    }
}

void keep_look(struct keep *keep, struct assignment *a)
{
    struct keeping *k;

    if (!keep || keep->stopped || !keep_is_protected(a))
        return;
    k = find_asked(keep, &a->uuid);
    if (k)
        k->again = true;
    if (k || a->keep_queued)
        return;
    a->keep_queued = true;
    k = XNEW(struct keeping);
    k->keep = keep;
    k->uuid = a->uuid;
    TAILQ_INSERT_TAIL(&keep->queue, k, link);
    go_on(keep);
}

void keep_note(struct keep *keep, struct assignment *a,
               const struct wire_partition *p)
{
    const struct wire_stored_kept *kept;

    if (!keep || !keep_is_protected(a))
        return;
    kept = book_kept(keep->ops->book, &a->uuid);
    if (!kept || kept->generation != p->generation)
        keep_look(keep, a);
}

struct keep *keep_new(struct operations *ops)
{
    struct keep *keep = XNEW(struct keep);

    keep->ops = ops;
    TAILQ_INIT(&keep->queue);
    TAILQ_INIT(&keep->asked);
    return keep;
}

void keep_stop(struct keep *keep)
{
    if (keep)
        keep->stopped = true;
}

void keep_free(struct keep *keep)
{
    struct keeping *k;

    if (!keep)
        return;
    while ((k = TAILQ_FIRST(&keep->queue))) {
        TAILQ_REMOVE(&keep->queue, k, link);
        free(k);
    }
    while ((k = TAILQ_FIRST(&keep->asked))) {
        TAILQ_REMOVE(&keep->asked, k, link);
        free(k);
    }
    free(keep);
}
