/*
 * Protected guests keep a backup: when hosts come, go or report, and after a
 * restart, those whose backup does not hold any more get another; and when
 * there is none for them, that is said.
 */
#ifndef POLICYD_HOSTS_BACKUPS_H
#define POLICYD_HOSTS_BACKUPS_H

#include <stdint.h>

struct backups;
struct event_base;
struct inventory;

/* Looks for the first time when hosts have had time to report. */
struct backups *backups_new(struct event_base *base,
                            struct inventory *inventory);
void backups_free(struct backups *backups); /* NULL allowed */
/* What the last look at all guests found: protected guests that run, and those
 * of them that no host can be the backup of. */
void backups_found(const struct backups *backups, uint32_t *ret_protected,
                   uint32_t *ret_without);
/* Something may have changed: looks in a second, from the loop. */
void backups_soon(struct backups *backups);

#endif
