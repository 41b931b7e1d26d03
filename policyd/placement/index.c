/*
 * The index: classes of requests, each with its hosts by level; see index.h.
 *
 * A class has a heap for each level ("bucket"), ordered by since when the
 * host is in use, then by its number; where in its heap a host stands is
 * noted, so that it can be taken out.  The best host for a request is the
 * first of some heap.  When what is LIVE forbids it the next best is one of
 * those below it, or the first of another heap: a second heap, of those that
 * may be next, finds them in the order of their scores.
 */
#include "policyd/placement/index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/placement/nexts.h"

#define NOWHERE UINT16_MAX
/* Room for so many classes at first, and twice as many when it is used up. */
#define CLASSES_FIRST 8

struct entry {
    int64_t since_ms;
    uint32_t host;
};

struct heap {
    struct entry *entries;
    uint32_t n;
    uint32_t max;
};

/* What of a request and policy decides who has room, and the level. */
struct key {
    struct placement_spec spec;
    struct placement_policy policy; /* its name is not looked at */
    uint32_t customer;              /* EXPLICIT alone depends on it */
    uint32_t domain;
    uint32_t n_wanted;
    uint32_t n_forbidden;
    enum placement_dedication dedication;
    bool start;
    struct cpu_set cpu;
    uint32_t names[2 * PLACEMENT_TAGS_MAX];
};

struct class {
    uint64_t hash;
    uint64_t last_used;
    struct key key;
    struct placement_request request; /* with what is in the key alone */
    struct placement_attempt attempt; /* of that */
    struct heap heaps[PLACEMENT_BUCKETS];
    uint64_t some[PLACEMENT_BUCKETS / 64]; /* a bit for each not empty */
    uint32_t slot;                         /* in the places of a host */
    uint32_t for_room; /* the constraints that decide who has room */
    /* hosts for which it is the first of those that fails */
    uint32_t n_failed[PLACEMENT_CONSTRAINTS];
    struct placement_index *index;
};

/* Where a host stands in a class.  All of one host are side by side, because
 * they change together. */
struct place {
    uint32_t at;     /* in the heap */
    uint16_t bucket; /* or NOWHERE */
    uint8_t failed;  /* the first that fails; or PLACEMENT_CONSTRAINTS */
};

static const struct place nowhere = { .bucket = NOWHERE,
                                      .failed = PLACEMENT_CONSTRAINTS };

struct placement_index {
    const struct placement_view *view;
    uint64_t version; /* up to which the classes know of changes */
    uint64_t n_asked;
    struct class *classes[PLACEMENT_CLASSES_MAX];
    uint32_t n_classes;
    struct place *places; /* most_classes for each host */
    uint32_t most_classes, n_hosts; /* that there is room for in places */
    struct nexts nexts; /* room for the search */
};

/* ---- the heap of a level ---- */

static struct place *place_of(const struct class *class, uint32_t host)
{
    return &class->index
                ->places[(size_t)host * class->index->most_classes +
                         class->slot];
}

static bool is_before(const struct entry *a, const struct entry *b)
{
    return a->since_ms != b->since_ms ? a->since_ms < b->since_ms
                                      : a->host < b->host;
}

static void set(struct class *class, struct heap *heap, uint32_t at,
                struct entry entry)
{
    heap->entries[at] = entry;
    place_of(class, entry.host)->at = at;
}

static void rise(struct class *class, struct heap *heap, uint32_t at,
                 struct entry entry)
{
    while (at > 0 && is_before(&entry, &heap->entries[(at - 1) / 2])) {
        set(class, heap, at, heap->entries[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    set(class, heap, at, entry);
}

static void sink(struct class *class, struct heap *heap, uint32_t at,
                 struct entry entry)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= heap->n)
            break;
        if (child + 1 < heap->n &&
            is_before(&heap->entries[child + 1], &heap->entries[child]))
            child++;
        if (!is_before(&heap->entries[child], &entry))
            break;
        set(class, heap, at, heap->entries[child]);
        at = child;
    }
    set(class, heap, at, entry);
}

