/*
 * Rows of the database as values, and their checksums.  Only store*.c
 * include it.
 *
 * The sum of a row is FNV-1a (64 bits) over the table's name, then over each
 * value but the first, then the first: of each its type (one byte), its size
 * (4 bytes) and its bytes, numbers as 8 bytes, little-endian.  A change of a
 * single byte always changes it.  The first comes last because the number of
 * an event is known only when it is written.
 */
#ifndef RESOURCED_STORE_ROW_H
#define RESOURCED_STORE_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/uuid.h"
#include "resourced/store_sql.h"
#include "wire/wire.h"

struct store;

struct store_value {
    int type; /* SQLITE_INTEGER, _TEXT, _BLOB or _NULL */
    uint32_t size;
    int64_t number;
    const void *data;
};

struct store_row {
    enum store_table table;
    size_t n;
    struct store_value *values; /* room for all columns of the table */
    uint64_t sum;               /* of all values but the first */
};

extern const char *const store_table_names[STORE_N_TABLES];
extern const size_t store_table_columns[STORE_N_TABLES]; /* without sum */

/* Adding values; data is not copied. */
void store_row_init(struct store_row *row, enum store_table table,
                    struct store_value *values);
void store_row_number(struct store_row *row, uint64_t number);
void store_row_null(struct store_row *row);
void store_row_text(struct store_row *row, const char *text);
void store_row_blob(struct store_row *row, const void *data, size_t size);
void store_row_uuid(struct store_row *row, const struct vdc_uuid *uuid);
/* All values are there: computes row->sum. */
void store_row_seal(struct store_row *row);

/* The first value may have changed after the seal. */
uint64_t store_row_sum(const struct store_row *row);
/* Binds values and sum; the row must stay until the statement has run. */
void store_row_bind(sqlite3_stmt *stmt, const struct store_row *row);

/* The row at which the statement stands, with room for its values; they are
 * valid until the next step.  Errors: VDC_E_STORE_CORRUPT. */
struct store_row_taken {
    struct store_row row;
    struct store_value values[STORE_COLUMNS_MAX];
};
int store_row_take(const struct store *store, sqlite3_stmt *stmt,
                   enum store_table table, struct store_row_taken *ret,
                   struct vdc_error *err);

/* Values of a row that was taken. */
uint64_t store_row_get(const struct store_row *row, size_t at);
const char *store_row_get_text(const struct store_row *row, size_t at,
                               struct arena *arena);
/* Errors: VDC_E_STORE_CORRUPT. */
int store_row_get_uuid(const struct store *store, const struct store_row *row,
                       size_t at, struct vdc_uuid *ret,
                       struct vdc_error *err);
int store_row_get_body(const struct store *store, const struct store_row *row,
                       size_t at, const struct wire_struct *s,
                       struct arena *arena, void *ret, struct vdc_error *err);

#endif
