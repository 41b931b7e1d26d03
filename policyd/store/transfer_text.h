/* What transfer.c and transfer_text.c share: the records of a whole store. */
#ifndef POLICYD_STORE_TRANSFER_TEXT_H
#define POLICYD_STORE_TRANSFER_TEXT_H

#include <stdio.h>
#include <sys/queue.h>

#include "policyd/store/store.h"

struct transfer_record {
    STAILQ_ENTRY(transfer_record) link;
    enum store_record record;
    const char *id;
    const uint8_t *value; /* encoded */
    size_t size;
    unsigned line; /* in its file; 0: it is of a store */
};

struct transfer {
    struct arena *arena; /* holds all of it */
    STAILQ_HEAD(, transfer_record) records;
    size_t n;
};

void transfer_init(struct transfer *t);
void transfer_fini(struct transfer *t);
/* Copied. */
void transfer_add(struct transfer *t, enum store_record record, const char *id,
                  const uint8_t *value, size_t size, unsigned line);

/* Its first line; a record, with the end of its line; its last line. */
void transfer_write_head(FILE *f);
int transfer_write_record(const struct transfer_record *r, FILE *f,
                          struct vdc_error *err);
void transfer_write_tail(FILE *f);
/* All of that.  Whether all of it was written is for the caller to look at
 * (ferror). */
int transfer_write_text(const struct transfer *t, FILE *f,
                        struct vdc_error *err);
/* `name` is for messages: "NAME:12: ...". */
int transfer_read_text(struct transfer *t, FILE *f, const char *name,
                       struct vdc_error *err);

#endif
