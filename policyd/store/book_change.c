/*
 * Changes of the working set: queued for the store, and seen at once.
 *
 *      (new) --> CREATING --> ACTIVE <----> RENAMING
 *                             ^   ^            ^
 *                             |   v            v
 *                             |  CHANGING <----+
 *                             v   ^
 *      (gone) <-------- DELETING <+
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/machine.h"
#include "policyd/store/book_impl.h"

static const char *const state_names[] = {
    [0] = "-",
    [ASSIGNMENT_CREATING] = "creating",
    [ASSIGNMENT_ACTIVE] = "active",
    [ASSIGNMENT_DELETING] = "deleting",
    [ASSIGNMENT_RENAMING] = "renaming",
    [ASSIGNMENT_CHANGING] = "changing",
};

static const struct machine_move moves[] = {
    { ASSIGNMENT_CREATING, ASSIGNMENT_ACTIVE, "its host has it" },
    { ASSIGNMENT_ACTIVE, ASSIGNMENT_DELETING, "destroy was asked" },
    { ASSIGNMENT_DELETING, ASSIGNMENT_ACTIVE, "its host still has it" },
    { ASSIGNMENT_ACTIVE, ASSIGNMENT_RENAMING, "rename was asked" },
    { ASSIGNMENT_RENAMING, ASSIGNMENT_ACTIVE, "its host has one name" },
    { ASSIGNMENT_ACTIVE, ASSIGNMENT_CHANGING, "more or less was asked" },
    { ASSIGNMENT_CHANGING, ASSIGNMENT_ACTIVE, "its host said what it has" },
    { ASSIGNMENT_CHANGING, ASSIGNMENT_DELETING, "destroy was asked" },
    { ASSIGNMENT_DELETING, ASSIGNMENT_CHANGING, "its host still has it" },
    { ASSIGNMENT_CHANGING, ASSIGNMENT_RENAMING, "rename was asked" },
    { ASSIGNMENT_RENAMING, ASSIGNMENT_CHANGING, "its host has one name" },
};

static const struct machine machine = {
    .name = "assignment",
    .state_names = state_names,
    .n_states = sizeof(state_names) / sizeof(state_names[0]),
    .moves = moves,
    .n_moves = sizeof(moves) / sizeof(moves[0]),
};

/* ---- one commit ---- */

/* What one commit is made of. */
struct set {
    struct arena *arena;
    struct store_change changes[STORE_CHANGES_MAX];
    size_t n;
    struct undo_entry *undo;
};

static void set_begin(struct set *set)
{
    set->arena = arena_new();
    set->n = 0;
    set->undo = undo_entry_new();
}

static void set_add(struct book *book, struct set *set,
                    enum store_change_kind kind, enum store_record record,
                    const char *id, const void *body)
{
    id = arena_strdup(set->arena, id);
    set->changes[set->n++] = (struct store_change){ kind, record, id, body };
    if (book_kinds[record].describe && kind != STORE_REMOVE_ALL)
        undo_entry_note(set->undo, record, id,
                        book_kinds[record].describe(book, id, set->arena));
}

static void set_add_audit(struct book *book, struct set *set,
                          const struct store_audit *audit)
{
    struct wire_stored_audit *body =
        ARENA_NEW(set->arena, struct wire_stored_audit);

    if (!audit)
        return;
    record_of_audit(audit, body);
    set_add(book, set, STORE_PUT, STORE_AUDIT,
            record_audit_id(audit->time_ms, ++book->n_audits, set->arena),
            body);
}

/* Queues it, and has it seen here. */
static int set_commit(struct book *book, struct set *set,
                      struct vdc_error *err)
{
    uint64_t number;
    int rc = store_commit(book->store, set->changes, set->n, &number, err);

    if (rc)
        undo_entry_free(set->undo);
    else
        undo_add(book->undo, set->undo, number);
    for (size_t i = 0; !rc && i < set->n; i++) {
        const struct store_change *c = &set->changes[i];
        if (book_kinds[c->record].apply && c->kind != STORE_REMOVE_ALL &&
            book_kinds[c->record].apply(
                book, c->id, c->kind == STORE_PUT ? c->body : NULL, NULL))
            abort(); /* whoever calls has looked before */
    }
    arena_free(set->arena);
    return rc;
}

static int commit(struct book *book, enum store_change_kind kind,
                  enum store_record record, const char *id, const void *body,
                  const struct store_audit *audit, struct vdc_error *err)
{
    struct set set;

    set_begin(&set);
    set_add(book, &set, kind, record, id, body);
    set_add_audit(book, &set, audit);
    return set_commit(book, &set, err);
}

