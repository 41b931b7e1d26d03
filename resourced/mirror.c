/*
 * The state of partitions in xenstore; see mirror.h.
 *
 * A row here is what xenstore has of a partition.  A look goes through all
 * partitions, and costs each a sum over what is mirrored; nodes are made of
 * those only whose sum is another.  Rows that no partition has any more are
 * removed.
 */
#include "resourced/mirror.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "resourced/host.h"
#include "resourced/resource_rows.h"

#define STATES "/tool/xen-vdc/state"
#define AGAIN_S 5

enum field {
    NAME, OWNER, STATE, DOMID, MEMORY, MAX_MEMORY, VCPUS, MAX_VCPUS,
    GENERATION, STARTED, RESTARTS, LAST_STOP, SELF_SERVICE, N_FIELDS
};

static const char *const names[N_FIELDS] = {
    [NAME] = "name",
    [OWNER] = "owner",
    [STATE] = "state",
    [DOMID] = "domid",
    [MEMORY] = "memory",
    [MAX_MEMORY] = "max-memory",
    [VCPUS] = "vcpus",
    [MAX_VCPUS] = "max-vcpus",
    [GENERATION] = "generation",
    [STARTED] = "started",
    [RESTARTS] = "restarts",
    [LAST_STOP] = "last-stop",
    [SELF_SERVICE] = "self-service",
};

struct mirror_row {
    LIST_ENTRY(mirror_row) link;
    struct vdc_uuid uuid;
    uint64_t sum;             /* of all; 0: something is not known */
    uint64_t sums[N_FIELDS];  /* of each value that is there; 0: not known */
    unsigned seen;            /* in this look */
};

struct mirror {
    struct host *host;
    struct event *turn;
    LIST_HEAD(, mirror_row) rows;
    unsigned look;
    bool started;
};

/* ---- sums ---- */

static uint64_t mix_bytes(uint64_t sum, const void *data, size_t size)
{
    const unsigned char *p = data;

    for (size_t i = 0; i < size; i++)
        sum = (sum ^ p[i]) * UINT64_C(1099511628211);
    return sum;
}

