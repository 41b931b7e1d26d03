/*
 * The standing view; see inventory.h.
 */
#include "policyd/hosts/inventory_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "policyd/hosts/hosts.h"
#include "policyd/placement/where.h"

#define SLOT_GONE UINT32_MAX

/* ---- guests by UUID ---- */

/* Customers may choose UUIDs; what they gain by equal sums is slowness of
 * their own requests. */
static uint32_t hash_of(const struct vdc_uuid *uuid)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < sizeof(uuid->bytes); i++)
        hash = (hash ^ uuid->bytes[i]) * 16777619u;
    return hash ^ hash >> 15;
}

static uint32_t *slot_of(const struct inventory *inv,
                         const struct vdc_uuid *uuid)
{
    uint32_t mask = inv->n_slots - 1;

    for (uint32_t at = hash_of(uuid) & mask;; at = (at + 1) & mask) {
        uint32_t value = inv->slots[at];
        if (!value)
            return NULL;
        if (value == SLOT_GONE)
            continue;
        const struct placement_guest *guest =
            placement_view_guest(inv->view, value - 1);
        if (guest && uuid_equal(&guest->uuid, uuid))
            return &inv->slots[at];
    }
}

static void take_slot(struct inventory *inv, const struct vdc_uuid *uuid,
                      uint32_t guest)
{
    uint32_t mask = inv->n_slots - 1;
    uint32_t at = hash_of(uuid) & mask;

    while (inv->slots[at])
        at = (at + 1) & mask;
    inv->slots[at] = guest + 1;
    inv->n_used++;
}

static void make_room(struct inventory *inv)
{
    if (inv->n_used * 2 < inv->n_slots)
        return;
    uint32_t n = placement_view_n_guests(inv->view), n_slots = 64;
    while (n_slots < n * 4)
        n_slots *= 2;
    free(inv->slots);
    inv->slots = xzalloc(n_slots * sizeof(*inv->slots));
    inv->n_slots = n_slots;
    inv->n_used = 0;
    for (uint32_t i = 0; i < placement_view_guests_end(inv->view); i++) {
        const struct placement_guest *guest =
            placement_view_guest(inv->view, i);
        if (guest)
            take_slot(inv, &guest->uuid, i);
    }
}

uint32_t inventory_find_guest(const struct inventory *inv,
                              const struct vdc_uuid *uuid)
{
    const uint32_t *slot = slot_of(inv, uuid);

    return slot ? *slot - 1 : PLACEMENT_NONE;
}

/* ---- guests ---- */

static void touch(struct inventory *inv, uint32_t guest)
{
    if (guest >= inv->about_max) {
        uint32_t old = inv->about_max;
        inv->about_max = guest + guest / 4 + 64;
        inv->about =
            xrealloc(inv->about, inv->about_max * sizeof(*inv->about));
        memset(inv->about + old, 0,
               (inv->about_max - old) * sizeof(*inv->about));
    }
    inv->about[guest].changed_ms = clock_mono().ms;
}

static int add(struct inventory *inv, const struct placement_guest *guest,
               struct vdc_error *err)
{
    uint32_t at;

    make_room(inv);
    int rc = placement_view_add_guest(inv->view, guest, &at, err);
    if (rc)
        return rc;
    take_slot(inv, &guest->uuid, at);
    touch(inv, at);
    return 0;
}

static void drop(struct inventory *inv, const struct vdc_uuid *uuid)
{
    uint32_t *slot = slot_of(inv, uuid);

    if (!slot)
        return;
    placement_view_remove_guest(inv->view, *slot - 1);
    *slot = SLOT_GONE;
}

/* The same guest with something else about it.  Its index may be another. */
static void replace(struct inventory *inv, const struct placement_guest *guest)
{
    struct vdc_error err = { 0 };
    int64_t busy = placement_view_use(inv->view, guest->host)->busy_since_ms;
    uint32_t host = guest->host;

    drop(inv, &guest->uuid);
    if (add(inv, guest, &err))
        log_error("a guest of host %s: %s",
                  placement_view_text(
                      inv->view, placement_view_host(inv->view, host)->name),
                  err.text);
    /* it was there all the time */
    placement_view_set_busy_since(inv->view, host, busy);
}

