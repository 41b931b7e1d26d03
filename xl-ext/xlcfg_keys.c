/* The table of xl.cfg keys as data, for the reader, its tests and the manual
 * page. */
#include "xl-ext/xlcfg_impl.h"

#define FIELD(field) .offset = offsetof(struct wire_definition, field)
#define ROW(key) .name = #key

static const struct xlcfg_key keys[] = {
#define KEY_STR(key, field, most, words)                                      \
    { ROW(key), .kind = XLCFG_STR, FIELD(field), .max = most, .text = words },
#define KEY_PATH(key, field, words)                                           \
    { ROW(key), .kind = XLCFG_PATH, FIELD(field), .max = 1023,                \
      .text = words },
#define KEY_MEM(key, field, least, most, words)                               \
    { ROW(key), .kind = XLCFG_MEM, FIELD(field), .min = least, .max = most,   \
      .text = words },
#define KEY_U32(key, field, least, most, words)                               \
    { ROW(key), .kind = XLCFG_U32, FIELD(field), .min = least, .max = most,   \
      .text = words },
#define KEY_I64(key, field, least, most, words)                               \
    { ROW(key), .kind = XLCFG_I64, FIELD(field), .min = least, .max = most,   \
      .text = words },
#define KEY_BOOL(key, field, words)                                           \
    { ROW(key), .kind = XLCFG_BOOL, FIELD(field), .text = words },
#define KEY_TRISTATE(key, field, words)                                       \
    { ROW(key), .kind = XLCFG_TRISTATE, FIELD(field), .text = words },
#define KEY_ACTION(key, field, words)                                         \
    { ROW(key), .kind = XLCFG_ACTION, FIELD(field), .text = words },
#define KEY_OWN(key, function, words)                                         \
    { ROW(key), .kind = XLCFG_OWN, .set = function, .text = words },
#define KEY_ONLY(key, values, words)                                          \
    { ROW(key), .kind = XLCFG_ONLY, .allowed = values, .text = words },
#define KEY_HVM(key)                                                          \
    { ROW(key), .kind = XLCFG_HVM, .text = "it is for HVM guests; leave it "  \
                                           "out and use type=\"pvh\"" },
#define KEY_NOT_YET(key, words)                                               \
    { ROW(key), .kind = XLCFG_NOT_YET, .text = words },
#define KEY_NEVER(key, words)                                                 \
    { ROW(key), .kind = XLCFG_NEVER, .text = words },
#include "xl-ext/xlcfg_keys.def"
};

const struct xlcfg_key *xlcfg_keys(size_t *ret_n)
{
    *ret_n = sizeof(keys) / sizeof(keys[0]);
    return keys;
}

bool xlcfg_key_is_honoured(const struct xlcfg_key *key)
{
    switch (key->kind) {
    case XLCFG_STR:
    case XLCFG_PATH:
    case XLCFG_MEM:
    case XLCFG_U32:
    case XLCFG_I64:
    case XLCFG_BOOL:
    case XLCFG_TRISTATE:
    case XLCFG_ACTION:
    case XLCFG_OWN:
        return true;
    case XLCFG_ONLY:
    case XLCFG_HVM:
    case XLCFG_NOT_YET:
    case XLCFG_NEVER:
        break;
    }
    return false;
}
