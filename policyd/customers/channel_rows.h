/*
 * What customers have of channels on a host.
 */
#ifndef POLICYD_CUSTOMERS_CHANNEL_ROWS_H
#define POLICYD_CUSTOMERS_CHANNEL_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "policyd/names.h"
#include "wire/wire.h"

/* Customers in a host's list that policyd does not know: those that were
 * deleted while the host was away.  More than so many besides all that there
 * are, and the list is not taken: some 6 MiB of memory for a host at most. */
#define CHANNEL_ROWS_UNKNOWN_MAX 65536

/* What a customer has on a host. */
struct channel_row {
    char customer[NAMES_CUSTOMER_MAX + 1];
    uint64_t own, within; /* channels; and with its projects' */
    int64_t told, quota;  /* -1: none, or not known */
    bool guests;
    bool wanted;    /* more was refused there a short time ago */
    bool refusing;  /* so channeld says; told anew, it begins anew */
    uint64_t at_ms; /* monotonic; when it said so */
};

struct channel_rows {
    struct channel_row *all; /* by customer */
    size_t n, n_room;
};

/* NULL: there is none.  Valid until another is made. */
struct channel_row *channel_rows_find(const struct channel_rows *rows,
                                      const char *customer);
/* Makes it, with nothing, when there is none. */
struct channel_row *channel_rows_get(struct channel_rows *rows,
                                     const char *customer);
void channel_rows_clear(struct channel_rows *rows);

/*
 * Whether a page can follow what is there from the pages before: its names go
 * on from the last, in order, so that each is there once; it has some when
 * more are to follow; and there are no more than `most` with it.  So a list
 * has an end, whatever a host says: `most` pages.  Errors: VDC_E_PROTOCOL.
 */
int channel_rows_check(const struct channel_rows *rows,
                       const struct wire_channel_uses *uses, size_t most,
                       struct vdc_error *err);

#endif