static void insert(struct class *class, uint32_t bucket, struct entry entry)
{
    struct heap *heap = &class->heaps[bucket];

    if (heap->n == heap->max) {
        heap->max = heap->max ? heap->max * 2 : 4;
        heap->entries =
            xrealloc(heap->entries, heap->max * sizeof(*heap->entries));
    }
    place_of(class, entry.host)->bucket = (uint16_t)bucket;
    class->some[bucket / 64] |= UINT64_C(1) << bucket % 64;
    rise(class, heap, heap->n++, entry);
}

static void take_out(struct class *class, uint32_t host)
{
    struct place *place = place_of(class, host);
    uint32_t bucket = place->bucket, at = place->at;
    struct heap *heap = &class->heaps[bucket];
    struct entry last = heap->entries[--heap->n];

    place->bucket = NOWHERE;
    if (heap->n == 0)
        class->some[bucket / 64] &= ~(UINT64_C(1) << bucket % 64);
    if (last.host == host)
        return;
    if (at > 0 && is_before(&last, &heap->entries[(at - 1) / 2]))
        rise(class, heap, at, last);
    else
        sink(class, heap, at, last);
}

/* ---- classes ---- */

static void key_of(const struct placement_request *request,
                   const struct placement_policy *policy, struct key *ret)
{
    uint32_t n = 0;

    /* padding and what is behind the end of an array are compared, too */
    memset(ret, 0, sizeof(*ret));
    ret->spec.memory = request->spec.memory;
    ret->spec.vcpus = request->spec.vcpus;
    ret->spec.n_disks = request->spec.n_disks;
    ret->spec.n_devices = request->spec.n_devices;
    for (uint32_t i = 0; i < request->spec.n_disks; i++) {
        ret->spec.disks[i].name = request->spec.disks[i].name;
        ret->spec.disks[i].amount = request->spec.disks[i].amount;
    }
    for (uint32_t i = 0; i < request->spec.n_devices; i++) {
        ret->spec.devices[i].name = request->spec.devices[i].name;
        ret->spec.devices[i].amount = request->spec.devices[i].amount;
    }
    memcpy(ret->policy.weights, policy->weights, sizeof(policy->weights));
    if (request->dedication == PLACEMENT_EXPLICIT)
        ret->customer = request->customer;
    ret->dedication = request->dedication;
    ret->start = request->start;
    ret->domain = request->domain;
    ret->n_wanted = request->n_wanted;
    ret->n_forbidden = request->n_forbidden;
    ret->cpu = request->cpu;
    for (uint32_t i = 0; i < request->n_wanted; i++)
        ret->names[n++] = request->wanted[i];
    for (uint32_t i = 0; i < request->n_forbidden; i++)
        ret->names[n++] = request->forbidden[i];
}

static uint64_t hash_of(const struct key *key)
{
    uint64_t hash = UINT64_C(0x9e3779b97f4a7c15), word;

    for (size_t i = 0; i + sizeof(word) <= sizeof(*key); i += sizeof(word)) {
        memcpy(&word, (const char *)key + i, sizeof(word));
        hash = (hash ^ word) * UINT64_C(0xbf58476d1ce4e5b9);
        hash ^= hash >> 29;
    }
    return hash;
}

static void class_free(struct class *class)
{
    if (!class)
        return;
    for (int i = 0; i < PLACEMENT_BUCKETS; i++)
        free(class->heaps[i].entries);
    free(class);
}

static void note_failed(struct class *class, struct place *place,
                        enum placement_constraint failed)
{
    if (place->failed == failed)
        return;
    if (place->failed != PLACEMENT_CONSTRAINTS)
        class->n_failed[place->failed]--;
    if (failed != PLACEMENT_CONSTRAINTS)
        class->n_failed[failed]++;
    place->failed = (uint8_t)failed;
}

