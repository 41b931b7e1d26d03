/*
 * Decisions in the store: each when it is made, its text in parts where it is
 * long.  They are not part of what is taken back when a commit is refused: one
 * that was not stored is known until policyd ends, and the next begins a run,
 * so that it does not rest on it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "policyd/store/book_impl.h"

/* As wire.def has it: what a record may be, with room for the rest. */
#define PART_SIZE 500000

struct loading_decision {
    struct decision decision; /* its own copies */
    uint32_t n_read;          /* parts */
    uint32_t n_parts;
};

/* ---- writing ---- */

static const char *id_of(const struct decision *d, uint32_t part,
                         struct arena *arena)
{
    return arena_printf(arena, "%016" PRIx64 ".%04x", d->number, part);
}

static uint32_t parts_of(size_t len)
{
    return len ? (uint32_t)((len + PART_SIZE - 1) / PART_SIZE) : 1;
}

static void put(void *arg, const struct decision *d)
{
    struct book *book = arg;
    struct arena *arena = arena_new();
    size_t len = strlen(d->text), at = 0;
    struct wire_stored_decision body;
    struct vdc_error err = { 0 };
    int rc = 0;

    wire_init(&wire_struct_stored_decision, &body);
    body.number = d->number;
    body.n_parts = parts_of(len);
    body.uuid = d->uuid;
    body.customer = d->customer;
    body.guest = d->guest;
    body.host = d->host;
    body.time_ms = d->time_ms;
    body.whole = d->whole;
    for (; !rc && body.part < body.n_parts; body.part++) {
        size_t size = len - at < PART_SIZE ? len - at : PART_SIZE;
        const struct store_change change = { STORE_PUT, STORE_DECISION,
                                             id_of(d, body.part, arena),
                                             &body };
        body.text = (const uint8_t *)d->text + at;
        body.n_text = (uint32_t)size;
        rc = store_commit(book->store, &change, 1, NULL, &err);
        at += size;
    }
    if (rc) {
        log_error("record of a decision: %s", err.text);
        decisions_break(book->decisions);
    }
    arena_free(arena);
}

static void drop(void *arg, const struct decision *d)
{
    struct book *book = arg;
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    int rc = 0;

    for (uint32_t part = parts_of(strlen(d->text)); !rc && part > 0; part--) {
        const struct store_change change = { STORE_REMOVE, STORE_DECISION,
                                             id_of(d, part - 1, arena), NULL };
        rc = store_commit(book->store, &change, 1, NULL, &err);
    }
    if (rc)
        log_error("record of a decision: %s", err.text);
    arena_free(arena);
}

void book_keep_decisions(struct book *book)
{
    const struct decisions_keeper keeper = { put, drop, book };

    decisions_set_keeper(book->decisions, &keeper);
}

struct decisions *book_decisions(const struct book *book)
{
    return book->decisions;
}

/* ---- reading ---- */

static void end_loading(struct book *book)
{
    struct loading_decision *loading = book->loading;

    if (!loading)
        return;
    free(loading->decision.customer);
    free(loading->decision.guest);
    free(loading->decision.host);
    free(loading->decision.text);
    free(loading);
    book->loading = NULL;
}

static struct loading_decision *
begin_loading(const struct wire_stored_decision *part)
{
    struct loading_decision *loading = XNEW(struct loading_decision);

    loading->n_parts = part->n_parts;
    loading->decision = (struct decision){
        .number = part->number,
        .uuid = part->uuid,
        .customer = xstrdup(part->customer),
        .guest = xstrdup(part->guest),
        .host = xstrdup(part->host),
        .time_ms = part->time_ms,
        .whole = part->whole,
        .text = xstrdup(""),
    };
    return loading;
}

static void add_part(struct loading_decision *loading,
                     const struct wire_stored_decision *part)
{
    struct decision *d = &loading->decision;
    size_t len = strlen(d->text);

    d->text = xrealloc(d->text, len + part->n_text + 1);
    memcpy(d->text + len, part->text, part->n_text);
    d->text[len + part->n_text] = '\0';
    loading->n_read++;
}

/* Parts come in their order.  One of which some are missing is left out, and
 * so are those that rest on it. */
int book_load_decision(struct book *book,
                       const struct wire_stored_decision *part,
                       struct vdc_error *err)
{
    struct loading_decision *loading = book->loading;

    if (!part || !loading || loading->decision.number != part->number) {
        end_loading(book);
        if (!part || part->part != 0)
            return 0;
        loading = book->loading = begin_loading(part);
    }
    if (part->part != loading->n_read)
        return 0;
    add_part(loading, part);
    if (loading->n_read == loading->n_parts) {
        decisions_load(book->decisions, &loading->decision);
        end_loading(book);
    }
    return 0;
}