/* ---- hosts ---- */

uint32_t inventory_find_host(const struct inventory *inv, const char *name)
{
    return placement_view_find_host(
        inv->view, placement_names_find(inv->names, name));
}

/* One of which nothing is known but that something is assigned to it. */
static uint32_t ensure_host(struct inventory *inv, const char *name)
{
    uint32_t at = inventory_find_host(inv, name);
    const struct placement_host host = {
        .name = placement_names_add(inv->names, name),
        .state = PLACEMENT_DOWN,
        .state_why = placement_names_add(inv->names, "not heard of yet"),
    };

    if (at == PLACEMENT_NONE && host.name &&
        placement_view_put_host(inv->view, &host, &at, NULL))
        at = PLACEMENT_NONE;
    return at;
}

bool inventory_is_uncertain(const struct inventory *inv, uint32_t guest,
                            uint64_t asked_ms)
{
    const struct assignment *a = book_assignment(
        inv->book, &placement_view_guest(inv->view, guest)->uuid);

    return !a || a->in_flight || a->n_changing ||
           inv->about[guest].changed_ms >= asked_ms;
}

/* What is the same already is no change. */
static void put_host(struct inventory *inv, uint32_t at,
                     const struct placement_host *host)
{
    struct vdc_error err = { 0 };

    if (memcmp(placement_view_host(inv->view, at), host, sizeof(*host)) == 0)
        return;
    if (placement_view_put_host(inv->view, host, NULL, &err))
        log_error("host %s: %s", placement_view_text(inv->view, host->name),
                  err.text);
}

/* In the order in which the view has them. */
static void add_tag(struct placement_host *row, uint32_t tag)
{
    uint32_t at = row->n_tags++;

    while (at > 0 && row->tags[at - 1] > tag) {
        row->tags[at] = row->tags[at - 1];
        at--;
    }
    row->tags[at] = tag;
}

static void take_tags(struct inventory *inv, const struct inventory_host *host,
                      struct placement_host *row)
{
    memset(row->tags, 0, sizeof(row->tags));
    row->n_tags = 0;
    for (uint32_t i = 0; i < host->n_tags && i < PLACEMENT_TAGS_MAX - 1; i++)
        add_tag(row, placement_names_add(inv->names, host->tags[i]));
    if (host->here)
        add_tag(row, placement_names_add(inv->names, INVENTORY_HERE));
}

void inventory_put_host(struct inventory *inv,
                        const struct inventory_host *host)
{
    uint32_t at = ensure_host(inv, host->name);

    if (at == PLACEMENT_NONE)
        return;
    struct placement_host row = *placement_view_host(inv->view, at);
    row.state = host->state;
    row.state_why = host->state == PLACEMENT_UP
                        ? 0
                        : placement_names_add(inv->names, host->why);
    row.domain = placement_names_add(inv->names, host->domain);
    row.dedicated = placement_names_add(inv->names, host->dedicated);
    take_tags(inv, host, &row);
    if (host->reported) {
        row.memory =
            inventory_memory(inv, at, host->available, host->asked_ms);
        row.pcpus = host->pcpus < PLACEMENT_VCPUS_MAX ? host->pcpus
                                                      : PLACEMENT_VCPUS_MAX;
        row.cpu = host->cpu;
        inventory_take_amounts(inv, at, host, &row);
    }
    put_host(inv, at, &row);
}

static enum placement_state state_of(const struct host *host)
{
    if (!host->up || host->why.code || host->record.fenced_ms ||
        strcmp(host->report.state, "up") != 0)
        return PLACEMENT_DOWN;
    switch (host->record.state) {
    case WIRE_HOST_UP:
        return PLACEMENT_UP;
    case WIRE_HOST_DRAINING:
        return PLACEMENT_DRAINING;
    case WIRE_HOST_MAINTENANCE:
        return PLACEMENT_MAINTENANCE;
    }
    return PLACEMENT_DOWN;
}

