/* Rows of the resource database as values, with their checksums. */
#include "resourced/store_row.h"

#include <assert.h>
#include <string.h>

#include "resourced/store_impl.h"

#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

const char *const store_table_names[STORE_N_TABLES] = {
#define X(id, name, columns, n) [STORE_TABLE_##id] = name,
    STORE_TABLES(X)
#undef X
};

const size_t store_table_columns[STORE_N_TABLES] = {
#define X(id, name, columns, n) [STORE_TABLE_##id] = n,
    STORE_TABLES(X)
#undef X
};

static uint64_t sum_bytes(uint64_t sum, const void *data, size_t size)
{
    const uint8_t *at = data;

    for (size_t i = 0; i < size; i++)
        sum = (sum ^ at[i]) * FNV_PRIME;
    return sum;
}

#define PRIME_2 (FNV_PRIME * FNV_PRIME)
#define PRIME_4 (PRIME_2 * PRIME_2)

/* Its size bytes, the lowest first.  Those above the highest that is not 0
 * are mostly many, and for each of them there is only the product. */
static uint64_t sum_number(uint64_t sum, uint64_t n, size_t size)
{
    static const uint64_t powers[] = {
        1,
        FNV_PRIME,
        PRIME_2,
        PRIME_2 * FNV_PRIME,
        PRIME_4,
        PRIME_4 * FNV_PRIME,
        PRIME_4 * PRIME_2,
        PRIME_4 * PRIME_2 * FNV_PRIME,
        PRIME_4 * PRIME_4,
    };

    for (; n; size--, n >>= 8)
        sum = (sum ^ (n & 0xff)) * FNV_PRIME;
    return sum * powers[size];
}

static uint64_t sum_value(uint64_t sum, const struct store_value *value)
{
    sum = sum_number(sum, (uint64_t)value->type, 1);
    sum = sum_number(sum, value->size, 4);
    if (value->type == SQLITE_INTEGER)
        return sum_number(sum, (uint64_t)value->number, 8);
    return sum_bytes(sum, value->data, value->size);
}

void store_row_init(struct store_row *row, enum store_table table,
                    struct store_value *values)
{
    row->table = table;
    row->values = values;
    row->n = 0;
    row->sum = 0;
}

static struct store_value *add_value(struct store_row *row, int type)
{
    assert(row->n < store_table_columns[row->table]);
    struct store_value *value = &row->values[row->n++];

    *value = (struct store_value){ .type = type };
    return value;
}

void store_row_number(struct store_row *row, uint64_t number)
{
    add_value(row, SQLITE_INTEGER)->number = (int64_t)number;
}

void store_row_null(struct store_row *row)
{
    add_value(row, SQLITE_NULL);
}

static void add_data(struct store_row *row, int type, const void *data,
                     size_t size)
{
    struct store_value *value = add_value(row, type);

    value->data = data;
    value->size = (uint32_t)size;
}

void store_row_text(struct store_row *row, const char *text)
{
    add_data(row, SQLITE_TEXT, text ? text : "", text ? strlen(text) : 0);
}

void store_row_blob(struct store_row *row, const void *data, size_t size)
{
    add_data(row, SQLITE_BLOB, data ? data : "", size);
}

void store_row_uuid(struct store_row *row, const struct vdc_uuid *uuid)
{
    store_row_blob(row, uuid->bytes, sizeof(uuid->bytes));
}

void store_row_seal(struct store_row *row)
{
    const char *name = store_table_names[row->table];

    assert(row->n == store_table_columns[row->table]);
    row->sum = sum_bytes(FNV_START, name, strlen(name) + 1);
    for (size_t i = 1; i < row->n; i++)
        row->sum = sum_value(row->sum, &row->values[i]);
}

uint64_t store_row_sum(const struct store_row *row)
{
    return sum_value(row->sum, &row->values[0]);
}