/* A host was changed, maybe: where it belongs now. */
static void refresh(struct class *class, uint32_t host)
{
    const struct placement_view *view = class->index->view;
    const struct placement_policy *policy = &class->key.policy;
    struct place *place = place_of(class, host);
    enum placement_constraint failed = PLACEMENT_CONSTRAINTS;
    struct entry entry = { 0, host };
    uint32_t bucket = NOWHERE;
    bool present = placement_view_host(view, host)->name;

    if (present)
        failed = placement_constraint_first_of(&class->attempt,
                                               class->for_room, host);
    note_failed(class, place, failed);
    if (present && failed == PLACEMENT_CONSTRAINTS) {
        bucket = placement_score_bucket(&class->attempt, policy, host);
        entry.since_ms = placement_score_since(view, policy, host);
    }
    if (bucket == place->bucket &&
        (bucket == NOWHERE ||
         class->heaps[bucket].entries[place->at].since_ms == entry.since_ms))
        return;
    if (place->bucket != NOWHERE)
        take_out(class, host);
    if (bucket != NOWHERE)
        insert(class, bucket, entry);
}

/* As many classes as there may be would be wanted by few, and where there are
 * many hosts take megabytes. */
static void set_room(struct placement_index *index, uint32_t n_hosts,
                     uint32_t most_classes)
{
    size_t n = (size_t)n_hosts * most_classes, at = 0;
    struct place *places = xrealloc(NULL, n * sizeof(*places));

    for (uint32_t host = 0; host < n_hosts; host++)
        for (uint32_t slot = 0; slot < most_classes; slot++)
            places[at++] =
                host < index->n_hosts && slot < index->most_classes
                    ? index->places[(size_t)host * index->most_classes + slot]
                    : nowhere;
    free(index->places);
    index->places = places;
    index->n_hosts = n_hosts;
    index->most_classes = most_classes;
}

static void make_room(struct placement_index *index, uint32_t n_hosts)
{
    if (n_hosts > index->n_hosts)
        set_room(index, n_hosts + n_hosts / 8, index->most_classes);
}

static void refresh_all(struct class *class)
{
    uint32_t n = placement_view_n_hosts(class->index->view);

    make_room(class->index, n);
    for (uint32_t i = 0; i < n; i++)
        refresh(class, i);
}

static void refresh_in_each(void *arg, uint32_t host)
{
    struct placement_index *index = arg;

    if (host >= placement_view_n_hosts(index->view))
        return;
    make_room(index, host + 1);
    for (uint32_t i = 0; i < index->n_classes; i++)
        refresh(index->classes[i], host);
}

/* All classes at once, so that a seldom one has not much to do when it is
 * wanted. */
static void catch_up(struct placement_index *index)
{
    uint64_t version = placement_view_version(index->view);

    if (version == index->version)
        return;
    /* after as many changes as there are hosts it is less to look at all */
    if (version - index->version > placement_view_n_hosts(index->view) ||
        !placement_view_changes(index->view, index->version, refresh_in_each,
                                index))
        for (uint32_t i = 0; i < index->n_classes; i++)
            refresh_all(index->classes[i]);
    index->version = version;
}

/* A free place, or that of the class which nobody wanted for longest. */
static uint32_t place_for_class(struct placement_index *index)
{
    uint32_t oldest = 0;

    if (index->n_classes == index->most_classes &&
        index->n_classes < PLACEMENT_CLASSES_MAX)
        set_room(index, index->n_hosts, 2 * index->most_classes);
    if (index->n_classes < PLACEMENT_CLASSES_MAX)
        return index->n_classes++;
    for (uint32_t i = 1; i < index->n_classes; i++)
        if (index->classes[i]->last_used < index->classes[oldest]->last_used)
            oldest = i;
    for (uint32_t i = 0; i < index->n_hosts; i++)
        *place_of(index->classes[oldest], i) = nowhere;
    class_free(index->classes[oldest]);
    return oldest;
}