static const char *why_of(const struct host *host)
{
    if (!host->up || host->why.code || !*host->report.name)
        return host->why.code ? host->why.text : "resourced does not answer";
    if (host->record.fenced_ms)
        return "it was off, and that it is back is not recorded";
    if (host->record.state != WIRE_HOST_UP)
        return host->record.reason;
    return host->report.state;
}

void inventory_host(struct inventory *inv, const struct host *host,
                    bool reported)
{
    const struct inventory_host known = {
        .name = host->name,
        .state = state_of(host),
        .why = why_of(host),
        .domain = host->record.domain,
        .dedicated = host->record.dedicated,
        .tags = host->record.tags,
        .n_tags = host->record.n_tags,
        .here = !service_is_away(host->service),
        .reported = reported,
        .pcpus = host->report.pcpus,
        .cpu = cpu_set_read(host->report.cpu, host->report.n_cpu),
        .available = host->report.available_memory,
        .asked_ms = host->reported_ms,
        .totals = host->report.totals,
        .n_totals = host->report.n_totals,
    };

    inventory_put_host(inv, &known);
}

void inventory_remove_host(struct inventory *inv, const char *name)
{
    uint32_t at = inventory_find_host(inv, name);

    if (at == PLACEMENT_NONE)
        return;
    /* they get another when it is looked for */
    for (uint32_t i; (i = placement_view_use(inv->view, at)->first_backed) !=
                     PLACEMENT_NONE;)
        placement_view_set_backup(inv->view, i, PLACEMENT_NONE);
    if (!placement_view_remove_host(inv->view, at, NULL))
        return;
    struct placement_host row = *placement_view_host(inv->view, at);
    row.state = PLACEMENT_DOWN;
    row.state_why =
        placement_names_add(inv->names, "it is not one of the hosts any more");
    put_host(inv, at, &row);
}

/* ---- from the book ---- */

/* What it wants of its place, as place_text writes it.  A backup is found
 * when there is reason to look for one. */
static bool take_host_word(struct inventory *inv, const char *word,
                           struct placement_request *asked)
{
    const char *text = strchr(word, ':');
    bool no;

    if (!text || strncmp(word, "cpu:", 4) == 0)
        return false;
    no = text[1] == '!';
    uint32_t name = placement_names_add(inv->names, text + 1 + no);
    if (strncmp(word, "host:", 5) == 0)
        asked->pinned = name;
    else if (strncmp(word, "domain:", 7) == 0)
        asked->domain = name;
    else if (no && asked->n_forbidden < PLACEMENT_TAGS_MAX)
        asked->forbidden[asked->n_forbidden++] = name;
    else if (!no && asked->n_wanted < PLACEMENT_TAGS_MAX)
        asked->wanted[asked->n_wanted++] = name;
    return true;
}

static void take_placing(struct inventory *inv, const char *text,
                         struct placement_guest *guest)
{
    struct placement_request asked = { 0 };
    static const char *const dedications[] = {
        [PLACEMENT_EXPLICIT] = "explicit",
        [PLACEMENT_STRICT] = "strict",
        [PLACEMENT_PREFERRED] = "preferred",
    };
    char word[128];
    int n = 0;

    for (; sscanf(text, "%127s%n", word, &n) == 1; text += n) {
        if (take_host_word(inv, word, &asked))
            continue;
        if (strchr(word, '/')) {
            if (guest->n_groups < PLACEMENT_GROUPS_MAX)
                guest->groups[guest->n_groups++] =
                    placement_names_add(inv->names, word);
            continue;
        }
        guest->protected |= strcmp(word, "protected") == 0;
        if (strncmp(word, "cpu:", 4) == 0)
            cpu_set_from_hex(word + 4, &guest->cpu);
        for (int i = PLACEMENT_EXPLICIT; i <= PLACEMENT_PREFERRED; i++)
            if (strcmp(word, dedications[i]) == 0)
                guest->dedication = (enum placement_dedication)i;
    }
    guest->where = placement_where_of(inv->names, &asked);
}