/* ---- changes ---- */

int book_customer_add(struct book *book, const struct wire_customer *customer,
                      const struct store_audit *audit, struct vdc_error *err)
{
    for (uint32_t i = 0; i < customer->n_logins; i++) {
        uint32_t uid = customer->logins[i].uid;
        const struct customer *other = book_customer_by_uid(book, uid, NULL);
        if (other)
            return vdc_error_set(err, VDC_E_EXISTS,
                                 "uid %u is a login of customer %s already",
                                 uid, other->name);
    }
    return commit(book, STORE_PUT, STORE_CUSTOMER, customer->name, customer,
                  audit, err);
}

int book_customer_set(struct book *book, struct customer *customer,
                      const struct wire_customer *from,
                      const struct store_audit *audit, struct vdc_error *err)
{
    struct wire_customer row = *from;

    row.name = customer->name;
    row.created_ms = customer->created_ms;
    if (!row.n_logins) {
        row.logins = customer->logins;
        row.n_logins = customer->n_logins;
    }
    return commit(book, STORE_PUT, STORE_CUSTOMER, row.name, &row, audit, err);
}

/* As many of its tokens as the commit has room for.  The others go after it;
 * they are good for nothing without the customer, and if policyd ends before
 * that, they go when it begins (book_drop_tokens). */
static void set_add_tokens(struct book *book, struct set *set,
                           const char *customer, size_t room)
{
    const struct wire_stored_token *t;

    for (t = book_token_after(book, ""); t && room;
         t = book_token_after(book, t->token.id)) {
        if (strcmp(t->token.customer, customer) != 0)
            continue;
        set_add(book, set, STORE_REMOVE, STORE_TOKEN, t->token.id, NULL);
        room--;
    }
}

/* Nobody's, or a namesake's. */
static bool is_good_for_none(const struct book *book,
                             const struct wire_token *token)
{
    const struct customer *c = book_customer(book, token->customer);

    return !c || token->created_ms < c->created_ms;
}

void book_drop_tokens(struct book *book)
{
    const struct wire_stored_token *t, *next;
    struct vdc_error err = { 0 };
    struct set set;
    size_t n;

    do {
        n = 0;
        set_begin(&set);
        for (t = book_token_after(book, ""); t && n < STORE_CHANGES_MAX;
             t = next) {
            next = book_token_after(book, t->token.id);
            if (is_good_for_none(book, &t->token)) {
                set_add(book, &set, STORE_REMOVE, STORE_TOKEN, t->token.id,
                        NULL);
                n++;
            }
        }
        if (n == 0) {
            undo_entry_free(set.undo);
            arena_free(set.arena);
        } else if (set_commit(book, &set, &err)) {
            log_warning("tokens of customers that are gone stay: %s",
                        err.text);
            return;
        }
    } while (n);
}

/* With the answers to its keys, and its tokens: a namesake must not get
 * them. */
int book_customer_remove(struct book *book, struct customer *customer,
                         const struct store_audit *audit,
                         struct vdc_error *err)
{
    char owner[NAMES_CUSTOMER_MAX + 1];
    const struct store_answer *answer;
    struct set set;

    assert(TAILQ_EMPTY(&customer->assignments) && !customer->builtin &&
           !customer->n_projects);
    strcpy(owner, customer->name);
    set_begin(&set);
    set_add(book, &set, STORE_REMOVE, STORE_CUSTOMER, owner, NULL);
    set_add(book, &set, STORE_REMOVE_ALL, STORE_ANSWER,
            record_answer_id(owner, "", set.arena), NULL);
    for (answer = answers_oldest_of(book->answers, owner); answer;
         answer = answers_next_of(answer)) {
        const char *id = record_answer_id(owner, answer->key, set.arena);
        undo_entry_note(
            set.undo, STORE_ANSWER, id,
            book_kinds[STORE_ANSWER].describe(book, id, set.arena));
    }
    set_add_tokens(book, &set, owner, STORE_CHANGES_MAX - set.n - 1);
    set_add_audit(book, &set, audit);
    int rc = set_commit(book, &set, err);
    if (!rc)
        book_drop_tokens(book);
    while (!rc && (answer = answers_oldest_of(book->answers, owner)))
        answers_remove(book->answers, owner, answer->key);
    return rc;
}

int book_host_put(struct book *book, const struct wire_host_record *record,
                  const struct store_audit *audit, struct vdc_error *err)
{
    return commit(book, STORE_PUT, STORE_HOST, record->name, record, audit,
                  err);
}