static struct class *add_class(struct placement_index *index,
                               const struct key *key, uint64_t hash,
                               const struct placement_request *request)
{
    struct class *class = XNEW(struct class);

    class->hash = hash;
    class->key = *key;
    class->request = *request;
    class->request.pinned = 0;
    class->request.n_groups = 0;
    int rc = placement_attempt_init(&class->attempt, index->view,
                                    &class->request, &class->key.policy, NULL);
    assert(rc == 0);
    (void)rc;
    class->index = index;
    class->slot = place_for_class(index);
    class->for_room =
        placement_constraint_asked(&class->attempt, PLACEMENT_KIND_FIXED) |
        placement_constraint_asked(&class->attempt, PLACEMENT_KIND_ROOM);
    index->classes[class->slot] = class;
    refresh_all(class);
    return class;
}

static struct class *class_of(struct placement_index *index,
                              const struct placement_request *request,
                              const struct placement_policy *policy)
{
    struct class *class = NULL;
    struct key key;

    key_of(request, policy, &key);
    uint64_t hash = hash_of(&key);
    for (uint32_t i = 0; i < index->n_classes && !class; i++)
        if (index->classes[i]->hash == hash &&
            memcmp(&index->classes[i]->key, &key, sizeof(key)) == 0)
            class = index->classes[i];
    if (!class)
        class = add_class(index, &key, hash, request);
    class->last_used = ++index->n_asked;
    return class;
}

/* ---- best first ---- */

static void push_entry(struct placement_index *index,
                       const struct class *class, uint32_t bucket, uint32_t at,
                       int64_t now_ms)
{
    const struct heap *heap = &class->heaps[bucket];

    if (at >= heap->n)
        return;
    const struct entry *entry = &heap->entries[at];
    nexts_push(&index->nexts,
               (struct next){ .rank = { .score = placement_score_base(
                                            &class->key.policy, bucket,
                                            entry->since_ms, now_ms),
                                        .since_ms = entry->since_ms,
                                        .host = entry->host },
                              .bucket = (uint16_t)bucket,
                              .at = at });
}

static void push_first_ones(struct placement_index *index,
                            const struct class *class, int64_t now_ms)
{
    index->nexts.n = 0;
    for (uint32_t i = 0; i < PLACEMENT_BUCKETS / 64; i++)
        for (uint64_t bits = class->some[i]; bits; bits &= bits - 1)
            push_entry(index, class, i * 64 + (uint32_t)__builtin_ctzll(bits),
                       0, now_ms);
}

/* The two best.  What is LIVE only adds to a score, so a host whose score
 * without it is not before the second's cannot be. */
static void search(struct placement_index *index, const struct class *class,
                   const struct placement_attempt *attempt,
                   struct placement_rank *best, struct placement_rank *second)
{
    const struct placement_policy *policy = &class->key.policy;
    int64_t now_ms = attempt->request->now_ms;
    uint32_t live = placement_constraint_asked(attempt, PLACEMENT_KIND_LIVE);

    push_first_ones(index, class, now_ms);
    while (index->nexts.n) {
        struct next next = nexts_pop(&index->nexts);
        if (!placement_rank_before(&next.rank, second))
            break;
        push_entry(index, class, next.bucket, 2 * next.at + 1, now_ms);
        push_entry(index, class, next.bucket, 2 * next.at + 2, now_ms);
        if (!placement_constraint_meets(attempt, live, next.rank.host))
            continue;
        next.rank.score +=
            placement_score_extra(attempt, policy, next.rank.host);
        if (placement_rank_before(&next.rank, best)) {
            *second = *best;
            *best = next.rank;
        } else if (placement_rank_before(&next.rank, second)) {
            *second = next.rank;
        }
    }
}

/* ---- from outside ---- */

struct placement_index *placement_index_new(const struct placement_view *view)
{
    struct placement_index *index = XNEW(struct placement_index);

    index->view = view;
    index->most_classes = CLASSES_FIRST;
    index->version = placement_view_version(view);
    return index;
}

