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
#include "policyd/quota.h"
#include "policyd/tokens.h"

struct book {
    struct store *store;
    struct customer_list customers;
    void *by_uuid; /* tsearch(3) tree of assignments */
    struct tokens *tokens;
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

/* ---- in memory ---- */

static void copy_logins(struct customer *c, const struct wire_customer *from)
{
    c->logins = xzalloc((from->n_logins + 1) * sizeof(*c->logins));
    for (uint32_t i = 0; i < from->n_logins; i++) {
        c->logins[i].uid = from->logins[i].uid;
        c->logins[i].role = from->logins[i].role;
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

/* Whom they are set for is the customer's name. */
static void copy_bounds(struct customer *c, const struct wire_customer *from)
{
    c->bounds = xzalloc((from->n_bounds + 1) * sizeof(*c->bounds));
    for (uint32_t i = 0; i < from->n_bounds; i++) {
        c->bounds[i] = from->bounds[i];
        c->bounds[i].min_by = c->bounds[i].max_by = "";
    }
    c->n_bounds = from->n_bounds;
}

static struct customer *insert_customer(struct book *book,
                                        const struct wire_customer *from)
{
    struct customer *c = XNEW(struct customer), *next;
    char parent[NAMES_CUSTOMER_MAX + 1];

    strncpy(c->name, from->name, sizeof(c->name) - 1);
    c->quota = from->quota;
    c->created_ms = from->created_ms;
    c->builtin = strcmp(c->name, NAMES_PROVIDER) == 0;
    TAILQ_INIT(&c->assignments);
    copy_logins(c, from);
    copy_bounds(c, from);
    if (names_parent(c->name, parent))
        c->parent = book_customer(book, parent);
    if (c->parent)
        c->parent->n_projects++;
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
    tdelete(a, &book->by_uuid, compare_uuid);
    TAILQ_REMOVE(&a->customer->assignments, a, link);
    a->customer->n_assignments--;
    free(a->host);
    free(a->macs);
    free(a->reason);
    free(a);
}

static void drop_customer(struct book *book, struct customer *c)
{
    while (!TAILQ_EMPTY(&c->assignments))
        drop_assignment(book, TAILQ_FIRST(&c->assignments));
    TAILQ_REMOVE(&book->customers, c, link);
    if (c->parent)
        c->parent->n_projects--;
    free_logins(c);
    free(c->bounds);
    free(c);
}

/* Each once, although one that is being changed may have some twice. */
static uint64_t count_words(const char *macs)
{
    uint64_t n = 0;

    for (const char *p = macs; *p;) {
        size_t len = strcspn(p, " ");
        char mac[24] = "";
        memcpy(mac, p, len < sizeof(mac) ? len : sizeof(mac) - 1);
        n += len && strcasestr(macs, mac) == p;
        p += len + strspn(p + len, " ");
    }
    return n;
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
    a->host = xstrdup(s->host);
    a->state = s->state;
    a->counts = s->counts;
    a->counts.networks = count_words(s->macs);
    a->macs = xstrdup(s->macs);
    a->reason = xstrdup(s->reason);
    a->created_ms = s->created_ms;
    TAILQ_INSERT_TAIL(&customer->assignments, a, link);
    customer->n_assignments++;
    if (!tsearch(a, &book->by_uuid, compare_uuid))
        abort(); /* no memory: as everywhere */
    return a;
}

static int load_customer(void *arg, const struct wire_customer *customer,
                         struct vdc_error *err)
{
    char parent[NAMES_CUSTOMER_MAX + 1];

    if (names_parent(customer->name, parent) && !book_customer(arg, parent))
        return vdc_error_set(err, VDC_E_STORE_CORRUPT,
                             "the database is damaged: project '%s' has no "
                             "customer",
                             customer->name);
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

static int add_provider(struct book *book, struct vdc_error *err)
{
    struct wire_customer provider;

    if (book_customer(book, NAMES_PROVIDER))
        return 0;
    wire_init(&wire_struct_customer, &provider);
    provider.name = NAMES_PROVIDER;
    return book_customer_add(book, &provider, NULL, err);
}

static int load_token(void *arg, const char *key, const uint8_t *data,
                      size_t size, struct vdc_error *err)
{
    struct book *book = arg;
    struct arena *arena = arena_new();
    struct wire_stored_token token;
    int rc = wire_struct_decode(&wire_struct_stored_token, data, size, arena,
                                &token, err);

    if (!rc)
        rc = tokens_put(book->tokens, &token, err);
    if (rc)
        rc = vdc_error_set(err, VDC_E_STORE_CORRUPT,
                           "the database is damaged: %s", key);
    arena_free(arena);
    return rc;
}

static int load_tokens(struct book *book, struct vdc_error *err)
{
    const struct store_query all = { .prefix = STORE_TOKEN_KEY,
                                     .after = "",
                                     .most = UINT32_MAX };

    return book->store->ops->read_records(book->store, &all, load_token, book,
                                          err);
}

int book_open(struct store *store, struct book **ret, struct vdc_error *err)
{
    struct book *book = XNEW(struct book);
    const struct store_loader loader = { load_customer, load_assignment,
                                         book };

    book->store = store;
    TAILQ_INIT(&book->customers);
    book->tokens = tokens_new();
    int rc = store->ops->load(store, &loader, err);
    if (!rc)
        rc = load_tokens(book, err);
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
    /* projects before their customers */
    while (!TAILQ_EMPTY(&book->customers))
        drop_customer(book, TAILQ_LAST(&book->customers, customer_list));
    tokens_free(book->tokens);
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

struct customer *book_customer_by_uid(const struct book *book, uint32_t uid,
                                      const struct wire_login **ret_login)
{
    struct customer *c;

    TAILQ_FOREACH(c, &book->customers, link)
    for (uint32_t i = 0; i < c->n_logins; i++)
        if (c->logins[i].uid == uid) {
            if (ret_login)
                *ret_login = &c->logins[i];
            return c;
        }
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

void book_usage(const struct customer *customer, struct wire_usage *ret)
{
    const struct assignment *a;

    wire_init(&wire_struct_usage, ret);
    TAILQ_FOREACH(a, &customer->assignments, link)
    {
        struct wire_usage one = a->counts;
        one.guests = 1;
        if (book_runs(a))
            usage_run(&one);
        usage_add(ret, &one);
    }
}

bool book_runs(const struct assignment *a)
{
    return a->runs || a->n_starting;
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
    row.created_ms = customer->created_ms;
    if (!row.n_logins) {
        row.logins = customer->logins;
        row.n_logins = customer->n_logins;
    }
    const struct store_change change = { .kind = STORE_CUSTOMER_SET,
                                         .customer = &row };
    int rc = commit(book, &change, audit, err);
    if (rc)
        return rc;
    customer->quota = from->quota;
    struct wire_bound *bounds = customer->bounds;
    copy_bounds(customer, from);
    free(bounds);
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

    assert(TAILQ_EMPTY(&customer->assignments) && !customer->builtin &&
           !customer->n_projects);
    int rc = commit(book, &change, audit, err);
    if (!rc)
        drop_customer(book, customer);
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

/* ---- tokens ---- */

const struct wire_stored_token *book_token(const struct book *book,
                                           const char *id)
{
    return tokens_find(book->tokens, id);
}

const struct wire_stored_token *book_token_after(const struct book *book,
                                                 const char *id)
{
    return tokens_after(book->tokens, id);
}

int book_token_put(struct book *book, const struct wire_stored_token *token,
                   const struct store_audit *audit, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    struct store_record record = {
        .key = arena_printf(arena, STORE_TOKEN_KEY "%s", token->token.id)
    };
    const struct store_change change = { .kind = STORE_RECORD_PUT,
                                         .record = &record };
    uint8_t *body;
    int rc = wire_struct_encode(&wire_struct_stored_token, token, arena, &body,
                                &record.size, err);

    record.body = body;
    if (!rc)
        rc = commit(book, &change, audit, err);
    if (!rc)
        rc = tokens_put(book->tokens, token, err);
    arena_free(arena);
    return rc;
}

int book_token_remove(struct book *book, const char *id,
                      const struct store_audit *audit, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    const struct store_change change = {
        .kind = STORE_RECORD_REMOVE,
        .name = arena_printf(arena, STORE_TOKEN_KEY "%s", id)
    };
    int rc = commit(book, &change, audit, err);

    if (!rc)
        tokens_remove(book->tokens, id);
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