static uint64_t mix_text(uint64_t sum, const char *text)
{
    return mix_bytes(sum, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* Of all that the fields are made of; never 0. */
static uint64_t sum_of(const struct partition_row *row)
{
    const struct wire_definition *d = resource_definition_of(row);
    const uint64_t numbers[] = {
        row->domid, row->paused, row->preserved, d->memory.kib,
        d->max_memory.kib, d->vcpus, d->max_vcpus, row->generation,
        row->started_ms, row->restarts, row->definition.self_service,
    };
    uint64_t sum = UINT64_C(14695981039346656037);

    sum = mix_text(sum, row->name);
    sum = mix_text(sum, row->owner);
    sum = mix_text(sum, row->last_stop);
    sum = mix_bytes(sum, numbers, sizeof(numbers));
    return sum ? sum : 1;
}

static uint64_t sum_of_value(const char *value)
{
    uint64_t sum = mix_text(UINT64_C(14695981039346656037), value);

    return sum ? sum : 1;
}

/* ---- values ---- */

static const char *state_of(const struct partition_row *row)
{
    if (row->domid == HV_DOMID_NONE)
        return "stopped";
    return row->preserved ? "preserved" : row->paused ? "paused" : "running";
}

static void make_values(const struct partition_row *row, struct arena *arena,
                        const char *ret[N_FIELDS])
{
    const struct wire_definition *d = resource_definition_of(row);
#define NUMBER(n) arena_printf(arena, "%" PRIu64, (uint64_t)(n))

    ret[NAME] = row->name;
    ret[OWNER] = row->owner;
    ret[STATE] = state_of(row);
    ret[DOMID] = row->domid == HV_DOMID_NONE ? "" : NUMBER(row->domid);
    ret[MEMORY] = NUMBER(d->memory.kib);
    ret[MAX_MEMORY] = NUMBER(d->max_memory.kib);
    ret[VCPUS] = NUMBER(d->vcpus);
    ret[MAX_VCPUS] = NUMBER(d->max_vcpus);
    ret[GENERATION] = NUMBER(row->generation);
    ret[STARTED] = NUMBER(row->started_ms / 1000);
    ret[RESTARTS] = NUMBER(row->restarts);
    ret[LAST_STOP] = row->last_stop ? row->last_stop : "";
    ret[SELF_SERVICE] = row->definition.self_service ? "1" : "0";
#undef NUMBER
}

/* ---- nodes ---- */

/* domid before state: who waits for a state finds the domid that goes with
 * it; the others come first as well. */
static int write_row(struct mirror *mirror, struct mirror_row *m,
                     const struct partition_row *row, struct vdc_error *err)
{
    static const enum field order[N_FIELDS] = {
        NAME, OWNER, DOMID, MEMORY, MAX_MEMORY, VCPUS, MAX_VCPUS, GENERATION,
        STARTED, RESTARTS, LAST_STOP, SELF_SERVICE, STATE
    };
    struct hv *hv = mirror->host->hv;
    struct arena *arena = arena_new();
    const char *values[N_FIELDS];
    char uuid[UUID_TEXT_SIZE];
    int rc = 0;

    make_values(row, arena, values);
    uuid_format(&row->uuid, uuid);
    for (size_t i = 0; !rc && i < N_FIELDS; i++) {
        enum field f = order[i];
        uint64_t sum = sum_of_value(values[f]);
        if (sum == m->sums[f])
            continue;
        m->sums[f] = 0;
        rc = hv->store->write(
            hv, arena_printf(arena, STATES "/%s/%s", uuid, names[f]),
            values[f], err);
        if (!rc)
            m->sums[f] = sum;
    }
    arena_free(arena);
    if (!rc)
        m->sum = sum_of(row);
    return rc;
}

static int remove_row(struct mirror *mirror, struct mirror_row *m,
                      struct vdc_error *err)
{
    struct hv *hv = mirror->host->hv;
    char uuid[UUID_TEXT_SIZE], path[sizeof(STATES) + UUID_TEXT_SIZE];

    snprintf(path, sizeof(path), STATES "/%s", uuid_format(&m->uuid, uuid));
    int rc = hv->store->remove(hv, path, err);
    if (!rc) {
        LIST_REMOVE(m, link);
        free(m);
    }
    return rc;
}

/* ---- a look ---- */

static struct mirror_row *row_of(struct mirror *mirror,
                                 struct partition *partition)
{
    struct mirror_row *m = partition->mirror;

    if (m)
        return m;
    LIST_FOREACH (m, &mirror->rows, link)
        if (uuid_equal(&m->uuid, &partition->row.uuid))
            break;
    if (!m) {
        m = XNEW(struct mirror_row);
        m->uuid = partition->row.uuid;
        LIST_INSERT_HEAD(&mirror->rows, m, link);
    }
    partition->mirror = m;
    return m;
}

static int look(struct mirror *mirror, struct vdc_error *err)
{
    struct partition *partition;
    struct mirror_row *m, *next;
    int rc = 0;

    mirror->look++;
    TAILQ_FOREACH (partition, &mirror->host->partitions.all, in_all) {
        if (partition->pending) {
            partition->mirror = NULL;
            continue;
        }
        m = row_of(mirror, partition);
        m->seen = mirror->look;
        if (!rc && sum_of(&partition->row) != m->sum)
            rc = write_row(mirror, m, &partition->row, err);
    }
    for (m = LIST_FIRST(&mirror->rows); m; m = next) {
        next = LIST_NEXT(m, link);
        if (!rc && m->seen != mirror->look)
            rc = remove_row(mirror, m, err);
    }
    return rc;
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval again = { AGAIN_S, 0 };
    struct mirror *mirror = arg;
    struct vdc_error err;

    if (look(mirror, &err) == 0)
        return;
    log_limited(VDC_LOG_WARNING, "xenstore",
                "what is below " STATES " is not right yet: %s", err.text);
    evtimer_add(mirror->turn, &again);
}

void mirror_changed(struct mirror *mirror)
{
    static const struct timeval now = { 0, 0 };

    if (mirror && mirror->started)
        evtimer_add(mirror->turn, &now);
}

/* ---- the start ---- */

/* What is there of one: sums of what can be read. */
static void read_row(struct mirror *mirror, struct arena *arena,
                     const char *name)
{
    struct hv *hv = mirror->host->hv;
    struct mirror_row *m = XNEW(struct mirror_row);
    const char *value;

    if (!uuid_from_text(name, &m->uuid)) {
        free(m);
        hv->store->remove(hv, arena_printf(arena, STATES "/%s", name), NULL);
        return;
    }
    LIST_INSERT_HEAD(&mirror->rows, m, link);
    for (size_t f = 0; f < N_FIELDS; f++)
        if (hv->store->read(hv,
                            arena_printf(arena, STATES "/%s/%s", name,
                                         names[f]),
                            arena, &value, NULL) == 0)
            m->sums[f] = sum_of_value(value);
}

void mirror_start(struct mirror *mirror)
{
    static const struct hv_store_access dom0_only = {
        .owner_domid = 0,
        .reader_domid = HV_DOMID_NONE,
    };
    struct arena *arena = arena_new();
    const char **there = NULL;
    size_t n = 0;
    struct vdc_error err;

    if (!mirror || mirror->started) {
        mirror_changed(mirror);
        arena_free(arena);
        return;
    }
    struct hv *hv = mirror->host->hv;
    int rc = hv->store->write(hv, STATES, "", &err);
    if (!rc) /* nodes below it get the same */
        rc = hv->store->set_access(hv, STATES, &dom0_only, &err);
    if (!rc)
        rc = hv->store->list(hv, STATES, arena, &there, &n, &err);
    for (size_t i = 0; !rc && i < n; i++)
        read_row(mirror, arena, there[i]);
    if (rc)
        log_warning("what is below " STATES " is not mended: %s", err.text);
    mirror->started = !rc;
    mirror_changed(mirror);
    arena_free(arena);
}

struct mirror *mirror_new(struct host *host)
{
    if (!host->settings->xenstore_state)
        return NULL;
    struct mirror *mirror = XNEW(struct mirror);
    mirror->host = host;
    LIST_INIT(&mirror->rows);
    mirror->turn = evtimer_new(host->base, on_turn, mirror);
    return mirror;
}

void mirror_free(struct mirror *mirror)
{
    struct mirror_row *m;

    if (!mirror)
        return;
    while ((m = LIST_FIRST(&mirror->rows))) {
        LIST_REMOVE(m, link);
        free(m);
    }
    event_free(mirror->turn);
    free(mirror);
}
