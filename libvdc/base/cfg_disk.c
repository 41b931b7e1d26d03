/*
 * Our own reader of xl-disk-configuration(5), for builds without libxlutil.
 *
 * A specification is parameters separated by commas: keys with a value
 * (format=qcow2), flags (cdrom), and positional ones, which are in order
 * target, format, vdev, access.  `target=` takes all the rest.  Old prefixes
 * (phy:, tap:qcow2:) may stand before a target, and say the format's place is
 * taken; an old "vdev:cdrom" is known too.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cfg_impl.h"

enum format {
    FORMAT_UNSAID, /* so that "said twice" can be told */
    FORMAT_RAW,
    FORMAT_QCOW,
    FORMAT_QCOW2,
    FORMAT_VHD,
    FORMAT_QED,
    FORMAT_EMPTY
};

static const char *const format_names[] = {
    [FORMAT_UNSAID] = "",     [FORMAT_RAW] = "raw", [FORMAT_QCOW] = "qcow",
    [FORMAT_QCOW2] = "qcow2", [FORMAT_VHD] = "vhd", [FORMAT_QED] = "qed",
    [FORMAT_EMPTY] = "empty",
};

#define N_FORMATS (sizeof(format_names) / sizeof(format_names[0]))

enum discard { DISCARD_UNSAID, DISCARD_YES, DISCARD_NO };

struct disk_parser {
    const char *spec, *at;
    struct arena *arena;
    struct vdc_error *err;
    enum format format;
    enum discard discard;
    bool had_prefix, had_access, readonly, cdrom, direct_io_safe;
    const char *target, *vdev, *backend, *backendtype, *script; /* or NULL */
};

static int fail(struct disk_parser *parser, const char *what,
                const char *value)
{
    return vdc_error_set(parser->err, VDC_E_BAD_VALUE,
                         "the disk '%.200s': %s%s%.100s%s", parser->spec, what,
                         *value ? ": '" : "", value, *value ? "'" : "");
}

/* ---- what a parameter sets ---- */

/* An empty value may be replaced, another may not. */
static int set_text(struct disk_parser *parser, const char **ret,
                    const char *value)
{
    if (*ret && **ret)
        return fail(parser, "something is given twice", value);
    *ret = value;
    return 0;
}

static int set_format(struct disk_parser *parser, const char *value)
{
    enum format format = FORMAT_UNSAID;
    if (!*value)
        format = FORMAT_RAW;
    for (size_t i = FORMAT_RAW; i < N_FORMATS; i++)
        if (strcmp(value, format_names[i]) == 0)
            format = (enum format)i;
    if (format == FORMAT_UNSAID)
        return fail(parser, "unknown format", value);
    if (parser->format != FORMAT_UNSAID && parser->format != format)
        return fail(parser, "the format is given twice", value);
    parser->format = format;
    return 0;
}

static int set_access(struct disk_parser *parser, const char *value)
{
    if (strcmp(value, "r") == 0 || strcmp(value, "ro") == 0)
        parser->readonly = true;
    else if (strcmp(value, "w") == 0 || strcmp(value, "rw") == 0 || !*value)
        parser->readonly = false;
    else
        return fail(parser, "unknown access, r and w are known", value);
    return 0;
}

static int set_devtype(struct disk_parser *parser, const char *value)
{
    if (strcmp(value, "cdrom") == 0)
        parser->cdrom = true;
    else if (strcmp(value, "disk") == 0)
        parser->cdrom = false;
    else
        return fail(parser, "unknown device type", value);
    return 0;
}

static int set_backend(struct disk_parser *parser, const char *value)
{
    return set_text(parser, &parser->backend, value);
}

static int set_backendtype(struct disk_parser *parser, const char *value)
{
    if (strcmp(value, "phy") != 0 && strcmp(value, "tap") != 0 &&
        strcmp(value, "qdisk") != 0)
        return fail(parser, "unknown backend type", value);
    if (parser->backendtype && strcmp(parser->backendtype, value) != 0)
        return fail(parser, "the backend type is given twice", value);
    parser->backendtype = value;
    return 0;
}

static int set_vdev(struct disk_parser *parser, const char *value)
{
    return set_text(parser, &parser->vdev, value);
}

static int set_script(struct disk_parser *parser, const char *value)
{
    return set_text(parser, &parser->script, value);
}

/* The other one, virtio, is not for us yet. */
static int set_specification(struct disk_parser *parser, const char *value)
{
    return strcmp(value, "xen") == 0
               ? 0
               : fail(parser, "unknown specification", value);
}

static const struct {
    const char *name;
    int (*set)(struct disk_parser *parser, const char *value);
} keys[] = {
    { "format", set_format },
    { "devtype", set_devtype },
    { "access", set_access },
    { "backend", set_backend },
    { "backendtype", set_backendtype },
    { "specification", set_specification },
    { "vdev", set_vdev },
    { "script", set_script },
};

static bool take_flag(struct disk_parser *parser, const char *word)
{
    if (strcmp(word, "cdrom") == 0)
        parser->cdrom = true;
    else if (strcmp(word, "direct-io-safe") == 0)
        parser->direct_io_safe = true;
    else if (strcmp(word, "discard") == 0)
        parser->discard = DISCARD_YES;
    else if (strcmp(word, "no-discard") == 0)
        parser->discard = DISCARD_NO;
    else
        return false;
    return true;
}

/* ---- positional parameters ---- */

/* "hdc:cdrom": the device and its type. */
static int set_vdev_and_type(struct disk_parser *parser, const char *word)
{
    const char *colon = strrchr(word, ':');
    int rc =
        set_text(parser, &parser->vdev,
                 arena_strndup(parser->arena, word, (size_t)(colon - word)));
    return rc ? rc : set_devtype(parser, colon + 1);
}

