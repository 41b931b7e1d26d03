/* A standing view with a book, on a store of its own, and host "alpha". */
#ifndef TESTS_UNIT_POLICYD_INVENTORY_BED_H
#define TESTS_UNIT_POLICYD_INVENTORY_BED_H

#include "policyd/hosts/inventory.h"

#define GIB UINT64_C(1048576) /* KiB */

/* What is queued for the store need never be written. */
struct inventory_bed {
    struct event_base *base;
    char database[64];
    struct book *book;
    struct inventory *inventory;
};

void inventory_bed_init(struct inventory_bed *bed);
/* The book alone: the test makes the inventory. */
void inventory_bed_open_book(struct inventory_bed *bed);
void inventory_bed_fini(struct inventory_bed *bed);

/* The book has it: a guest of the provider that is being made on alpha. */
struct assignment *inventory_bed_assign(struct inventory_bed *bed,
                                        const struct vdc_uuid *uuid,
                                        uint64_t kib);
/* What alpha says of itself, asked after (`later`) or before everything that
 * was changed. */
void inventory_bed_report(struct inventory_bed *bed, uint64_t available,
                          bool later);
/* KiB that alpha has for another. */
uint64_t inventory_bed_left(const struct inventory_bed *bed);
/* Decided, as change_place.c does it; `request` says what is needed. */
int inventory_bed_put(struct inventory_bed *bed,
                      struct placement_request *request,
                      struct vdc_uuid *ret);
int inventory_bed_decide(struct inventory_bed *bed, uint64_t kib,
                         struct vdc_uuid *ret);

#endif