int book_host_remove(struct book *book, const char *name,
                     const struct store_audit *audit, struct vdc_error *err)
{
    struct set set;

    set_begin(&set);
    set_add(book, &set, STORE_REMOVE, STORE_HOST, name, NULL);
    /* what it joined with would give it its certificate once more */
    if (book_join(book, name))
        set_add(book, &set, STORE_REMOVE, STORE_JOIN, name, NULL);
    set_add_audit(book, &set, audit);
    return set_commit(book, &set, err);
}

int book_join_put(struct book *book, const struct wire_stored_join *join,
                  uint64_t now_ms, const struct store_audit *audit,
                  struct vdc_error *err)
{
    const struct wire_stored_join *other = NULL;
    struct set set;

    set_begin(&set);
    while ((other = book_join_after(book, other)) &&
           set.n < STORE_CHANGES_MAX - 2)
        if (other->expires_ms <= now_ms &&
            strcmp(other->host, join->host) != 0)
            set_add(book, &set, STORE_REMOVE, STORE_JOIN, other->host, NULL);
    set_add(book, &set, STORE_PUT, STORE_JOIN, join->host, join);
    set_add_audit(book, &set, audit);
    return set_commit(book, &set, err);
}

int book_join_use(struct book *book, const struct wire_stored_join *join,
                  const struct wire_host_record *record,
                  const struct store_audit *audit, struct vdc_error *err)
{
    struct set set;

    set_begin(&set);
    set_add(book, &set, STORE_PUT, STORE_HOST, record->name, record);
    set_add(book, &set, STORE_PUT, STORE_JOIN, join->host, join);
    set_add_audit(book, &set, audit);
    return set_commit(book, &set, err);
}

/*
 * Use: what a guest had, and whether it ran, is recorded as the time from its
 * since_ms until that changes, in the commit that changes it.  So the sum of
 * these times is what there was, whenever policyd ended.  A guest begins to
 * count when it is made, not while it is being made.
 */
static void add_use(struct book *book, struct set *set,
                    const struct assignment *a, uint64_t to_ms)
{
    struct wire_stored_use *use;

    if (a->state == ASSIGNMENT_CREATING || !a->since_ms ||
        to_ms <= a->since_ms)
        return;
    use = ARENA_NEW(set->arena, struct wire_stored_use);
    wire_init(&wire_struct_stored_use, use);
    use->uuid = a->uuid;
    use->customer = a->customer->name;
    use->name = a->name;
    use->from_ms = a->since_ms;
    use->to_ms = to_ms;
    use->runs = a->runs;
    use->counts = a->counts;
    set_add(book, set, STORE_PUT, STORE_USE,
            record_use_id(to_ms, &a->uuid, set->arena), use);
}

static bool counts_otherwise(const struct assignment *a,
                             const struct store_assignment *row)
{
    const struct wire_usage *x = &a->counts, *y = &row->counts;

    return (a->state == ASSIGNMENT_CREATING &&
            row->state != ASSIGNMENT_CREATING) ||
           a->runs != row->runs || x->memory.kib != y->memory.kib ||
           x->vcpus != y->vcpus || x->disk.kib != y->disk.kib ||
           x->networks != y->networks;
}

/* `at_ms`: since when it is so. */
static int put_row(struct book *book, struct store_assignment *row,
                   uint64_t at_ms, const struct store_audit *audit,
                   struct vdc_error *err)
{
    const struct assignment *a = book_assignment(book, &row->uuid);
    struct wire_stored_partition body;
    char id[UUID_TEXT_SIZE];
    struct set set;

    set_begin(&set);
    if (!a) {
        row->since_ms = at_ms;
    } else if (counts_otherwise(a, row)) {
        /* clocks may differ; time does not go back */
        row->since_ms = at_ms > a->since_ms ? at_ms : a->since_ms;
        add_use(book, &set, a, row->since_ms);
    }
    record_of_assignment(row, &body);
    set_add(book, &set, STORE_PUT, STORE_PARTITION,
            uuid_format(&row->uuid, id), &body);
    /* its disks are newer than the file of it that was kept */
    if (a && a->move && !book_moves(a) && row->runs && !a->runs)
        set_add(book, &set, STORE_REMOVE, STORE_MOVE, id, NULL);
    set_add_audit(book, &set, audit);
    return set_commit(book, &set, err);
}