void store_row_bind(sqlite3_stmt *stmt, const struct store_row *row)
{
    for (size_t i = 0; i < row->n; i++) {
        const struct store_value *value = &row->values[i];
        int at = (int)i + 1;
        if (value->type == SQLITE_INTEGER)
            sqlite3_bind_int64(stmt, at, value->number);
        else if (value->type == SQLITE_TEXT)
            sqlite3_bind_text(stmt, at, value->data, (int)value->size,
                              SQLITE_STATIC);
        else if (value->type == SQLITE_BLOB)
            sqlite3_bind_blob(stmt, at, value->data, (int)value->size,
                              SQLITE_STATIC);
        else
            sqlite3_bind_null(stmt, at);
    }
    sqlite3_bind_int64(stmt, (int)row->n + 1, (int64_t)store_row_sum(row));
}

static void take_value(sqlite3_stmt *stmt, int at, struct store_row *row)
{
    int type = sqlite3_column_type(stmt, at);

    if (type == SQLITE_INTEGER) {
        store_row_number(row, (uint64_t)sqlite3_column_int64(stmt, at));
    } else if (type == SQLITE_NULL) {
        store_row_null(row);
    } else {
        /* A number with a fraction is none of ours: its text has another
         * type, and so another sum. */
        const void *data = type == SQLITE_BLOB
                               ? sqlite3_column_blob(stmt, at)
                               : sqlite3_column_text(stmt, at);
        add_data(row, type, data ? data : "",
                 data ? (size_t)sqlite3_column_bytes(stmt, at) : 0);
    }
}

int store_row_take(const struct store *store, sqlite3_stmt *stmt,
                   enum store_table table, struct store_row_taken *ret,
                   struct vdc_error *err)
{
    int n = (int)store_table_columns[table];
    struct store_row *row = &ret->row;

    store_row_init(row, table, ret->values);
    for (int i = 0; i < n; i++)
        take_value(stmt, i, row);
    store_row_seal(row);
    if (sqlite3_column_type(stmt, n) == SQLITE_INTEGER &&
        (uint64_t)sqlite3_column_int64(stmt, n) == store_row_sum(row))
        return 0;
    if (row->values[0].type == SQLITE_INTEGER)
        return store_fail_corrupt(store, err,
                                  "row %lld of the table \"%s\" does not "
                                  "agree with its checksum",
                                  (long long)row->values[0].number,
                                  store_table_names[table]);
    return store_fail_corrupt(store, err,
                              "a row of the table \"%s\" does not agree with "
                              "its checksum", store_table_names[table]);
}

uint64_t store_row_get(const struct store_row *row, size_t at)
{
    return (uint64_t)row->values[at].number;
}

const char *store_row_get_text(const struct store_row *row, size_t at,
                               struct arena *arena)
{
    const struct store_value *value = &row->values[at];

    return value->type == SQLITE_TEXT
               ? arena_strndup(arena, value->data, value->size)
               : arena_strdup(arena, "");
}

int store_row_get_uuid(const struct store *store, const struct store_row *row,
                       size_t at, struct vdc_uuid *ret, struct vdc_error *err)
{
    const struct store_value *value = &row->values[at];

    if (value->type != SQLITE_BLOB || value->size != sizeof(ret->bytes))
        return store_fail_corrupt(store, err,
                                  "a row of the table \"%s\" has no uuid",
                                  store_table_names[row->table]);
    memcpy(ret->bytes, value->data, sizeof(ret->bytes));
    return 0;
}

int store_row_get_body(const struct store *store, const struct store_row *row,
                       size_t at, const struct wire_struct *s,
                       struct arena *arena, void *ret, struct vdc_error *err)
{
    const struct store_value *value = &row->values[at];
    struct vdc_error why = { 0 };

    wire_init(s, ret);
    if (value->type == SQLITE_BLOB &&
        wire_struct_decode(s, value->data, value->size, arena, ret, &why) == 0)
        return 0;
    return store_fail_corrupt(store, err, "a row of the table \"%s\": %s",
                              store_table_names[row->table],
                              why.code ? why.text : "no bytes");
}
