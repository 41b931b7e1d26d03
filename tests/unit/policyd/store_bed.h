/* A book on a store in SQLite, in a folder of its own. */
#ifndef TESTS_UNIT_POLICYD_STORE_BED_H
#define TESTS_UNIT_POLICYD_STORE_BED_H

#include "policyd/store/book.h"

struct event_base;

extern char store_bed_path[128]; /* of the database */
extern struct event_base *store_bed_base;

void store_bed_set_up(void);
void store_bed_tear_down(void);
int store_bed_open(struct book **ret, struct vdc_error *err);
/* When all that was changed is kept, which must come to be. */
void store_bed_close(struct book *book);
/* What became of all that was changed; 0, or the error's code. */
int store_bed_settle(struct book *book, struct vdc_error *err);
/* With one login, of this uid, and 4 vCPUs. */
int store_bed_add_customer(struct book *book, const char *name, uint32_t uid,
                           struct vdc_error *err);
/* 64 MiB, 2 vCPUs, 10 MiB of disk, MAC 00:16:3e:00:00:01; it is being
 * created. */
struct assignment *store_bed_add_guest(struct book *book, const char *customer,
                                       const char *name);
/* On the database, of which nobody has a book. */
void store_bed_sql(const char *sql);

#endif
