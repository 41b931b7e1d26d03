/* What the files of the store share.  Only store*.c include it. */
#ifndef POLICYD_STORE_IMPL_H
#define POLICYD_STORE_IMPL_H

#include "policyd/kv/kv.h"
#include "policyd/store.h"

/* The key that every commit changes and compares: see store.c. */
#define STORE_WRITER "writer"

/* Takes over the kv. */
struct store *store_new(struct event_base *base, struct kv *kv);
struct kv *store_kv(const struct store *store);
struct event_base *store_base(const struct store *store);
/* What the writer's key is after the n-th commit of this process. */
void store_format_writer(const struct store *store, uint64_t n, char *ret,
                         size_t size);

/* For kv_sqlite_open: what earlier versions made. */
struct kv_sqlite_upgrade;
extern const struct kv_sqlite_upgrade store_convert;

#endif