/* A guest that was decided here has what was decided; of one from before a
 * restart it is known what it counts for, and that it may run. */
static void on_assignment(void *arg, const struct assignment *a, bool gone)
{
    struct inventory *inv = arg;
    uint32_t at = inventory_find_guest(inv, &a->uuid);
    struct vdc_error err = { 0 };

    if (gone && at != PLACEMENT_NONE) {
        const struct placement_guest was =
            *placement_view_guest(inv->view, at);
        drop(inv, &a->uuid);
        for (uint32_t i = 0; i < was.n_groups; i++)
            inventory_fade(inv, was.groups[i]);
        inventory_forget_groups(inv, clock_mono().ms);
    }
    if (gone)
        return;
    if (at != PLACEMENT_NONE) {
        uint32_t host = ensure_host(inv, a->host);
        if (host != PLACEMENT_NONE &&
            host != placement_view_guest(inv->view, at)->host)
            placement_view_move_guest(inv->view, at, host,
                                      (int64_t)clock_wall().ms);
        touch(inv, at);
        return;
    }
    uint64_t vcpus = a->counts.vcpus;
    struct placement_guest guest = {
        .uuid = a->uuid,
        .customer = placement_names_add(inv->names, a->customer->name),
        .host = ensure_host(inv, a->host),
        .spec = { .memory = a->counts.memory,
                  .vcpus = vcpus < PLACEMENT_VCPUS_MAX ? (uint32_t)vcpus
                                                       : PLACEMENT_VCPUS_MAX },
        .runs = true,
        .backup = PLACEMENT_NONE,
        .since_ms = (int64_t)(a->moved_ms > a->created_ms ? a->moved_ms
                                                          : a->created_ms),
    };
    take_placing(inv, a->placing, &guest);
    if (add(inv, &guest, &err)) {
        log_error("guest '%s': %s", a->name, err.text);
        return;
    }
    /* guests do not come in the order in which they were made, and those who
     * were there before may be gone */
    uint64_t busy_ms = a->created_ms;
    if (a->host_busy_ms && a->host_busy_ms < busy_ms)
        busy_ms = a->host_busy_ms;
    if (placement_view_use(inv->view, guest.host)->busy_since_ms >
        (int64_t)busy_ms)
        placement_view_set_busy_since(inv->view, guest.host, (int64_t)busy_ms);
}

uint64_t inventory_busy_since(const struct inventory *inv, const char *host)
{
    uint32_t at = inventory_find_host(inv, host);

    return at == PLACEMENT_NONE
               ? 0
               : (uint64_t)placement_view_use(inv->view, at)->busy_since_ms;
}

void inventory_partition(struct inventory *inv, const struct wire_partition *p)
{
    uint32_t at = inventory_find_guest(inv, &p->uuid);

    if (at == PLACEMENT_NONE)
        return;
    struct placement_guest guest = *placement_view_guest(inv->view, at);
    bool runs = p->state != WIRE_STOPPED;
    if (p->memory.kib > MEM_MAX_KIB || p->vcpus > PLACEMENT_VCPUS_MAX ||
        (guest.runs == runs && guest.spec.memory.kib == p->memory.kib &&
         guest.spec.vcpus == p->vcpus))
        return;
    guest.runs = runs;
    guest.spec.memory = p->memory;
    guest.spec.vcpus = p->vcpus;
    replace(inv, &guest);
}

