/*
 * Finding customers, guests and MACs in the working set; see book_impl.h.
 *
 * What is searched by may be there twice for a while, or in a store that
 * somebody has edited: what is found is any that goes by it.
 */
#include <ctype.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/store/book_impl.h"

#define MAC_SIZE 24

/* ---- customers ---- */

static bool is_customer(const void *item, const void *key)
{
    const struct customer *c = item;

    return strcmp(c->name, key) == 0;
}

struct customer *book_customer(const struct book *book, const char *name)
{
    return table_find(&book->customers_by_name, table_hash_text(name, 0),
                      is_customer, name);
}

void book_find_customer(struct book *book, struct customer *c)
{
    table_add(&book->customers_by_name, table_hash_text(c->name, 0), c);
}

void book_lose_customer(struct book *book, struct customer *c)
{
    table_remove(&book->customers_by_name, table_hash_text(c->name, 0), c);
}

/* ---- guests by UUID ---- */

static uint32_t hash_uuid(const struct vdc_uuid *uuid)
{
    return table_hash(uuid->bytes, sizeof(uuid->bytes), 0);
}

static bool is_uuid(const void *item, const void *key)
{
    const struct assignment *a = item;

    return uuid_equal(&a->uuid, key);
}

struct assignment *book_assignment(const struct book *book,
                                   const struct vdc_uuid *uuid)
{
    return table_find(&book->by_uuid, hash_uuid(uuid), is_uuid, uuid);
}

void book_find_uuid(struct book *book, struct assignment *a)
{
    table_add(&book->by_uuid, hash_uuid(&a->uuid), a);
}

void book_lose_uuid(struct book *book, struct assignment *a)
{
    table_remove(&book->by_uuid, hash_uuid(&a->uuid), a);
}

/* ---- customers by their logins ---- */

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;

    return (x > y) - (x < y);
}

struct account {
    uint32_t uid;
    struct customer *customer;
};

static int match_uid(const void *a, const void *b)
{
    const struct account *x = a, *y = b;

    return (x->uid > y->uid) - (x->uid < y->uid);
}

static int compare_account(const void *a, const void *b)
{
    const struct account *x = a, *y = b;
    int order = match_uid(a, b);

    return order ? order : by_address(x->customer, y->customer);
}

void book_find_logins(struct book *book, struct customer *c)
{
    for (uint32_t i = 0; i < c->n_logins; i++) {
        struct account *account = XNEW(struct account);
        *account = (struct account){ c->logins[i].uid, c };
        struct account *const *found =
            tsearch(account, &book->by_uid, compare_account);
        if (!found)
            abort(); /* no memory: as everywhere */
        if (*found != account)
            free(account); /* it has this login twice */
    }
}

void book_lose_logins(struct book *book, struct customer *c)
{
    for (uint32_t i = 0; i < c->n_logins; i++) {
        const struct account key = { c->logins[i].uid, c };
        struct account *const *found =
            tfind(&key, &book->by_uid, compare_account);
        struct account *account = found ? *found : NULL;
        if (account)
            tdelete(account, &book->by_uid, compare_account);
        free(account);
    }
}

struct customer *book_customer_by_uid(const struct book *book, uint32_t uid,
                                      const struct wire_login **ret_login)
{
    const struct account key = { .uid = uid };
    struct account *const *found = tfind(&key, &book->by_uid, match_uid);
    struct customer *c = found ? (*found)->customer : NULL;

    for (uint32_t i = 0; c && ret_login && i < c->n_logins; i++)
        if (c->logins[i].uid == uid)
            *ret_login = &c->logins[i];
    return c;
}

/* ---- guests by name ---- */

/* Customers choose names without knowing of each other. */
struct name {
    const struct customer *customer;
    const char *text;
};

static uint32_t hash_name(const struct customer *customer, const char *text)
{
    return table_hash_text(text, (uintptr_t)customer);
}

static bool is_name(const void *item, const void *key)
{
    const struct assignment *a = item;
    const struct name *name = key;

    return a->customer == name->customer && strcmp(a->name, name->text) == 0;
}

static bool is_new_name(const void *item, const void *key)
{
    const struct assignment *a = item;
    const struct name *name = key;

    return a->customer == name->customer &&
           strcmp(a->new_name, name->text) == 0;
}

struct assignment *book_assignment_by_name(const struct customer *customer,
                                           const char *name)
{
    const struct book *book = customer->book;
    const struct name key = { customer, name };
    uint32_t hash = hash_name(customer, name);
    struct assignment *a;

    if (!*name)
        return NULL;
    a = table_find(&book->by_name, hash, is_name, &key);
    return a ? a : table_find(&book->by_new_name, hash, is_new_name, &key);
}

/* ---- guests by MAC ---- */

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

static bool has_mac(const void *item, const void *key)
{
    const struct assignment *a = item;
    const char *text = a->macs;
    char mac[MAC_SIZE];

    while (next_mac(&text, mac))
        if (strcmp(mac, key) == 0)
            return true;
    return false;
}

struct assignment *book_assignment_by_mac(const struct book *book,
                                          const char *mac)
{
    char key[MAC_SIZE];

    if (!next_mac(&mac, key))
        return NULL;
    return table_find(&book->by_mac, table_hash_text(key, 0), has_mac, key);
}

/* One that is being changed may have some twice, which are in twice then. */
static void find_macs(struct book *book, struct assignment *a)
{
    const char *text = a->macs;
    char mac[MAC_SIZE];

    while (next_mac(&text, mac))
        table_add(&book->by_mac, table_hash_text(mac, 0), a);
}

static void lose_macs(struct book *book, struct assignment *a)
{
    const char *text = a->macs;
    char mac[MAC_SIZE];

    while (next_mac(&text, mac))
        table_remove(&book->by_mac, table_hash_text(mac, 0), a);
}

/* ---- all of a guest ---- */

void book_find_assignment(struct book *book, struct assignment *a)
{
    table_add(&book->by_name, hash_name(a->customer, a->name), a);
    if (*a->new_name)
        table_add(&book->by_new_name, hash_name(a->customer, a->new_name), a);
    find_macs(book, a);
}

void book_lose_assignment(struct book *book, struct assignment *a)
{
    table_remove(&book->by_name, hash_name(a->customer, a->name), a);
    if (*a->new_name)
        table_remove(&book->by_new_name, hash_name(a->customer, a->new_name),
                     a);
    lose_macs(book, a);
}

void book_find_end(struct book *book)
{
    table_fini(&book->customers_by_name);
    table_fini(&book->by_uuid);
    table_fini(&book->by_name);
    table_fini(&book->by_new_name);
    table_fini(&book->by_mac);
    table_fini(&book->hosts_by_name);
}
