/*
 * Fuzz target: damage to the files of the resource database.  The input is a
 * list of changes to the bytes of the database and its log, and of places
 * where they are cut short.  The store says that it is damaged, or shows all
 * that was there; what is salvaged of it is a part of that.
 *
 * One change is 5 bytes: what (0: a byte of the file, 1: of the log, 2: the
 * file's size, 3: the log's; more: again from 0), 24 bits of a place, and
 * what is XORed to the byte.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/resourced/store_fixture.h"

#define N_PARTITIONS 6
#define CHANGE_SIZE 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct place place;

struct bytes {
    uint8_t *data;
    size_t size;
};

/* The files as a killed process left them, and what they hold. */
static struct bytes file, log_file, sequence;
static char *content;

static void remove_place(void)
{
    place_remove(&place);
}

static struct bytes read_whole(const char *path)
{
    struct bytes bytes;

    bytes.data = file_read(path, &bytes.size);
    assert(bytes.data);
    return bytes;
}

static void put(const char *path, const struct bytes *bytes)
{
    file_write(path, bytes->data, bytes->size);
}

static int dump(struct arena *arena, const char **ret)
{
    struct store *store = NULL;
    struct vdc_error err;
    int rc = store_open(&place.options, place.base, &store, &err);

    if (!rc)
        rc = store_dump(store, place.base, arena, ret, &err);
    if (rc && rc != VDC_E_STORE_CORRUPT)
        fprintf(stderr, "%d: %s\n", rc, err.text);
    assert(rc == 0 || (rc == VDC_E_STORE_CORRUPT && err.text[0]));
    store_close(store);
    return rc;
}

/* Half in the file, half in the log. */
static void make_files(void)
{
    struct arena *arena = arena_new();
    struct store *store = NULL;
    const char *all = NULL;

    place_make(&place, true);
    atexit(remove_place);
    int rc = store_open(&place.options, place.base, &store, NULL);
    assert(rc == 0 && sample_fill(store, N_PARTITIONS, NULL) == 0);
    store_close(store);
    rc = store_open(&place.options, place.base, &store, NULL);
    assert(rc == 0);
    for (uint32_t i = 1; i <= N_PARTITIONS; i++) {
        struct partition_row row;
        const struct partition_row *rows[] = { &row };
        struct store_change change = { .put = rows, .n_put = 1 };
        sample_partition(arena, i, 2, &row);
        rc = store_apply(store, &change, NULL, NULL);
        assert(rc == 0);
    }
    file = read_whole(place.db);
    log_file = read_whole(place.wal);
    sequence = read_whole(place.sequence);
    store_close(store);
    put(place.db, &file);
    put(place.wal, &log_file);
    rc = dump(arena, &all);
    assert(rc == 0);
    content = xstrdup(all);
    arena_free(arena);
}

static struct bytes copy_of(const struct bytes *from, struct arena *arena)
{
    return (struct bytes){ arena_memdup(arena, from->data, from->size),
                           from->size };
}

static void damage(const uint8_t *data, size_t size, struct bytes both[2])
{
    for (; size >= CHANGE_SIZE;
         data += CHANGE_SIZE, size -= CHANGE_SIZE) {
        struct bytes *bytes = &both[data[0] & 1];
        size_t at = (size_t)data[1] << 16 | (size_t)data[2] << 8 | data[3];
        if (bytes->size && data[0] & 2)
            bytes->size = at % bytes->size;
        else if (bytes->size)
            bytes->data[at % bytes->size] ^= data[4];
    }
}

static void check_salvaged(struct arena *arena)
{
    struct store_salvaged salvaged;
    int rc = store_salvage(place.db, arena, &salvaged, NULL);

    assert(rc == 0);
    for (size_t i = 0; i < salvaged.n_partitions; i++) {
        const struct partition_row *row = &salvaged.partitions[i];
        assert(row->index >= 1 && row->index <= N_PARTITIONS);
        assert(!strcmp(row->name,
                       arena_printf(arena, "guest%u", row->index)));
        assert(row->generation == 1 || row->generation == 2);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!content)
        make_files();
    struct arena *arena = arena_new();
    struct bytes both[] = { copy_of(&file, arena), copy_of(&log_file, arena) };
    const char *now = NULL;

    damage(data, size, both);
    put(place.db, &both[0]);
    put(place.wal, &both[1]);
    put(place.sequence, &sequence);
    check_salvaged(arena);
    if (dump(arena, &now) == 0)
        assert(!strcmp(now, content));
    arena_free(arena);
    return 0;
}
