/* A partition's row as text for xenstore, and back. */
#include "resourced/published.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"

#define RECORD_VERSION 1

static uint64_t sum_of(const uint8_t *data, size_t size)
{
    uint64_t sum = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < size; i++)
        sum = (sum ^ data[i]) * UINT64_C(1099511628211);
    return sum;
}

static const char *to_text(const uint8_t *data, size_t size,
                           struct arena *arena)
{
    return base64_encode(data, size, arena_alloc(arena, base64_len(size) + 1));
}

/* Exactly `size` bytes. */
static bool from_text(const char *text, uint8_t *data, size_t size)
{
    size_t len = strlen(text), n;

    return base64_size(text, len, &n) && n == size &&
           base64_decode(text, len, data);
}

/* ---- rows ---- */

static bool is_same(const struct wire_definition *a,
                    const struct wire_definition *b, struct arena *arena)
{
    uint8_t *a_data, *b_data;
    size_t a_size, b_size;

    return !wire_struct_encode(&wire_struct_definition, a, arena, &a_data,
                               &a_size, NULL) &&
           !wire_struct_encode(&wire_struct_definition, b, arena, &b_data,
                               &b_size, NULL) &&
           a_size == b_size && memcmp(a_data, b_data, a_size) == 0;
}

static void fill(const struct partition_row *row, struct arena *arena,
                 struct wire_published *ret)
{
    wire_init(&wire_struct_published, ret);
    ret->uuid = row->uuid;
    ret->index = row->index;
    ret->owner = row->owner;
    ret->xen_name = row->xen_name;
    ret->definition = row->definition;
    if (!is_same(&row->definition, &row->live, arena)) {
        ret->live = ARENA_NEW(arena, struct wire_definition);
        *ret->live = row->live;
        ret->n_live = 1;
    }
    ret->paused = row->paused;
    ret->generation = row->generation;
    ret->wanted_running = row->wanted_running;
    ret->preserved = row->preserved;
    ret->created_ms = row->created_ms;
    ret->started_ms = row->started_ms;
    ret->stopped_ms = row->stopped_ms;
    ret->last_stop = row->last_stop;
    ret->restarts = row->restarts;
    ret->host_reserve = row->host_reserve;
    ret->dom0_keep = row->dom0_keep;
}

int published_encode(const struct partition_row *row, struct arena *arena,
                     struct published_text *ret, struct vdc_error *err)
{
    struct wire_published published;
    uint8_t *data;
    size_t size;

    fill(row, arena, &published);
    int rc = wire_struct_encode(&wire_struct_published, &published, arena,
                                &data, &size, err);
    if (rc)
        return rc;
    if (size > PUBLISHED_PIECES_MAX * PUBLISHED_PIECE_SIZE)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "the definition of %s has %zu bytes, too many "
                             "for xenstore", row->name, size);
    ret->n_pieces = 0;
    for (size_t at = 0; at < size; at += PUBLISHED_PIECE_SIZE) {
        size_t left = size - at;
        ret->pieces[ret->n_pieces++] = to_text(
            data + at,
            left < PUBLISHED_PIECE_SIZE ? left : PUBLISHED_PIECE_SIZE, arena);
    }
    ret->head = arena_printf(arena, "%d %zu %016" PRIx64, RECORD_VERSION, size,
                             sum_of(data, size));
    return 0;
}

static bool read_head(const char *head, size_t *ret_size, uint64_t *ret_sum)
{
    int version, end = 0;

    if (sscanf(head, "%d %zu %16" SCNx64 "%n", &version, ret_size, ret_sum,
               &end) != 3 ||
        head[end] || version != RECORD_VERSION)
        return false;
    return *ret_size > 0 &&
           *ret_size <= PUBLISHED_PIECES_MAX * PUBLISHED_PIECE_SIZE;
}

size_t published_count(const char *head)
{
    uint64_t sum;
    size_t size;

    if (!read_head(head, &size, &sum))
        return 0;
    return (size + PUBLISHED_PIECE_SIZE - 1) / PUBLISHED_PIECE_SIZE;
}

static void take(const struct wire_published *published,
                 struct partition_row *ret)
{
    *ret = (struct partition_row){
        .index = published->index,
        .uuid = published->uuid,
        .owner = published->owner,
        .name = published->definition.name,
        .xen_name = published->xen_name,
        .definition = published->definition,
        .live = published->n_live ? published->live[0]
                                  : published->definition,
        .paused = published->paused,
        .generation = published->generation,
        .wanted_running = published->wanted_running,
        .preserved = published->preserved,
        .domid = HV_DOMID_NONE,
        .created_ms = published->created_ms,
        .started_ms = published->started_ms,
        .stopped_ms = published->stopped_ms,
        .last_stop = published->last_stop,
        .restarts = published->restarts,
        .host_reserve = published->host_reserve,
        .dom0_keep = published->dom0_keep,
    };
}

int published_decode(const struct published_text *text, struct arena *arena,
                     struct partition_row *ret, struct vdc_error *err)
{
    struct wire_published published;
    uint64_t sum;
    size_t size, at = 0;

    if (!read_head(text->head, &size, &sum) ||
        text->n_pieces != published_count(text->head))
        return vdc_error_set(err, VDC_E_PROTOCOL, "not a whole record");
    uint8_t *data = arena_alloc(arena, size);
    for (size_t i = 0; i < text->n_pieces; i++, at += PUBLISHED_PIECE_SIZE) {
        size_t left = size - at;
        if (!from_text(text->pieces[i], data + at,
                       left < PUBLISHED_PIECE_SIZE ? left
                                                   : PUBLISHED_PIECE_SIZE))
            return vdc_error_set(err, VDC_E_PROTOCOL,
                                 "piece %zu of a record is not whole", i);
    }
    if (sum_of(data, size) != sum)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "a record is of two times, or damaged");
    wire_init(&wire_struct_published, &published);
    int rc = wire_struct_decode(&wire_struct_published, data, size, arena,
                                &published, err);
    if (!rc)
        take(&published, ret);
    return rc;
}
