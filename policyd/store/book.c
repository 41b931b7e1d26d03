/*
 * The working set of operations: in memory, looking up, opening; see book.h.
 */
#include "policyd/store/book.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "policyd/store/book_impl.h"

/* ---- in memory ---- */

void book_tell(const struct book *book, const struct assignment *a, bool gone)
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
    book_tell(book, a, false);
}

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

void book_set_logins(struct book *book, struct customer *c,
                     const struct wire_customer *from)
{
    struct customer old = *c;

    book_lose_logins(book, c);
    copy_logins(c, from); /* may be from the old ones */
    free_logins(&old);
    book_find_logins(book, c);
}

void book_set_bounds(struct customer *c, const struct wire_customer *from)
{
    struct wire_bound *old = c->bounds;

    /* whom they are set for is the customer's name */
    c->bounds = xzalloc((from->n_bounds + 1) * sizeof(*c->bounds));
    for (uint32_t i = 0; i < from->n_bounds; i++) {
        c->bounds[i] = from->bounds[i];
        c->bounds[i].min_by = c->bounds[i].max_by = "";
    }
    c->n_bounds = from->n_bounds;
    free(old);
}

struct customer *book_insert_customer(struct book *book,
                                      const struct wire_customer *from)
{
    struct customer *c = XNEW(struct customer), *before;
    char parent[NAMES_CUSTOMER_MAX + 1];

    c->book = book;
    strncpy(c->name, from->name, sizeof(c->name) - 1);
    c->quota = from->quota;
    c->created_ms = from->created_ms;
    c->builtin = strcmp(c->name, NAMES_PROVIDER) == 0;
    TAILQ_INIT(&c->assignments);
    wire_init(&wire_struct_usage, &c->used);
    copy_logins(c, from);
    book_set_bounds(c, from);
    if (names_parent(c->name, parent))
        c->parent = book_customer(book, parent);
    if (c->parent)
        c->parent->n_projects++;
    /* from the end, as they are loaded in this order */
    TAILQ_FOREACH_REVERSE(before, &book->customers, customer_list, link)
    if (strcmp(before->name, c->name) < 0)
        break;
    if (before)
        TAILQ_INSERT_AFTER(&book->customers, before, c, link);
    else
        TAILQ_INSERT_HEAD(&book->customers, c, link);
    book_find_customer(book, c);
    book_find_logins(book, c);
    return c;
}

static char nothing[1];

char *book_keep_text(const char *text)
{
    return text && *text ? xstrdup(text) : nothing;
}

void book_drop_text(char *text)
{
    if (text != nothing)
        free(text);
}

void book_drop_assignment(struct book *book, struct assignment *a)
{
    book_tell(book, a, true);
    book_lose_assignment(book, a);
    book_lose_uuid(book, a);
    book_uncount(a);
    TAILQ_REMOVE(&a->customer->assignments, a, link);
    a->customer->n_assignments--;
    book_take_away(book, a);
    book_drop_text(a->name);
    book_drop_text(a->new_name);
    book_drop_text(a->macs);
    book_drop_text(a->reason);
    book_drop_text(a->placing);
    book_drop_text(a->images);
    free(a);
}