int book_assignment_add(struct book *book, const struct store_assignment *a,
                        const struct store_audit *audit,
                        struct assignment **ret, struct vdc_error *err)
{
    struct store_assignment row = *a;

    assert(book_customer(book, a->customer));
    int rc = put_row(book, &row, clock_wall().ms, audit, err);
    if (!rc)
        *ret = book_assignment(book, &a->uuid);
    return rc;
}

static int put(struct book *book, struct assignment *a,
               struct store_assignment *row, const struct store_audit *audit,
               struct vdc_error *err)
{
    int before = a->state;
    int rc = put_row(book, row, clock_wall().ms, audit, err);

    if (!rc && before != (int)row->state)
        machine_move(&machine, &before, (int)row->state, a->name);
    return rc;
}

int book_assignment_move(struct book *book, struct assignment *a,
                         enum assignment_state state, const char *name,
                         const char *new_name, const struct store_audit *audit,
                         struct vdc_error *err)
{
    struct store_assignment row = book_row(a);

    row.state = state;
    if (name)
        row.name = name;
    row.new_name = new_name ? new_name : "";
    return put(book, a, &row, audit, err);
}

int book_assignment_count(struct book *book, struct assignment *a,
                          enum assignment_state state,
                          const struct wire_usage *counts, const char *macs,
                          const struct store_audit *audit,
                          struct vdc_error *err)
{
    struct store_assignment row = book_row(a);

    row.state = state;
    if (counts)
        row.counts = *counts;
    if (macs)
        row.macs = macs;
    return put(book, a, &row, audit, err);
}

int book_assignment_runs(struct book *book, struct assignment *a, bool runs,
                         uint64_t at_ms, struct vdc_error *err)
{
    struct store_assignment row = book_row(a);
    uint64_t now = clock_wall().ms;

    if (a->runs == runs)
        return 0;
    row.runs = runs;
    return put_row(book, &row, at_ms && at_ms < now ? at_ms : now, NULL, err);
}

int book_assignment_place(struct book *book, struct assignment *a,
                          const char *host, uint64_t host_busy_ms,
                          const char *reason, struct vdc_error *err)
{
    struct store_assignment row = book_row(a);

    assert(a->state == ASSIGNMENT_CREATING);
    row.host = host;
    row.host_busy_ms = host_busy_ms;
    row.reason = reason;
    return put(book, a, &row, NULL, err);
}

/* ---- moves ---- */

static void set_place(struct book *book, struct set *set,
                      const struct assignment *a,
                      const struct book_place *place)
{
    struct store_assignment row = book_row(a);
    struct wire_stored_partition *body =
        ARENA_NEW(set->arena, struct wire_stored_partition);
    char id[UUID_TEXT_SIZE];

    /* they may be of the move, which goes first */
    row.host = arena_strdup(set->arena, place->host);
    row.host_busy_ms = place->host_busy_ms;
    if (place->reason)
        row.reason = arena_strdup(set->arena, place->reason);
    if (place->moved_ms)
        row.moved_ms = place->moved_ms;
    record_of_assignment(&row, body);
    set_add(book, set, STORE_PUT, STORE_PARTITION,
            uuid_format(&row.uuid, id), body);
}

int book_move_put(struct book *book, struct assignment *a,
                  const struct wire_stored_move *move,
                  const struct book_place *place, struct vdc_error *err)
{
    char id[UUID_TEXT_SIZE];
    struct set set;

    set_begin(&set);
    set_add(book, &set, STORE_PUT, STORE_MOVE, uuid_format(&move->uuid, id),
            move);
    if (a && place->host)
        set_place(book, &set, a, place);
    return set_commit(book, &set, err);
}

int book_move_remove(struct book *book, const struct vdc_uuid *uuid,
                     const struct book_place *place,
                     const struct store_audit *audit, struct vdc_error *err)
{
    const struct assignment *a = book_assignment(book, uuid);
    char id[UUID_TEXT_SIZE];
    struct set set;

    set_begin(&set);
    set_add(book, &set, STORE_REMOVE, STORE_MOVE, uuid_format(uuid, id),
            NULL);
    if (a && place->host)
        set_place(book, &set, a, place);
    set_add_audit(book, &set, audit);
    return set_commit(book, &set, err);
}

int book_run_put(struct book *book, const struct wire_stored_run *run,
                 const struct store_audit *audit, struct vdc_error *err)
{
    char id[32];

    snprintf(id, sizeof(id), "%llu", (unsigned long long)run->number);
    return commit(book, STORE_PUT, STORE_RUN, id, run, audit, err);
}

