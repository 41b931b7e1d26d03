/* What the files of the store share.  Only store*.c include it. */
#ifndef POLICYD_STORE_STORE_IMPL_H
#define POLICYD_STORE_STORE_IMPL_H

#include "policyd/kv/kv.h"
#include "policyd/store/store.h"

/* The key that every commit changes and compares: see store.c. */
#define STORE_WRITER "writer"

/* Takes over the kv.  `shared`: several policyds may have it open. */
struct store *store_new(struct event_base *base, struct kv *kv, bool shared);
bool store_is_shared(const struct store *store);
/* store_lead.c's: see store_check_leads. */
void store_set_doubt(struct store *store, bool in_doubt);
struct kv *store_kv(const struct store *store);
struct event_base *store_base(const struct store *store);
/* What the writer's key is after the n-th commit of this process. */
void store_format_writer(const struct store *store, uint64_t n, char *ret,
                         size_t size);

/* Who leads: see store_lead.h. */
#define STORE_LEADER "leader"
/* There while an import has not come to its end. */
#define STORE_IMPORTING "importing"

/* Runs the loop until *ended. */
int store_run(const struct store *store, const bool *ended,
              struct vdc_error *err);
/* Puts the writer's key.  *ret_importing: STORE_IMPORTING is there. */
int store_take_over(struct store *store, bool *ret_importing,
                    struct vdc_error *err);

/* For kv_sqlite_open: what earlier versions made. */
struct kv_sqlite_upgrade;
extern const struct kv_sqlite_upgrade store_convert;

#endif
