/*
 * Quotas of channels as policyd told them; see quota.h.  They are in a sorted
 * array: there are few, looked at often, and changed seldom.
 *
 * The file has a line for each customer, and one at its end, by which it is
 * known to be whole: how many there were, and a sum of all bytes before it
 * (FNV-1a, 64 bits).
 *
 *   acme 12 40
 *   acme_shop 2 2
 *   # end 2 8d3fa2c177e01b95
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
    bool damaged; /* the file is; what is told has it written anew */
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

    quotas->changed |= quotas->damaged;
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

/* ---- the file, read ---- */

static uint64_t sum_of(const char *text, size_t size)
{
    uint64_t sum = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < size; i++)
        sum = (sum ^ (uint8_t)text[i]) * UINT64_C(1099511628211);
    return sum;
}

/* "acme 12 40": customer, on this host, on all.  Of one that is cut off what
 * is left of a number is no more than the number was. */
static bool take_line(struct quotas *quotas, const char *line)
{
    char customer[PARTY_OWNER_MAX + 1];
    int64_t limit, whole = -1;
    int n = 0;
    int n_taken = sscanf(line, "%31s %" SCNd64 " %" SCNd64 "%n", customer,
                         &limit, &whole, &n);

    if (n_taken < 2 || limit < 0 || !rule_is_customer(customer))
        return false;
    const struct quota *other = quotas_find(quotas, customer);
    if (!other || (uint64_t)limit < other->limit)
        quotas_set(quotas, customer, limit, whole);
    return n_taken == 3 && strcmp(line + n, "\n") == 0 && !other;
}

/* The last line, of what is before it. */
static bool is_end(const struct quotas *quotas, const char *line,
                   uint64_t sum)
{
    char *end = xasprintf("# end %zu %016" PRIx64 "\n", quotas->n_rows, sum);
    bool is = strcmp(line, end) == 0;

    free(end);
    return is;
}

/* Whether it is whole; all that can be read is taken. */
static bool take_text(struct quotas *quotas, const char *text, size_t size)
{
    bool good = true, ended = false;

    for (size_t at = 0; at < size;) {
        const char *newline = memchr(text + at, '\n', size - at);
        size_t next = newline ? (size_t)(newline - text) + 1 : size;
        char *line = xasprintf("%.*s", (int)(next - at), text + at);
        good &= !ended; /* nothing comes after the end */
        if (line[0] == '#')
            ended = is_end(quotas, line, sum_of(text, at));
        else
            good &= take_line(quotas, line);
        free(line);
        at = next;
    }
    return good && ended;
}

/* Not more than any file of ours has. */
#define FILE_SIZE_MAX (16u * 1024 * 1024)

/* NULL with errno; what is longer is cut, and so is damaged. */
static char *read_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;

    if (!file)
        return NULL;
    for (size_t got = 1; got && size < FILE_SIZE_MAX; size += got) {
        text = xrealloc(text, size + 65536);
        got = fread(text + size, 1, 65536, file);
    }
    if (ferror(file)) {
        free(text);
        text = NULL;
    }
    fclose(file);
    *ret_size = size;
    return text;
}

static void hold_strictly(struct quotas *quotas, uint64_t most)
{
    for (size_t i = 0; most && i < quotas->n_rows; i++)
        if (quotas->rows[i].limit > most)
            quotas->rows[i].limit = most;
}

struct quotas *quotas_open(const char *path, uint64_t most)
{
    struct quotas *quotas = XNEW(struct quotas);
    size_t size = 0;
    char *text = read_file(path, &size);
    int reason = errno;

    quotas->path = xstrdup(path);
    bool whole = !text || take_text(quotas, text, size);
    quotas->damaged = !whole || (!text && reason != ENOENT);
    quotas->changed = false;
    if (!text && reason != ENOENT) {
        log_error("%s, the quotas of channels, cannot be read: %s; until "
                  "policyd tells them anew only the limits of the settings "
                  "hold", path, strerror(reason));
    } else if (!whole) {
        hold_strictly(quotas, most);
        log_error("%s, the quotas of channels, is damaged: those of %zu "
                  "customers can be read and hold until policyd tells them "
                  "anew; for others only the limits of the settings", path,
                  quotas->n_rows);
    }
    free(text);
    return quotas;
}

/* ---- the file, written ---- */

static char *make_text(const struct quotas *quotas, size_t *ret_size)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    if (!file)
        abort(); /* no memory: as XNEW */
    for (size_t i = 0; i < quotas->n_rows; i++) {
        const struct quota *quota = &quotas->rows[i];
        fprintf(file, "%s %" PRIu64 " %" PRIu64 "\n", quota->customer,
                quota->limit, quota->whole);
    }
    if (fflush(file))
        abort();
    fprintf(file, "# end %zu %016" PRIx64 "\n", quotas->n_rows,
            sum_of(text, size));
    if (fclose(file))
        abort();
    *ret_size = size;
    return text;
}

static int write_file(const struct quotas *quotas, const char *path)
{
    FILE *file = fopen(path, "we");
    size_t size;
    int rc = 0;

    if (!file)
        return -1;
    char *text = make_text(quotas, &size);
    if (fwrite(text, 1, size, file) != size || fflush(file) ||
        fsync(fileno(file)))
        rc = -1;
    free(text);
    if (fclose(file))
        rc = -1;
    return rc;
}

/* Replaced, not changed. */
int quotas_save(struct quotas *quotas, struct vdc_error *err)
{
    char *path = xasprintf("%s.new", quotas->path);
    int rc = 0;

    if (quotas->changed &&
        (write_file(quotas, path) || rename(path, quotas->path)))
        rc = vdc_error_errno(err, VDC_E_IO, errno,
                             "the quotas of channels cannot be written to %s",
                             quotas->path);
    else if (quotas->changed)
        quotas->changed = quotas->damaged = false;
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