int book_run_remove(struct book *book, struct vdc_error *err)
{
    const struct wire_stored_run *run = book_run(book);
    char id[32];

    snprintf(id, sizeof(id), "%llu",
             run ? (unsigned long long)run->number : 0ull);
    return commit(book, STORE_REMOVE, STORE_RUN, id, NULL, NULL, err);
}

int book_assignment_remove(struct book *book, struct assignment *a,
                           const struct store_audit *audit,
                           struct vdc_error *err)
{
    char id[UUID_TEXT_SIZE];
    struct set set;

    set_begin(&set);
    add_use(book, &set, a, clock_wall().ms);
    set_add(book, &set, STORE_REMOVE, STORE_PARTITION,
            uuid_format(&a->uuid, id), NULL);
    if (a->move) /* whose file was kept */
        set_add(book, &set, STORE_REMOVE, STORE_MOVE, id, NULL);
    set_add_audit(book, &set, audit);
    return set_commit(book, &set, err);
}

int book_audits(struct book *book, const struct store_audit *audits, size_t n,
                struct vdc_error *err)
{
    struct set set;

    if (n == 0)
        return 0;
    set_begin(&set);
    for (size_t i = 0; i < n; i++)
        set_add_audit(book, &set, &audits[i]);
    return set_commit(book, &set, err);
}

/* ---- answers ---- */

/* So many go with one that comes: a day's, which ended together, go little by
 * little. */
#define DROPPED_AT_ONCE 16

static void drop_answer(struct book *book, struct set *set,
                        const struct store_answer *answer)
{
    set_add(book, set, STORE_REMOVE, STORE_ANSWER,
            record_answer_id(answer->owner, answer->key, set->arena), NULL);
}

static void drop_old_answers(struct book *book, struct set *set,
                             const struct store_answer *put)
{
    const struct store_answer *old = answers_oldest(book->answers);

    for (int i = 0; i < DROPPED_AT_ONCE && old; i++) {
        if (put->time_ms < put->keep_ms ||
            old->time_ms >= put->time_ms - put->keep_ms)
            break;
        if (strcmp(old->owner, put->owner) != 0 ||
            strcmp(old->key, put->key) != 0)
            drop_answer(book, set, old);
        old = answers_next(old);
    }
}

int book_answer_put(struct book *book, const struct store_answer *answer,
                    struct vdc_error *err)
{
    struct wire_stored_answer body;
    struct set set;

    set_begin(&set);
    drop_old_answers(book, &set, answer);
    if (answers_count(book->answers, answer->owner) >= STORE_ANSWERS_MAX &&
        !answers_find(book->answers, answer->owner, answer->key) && !set.n)
        drop_answer(book, &set,
                    answers_oldest_of(book->answers, answer->owner));
    record_of_answer(answer, &body);
    set_add(book, &set, STORE_PUT, STORE_ANSWER,
            record_answer_id(answer->owner, answer->key, set.arena), &body);
    return set_commit(book, &set, err);
}

int book_answer_find(const struct book *book, const char *owner,
                     const char *key, struct arena *arena,
                     struct store_answer *ret, struct vdc_error *err)
{
    const struct store_answer *found = answers_find(book->answers, owner, key);

    if (!found)
        return vdc_error_set(err, VDC_E_NOT_FOUND, "no answer to key '%s'",
                             key);
    *ret = *found;
    ret->owner = arena_strdup(arena, owner);
    ret->key = arena_strdup(arena, key);
    ret->body = found->size ? arena_memdup(arena, found->body, found->size)
                            : (const uint8_t *)"";
    return 0;
}

/* ---- tokens ---- */

int book_remove_times(struct book *book, enum store_record record,
                      const char *const *prefixes, size_t n,
                      struct vdc_error *err)
{
    struct set set;

    assert(!book_kinds[record].apply && n <= STORE_CHANGES_MAX);
    set_begin(&set);
    for (size_t i = 0; i < n; i++)
        set_add(book, &set, STORE_REMOVE_ALL, record, prefixes[i], NULL);
    return set_commit(book, &set, err);
}

int book_token_put(struct book *book, const struct wire_stored_token *token,
                   const struct store_audit *audit, struct vdc_error *err)
{
    return commit(book, STORE_PUT, STORE_TOKEN, token->token.id, token, audit,
                  err);
}

int book_token_remove(struct book *book, const char *id,
                      const struct store_audit *audit, struct vdc_error *err)
{
    return commit(book, STORE_REMOVE, STORE_TOKEN, id, NULL, audit, err);
}