void book_drop_customer(struct book *book, struct customer *c)
{
    while (!TAILQ_EMPTY(&c->assignments))
        book_drop_assignment(book, TAILQ_FIRST(&c->assignments));
    book_lose_customer(book, c);
    book_lose_logins(book, c);
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

struct assignment *book_insert_assignment(struct book *book,
                                          struct customer *customer,
                                          const struct store_assignment *s)
{
    struct assignment *a = XNEW(struct assignment);

    a->customer = customer;
    a->uuid = s->uuid;
    a->name = book_keep_text(s->name);
    a->new_name = book_keep_text(s->new_name);
    book_put_there(book, a, s->host);
    a->state = s->state;
    book_set_counted(a, &s->counts);
    if (!a->counts.networks) /* from before they were counted */
        a->counts.networks = count_words(s->macs);
    a->macs = book_keep_text(s->macs);
    a->reason = book_keep_text(s->reason);
    a->placing = book_keep_text(s->placing);
    a->images = book_keep_text(s->images);
    a->created_ms = s->created_ms;
    a->since_ms = s->since_ms;
    a->runs = s->runs;
    a->host_busy_ms = s->host_busy_ms;
    a->moved_ms = s->moved_ms;
    a->move = book_find_move(book, &s->uuid);
    TAILQ_INSERT_TAIL(&customer->assignments, a, link);
    customer->n_assignments++;
    book_count(a);
    book_find_uuid(book, a);
    book_find_assignment(book, a);
    book_tell(book, a, false);
    return a;
}

static int load(void *arg, enum store_record record, const char *id,
                const void *body, struct vdc_error *err)
{
    return book_kinds[record].apply(arg, id, body, err);
}

/* ---- what the store says ---- */

static void durable(void *arg, uint64_t number)
{
    struct book *book = arg;

    undo_forget(book->undo, number);
}

static void take_back(void *arg, enum store_record record, const char *id,
                      const void *before)
{
    /* it fits to what is there, as it was there before */
    if (book_kinds[record].apply(arg, id, before, NULL))
        abort();
}

static void refused(void *arg, const struct vdc_error *why)
{
    struct book *book = arg;
    size_t n = undo_run(book->undo, take_back, book);

    /* those are not taken back, but may be missing after a restart */
    decisions_break(book->decisions);

    if (book->notify.refused)
        book->notify.refused(book->notify.arg, n, why);
}

static void lost(void *arg, const struct vdc_error *why)
{
    struct book *book = arg;

    if (book->notify.lost)
        book->notify.lost(book->notify.arg, why);
}

void book_set_notify(struct book *book, const struct book_notify *notify)
{
    book->notify = *notify;
}

bool book_wait(struct book *book, store_wait_fn *fn, void *arg)
{
    return store_wait(book->store, fn, arg);
}

struct store *book_store(const struct book *book)
{
    return book->store;
}

void book_drain(struct book *book)
{
    store_drain(book->store);
}

void book_read(struct book *book, enum store_record record,
               const char *prefix, store_read_fn *fn, store_wait_fn *done,
               void *arg)
{
    store_read(book->store, record, prefix, fn, done, arg);
}

/* ---- opening ---- */

static int add_provider(struct book *book, struct vdc_error *err)
{
    struct wire_customer provider;

    if (book_customer(book, NAMES_PROVIDER))
        return 0;
    wire_init(&wire_struct_customer, &provider);
    provider.name = NAMES_PROVIDER;
    int rc = book_customer_add(book, &provider, NULL, err);
    return rc ? rc : store_settle(book->store, err);
}

static struct book *new_book(struct store *store)
{
    struct book *book = XNEW(struct book);

    book->store = store;
    book->answers = answers_new();
    book->decisions = decisions_new(SIZE_MAX);
    book->undo = undo_new();
    TAILQ_INIT(&book->customers);
    book->tokens = tokens_new();
    TAILQ_INIT(&book->joins);
    TAILQ_INIT(&book->images);
    TAILQ_INIT(&book->policyds);
    TAILQ_INIT(&book->hosts);
    TAILQ_INIT(&book->moves);
    return book;
}

struct book *book_new_trial(void)
{
    return new_book(NULL);
}

int book_try(struct book *book, enum store_record record, const char *id,
             const void *body, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    const char *wanted = record_id(record, body, arena);
    int rc = 0;

    if (wanted && strcmp(id, wanted) != 0)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE, "the id '%s' should be '%s'",
                           id, wanted);
    if (!rc && book_kinds[record].apply)
        rc = book_kinds[record].apply(book, id, body, err);
    arena_free(arena);
    return rc;
}

int book_open(struct store *store, struct book **ret, struct vdc_error *err)
{
    struct book *book = new_book(store);
    const struct store_notify notify = { durable, refused, lost, book };

    int rc = store_load(store, load, book, err);
    answers_sort(book->answers);
    if (!rc)
        rc = book_load_decision(book, NULL, err);
    book_keep_decisions(book);
    if (!rc) {
        store_set_notify(store, &notify);
        rc = add_provider(book, err);
    }
    if (!rc)
        book_drop_tokens(book);
    if (rc) {
        store_set_notify(store, &(struct store_notify){ NULL });
        book->store = NULL;
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
        book_drop_customer(book, TAILQ_LAST(&book->customers, customer_list));
    tokens_free(book->tokens);
    book_free_joins(book);
    book_free_images(book);
    book_free_policyds(book);
    book_drop_moves(book);
    book_drop_kept(book);
    while (!TAILQ_EMPTY(&book->hosts))
        book_set_host(book, TAILQ_FIRST(&book->hosts)->name, NULL);
    answers_free(book->answers);
    decisions_free(book->decisions);
    book_load_decision(book, NULL, NULL);
    undo_free(book->undo);
    book_find_end(book);
    store_close(book->store);
    free(book);
}

/* ---- looking up ---- */

const struct customer_list *book_customers(const struct book *book)
{
    return &book->customers;
}

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