static int take_positional(struct disk_parser *parser, const char *word)
{
    bool typed = strchr(word, ':') != NULL;
    if (!parser->target) {
        parser->target = word;
        return 0;
    }
    if (!parser->had_prefix && parser->format == FORMAT_UNSAID) {
        if (*parser->target || !typed)
            return set_format(parser, word);
        parser->format = FORMAT_EMPTY;
        return set_vdev_and_type(parser, word);
    }
    if (!parser->vdev)
        return typed ? set_vdev_and_type(parser, word)
                     : set_text(parser, &parser->vdev, word);
    if (!parser->had_access) {
        parser->had_access = true;
        return set_access(parser, word);
    }
    return fail(parser, "one parameter too many", word);
}

/* ---- old prefixes ---- */

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

/* Length of "name:" at p when it is lower case and digits, else 0. */
static size_t prefix_len(const char *p)
{
    static const char alnum[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    size_t len = strspn(p, alnum);
    if (len == 0 || p[len] != ':' || (p[0] >= '0' && p[0] <= '9'))
        return 0;
    return len + 1;
}

/* Sets *ret_taken when there was one.  "word:" that is no known prefix is one
 * nevertheless, and wrong, unless a name follows it as in "hdc:cdrom". */
static int take_prefix(struct disk_parser *parser, bool *ret_taken)
{
    static const char *const formats[] = { "raw", "qcow", "qcow2", "vhd",
                                           NULL };
    static const char *const scripts[] = { "iscsi", "nbd", "enbd", "drbd",
                                           NULL };
    static const char *const ignored[] = { "tapdisk", "tap",  "tap2", "aio",
                                           "ioemu",   "file", "phy",  NULL };
    *ret_taken = false;
    size_t len = prefix_len(parser->at);
    if (!len)
        return 0;
    char after = parser->at[len];
    const char *word = arena_strndup(parser->arena, parser->at, len - 1);
    int rc = 0;
    if (is_one_of(word, formats))
        rc = set_format(parser, word);
    else if (is_one_of(word, scripts))
        rc = set_script(parser, arena_printf(parser->arena, "block-%s", word));
    else if (!is_one_of(word, ignored)) {
        bool follows =
            (after >= 'a' && after <= 'z') || (after >= '0' && after <= '9');
        return follows ? 0 : fail(parser, "unknown prefix", word);
    }
    parser->had_prefix = true;
    parser->at += len;
    *ret_taken = true;
    return rc;
}

/* ---- the whole ---- */

static int take_key(struct disk_parser *parser, const char *word,
                    const char *equals)
{
    size_t len = (size_t)(equals - word);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (strlen(keys[i].name) == len &&
            memcmp(word, keys[i].name, len) == 0)
            return keys[i].set(parser, equals + 1);
    return fail(parser,
                "unknown parameter (a target with '=' or ',' in it "
                "is written target=... at the end)",
                word);
}

/* `target=` and all that follows; one comma at the end does not belong. */
static int take_target(struct disk_parser *parser)
{
    const char *value = parser->at + strlen("target=");
    size_t len = strlen(value);
    parser->at += strlen(parser->at);
    if (len && value[len - 1] == ',')
        len--;
    return set_text(parser, &parser->target,
                    arena_strndup(parser->arena, value, len));
}

static int take_parameter(struct disk_parser *parser)
{
    bool taken;
    int rc = take_prefix(parser, &taken);
    if (rc || taken)
        return rc;
    if (strncmp(parser->at, "target=", strlen("target=")) == 0)
        return take_target(parser);
    size_t len = strcspn(parser->at, ",");
    const char *word = arena_strndup(parser->arena, parser->at, len);
    parser->at += len + (parser->at[len] == ',');
    if (take_flag(parser, word))
        return 0;
    const char *equals = strchr(word, '=');
    return equals ? take_key(parser, word, equals)
                  : take_positional(parser, word);
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static int finish(struct disk_parser *parser, struct cfg_disk *ret)
{
    if (parser->format == FORMAT_UNSAID)
        parser->format = FORMAT_RAW;
    if (parser->cdrom) {
        parser->readonly = true;
        if (!*or_empty(parser->target))
            parser->format = FORMAT_EMPTY;
    }
    if (!parser->vdev)
        return fail(parser, "no virtual device is given (as in vdev=xvda)",
                    "");
    if (!parser->target && !parser->cdrom)
        return fail(parser, "no target is given", "");
    *ret = (struct cfg_disk){
        .target = or_empty(parser->target),
        .format = format_names[parser->format],
        .vdev = parser->vdev,
        .backend = or_empty(parser->backend),
        .backendtype = or_empty(parser->backendtype),
        .script = or_empty(parser->script),
        .readonly = parser->readonly,
        .cdrom = parser->cdrom,
        .direct_io_safe = parser->direct_io_safe,
        .discard = parser->discard == DISCARD_YES ||
                   (parser->discard == DISCARD_UNSAID && !parser->readonly),
    };
    return 0;
}

int cfg_plain_disk(const char *spec, struct arena *arena, struct cfg_disk *ret,
                   struct vdc_error *err)
{
    struct disk_parser parser = {
        .spec = spec,
        .at = spec,
        .arena = arena,
        .err = err,
    };
    for (;;) {
        while (*parser.at == ' ')
            parser.at++;
        if (!*parser.at)
            return finish(&parser, ret);
        int rc = take_parameter(&parser);
        if (rc)
            return rc;
    }
}
