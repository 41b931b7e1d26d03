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
#include <string.h>

#include "base/clock.h"
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
    return book_commit_one(book, STORE_PUT, STORE_CUSTOMER, customer->name,
                           customer, audit, err);
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
    return book_commit_one(book, STORE_PUT, STORE_CUSTOMER, row.name, &row,
                           audit, err);
}

/* With the answers to its keys, and its tokens: a namesake must not get
 * them. */
int book_customer_remove(struct book *book, struct customer *customer,
                         const struct store_audit *audit,
                         struct vdc_error *err)
{
    char owner[NAMES_CUSTOMER_MAX + 1];
    const struct store_answer *answer;
    struct book_commit commit;

    assert(TAILQ_EMPTY(&customer->assignments) && !customer->builtin &&
           !customer->n_projects);
    strcpy(owner, customer->name);
    book_commit_begin(&commit);
    book_commit_add(book, &commit, STORE_REMOVE, STORE_CUSTOMER, owner, NULL);
    book_commit_add(book, &commit, STORE_REMOVE_ALL, STORE_ANSWER,
                    record_answer_id(owner, "", commit.arena), NULL);
    for (answer = answers_oldest_of(book->answers, owner); answer;
         answer = answers_next_of(answer)) {
        const char *id = record_answer_id(owner, answer->key, commit.arena);
        undo_entry_note(
            commit.undo, STORE_ANSWER, id,
            book_kinds[STORE_ANSWER].describe(book, id, commit.arena));
    }
    book_commit_tokens(book, &commit, owner, STORE_CHANGES_MAX - commit.n - 1);
    book_commit_audit(book, &commit, audit);
    int rc = book_commit_end(book, &commit, err);
    if (!rc)
        book_drop_tokens(book);
    while (!rc && (answer = answers_oldest_of(book->answers, owner)))
        answers_remove(book->answers, owner, answer->key);
    return rc;
}

int book_host_put(struct book *book, const struct wire_host_record *record,
                  const struct store_audit *audit, struct vdc_error *err)
{
    return book_commit_one(book, STORE_PUT, STORE_HOST, record->name, record,
                           audit, err);
}

int book_host_remove(struct book *book, const char *name,
                     const struct store_audit *audit, struct vdc_error *err)
{
    struct book_commit commit;

    book_commit_begin(&commit);
    book_commit_add(book, &commit, STORE_REMOVE, STORE_HOST, name, NULL);
    /* what it joined with would give it its certificate once more */
    if (book_join(book, name))
        book_commit_add(book, &commit, STORE_REMOVE, STORE_JOIN, name, NULL);
    book_commit_audit(book, &commit, audit);
    return book_commit_end(book, &commit, err);
}

/*
 * Use: what a guest had, and whether it ran, is recorded as the time from its
 * since_ms until that changes, in the commit that changes it.  So the sum of
 * these times is what there was, whenever policyd ended.  A guest begins to
 * count when it is made, not while it is being made.
 */
static void add_use(struct book *book, struct book_commit *commit,
                    const struct assignment *a, uint64_t to_ms)
{
    struct wire_stored_use *use;

    if (a->state == ASSIGNMENT_CREATING || !a->since_ms ||
        to_ms <= a->since_ms)
        return;
    use = ARENA_NEW(commit->arena, struct wire_stored_use);
    wire_init(&wire_struct_stored_use, use);
    use->uuid = a->uuid;
    use->customer = a->customer->name;
    use->name = a->name;
    use->from_ms = a->since_ms;
    use->to_ms = to_ms;
    use->runs = a->runs;
    use->counts = book_counted(a);
    book_commit_add(book, commit, STORE_PUT, STORE_USE,
                    record_use_id(to_ms, &a->uuid, commit->arena), use);
}

static bool counts_otherwise(const struct assignment *a,
                             const struct store_assignment *row)
{
    const struct wire_usage *y = &row->counts;
    const struct book_counts *x = &a->counts;

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
    struct book_commit commit;

    book_commit_begin(&commit);
    if (!a) {
        row->since_ms = at_ms;
    } else if (counts_otherwise(a, row)) {
        /* clocks may differ; time does not go back */
        row->since_ms = at_ms > a->since_ms ? at_ms : a->since_ms;
        add_use(book, &commit, a, row->since_ms);
    }
    record_of_assignment(row, &body);
    book_commit_add(book, &commit, STORE_PUT, STORE_PARTITION,
                    uuid_format(&row->uuid, id), &body);
    /* its disks are newer than the file of it that was kept */
    if (a && a->move && !book_moves(a) && row->runs && !a->runs)
        book_commit_add(book, &commit, STORE_REMOVE, STORE_MOVE, id, NULL);
    book_commit_audit(book, &commit, audit);
    return book_commit_end(book, &commit, err);
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

int book_assignment_remove(struct book *book, struct assignment *a,
                           const struct store_audit *audit,
                           struct vdc_error *err)
{
    char id[UUID_TEXT_SIZE];
    struct book_commit commit;

    book_commit_begin(&commit);
    add_use(book, &commit, a, clock_wall().ms);
    book_commit_add(book, &commit, STORE_REMOVE, STORE_PARTITION,
                    uuid_format(&a->uuid, id), NULL);
    if (a->move) /* whose file was kept */
        book_commit_add(book, &commit, STORE_REMOVE, STORE_MOVE, id, NULL);
    if (book_kept(book, &a->uuid))
        book_commit_add(book, &commit, STORE_REMOVE, STORE_KEPT, id, NULL);
    book_commit_audit(book, &commit, audit);
    return book_commit_end(book, &commit, err);
}

int book_audits(struct book *book, const struct store_audit *audits, size_t n,
                struct vdc_error *err)
{
    struct book_commit commit;

    if (n == 0)
        return 0;
    book_commit_begin(&commit);
    for (size_t i = 0; i < n; i++)
        book_commit_audit(book, &commit, &audits[i]);
    return book_commit_end(book, &commit, err);
}

int book_remove_times(struct book *book, enum store_record record,
                      const char *const *prefixes, size_t n,
                      struct vdc_error *err)
{
    struct book_commit commit;

    assert(!book_kinds[record].apply && n <= STORE_CHANGES_MAX);
    book_commit_begin(&commit);
    for (size_t i = 0; i < n; i++)
        book_commit_add(book, &commit, STORE_REMOVE_ALL, record, prefixes[i],
                        NULL);
    return book_commit_end(book, &commit, err);
}
