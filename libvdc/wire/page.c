/* Pages of long lists: cutting them, and putting them together again.  The
 * fields are found by name, so that one code serves every list. */
#include "wire/page.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- cutting ---- */

uint32_t wire_page_count(const struct wire_struct *s, const void *items,
                         uint32_t n)
{
    struct arena *arena = arena_new();
    size_t sum = 0;
    uint32_t i;

    for (i = 0; i < n; i++) {
        const char *item = (const char *)items + i * s->size;
        uint8_t *bytes;
        size_t size = 0;
        /* One that cannot be encoded is told of when its page is sent. */
        if (wire_struct_encode(s, item, arena, &bytes, &size, NULL))
            size = 0;
        sum += size + sizeof(uint32_t);
        if (sum > WIRE_PAGE_BYTES && i)
            break;
    }
    arena_free(arena);
    return i;
}

int wire_page_refuse(const char *from, struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_BAD_VALUE, "'%.63s' is no place in this list",
                  from);
    vdc_error_hint(err, "a place is what the page before has as `next`");
    return VDC_E_BAD_VALUE;
}

int wire_page_number(const char *from, uint64_t *ret, struct vdc_error *err)
{
    size_t len = strspn(from, "0123456789");
    unsigned long long n;

    if (from[len] || len > 20)
        return wire_page_refuse(from, err);
    errno = 0;
    n = strtoull(from, NULL, 10);
    if (errno)
        return wire_page_refuse(from, err);
    *ret = n;
    return 0;
}

/* ---- putting together ---- */

static const struct wire_field *field(const struct wire_struct *s,
                                      const char *name)
{
    for (size_t i = 0; i < s->n_fields; i++)
        if (name ? strcmp(s->fields[i].name, name) == 0
                 : s->fields[i].kind == WIRE_KIND_SUBS)
            return &s->fields[i];
    return NULL;
}

bool wire_has_pages(const struct wire_message *message)
{
    const struct wire_message *reply = wire_message_by_name(message->reply);

    return reply && field(message->body, "from") &&
           field(reply->body, "next") && field(reply->body, NULL);
}

static const struct wire_struct *answer_of(const struct wire_pages *pages)
{
    return wire_message_by_name(pages->message->reply)->body;
}

static const char **text(const struct wire_struct *s, const char *name,
                         void *body)
{
    return (const char **)((char *)body + field(s, name)->offset);
}

void wire_pages_init(struct wire_pages *pages,
                     enum wire_message_number number, const void *query,
                     struct arena *arena)
{
    const struct wire_message *message = wire_message_by_number(number);
    const struct wire_struct *answer;

    *pages = (struct wire_pages){ .arena = arena, .message = message };
    pages->query = arena_memdup(arena, query, message->body->size);
    answer = answer_of(pages);
    assert(wire_has_pages(message));
    pages->list = arena_alloc(arena, answer->size);
    wire_init(answer, pages->list);
    pages->more = true;
}

/* The items of `page`, which are in the arena, behind those that are there. */
static void append(struct wire_pages *pages, const struct wire_field *f,
                   const char *page, uint32_t *io_room)
{
    char *list = pages->list;
    char **items = (char **)(void *)(list + f->offset);
    uint32_t *n = (uint32_t *)(void *)(list + f->n_offset);
    const char *more = *(char *const *)(const void *)(page + f->offset);
    uint32_t n_more = *(const uint32_t *)(const void *)(page + f->n_offset);
    size_t size = f->sub->size;

    if (n_more > *io_room - *n) {
        uint32_t room = 2 * (*n + n_more);
        char *wider = arena_alloc(pages->arena, room * size);
        if (*n)
            memcpy(wider, *items, *n * size);
        *items = wider;
        *io_room = room;
    }
    if (n_more)
        memcpy(*items + *n * size, more, n_more * size);
    *n += n_more;
}

/* Lists beside that of the items: short ones. */
static void append_others(struct wire_pages *pages,
                          const struct wire_field *items, const char *page)
{
    const struct wire_struct *s = answer_of(pages);

    for (size_t i = 0; i < s->n_fields; i++) {
        const struct wire_field *f = &s->fields[i];
        if (f == items || f->kind != WIRE_KIND_SUBS)
            continue;
        uint32_t room =
            *(uint32_t *)(void *)((char *)pages->list + f->n_offset);
        append(pages, f, page, &room);
    }
}

int wire_pages_add(struct wire_pages *pages, const void *answer,
                   struct vdc_error *err)
{
    const struct wire_struct *s = answer_of(pages);
    const struct wire_field *items = field(s, NULL);
    const char **from = text(pages->message->body, "from", pages->query);
    char *page = arena_alloc(pages->arena, s->size);
    int rc = wire_struct_copy(s, answer, pages->arena, page, err);

    if (rc)
        return rc;
    const char *next = *text(s, "next", page);
    if (*next && strcmp(next, *from) == 0)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "the pages of %s do not come to an end",
                             pages->message->name);
    if (!**from) {
        /* The first: all its fields count. */
        pages->room = *(uint32_t *)(void *)(page + items->n_offset);
        memcpy(pages->list, page, s->size);
        *text(s, "next", pages->list) = "";
    } else {
        append(pages, items, page, &pages->room);
        append_others(pages, items, page);
    }
    *from = next;
    pages->more = *next != '\0';
    return 0;
}
