/*
 * What customers have; see book.h.
 *
 * The sum over a customer's guests is kept beside them.  It is not stored: it
 * begins with what is loaded, and a guest is taken out of it before what it
 * counts for becomes another, and put in again after that.  So there is no
 * walk over thousands of guests for each request.
 */
#include "policyd/customers/quota.h"
#include "policyd/store/book_impl.h"

struct wire_usage book_counted(const struct assignment *a)
{
    struct wire_usage ret;

    wire_init(&wire_struct_usage, &ret);
    ret.memory = a->counts.memory;
    ret.vcpus = a->counts.vcpus;
    ret.disk = a->counts.disk;
    ret.guests = a->counts.guests;
    ret.networks = a->counts.networks;
    return ret;
}

void book_set_counted(struct assignment *a, const struct wire_usage *from)
{
    a->counts = (struct book_counts){ from->memory, from->vcpus, from->disk,
                                 from->guests, from->networks };
}

static struct wire_usage usage_of(const struct assignment *a)
{
    struct wire_usage one = book_counted(a);

    one.guests = 1;
    if (book_runs(a))
        usage_run(&one);
    return one;
}

void book_count(struct assignment *a)
{
    const struct wire_usage one = usage_of(a);

    usage_add(&a->customer->used, &one);
}

void book_uncount(struct assignment *a)
{
    const struct wire_usage one = usage_of(a);

    usage_take(&a->customer->used, &one);
}

void book_usage(const struct customer *customer, struct wire_usage *ret)
{
    *ret = customer->used;
}

bool book_runs(const struct assignment *a)
{
    return a->runs || a->n_starting || (book_moves(a) && a->move->runs);
}

void book_starting(struct assignment *a)
{
    book_uncount(a);
    a->n_starting++;
    book_count(a);
}

void book_started(struct assignment *a)
{
    book_uncount(a);
    if (a->n_starting) /* it may have been taken back, and made again */
        a->n_starting--;
    book_count(a);
}