void inventory_event(struct inventory *inv, const struct wire_event *event)
{
    uint32_t at = inventory_find_guest(inv, &event->uuid);
    bool runs = event->kind == WIRE_EVENT_STARTED ||
                event->kind == WIRE_EVENT_REBOOTED;
    bool stops = event->kind == WIRE_EVENT_STOPPED ||
                 event->kind == WIRE_EVENT_CRASHED;

    if (at == PLACEMENT_NONE || !(runs || stops))
        return;
    struct placement_guest guest = *placement_view_guest(inv->view, at);
    if (guest.runs == runs)
        return;
    guest.runs = runs;
    replace(inv, &guest);
}

/* ---- decided here ---- */

int inventory_put(struct inventory *inv,
                  const struct placement_request *request,
                  const struct placement_decision *decision,
                  struct vdc_error *err)
{
    const struct placement_guest guest = placement_guest_of(
        request, decision->winner.host, decision->backup);

    /* somebody else's UUID was asked for, and is refused */
    if (slot_of(inv, &request->uuid))
        return 0;
    return add(inv, &guest, err);
}

void inventory_drop(struct inventory *inv, const struct vdc_uuid *uuid)
{
    if (!book_assignment(inv->book, uuid))
        drop(inv, uuid);
}

/* No guest of the book has it. */
static struct vdc_uuid uuid_of_hold(const struct vdc_uuid *uuid)
{
    struct vdc_uuid hold = *uuid;

    for (size_t i = 0; i < sizeof(hold.bytes); i++)
        hold.bytes[i] = (uint8_t)~hold.bytes[i];
    return hold;
}

void inventory_hold(struct inventory *inv, const struct vdc_uuid *uuid,
                    const char *host)
{
    const struct vdc_uuid hold = uuid_of_hold(uuid);
    uint32_t at = inventory_find_guest(inv, uuid);
    struct vdc_error err = { 0 };

    inventory_drop(inv, &hold);
    if (!host || at == PLACEMENT_NONE || book_assignment(inv->book, &hold))
        return;
    struct placement_guest guest = *placement_view_guest(inv->view, at);
    guest.uuid = hold;
    guest.host = ensure_host(inv, host);
    guest.protected = false;
    guest.backup = PLACEMENT_NONE;
    if (guest.host != PLACEMENT_NONE && add(inv, &guest, &err))
        log_error("room on host %s: %s", host, err.text);
}

void inventory_lend(struct inventory *inv, uint32_t host, struct mem memory,
                    int sign)
{
    if (host == PLACEMENT_NONE)
        return;
    struct placement_host row = *placement_view_host(inv->view, host);
    if (sign < 0)
        row.memory.kib -=
            memory.kib < row.memory.kib ? memory.kib : row.memory.kib;
    else if (row.memory.kib + memory.kib <= MEM_MAX_KIB)
        row.memory.kib += memory.kib;
    put_host(inv, host, &row);
}

/* ---- the whole ---- */

struct inventory *inventory_new(struct book *book)
{
    struct inventory *inv = XNEW(struct inventory);

    inv->book = book;
    inv->names = placement_names_new();
    inv->view = placement_view_new(inv->names);
    inv->index = placement_index_new(inv->view);
    inv->n_slots = 64;
    inv->slots = xzalloc(inv->n_slots * sizeof(*inv->slots));
    book_watch(book, on_assignment, inv);
    return inv;
}

void inventory_free(struct inventory *inv)
{
    if (!inv)
        return;
    book_watch(inv->book, NULL, NULL);
    placement_index_free(inv->index);
    placement_view_free(inv->view);
    placement_names_free(inv->names);
    free(inv->fading);
    free(inv->about);
    free(inv->vague);
    free(inv->slots);
    free(inv);
}

struct placement_view *inventory_view(struct inventory *inv)
{
    return inv->view;
}

struct placement_index *inventory_index(struct inventory *inv)
{
    return inv->index;
}

uint32_t inventory_name(struct inventory *inv, const char *text)
{
    return placement_names_add(inv->names, text);
}

uint32_t inventory_where(struct inventory *inv,
                         const struct placement_request *request)
{
    return placement_where_of(inv->names, request);
}
