/*
 * Quotas of channels as policyd told them; see quota.h.  They are in a sorted
 * array: there are few, looked at often, and changed seldom.
 */
#include "channeld/quota.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "channeld/rule.h"

struct quotas {
    char *path;
    struct quota *rows; /* by customer */
    size_t n_rows, n_room;
    bool changed; /* since the file was written */
};

/* The place of the first that is not before it. */
static size_t place_of(const struct quotas *quotas, const char *customer)
{
    size_t from = 0, to = quotas->n_rows;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (strcmp(quotas->rows[middle].customer, customer) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool is_at(const struct quotas *quotas, size_t i, const char *customer)
{
    return i < quotas->n_rows &&
           strcmp(quotas->rows[i].customer, customer) == 0;
}

struct quota *quotas_find(const struct quotas *quotas, const char *customer)
{
    size_t i = place_of(quotas, customer);

    return is_at(quotas, i, customer) ? &quotas->rows[i] : NULL;
}

struct quota *quotas_after(const struct quotas *quotas, const char *customer)
{
    size_t i = place_of(quotas, customer);

    i += is_at(quotas, i, customer);
    return i < quotas->n_rows ? &quotas->rows[i] : NULL;
}

static void remove_at(struct quotas *quotas, size_t i)
{
    quotas->n_rows--;
    memmove(quotas->rows + i, quotas->rows + i + 1,
            (quotas->n_rows - i) * sizeof(*quotas->rows));
}

static void insert_at(struct quotas *quotas, size_t i, const char *customer)
{
    if (quotas->n_rows == quotas->n_room) {
        quotas->n_room = quotas->n_room ? 2 * quotas->n_room : 16;
        quotas->rows =
            xrealloc(quotas->rows, quotas->n_room * sizeof(*quotas->rows));
    }
    memmove(quotas->rows + i + 1, quotas->rows + i,
            (quotas->n_rows - i) * sizeof(*quotas->rows));
    quotas->n_rows++;
    quotas->rows[i] = (struct quota){ .limit = 0 };
    PARTY_COPY(quotas->rows[i].customer, customer);
}

void quotas_set(struct quotas *quotas, const char *customer, int64_t limit,
                int64_t whole)
{
    size_t i = place_of(quotas, customer);
    bool known = is_at(quotas, i, customer);

    if (limit < 0) {
        if (known)
            remove_at(quotas, i);
        quotas->changed |= known;
        return;
    }
    uint64_t most = (uint64_t)limit;
    uint64_t all = whole < limit ? most : (uint64_t)whole;
    if (!known)
        insert_at(quotas, i, customer);
    struct quota *quota = &quotas->rows[i];
    quotas->changed |= !known || quota->limit != most || quota->whole != all;
    quota->limit = most;
    quota->whole = all;
    quota->wanted = false;
}

/* ---- the file ---- */

/* "acme 12 40": customer, on this host, on all. */
static bool read_lines(struct quotas *quotas, FILE *file)
{
    char customer[PARTY_OWNER_MAX + 1];
    int64_t limit, whole;
    int r;

    while ((r = fscanf(file, "%31s %" SCNd64 " %" SCNd64 "\n", customer,
                       &limit, &whole)) == 3) {
        if (limit < 0 || !rule_is_customer(customer))
            return false;
        quotas_set(quotas, customer, limit, whole);
    }
    return r == EOF && !ferror(file);
}

struct quotas *quotas_open(const char *path)
{
    struct quotas *quotas = XNEW(struct quotas);
    FILE *file = fopen(path, "re");

    quotas->path = xstrdup(path);
    if (!file && errno != ENOENT)
        log_warning("%s: %s; policyd tells the quotas of channels anew", path,
                    strerror(errno));
    if (file && !read_lines(quotas, file)) {
        log_warning("%s does not have quotas of channels; policyd tells them "
                    "anew",
                    path);
        quotas->n_rows = 0;
    }
    if (file)
        fclose(file);
    quotas->changed = false;
    return quotas;
}

static int write_file(const struct quotas *quotas, const char *path)
{
    FILE *file = fopen(path, "we");
    int rc = file ? 0 : -1;

    for (size_t i = 0; file && i < quotas->n_rows; i++) {
        const struct quota *quota = &quotas->rows[i];
        if (fprintf(file, "%s %" PRIu64 " %" PRIu64 "\n", quota->customer,
                    quota->limit, quota->whole) < 0)
            rc = -1;
    }
    if (file && fclose(file))
        rc = -1;
    return rc;
}

/* Replaced, not changed.  It is not synced: after a power cut no channel is
 * there, and policyd tells anew. */
int quotas_save(struct quotas *quotas, struct vdc_error *err)
{
    char *path = xasprintf("%s.new", quotas->path);
    int rc = 0;

    if (quotas->changed &&
        (write_file(quotas, path) || rename(path, quotas->path)))
        rc = vdc_error_errno(err, VDC_E_IO, errno,
                             "the quotas of channels cannot be written to %s",
                             quotas->path);
    else
        quotas->changed = false;
    free(path);
    return rc;
}

void quotas_close(struct quotas *quotas)
{
    if (!quotas)
        return;
    free(quotas->rows);
    free(quotas->path);
    free(quotas);
}