void placement_index_free(struct placement_index *index)
{
    if (!index)
        return;
    for (uint32_t i = 0; i < index->n_classes; i++)
        class_free(index->classes[i]);
    free(index->places);
    free(index->nexts.items);
    free(index);
}

/* The two best, and the class that was asked; NULL: none, because a host was
 * named. */
static const struct class *find(struct placement_index *index,
                                const struct placement_attempt *attempt,
                                const struct placement_policy *policy,
                                uint32_t *ret_best, uint32_t *ret_second)
{
    const struct placement_rank none = { INT64_MAX, INT64_MAX,
                                         PLACEMENT_NONE };
    const struct placement_request *request = attempt->request;
    struct placement_rank best = none, second = none;
    const struct class *class = NULL;
    uint32_t pinned = placement_view_find_host(index->view, request->pinned);

    if (!request->pinned) {
        catch_up(index);
        class = class_of(index, request, policy);
        search(index, class, attempt, &best, &second);
    } else if (pinned != PLACEMENT_NONE &&
               placement_constraint_first(attempt, pinned) ==
                   PLACEMENT_CONSTRAINTS) {
        best.host = pinned;
    }
    *ret_best = best.host;
    *ret_second = second.host;
    return class;
}

int placement_index_choose(struct placement_index *index,
                           const struct placement_view *view,
                           const struct placement_request *request,
                           const struct placement_policy *policy,
                           struct placement_decision *ret,
                           struct vdc_error *err)
{
    struct placement_attempt attempt;
    uint32_t best, second;

    if (!index)
        return placement_choose(view, request, policy, ret, err);
    assert(view == index->view);
    int rc = placement_attempt_init(&attempt, view, request, policy, err);
    if (rc)
        return rc;
    find(index, &attempt, policy, &best, &second);
    return placement_decide(&attempt, policy, best, second, ret, err);
}

/* What the class has counted, unless it does not look at all that is asked. */
static void count_failed(const struct class *class,
                         const struct placement_attempt *attempt,
                         struct placement_exclusion *ret)
{
    const struct placement_view *view = attempt->view;

    for (int i = 0; i < PLACEMENT_CONSTRAINTS; i++)
        ret[i] = (struct placement_exclusion){ .nearest = PLACEMENT_NONE };
    if (class && !placement_constraint_asked(attempt, PLACEMENT_KIND_LIVE)) {
        for (int i = 0; i < PLACEMENT_CONSTRAINTS; i++)
            ret[i].n_hosts = class->n_failed[i];
        return;
    }
    for (uint32_t i = 0; i < placement_view_n_hosts(view); i++) {
        if (!placement_view_host(view, i)->name)
            continue;
        enum placement_constraint c = placement_constraint_first(attempt, i);
        if (c != PLACEMENT_CONSTRAINTS)
            ret[c].n_hosts++;
    }
}

int placement_index_count(struct placement_index *index,
                          const struct placement_request *request,
                          const struct placement_policy *policy,
                          struct placement_decision *ret,
                          struct vdc_error *err)
{
    struct placement_attempt attempt;
    uint32_t best, second;
    int rc = placement_attempt_init(&attempt, index->view, request, policy,
                                    err);

    if (rc)
        return rc;
    const struct class *class = find(index, &attempt, policy, &best, &second);
    placement_fill(&attempt, policy, best, second, ret);
    count_failed(class, &attempt, ret->excluded);
    if (best == PLACEMENT_NONE)
        ret->rc = placement_refusal(ret);
    return ret->rc;
}

size_t placement_index_size(const struct placement_index *index)
{
    size_t size = sizeof(*index) +
                  index->nexts.max * sizeof(*index->nexts.items) +
                  (size_t)index->n_hosts * index->most_classes *
                      sizeof(*index->places);

    for (uint32_t i = 0; i < index->n_classes; i++) {
        const struct class *class = index->classes[i];
        size += sizeof(*class);
        for (int j = 0; j < PLACEMENT_BUCKETS; j++)
            size += class->heaps[j].max * sizeof(*class->heaps[j].entries);
    }
    return size;
}
