/*
 * Text and JSON output of all commands, but tables.  Whatever comes from a
 * guest or another user is cleaned before it reaches a terminal.
 */
#include "xl-ext/output.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void output_json(struct json_out *out)
{
    size_t len;
    const char *text = json_out_text(out, &len);
    fwrite(text, 1, len, stdout);
    if (len == 0 || text[len - 1] != '\n')
        putchar('\n');
    json_out_free(out);
}

void output_json_struct(const struct wire_struct *s, const void *body)
{
    struct json_out *out = json_out_new(true);
    wire_to_json(s, body, out);
    output_json(out);
}

void output_json_list(const struct wire_struct *s, const void *body)
{
    struct json_out *out = json_out_new(true);
    wire_to_json_but(s, body, "next", out);
    output_json(out);
}

void output_json_error(struct json_out *out, const struct vdc_error *err)
{
    json_out_key(out, "code");
    json_out_i64(out, -err->code);
    json_out_key(out, "name");
    json_out_string(out, vdc_error_name(err->code));
    json_out_key(out, "text");
    json_out_string(out, err->text);
    json_out_key(out, "hint");
    json_out_string(out, err->hint);
    json_out_key(out, "retry");
    json_out_bool(out, vdc_error_may_retry(err->code));
}

/* Bytes of a character at p that a terminal does not show but obeys: controls
 * (C0, C1), and those that turn the direction of writing or break a line; 0:
 * it is none of them. */
static size_t control_size(const char *p)
{
    const unsigned char *c = (const unsigned char *)p;

    if ((*c && *c < 0x20) || *c == 0x7f)
        return 1;
    if ((c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f) ||
        (c[0] == 0xd8 && c[1] == 0x9c))
        return 2;
    if (c[0] != 0xe2 || (c[1] != 0x80 && c[1] != 0x81))
        return 0;
    if (c[1] == 0x80 ? c[2] == 0x8e || c[2] == 0x8f ||
                           (c[2] >= 0xa8 && c[2] <= 0xae)
                     : c[2] >= 0xa6 && c[2] <= 0xa9)
        return 3;
    return 0;
}

const char *output_clean(struct arena *arena, const char *text)
{
    char *clean = arena_strdup(arena, text), *to = clean;

    for (const char *p = clean; *p;) {
        size_t size = control_size(p);
        *to++ = size ? '?' : *p;
        p += size ? size : 1;
    }
    *to = '\0';
    return clean;
}

static void print_error_text(const struct vdc_error *err)
{
    const char *line = err->text;
    while (*line) {
        size_t len = strcspn(line, "\n"), size;
        fputs("xl-vdc: ", stderr);
        for (size_t i = 0; i < len; i += size ? size : 1) {
            size = control_size(line + i);
            fputc(size ? '?' : line[i], stderr);
        }
        fputc('\n', stderr);
        line += len + (line[len] == '\n');
    }
    if (err->hint[0])
        fprintf(stderr, "  %s\n", err->hint);
}

void output_error(const struct command_args *args, const struct vdc_error *err)
{
    fflush(stdout);
    if (args->format != FORMAT_JSON) {
        print_error_text(err);
        return;
    }
    struct json_out *out = json_out_new(false);
    json_out_object(out);
    json_out_key(out, "error");
    json_out_object(out);
    output_json_error(out, err);
    json_out_object_end(out);
    json_out_object_end(out);
    fprintf(stderr, "%s\n", json_out_text(out, NULL));
    json_out_free(out);
}

void output_note(const struct command_args *args, const char *format, ...)
{
    if (args->quiet || args->format == FORMAT_JSON)
        return;
    fflush(stdout);
    va_list ap;
    va_start(ap, format);
    fputs("xl-vdc: ", stderr);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
}

/* ---- a struct as text ---- */

/* NULL when the field has its default and is not worth a line. */
static const char *scalar_text(const struct wire_field *f, const void *at,
                               struct arena *arena)
{
    char buf[64];
    switch (f->kind) {
    case WIRE_KIND_BOOL:
        return *(const bool *)at ? "yes" : NULL;
    case WIRE_KIND_U32:
        return *(const uint32_t *)at
            ? arena_printf(arena, "%" PRIu32, *(const uint32_t *)at) : NULL;
    case WIRE_KIND_U64:
    case WIRE_KIND_ID64:
        return *(const uint64_t *)at
            ? arena_printf(arena, "%" PRIu64, *(const uint64_t *)at) : NULL;
    case WIRE_KIND_I64:
        return *(const int64_t *)at != f->fallback
            ? arena_printf(arena, "%" PRId64, *(const int64_t *)at) : NULL;
    case WIRE_KIND_MEM: {
        struct mem mem = *(const struct mem *)at;
        return mem.kib
            ? arena_strdup(arena, units_mem_format(mem, buf, sizeof(buf)))
            : NULL;
    }
    case WIRE_KIND_UUID:
        return uuid_is_zero(at) ? NULL
                                : arena_strdup(arena, uuid_format(at, buf));
    case WIRE_KIND_CHOICE: {
        const char *word = wire_enum_word(f->choice, *(const int *)at);
        return strcmp(word, "default") ? word : NULL;
    }
    case WIRE_KIND_STR: {
        const char *text = *(const char *const *)at;
        return text && *text ? output_clean(arena, text) : NULL;
    }
    case WIRE_KIND_STRS:
    case WIRE_KIND_BYTES:
    case WIRE_KIND_SUB:
    case WIRE_KIND_SUBS:
        break;
    }
    return NULL;
}

static void print_field(const struct wire_field *f, const char *body,
                        const char *indent, struct arena *arena)
{
    const void *at = body + f->offset;
    uint32_t n = 0;
    if (f->kind == WIRE_KIND_STRS || f->kind == WIRE_KIND_SUBS)
        n = *(const uint32_t *)(const void *)(body + f->n_offset);
    const char *deeper = arena_printf(arena, "%s    ", indent);
    if (f->kind == WIRE_KIND_STRS) {
        const char *const *texts = *(const char *const *const *)at;
        for (uint32_t i = 0; i < n; i++)
            printf("%s%-20s %s\n", indent, i ? "" : f->name,
                   output_clean(arena, texts[i]));
    } else if (f->kind == WIRE_KIND_SUBS) {
        const char *items = *(const char *const *)at;
        for (uint32_t i = 0; i < n; i++) {
            printf("%s%s %" PRIu32 "\n", indent, f->name, i);
            output_text_struct(f->sub, items + i * f->sub->size, deeper,
                               arena);
        }
    } else if (f->kind == WIRE_KIND_SUB) {
        printf("%s%s\n", indent, f->name);
        output_text_struct(f->sub, at, deeper, arena);
    } else {
        const char *text = scalar_text(f, at, arena);
        if (text)
            printf("%s%-20s %s\n", indent, f->name, text);
    }
}

void output_text_struct(const struct wire_struct *s, const void *body,
                        const char *indent, struct arena *arena)
{
    for (size_t i = 0; i < s->n_fields; i++)
        print_field(&s->fields[i], body, indent, arena);
}
