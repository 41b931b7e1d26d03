/* The records of a store as lines of JSON; see transfer.h. */
#include "policyd/store/transfer_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define TEXT_FORMAT "xen-vdc store"
#define TEXT_VERSION 1

void transfer_init(struct transfer *t)
{
    t->arena = arena_new();
    STAILQ_INIT(&t->records);
    t->n = 0;
}

void transfer_fini(struct transfer *t)
{
    arena_free(t->arena);
}

void transfer_add(struct transfer *t, enum store_record record, const char *id,
                  const uint8_t *value, size_t size, unsigned line)
{
    struct transfer_record *r = ARENA_NEW(t->arena, struct transfer_record);

    r->record = record;
    r->id = arena_strdup(t->arena, id);
    r->value = size ? arena_memdup(t->arena, value, size) : (uint8_t *)"";
    r->size = size;
    r->line = line;
    STAILQ_INSERT_TAIL(&t->records, r, link);
    t->n++;
}

/* ---- writing ---- */

int transfer_write_record(const struct transfer_record *r, FILE *f,
                          struct vdc_error *err)
{
    const struct store_kind *kind = &store_kinds[r->record];
    struct arena *arena = arena_new();
    struct json_out *out = json_out_new(false);
    void *body = arena_alloc(arena, kind->body->size);
    int rc =
        wire_struct_decode(kind->body, r->value, r->size, arena, body, err);

    if (!rc) {
        json_out_object(out);
        json_out_key(out, "kind");
        json_out_string(out, kind->prefix);
        json_out_key(out, "id");
        json_out_string(out, r->id);
        json_out_key(out, "body");
        wire_to_json(kind->body, body, out);
        json_out_object_end(out);
        fputs(json_out_text(out, NULL), f);
        fputs(STAILQ_NEXT(r, link) ? ",\n" : "\n", f);
    } else {
        vdc_error_prefix(err, "the store is damaged: %s/%s", kind->prefix,
                         r->id);
    }
    json_out_free(out);
    arena_free(arena);
    return rc ? VDC_E_STORE_CORRUPT : 0;
}

void transfer_write_head(FILE *f)
{
    fprintf(f, "{\"format\":\"%s\",\"version\":%d,\"records\":[\n",
            TEXT_FORMAT, TEXT_VERSION);
}

void transfer_write_tail(FILE *f)
{
    fputs("]}\n", f);
}

int transfer_write_text(const struct transfer *t, FILE *f,
                        struct vdc_error *err)
{
    const struct transfer_record *r;
    int rc = 0;

    transfer_write_head(f);
    STAILQ_FOREACH(r, &t->records, link)
    if (!rc)
        rc = transfer_write_record(r, f, err);
    transfer_write_tail(f);
    return rc;
}

/* ---- reading ---- */

/* The line that opens it, closed again. */
static int read_head(const char *line, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    const char *text = arena_printf(arena, "%s]}", line);
    const struct json_value *head, *format, *version;
    int rc = 0;

    if (json_parse(text, strlen(text), arena, &head, NULL) ||
        !(format = json_get(head, "format")) ||
        !(version = json_get(head, "version")) || !json_get(head, "records") ||
        format->type != JSON_STRING || strcmp(format->text, TEXT_FORMAT) != 0)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "this is no export of a store");
    else if (!version->is_integer || version->integer != TEXT_VERSION)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "an export of version %s; this policyd knows %d",
                           version->text ? version->text : "?", TEXT_VERSION);
    arena_free(arena);
    return rc;
}

static int find_kind(const struct json_value *name, enum store_record *ret,
                     struct vdc_error *err)
{
    if (!name || name->type != JSON_STRING)
        return vdc_error_set(err, VDC_E_BAD_VALUE, "kind: text expected");
    for (int i = 0; i < STORE_N_RECORDS; i++) {
        if (strcmp(store_kinds[i].prefix, name->text) == 0) {
            *ret = (enum store_record)i;
            return 0;
        }
    }
    return vdc_error_set(err, VDC_E_BAD_VALUE, "kind: there is no '%s'",
                         name->text);
}

static int read_record(struct transfer *t, const char *line, size_t len,
                       unsigned number, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    const struct json_value *value, *id, *body;
    enum store_record record = STORE_CUSTOMER;
    uint8_t *data = NULL;
    size_t size = 0;
    int rc = json_parse(line, len, arena, &value, err);

    if (!rc)
        rc = find_kind(json_get(value, "kind"), &record, err);
    if (rc)
        goto out;
    id = json_get(value, "id");
    body = json_get(value, "body");
    if (!id || id->type != JSON_STRING || !*id->text || !body ||
        value->n_items != 3) {
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "kind, id and body expected, and nothing else");
        goto out;
    }
    const struct wire_struct *s = store_kinds[record].body;
    void *decoded = arena_alloc(arena, s->size);
    rc = wire_from_json(s, body, arena, decoded, err);
    if (rc)
        vdc_error_prefix(err, "body");
    if (!rc)
        rc = wire_struct_encode(s, decoded, arena, &data, &size, err);
    if (!rc)
        transfer_add(t, record, id->text, data, size, number);
out:
    arena_free(arena);
    return rc;
}

int transfer_read_text(struct transfer *t, FILE *f, const char *name,
                       struct vdc_error *err)
{
    char *line = NULL;
    size_t room = 0;
    unsigned number = 0;
    bool ended = false;
    ssize_t len;
    int rc = 0;

    while (!rc && !ended && (len = getline(&line, &room, f)) >= 0) {
        while (len && strchr("\r\n ", line[len - 1]))
            line[--len] = '\0';
        if (len && line[len - 1] == ',')
            line[--len] = '\0';
        number++;
        if (number == 1)
            rc = read_head(line, err);
        else if (strcmp(line, "]}") == 0)
            ended = true;
        else if (len)
            rc = read_record(t, line, (size_t)len, number, err);
    }
    if (!rc && !ended)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "the end is missing: ']}' expected");
    if (rc)
        vdc_error_prefix(err, "%s:%u", name, number);
    free(line);
    return rc;
}
