/*
 * Finding customers, guests and MACs in the working set; see book_impl.h.
 *
 * What is searched by may be there twice for a while, or in a store that
 * somebody has edited: trees are in the order of the text, then of addresses,
 * and what is searched for is any with the text.
 */
#include <ctype.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/book_impl.h"

#define MAC_SIZE 24

struct mac {
    struct assignment *a;
    char text[MAC_SIZE];
};

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;

    return (x > y) - (x < y);
}

/* What is there then: it, or one that is the same. */
static void *add(void *item, void **tree,
                 int (*compare)(const void *, const void *))
{
    void *const *found = tsearch(item, tree, compare);

    if (!found)
        abort(); /* no memory: as everywhere */
    return *found;
}

/* ---- customers ---- */

static int compare_customer(const void *a, const void *b)
{
    const struct customer *x = a, *y = b;

    return strcmp(x->name, y->name);
}

struct customer *book_customer(const struct book *book, const char *name)
{
    struct customer key;

    if (strlen(name) >= sizeof(key.name))
        return NULL;
    strcpy(key.name, name);
    struct customer *const *found =
        tfind(&key, &book->customers_by_name, compare_customer);
    return found ? *found : NULL;
}

void book_find_customer(struct book *book, struct customer *c)
{
    add(c, &book->customers_by_name, compare_customer);
}

void book_lose_customer(struct book *book, struct customer *c)
{
    tdelete(c, &book->customers_by_name, compare_customer);
}

/* ---- guests by name ---- */

static int match_name(const void *a, const void *b)
{
    const struct assignment *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static int match_new_name(const void *a, const void *b)
{
    const struct assignment *x = a, *y = b;

    return strcmp(x->new_name, y->new_name);
}

static int compare_name(const void *a, const void *b)
{
    int order = match_name(a, b);

    return order ? order : by_address(a, b);
}

static int compare_new_name(const void *a, const void *b)
{
    int order = match_new_name(a, b);

    return order ? order : by_address(a, b);
}

struct assignment *book_assignment_by_name(const struct customer *customer,
                                           const char *name)
{
    struct assignment key;

    if (!*name || strlen(name) >= sizeof(key.name))
        return NULL;
    strcpy(key.name, name);
    key.new_name = key.name;
    struct assignment *const *found =
        tfind(&key, &customer->by_name, match_name);
    if (!found)
        found = tfind(&key, &customer->by_new_name, match_new_name);
    return found ? *found : NULL;
}

/* ---- guests by MAC ---- */

static int match_mac(const void *a, const void *b)
{
    const struct mac *x = a, *y = b;

    return strcmp(x->text, y->text);
}

static int compare_mac(const void *a, const void *b)
{
    const struct mac *x = a, *y = b;
    int order = match_mac(a, b);

    return order ? order : by_address(x->a, y->a);
}

/* The next word in small letters, cut to what a MAC may be; false: there is
 * none. */
static bool next_mac(const char **text, char ret[MAC_SIZE])
{
    const char *word = *text + strspn(*text, " ");
    size_t len = strcspn(word, " ");
    size_t kept = len < MAC_SIZE ? len : MAC_SIZE - 1;

    for (size_t i = 0; i < kept; i++)
        ret[i] = (char)tolower((unsigned char)word[i]);
    ret[kept] = '\0';
    *text = word + len;
    return len > 0;
}

struct assignment *book_assignment_by_mac(const struct book *book,
                                          const char *mac)
{
    struct mac key;

    if (!next_mac(&mac, key.text))
        return NULL;
    struct mac *const *found = tfind(&key, &book->by_mac, match_mac);
    return found ? (*found)->a : NULL;
}

static void find_macs(struct book *book, struct assignment *a)
{
    const char *text = a->macs;
    struct mac key = { .a = a };

    while (next_mac(&text, key.text)) {
        struct mac *mac = XNEW(struct mac);
        *mac = key;
        /* one that is being changed may have some twice */
        if (add(mac, &book->by_mac, compare_mac) != mac)
            free(mac);
    }
}

static void lose_macs(struct book *book, struct assignment *a)
{
    const char *text = a->macs;
    struct mac key = { .a = a };

    while (next_mac(&text, key.text)) {
        struct mac *const *found = tfind(&key, &book->by_mac, compare_mac);
        struct mac *mac = found ? *found : NULL;
        if (!mac)
            continue;
        tdelete(mac, &book->by_mac, compare_mac);
        free(mac);
    }
}

/* ---- all of a guest ---- */

void book_find_assignment(struct book *book, struct assignment *a)
{
    add(a, &a->customer->by_name, compare_name);
    if (*a->new_name)
        add(a, &a->customer->by_new_name, compare_new_name);
    find_macs(book, a);
}

void book_lose_assignment(struct book *book, struct assignment *a)
{
    tdelete(a, &a->customer->by_name, compare_name);
    if (*a->new_name)
        tdelete(a, &a->customer->by_new_name, compare_new_name);
    lose_macs(book, a);
}
