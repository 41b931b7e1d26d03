/*
 * Deep copies of structs.  What is copied is looked at first, as encoding
 * does; so a copy can be encoded, and nothing was changed when there is none.
 */
#include <string.h>

#include "wire/layout.h"
#include "wire/wire.h"

/* ---- looking ---- */

struct look {
    size_t size; /* what a copy takes of an arena */
    struct vdc_error *err;
};

static int fault(const struct look *look, const struct wire_struct *s,
                 const struct wire_field *f, const char *why)
{
    return vdc_error_set(look->err, VDC_E_BAD_VALUE, "%s of %s: %s", f->name,
                         s->name, why);
}

static int look_at_text(struct look *look, const struct wire_struct *s,
                        const struct wire_field *f, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    const char *why = layout_text_fault(text, len, f->most_chars);

    if (len)
        look->size += arena_taken(len + 1);
    return why ? fault(look, s, f, why) : 0;
}

static int look_at(struct look *look, const struct wire_struct *s,
                   const char *body);

static int look_at_list(struct look *look, const struct wire_struct *s,
                        const struct wire_field *f, const char *body)
{
    const void *items = *(const void *const *)(body + f->offset);
    uint32_t n = *(const uint32_t *)(body + f->n_offset);
    int rc = 0;

    if (n > f->most_items)
        return vdc_error_set(look->err, VDC_E_BAD_VALUE,
                             "%s of %s: %u are too many, the most is %u",
                             f->name, s->name, n, f->most_items);
    if (n)
        look->size += arena_taken(n * layout_item_size(f));
    for (uint32_t i = 0; !rc && i < n; i++)
        if (f->kind == WIRE_KIND_STRS)
            rc = look_at_text(look, s, f, ((const char *const *)items)[i]);
        else if (f->kind == WIRE_KIND_SUBS)
            rc = look_at(look, f->sub,
                         (const char *)items + i * f->sub->size);
        else
            break;
    return rc;
}

static int look_at(struct look *look, const struct wire_struct *s,
                   const char *body)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < s->n_fields; i++) {
        const struct wire_field *f = &s->fields[i];
        const char *at = body + f->offset;
        if (f->kind == WIRE_KIND_STR)
            rc = look_at_text(look, s, f, *(const char *const *)at);
        else if (f->kind == WIRE_KIND_CHOICE && *(const int *)at &&
                 strcmp(wire_enum_word(f->choice, *(const int *)at), "?") == 0)
            rc = fault(look, s, f, "a value that there is not");
        else if (f->kind == WIRE_KIND_SUB)
            rc = look_at(look, f->sub, at);
        else if (f->n_offset)
            rc = look_at_list(look, s, f, body);
    }
    return rc;
}

/* ---- copying ---- */

static const char *copy_text(const char *text, struct arena *arena)
{
    return text && *text ? arena_strdup(arena, text) : "";
}

static void own(const struct wire_struct *s, char *body, struct arena *arena);

static void own_list(const struct wire_field *f, char *body,
                     struct arena *arena)
{
    void **items = (void **)(body + f->offset);
    uint32_t n = *(const uint32_t *)(body + f->n_offset);

    *items = n ? arena_memdup(arena, *items, n * layout_item_size(f)) : NULL;
    for (uint32_t i = 0; i < n; i++)
        if (f->kind == WIRE_KIND_STRS)
            ((const char **)*items)[i] =
                copy_text(((const char **)*items)[i], arena);
        else if (f->kind == WIRE_KIND_SUBS)
            own(f->sub, (char *)*items + i * f->sub->size, arena);
        else
            break;
}

/* What it points to is another's. */
static void own(const struct wire_struct *s, char *body, struct arena *arena)
{
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct wire_field *f = &s->fields[i];
        const char **text = (const char **)(body + f->offset);
        if (f->kind == WIRE_KIND_STR)
            *text = copy_text(*text, arena);
        else if (f->kind == WIRE_KIND_SUB)
            own(f->sub, body + f->offset, arena);
        else if (f->n_offset)
            own_list(f, body, arena);
    }
}

int wire_struct_copy(const struct wire_struct *s, const void *body,
                     struct arena *arena, void *ret_body,
                     struct vdc_error *err)
{
    struct look look = { .err = err };
    int rc = look_at(&look, s, body);

    if (rc)
        return rc;
    memmove(ret_body, body, s->size);
    own(s, ret_body, arena);
    return 0;
}

int wire_struct_keep(const struct wire_struct *s, const void *body,
                     struct arena **ret_arena, void *ret_body,
                     struct vdc_error *err)
{
    struct look look = { .err = err };
    int rc = look_at(&look, s, body);

    if (rc)
        return rc;
    *ret_arena = arena_new_sized(look.size);
    memmove(ret_body, body, s->size);
    own(s, ret_body, *ret_arena);
    return 0;
}
