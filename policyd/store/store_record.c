/* Kinds of records, and their keys. */
#include <stdio.h>
#include <string.h>

#include "policyd/store/store.h"

const struct store_kind store_kinds[STORE_N_RECORDS] = {
#define STORE_RECORD(constant, prefix_, body_, loaded_, text_) \
    [STORE_##constant] = { .prefix = prefix_,                  \
                           .body = &wire_struct_##body_,       \
                           .loaded = loaded_,                  \
                           .text = text_ },
#include "policyd/store/store_records.def"
};

static bool is_plain(char c)
{
    return c > 0x20 && c <= 0x7e && c != '%';
}

char *store_key(enum store_record record, const char *id, struct arena *arena)
{
    const char *prefix = store_kinds[record].prefix;
    char *key = arena_alloc(arena, strlen(prefix) + 3 * strlen(id) + 2);
    char *to = stpcpy(stpcpy(key, prefix), "/");

    for (; *id; id++)
        if (is_plain(*id))
            *to++ = *id;
        else
            to += sprintf(to, "%%%02X", (unsigned char)*id);
    *to = '\0';
    return key;
}

static bool unescape(char *text)
{
    char *to = text;

    for (; *text; to++) {
        unsigned c;
        if (*text != '%') {
            *to = *text++;
            continue;
        }
        if (strspn(text + 1, "0123456789ABCDEF") < 2 ||
            sscanf(text + 1, "%2X", &c) != 1 || c == 0)
            return false;
        *to = (char)c;
        text += 3;
    }
    *to = '\0';
    return true;
}

bool store_key_parse(const char *key, struct arena *arena,
                     enum store_record *ret_record, const char **ret_id)
{
    for (int i = 0; i < STORE_N_RECORDS; i++) {
        size_t len = strlen(store_kinds[i].prefix);
        if (strncmp(key, store_kinds[i].prefix, len) != 0 || key[len] != '/')
            continue;
        char *id = arena_strdup(arena, key + len + 1);
        *ret_record = (enum store_record)i;
        *ret_id = id;
        return unescape(id);
    }
    return false;
}
