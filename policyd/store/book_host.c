/* Hosts in the working set, and what is assigned to each; see book.h. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/store/book_impl.h"

static bool is_host(const void *item, const void *key)
{
    const struct book_host *host = item;

    return strcmp(host->name, key) == 0;
}

static struct book_host *find(const struct book *book, const char *name)
{
    return table_find(&book->hosts_by_name, table_hash_text(name, 0), is_host,
                      name);
}

static struct book_host *need(struct book *book, const char *name)
{
    struct book_host *host = find(book, name);

    if (host)
        return host;
    host = XNEW(struct book_host);
    host->name = xstrdup(name);
    TAILQ_INIT(&host->assignments);
    TAILQ_INSERT_TAIL(&book->hosts, host, link);
    table_add(&book->hosts_by_name, table_hash_text(name, 0), host);
    return host;
}

/* When there is nothing to know of it. */
static void release(struct book *book, struct book_host *host)
{
    if (host->record || host->n_assignments)
        return;
    table_remove(&book->hosts_by_name, table_hash_text(host->name, 0), host);
    TAILQ_REMOVE(&book->hosts, host, link);
    free(host->name);
    free(host);
}

void book_set_host(struct book *book, const char *name,
                   const struct wire_host_record *record)
{
    struct book_host *host = need(book, name);
    struct arena *old = host->arena;

    host->record = NULL;
    host->arena = NULL;
    if (record) {
        /* cannot fail: it was stored */
        if (wire_struct_keep(&wire_struct_host_record, record, &host->arena,
                             &host->stored, NULL))
            abort();
        host->record = &host->stored;
    }
    arena_free(old);
    release(book, host);
}

void book_put_there(struct book *book, struct assignment *a, const char *host)
{
    a->there = need(book, host);
    a->host = a->there->name;
    TAILQ_INSERT_TAIL(&a->there->assignments, a, link_there);
    a->there->n_assignments++;
}

void book_take_away(struct book *book, struct assignment *a)
{
    TAILQ_REMOVE(&a->there->assignments, a, link_there);
    a->there->n_assignments--;
    release(book, a->there);
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
    return find(book, name);
}
