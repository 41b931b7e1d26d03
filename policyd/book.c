/*
 * The working set of operations; see book.h.
 *
 *      (new) --> CREATING --> ACTIVE <----> RENAMING
 *                             ^   ^            ^
 *                             |   v            v
 *                             |  CHANGING <----+
 *                             v   ^
 *      (gone) <-------- DELETING <+
 */
#include "policyd/book.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/machine.h"

struct book {
    struct store *store;
    struct customer_list customers;
    TAILQ_HEAD(, book_host) hosts;
    void *hosts_by_name; /* tsearch(3) tree */
    void *by_uuid;       /* tsearch(3) tree of assignments */
    book_watch_fn *watch;
    void *watch_arg;
};

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

static int compare_uuid(const void *a, const void *b)
{
    const struct assignment *x = a, *y = b;

    return memcmp(x->uuid.bytes, y->uuid.bytes, sizeof(x->uuid.bytes));
}

static int compare_host(const void *a, const void *b)
{
    const struct book_host *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* ---- in memory ---- */

static void tell(const struct book *book, const struct assignment *a,
                 bool gone)
{
    if (book->watch)
        book->watch(book->watch_arg, a, gone);
}

void book_watch(struct book *book, book_watch_fn *fn, void *arg)
{
    const struct customer *c;
    const struct assignment *a;

    book->watch = fn;
    book->watch_arg = arg;
    TAILQ_FOREACH(c, &book->customers, link)
    TAILQ_FOREACH(a, &c->assignments, link)
    tell(book, a, false);
}

static struct book_host *find_host(const struct book *book, const char *name)
{
    struct book_host key = { .name = (char *)name };
    struct book_host *const *found =
        tfind(&key, &book->hosts_by_name, compare_host);

    return found ? *found : NULL;
}

static struct book_host *need_host(struct book *book, const char *name)
{
    struct book_host *host = find_host(book, name);

    if (host)
        return host;
    host = XNEW(struct book_host);
    host->name = xstrdup(name);
    TAILQ_INIT(&host->assignments);
    TAILQ_INSERT_TAIL(&book->hosts, host, link);
    if (!tsearch(host, &book->hosts_by_name, compare_host))
        abort(); /* no memory: as everywhere */
    return host;
}

/* When there is nothing to know of it. */
static void release_host(struct book *book, struct book_host *host)
{
    if (host->record || host->n_assignments)
        return;
    tdelete(host, &book->hosts_by_name, compare_host);
    TAILQ_REMOVE(&book->hosts, host, link);
    free(host->name);
    free(host);
}

static void set_record(struct book *book, const char *name,
                       const struct wire_host_record *record)
{
    struct book_host *host = need_host(book, name);
    struct arena *old = host->arena;

    host->record = NULL;
    host->arena = NULL;
    if (record) {
        host->arena = arena_new();
        struct wire_host_record *copy =
            ARENA_NEW(host->arena, struct wire_host_record);
        /* cannot fail: it was decoded or checked */
        if (wire_struct_copy(&wire_struct_host_record, record, host->arena,
                             copy, NULL))
            abort();
        host->record = copy;
    }
    arena_free(old);
    release_host(book, host);
}

static void put_there(struct book *book, struct assignment *a,
                      const char *host)
{
    a->there = need_host(book, host);
    a->host = a->there->name;
    TAILQ_INSERT_TAIL(&a->there->assignments, a, link_there);
    a->there->n_assignments++;
}

static void take_away(struct book *book, struct assignment *a)
{
    TAILQ_REMOVE(&a->there->assignments, a, link_there);
    a->there->n_assignments--;
    release_host(book, a->there);
}

static void copy_logins(struct customer *c, const struct wire_customer *from)
{
    c->logins = xzalloc((from->n_logins + 1) * sizeof(*c->logins));
    for (uint32_t i = 0; i < from->n_logins; i++) {
        c->logins[i].uid = from->logins[i].uid;
        c->logins[i].user = xstrdup(from->logins[i].user);
    }
    c->n_logins = from->n_logins;
}

static void free_logins(struct customer *c)
{
    for (uint32_t i = 0; i < c->n_logins; i++)
        free((char *)c->logins[i].user);
    free(c->logins);
}

static struct customer *insert_customer(struct book *book,
                                        const struct wire_customer *from)
{
    struct customer *c = XNEW(struct customer), *next;

    strncpy(c->name, from->name, sizeof(c->name) - 1);
    c->quota = from->quota;
    c->created_ms = from->created_ms;
    c->builtin = strcmp(c->name, NAMES_PROVIDER) == 0;
    TAILQ_INIT(&c->assignments);
    copy_logins(c, from);
    TAILQ_FOREACH(next, &book->customers, link)
    if (strcmp(next->name, c->name) > 0)
        break;
    if (next)
        TAILQ_INSERT_BEFORE(next, c, link);
    else
        TAILQ_INSERT_TAIL(&book->customers, c, link);
    return c;
}

static void drop_assignment(struct book *book, struct assignment *a)
{
    tell(book, a, true);
    tdelete(a, &book->by_uuid, compare_uuid);
    TAILQ_REMOVE(&a->customer->assignments, a, link);
    a->customer->n_assignments--;
    take_away(book, a);
    free(a->macs);
    free(a->reason);
    free(a);
}

static void drop_customer(struct book *book, struct customer *c)
{
    while (!TAILQ_EMPTY(&c->assignments))
        drop_assignment(book, TAILQ_FIRST(&c->assignments));
    TAILQ_REMOVE(&book->customers, c, link);
    free_logins(c);
    free(c);
}

static struct assignment *insert_assignment(struct book *book,
                                            struct customer *customer,
                                            const struct store_assignment *s)
{
    struct assignment *a = XNEW(struct assignment);

    a->customer = customer;
    a->uuid = s->uuid;
    strncpy(a->name, s->name, sizeof(a->name) - 1);
    strncpy(a->new_name, s->new_name, sizeof(a->new_name) - 1);
    put_there(book, a, s->host);
    a->state = s->state;
    a->counts = s->counts;
    a->macs = xstrdup(s->macs);
    a->reason = xstrdup(s->reason);
    a->created_ms = s->created_ms;
    TAILQ_INSERT_TAIL(&customer->assignments, a, link);
    customer->n_assignments++;
    if (!tsearch(a, &book->by_uuid, compare_uuid))
        abort(); /* no memory: as everywhere */
    tell(book, a, false);
    return a;
}

static int load_customer(void *arg, const struct wire_customer *customer,
                         struct vdc_error *err)
{
    insert_customer(arg, customer);
    return 0;
}

static int load_assignment(void *arg, const struct store_assignment *a,
                           struct vdc_error *err)
{
    struct customer *customer = book_customer(arg, a->customer);

    if (!customer)
        return vdc_error_set(err, VDC_E_STORE_CORRUPT,
                             "the database is damaged: guest '%s' has the "
                             "unknown customer '%s'",
                             a->name, a->customer);
    insert_assignment(arg, customer, a);
    return 0;
}

static int load_host(void *arg, const struct wire_host_record *record,
                     struct vdc_error *err)
{
    set_record(arg, record->name, record);
    return 0;
}

static int add_provider(struct book *book, struct vdc_error *err)
{
    struct wire_customer provider;

    if (book_customer(book, NAMES_PROVIDER))
        return 0;
    wire_init(&wire_struct_customer, &provider);
    provider.name = NAMES_PROVIDER;
    return book_customer_add(book, &provider, NULL, err);
}

int book_open(struct store *store, struct book **ret, struct vdc_error *err)
{
    struct book *book = XNEW(struct book);
    const struct store_loader loader = { load_customer, load_assignment,
                                         load_host, book };

    book->store = store;
    TAILQ_INIT(&book->customers);
    TAILQ_INIT(&book->hosts);
    int rc = store->ops->load(store, &loader, err);
    if (!rc)
        rc = add_provider(book, err);
    if (rc) {
        book_close(book);
        return rc;
    }
    *ret = book;
    return 0;
}

void book_close(struct book *book)
{
    if (!book)
        return;
    while (!TAILQ_EMPTY(&book->customers))
        drop_customer(book, TAILQ_FIRST(&book->customers));
    while (!TAILQ_EMPTY(&book->hosts))
        set_record(book, TAILQ_FIRST(&book->hosts)->name, NULL);
    book->store->ops->close(book->store);
    free(book);
}

/* ---- looking up ---- */

const struct customer_list *book_customers(const struct book *book)
{
    return &book->customers;
}

struct customer *book_customer(const struct book *book, const char *name)
{
    struct customer *c;

    TAILQ_FOREACH(c, &book->customers, link)
    if (strcmp(c->name, name) == 0)
        return c;
    return NULL;
}

struct customer *book_customer_by_uid(const struct book *book, uint32_t uid)
{
    struct customer *c;

    TAILQ_FOREACH(c, &book->customers, link)
    for (uint32_t i = 0; i < c->n_logins; i++)
        if (c->logins[i].uid == uid)
            return c;
    return NULL;
}

struct assignment *book_assignment(const struct book *book,
                                   const struct vdc_uuid *uuid)
{
    struct assignment key = { .uuid = *uuid };
    struct assignment *const *found =
        tfind(&key, &book->by_uuid, compare_uuid);

    return found ? *found : NULL;
}

struct assignment *book_assignment_by_name(const struct customer *customer,
                                           const char *name)
{
    struct assignment *a;

    TAILQ_FOREACH(a, &customer->assignments, link)
    if (strcmp(a->name, name) == 0 ||
        (*a->new_name && strcmp(a->new_name, name) == 0))
        return a;
    return NULL;
}

struct assignment *book_assignment_by_mac(const struct book *book,
                                          const char *mac)
{
    struct customer *c;
    struct assignment *a;

    TAILQ_FOREACH(c, &book->customers, link)
    TAILQ_FOREACH(a, &c->assignments, link)
    if (strcasestr(a->macs, mac))
        return a;
    return NULL;
}

const struct book_host *book_hosts(const struct book *book)
{
    return TAILQ_FIRST(&book->hosts);
}

const struct book_host *book_host_next(const struct book_host *host)
{
    return TAILQ_NEXT(host, link);
}

const struct book_host *book_host(const struct book *book, const char *name)
{
    return find_host(book, name);
}

void book_usage(const struct customer *customer, struct wire_usage *ret)
{
    const struct assignment *a;

    wire_init(&wire_struct_usage, ret);
    TAILQ_FOREACH(a, &customer->assignments, link)
    {
        ret->memory.kib += a->counts.memory.kib;
        ret->vcpus += a->counts.vcpus;
        ret->disk.kib += a->counts.disk.kib;
        ret->guests++;
    }
}

/* ---- changes ---- */

static int commit(struct book *book, const struct store_change *change,
                  const struct store_audit *audit, struct vdc_error *err)
{
    struct store_change changes[2] = { *change };
    size_t n = 1;

    if (audit)
        changes[n++] =
            (struct store_change){ .kind = STORE_AUDIT, .audit = audit };
    return book->store->ops->commit(book->store, changes, n, err);
}

int book_customer_add(struct book *book, const struct wire_customer *customer,
                      const struct store_audit *audit, struct vdc_error *err)
{
    const struct store_change change = { .kind = STORE_CUSTOMER_ADD,
                                         .customer = customer };
    int rc = commit(book, &change, audit, err);

    if (!rc)
        insert_customer(book, customer);
    return rc;
}

int book_customer_set(struct book *book, struct customer *customer,
                      const struct wire_customer *from,
                      const struct store_audit *audit, struct vdc_error *err)
{
    struct wire_customer row = *from;

    row.name = customer->name;
    const struct store_change change = { .kind = STORE_CUSTOMER_SET,
                                         .customer = &row };
    int rc = commit(book, &change, audit, err);
    if (rc)
        return rc;
    customer->quota = from->quota;
    if (from->n_logins) {
        struct customer old = *customer;
        copy_logins(customer, from); /* may be from the old ones */
        free_logins(&old);
    }
    return 0;
}

int book_customer_remove(struct book *book, struct customer *customer,
                         const struct store_audit *audit,
                         struct vdc_error *err)
{
    const struct store_change change = { .kind = STORE_CUSTOMER_REMOVE,
                                         .name = customer->name };

    assert(TAILQ_EMPTY(&customer->assignments) && !customer->builtin);
    int rc = commit(book, &change, audit, err);
    if (!rc)
        drop_customer(book, customer);
    return rc;
}

int book_host_put(struct book *book, const struct wire_host_record *record,
                  const struct store_audit *audit, struct vdc_error *err)
{
    const struct store_change change = { .kind = STORE_HOST_PUT,
                                         .host = record };
    int rc = commit(book, &change, audit, err);

    if (!rc)
        set_record(book, record->name, record);
    return rc;
}

int book_host_remove(struct book *book, const char *name,
                     const struct store_audit *audit, struct vdc_error *err)
{
    const struct store_change change = { .kind = STORE_HOST_REMOVE,
                                         .name = name };
    int rc = commit(book, &change, audit, err);

    if (!rc)
        set_record(book, name, NULL);
    return rc;
}

int book_assignment_add(struct book *book, const struct store_assignment *a,
                        const struct store_audit *audit,
                        struct assignment **ret, struct vdc_error *err)
{
    const struct store_change change = { .kind = STORE_ASSIGNMENT_PUT,
                                         .assignment = a };
    struct customer *customer = book_customer(book, a->customer);

    assert(customer);
    int rc = commit(book, &change, audit, err);
    if (!rc)
        *ret = insert_assignment(book, customer, a);
    return rc;
}

/* As it is stored. */
static struct store_assignment row_of(const struct assignment *a)
{
    return (struct store_assignment){
        .uuid = a->uuid,
        .customer = a->customer->name,
        .name = a->name,
        .new_name = a->new_name,
        .host = a->host,
        .state = (enum assignment_state)a->state,
        .counts = a->counts,
        .macs = a->macs,
        .reason = a->reason,
        .created_ms = a->created_ms,
    };
}

static int put(struct book *book, struct assignment *a,
               const struct store_assignment *row,
               const struct store_audit *audit, struct vdc_error *err)
{
    const struct store_change change = { .kind = STORE_ASSIGNMENT_PUT,
                                         .assignment = row };
    int rc = commit(book, &change, audit, err);

    if (!rc && a->state != (int)row->state)
        machine_move(&machine, &a->state, (int)row->state, a->name);
    return rc;
}

int book_assignment_move(struct book *book, struct assignment *a,
                         enum assignment_state state, const char *name,
                         const char *new_name, const struct store_audit *audit,
                         struct vdc_error *err)
{
    struct store_assignment row = row_of(a);

    row.state = state;
    if (name)
        row.name = name;
    row.new_name = new_name ? new_name : "";
    int rc = put(book, a, &row, audit, err);
    if (rc)
        return rc;
    if (name)
        memmove(a->name, name, strlen(name) + 1); /* may be a->new_name */
    memset(a->new_name, 0, sizeof(a->new_name));
    if (new_name)
        strncpy(a->new_name, new_name, sizeof(a->new_name) - 1);
    return 0;
}

int book_assignment_count(struct book *book, struct assignment *a,
                          enum assignment_state state,
                          const struct wire_usage *counts, const char *macs,
                          const struct store_audit *audit,
                          struct vdc_error *err)
{
    struct store_assignment row = row_of(a);

    row.state = state;
    if (counts)
        row.counts = *counts;
    if (macs)
        row.macs = macs;
    int rc = put(book, a, &row, audit, err);
    if (rc)
        return rc;
    a->counts = row.counts;
    if (macs) {
        char *copy = xstrdup(macs); /* may be a->macs */
        free(a->macs);
        a->macs = copy;
    }
    tell(book, a, false);
    return 0;
}

int book_assignment_place(struct book *book, struct assignment *a,
                          const char *host, const char *reason,
                          struct vdc_error *err)
{
    struct store_assignment row = row_of(a);

    assert(a->state == ASSIGNMENT_CREATING);
    row.host = host;
    row.reason = reason;
    int rc = put(book, a, &row, NULL, err);
    if (rc)
        return rc;
    take_away(book, a);
    put_there(book, a, host);
    char *copy = xstrdup(reason);
    free(a->reason);
    a->reason = copy;
    tell(book, a, false);
    return 0;
}

int book_assignment_remove(struct book *book, struct assignment *a,
                           const struct store_audit *audit,
                           struct vdc_error *err)
{
    const struct store_change change = { .kind = STORE_ASSIGNMENT_REMOVE,
                                         .uuid = &a->uuid };
    int rc = commit(book, &change, audit, err);

    if (!rc)
        drop_assignment(book, a);
    return rc;
}

int book_audits(struct book *book, const struct store_audit *audits, size_t n,
                struct vdc_error *err)
{
    struct arena *arena = arena_new();
    struct store_change *changes = ARENA_ARRAY(arena, n, struct store_change);

    for (size_t i = 0; i < n; i++)
        changes[i] =
            (struct store_change){ .kind = STORE_AUDIT, .audit = &audits[i] };
    int rc = n ? book->store->ops->commit(book->store, changes, n, err) : 0;
    arena_free(arena);
    return rc;
}

int book_answer_put(struct book *book, const struct store_answer *answer,
                    struct vdc_error *err)
{
    const struct store_change change = { .kind = STORE_ANSWER_PUT,
                                         .answer = answer };

    return book->store->ops->commit(book->store, &change, 1, err);
}

int book_answer_find(const struct book *book, const char *owner,
                     const char *key, struct arena *arena,
                     struct store_answer *ret, struct vdc_error *err)
{
    return book->store->ops->find_answer(book->store, owner, key, arena, ret,
                                         err);
}
