/*
 * What customers have of channels on a host, as it says, page by page.
 */
#include "policyd/customers/channel_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static size_t place_of(const struct channel_rows *rows, const char *customer)
{
    size_t from = 0, to = rows->n;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (strcmp(rows->all[middle].customer, customer) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

struct channel_row *channel_rows_find(const struct channel_rows *rows,
                                      const char *customer)
{
    size_t i = place_of(rows, customer);

    return i < rows->n && strcmp(rows->all[i].customer, customer) == 0
               ? &rows->all[i]
               : NULL;
}

struct channel_row *channel_rows_get(struct channel_rows *rows,
                                     const char *customer)
{
    struct channel_row *row = channel_rows_find(rows, customer);
    size_t i = place_of(rows, customer);

    if (row)
        return row;
    if (rows->n == rows->n_room) {
        rows->n_room = rows->n_room ? 2 * rows->n_room : 16;
        rows->all = xrealloc(rows->all, rows->n_room * sizeof(*rows->all));
    }
    memmove(rows->all + i + 1, rows->all + i,
            (rows->n - i) * sizeof(*rows->all));
    rows->n++;
    row = &rows->all[i];
    *row = (struct channel_row){ .told = -1, .quota = -1 };
    memccpy(row->customer, customer, '\0', sizeof(row->customer) - 1);
    return row;
}

void channel_rows_clear(struct channel_rows *rows)
{
    free(rows->all);
    *rows = (struct channel_rows){ .n = 0 };
}

int channel_rows_check(const struct channel_rows *rows,
                       const struct wire_channel_uses *uses, size_t most,
                       struct vdc_error *err)
{
    const char *last = rows->n ? rows->all[rows->n - 1].customer : "";

    for (uint32_t i = 0; i < uses->n_uses; i++) {
        const char *customer = uses->uses[i].customer;
        if (strcmp(customer, last) <= 0)
            return vdc_error_set(err, VDC_E_PROTOCOL,
                                 "its list of who has channels is not in "
                                 "order: '%s' is after '%s'", customer, last);
        last = customer;
    }
    if (uses->more && !uses->n_uses)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "its list of who has channels has a page with "
                             "nothing on it");
    if (uses->n_uses > most || rows->n > most - uses->n_uses)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "its list of who has channels has more than %zu "
                             "customers", most);
    return 0;
}
