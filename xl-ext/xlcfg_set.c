/*
 * Keys of a domain file that need more than their type: identity, kernel
 * command line, boot loader, disks, and what depends on several keys.
 */
#include <string.h>

#include "xl-ext/xlcfg_impl.h"

#define MAX_DISKS 64
#define MAX_BOOTLOADER_ARGS 64

void xlcfg_set_name(struct xlcfg *x, const struct cfg_entry *e)
{
    const char *name;
    if (!xlcfg_text(x, e, 63, &name))
        return;
    /* As policyd has it, so that config-check says what create will say. */
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t good = strspn(name, allowed);
    if (!*name) {
        xlcfg_problem(x, e, "'name' is empty");
    } else if (name[good] || strchr("._-", name[0])) {
        xlcfg_problem(x, e, "'name': \"%s\" cannot be a guest's name", name);
        xlcfg_problem_hint(x, "1 to 63 characters of A-Z, a-z, 0-9, '.', "
                              "'_' and '-', a letter or digit first");
    } else {
        x->def->name = name;
    }
}

void xlcfg_set_uuid(struct xlcfg *x, const struct cfg_entry *e)
{
    const char *text;
    if (!xlcfg_text(x, e, 255, &text))
        return;
    if (!uuid_from_text(text, &x->def->uuid) || uuid_is_zero(&x->def->uuid))
        xlcfg_problem(x, e, "'uuid' wants a UUID such as "
                            "4a1ba2fe-6b2b-4c3e-9f77-0d3f1e6a2b11, got \"%s\"",
                      text);
}

static void refuse_hvm(struct xlcfg *x, const struct cfg_entry *e)
{
    xlcfg_problem(x, e, "HVM guests are not supported: '%s' = \"hvm\"",
                  e->name);
    xlcfg_problem_hint(x, "use type=\"pvh\" with a kernel, or type=\"pv\"");
}

void xlcfg_set_type(struct xlcfg *x, const struct cfg_entry *e)
{
    const char *word;
    int number;
    if (!xlcfg_text(x, e, 255, &word))
        return;
    if (wire_enum_number(&wire_enum_domain_type, word, &number))
        x->def->type = (enum wire_domain_type)number;
    else if (!strcmp(word, "hvm"))
        refuse_hvm(x, e);
    else
        xlcfg_problem(x, e, "'type' wants \"pv\" or \"pvh\", got \"%s\"",
                      word);
}

void xlcfg_set_builder(struct xlcfg *x, const struct cfg_entry *e)
{
    const char *word;
    if (!xlcfg_text(x, e, 255, &word))
        return;
    const struct cfg_entry *type = xlcfg_get(x, "type");
    if (!strcmp(word, "hvm")) {
        refuse_hvm(x, e);
    } else if (strcmp(word, "generic") && strcmp(word, "linux")) {
        xlcfg_problem(x, e, "'builder' wants \"generic\", got \"%s\"", word);
        xlcfg_problem_hint(x, "use type=\"pv\" or type=\"pvh\" instead of it");
    } else if (type && type->type == CFG_STRING && strcmp(type->text, "pv")) {
        xlcfg_problem(x, e, "'builder' = \"%s\" contradicts 'type' = \"%s\"",
                      word, type->text);
        xlcfg_problem_hint(x, "leave builder out");
    }
}

/* cmdline alone, or root=ROOT EXTRA: once for all three keys. */
void xlcfg_set_cmdline(struct xlcfg *x, const struct cfg_entry *e)
{
    const char *value;
    if (!xlcfg_text(x, e, 4095, &value))
        return;
    const struct cfg_entry *cmdline = xlcfg_get(x, "cmdline");
    if (cmdline && strcmp(e->name, "cmdline")) {
        xlcfg_note(x, "'%s' is not used, as 'cmdline' is given", e->name);
        return;
    }
    const struct cfg_entry *root = xlcfg_get(x, "root");
    const struct cfg_entry *extra = xlcfg_get(x, "extra");
    if (cmdline)
        x->def->cmdline = value;
    else if ((root && root->type == CFG_LIST) ||
             (extra && extra->type == CFG_LIST))
        return; /* reported for the key itself */
    else if (root)
        x->def->cmdline =
            arena_printf(x->arena, "root=%s%s%s", root->text,
                         extra ? " " : "", extra ? extra->text : "");
    else
        x->def->cmdline = value;
    if (strlen(x->def->cmdline) > 4095) {
        x->def->cmdline = "";
        xlcfg_problem(x, e, "'root' and 'extra' make a command line of more "
                            "than 4095 characters");
    }
}

void xlcfg_set_bootloader_args(struct xlcfg *x, const struct cfg_entry *e)
{
    if (e->type == CFG_LIST) {
        if (xlcfg_list(x, e, MAX_BOOTLOADER_ARGS, "arguments")) {
            x->def->bootloader_args = e->items;
            x->def->n_bootloader_args = (uint32_t)e->n_items;
        }
        return;
    }
    /* The old form that xl still takes: words in one string. */
    const char **args =
        ARENA_ARRAY(x->arena, MAX_BOOTLOADER_ARGS, const char *);
    uint32_t n = 0;
    char *words = arena_strdup(x->arena, e->text), *save = NULL;
    for (char *w = strtok_r(words, " \t\n", &save); w;
         w = strtok_r(NULL, " \t\n", &save)) {
        if (n == MAX_BOOTLOADER_ARGS) {
            xlcfg_problem(x, e, "'bootloader_args' has more than %d words",
                          MAX_BOOTLOADER_ARGS);
            return;
        }
        args[n++] = w;
    }
    x->def->bootloader_args = args;
    x->def->n_bootloader_args = n;
}

/* Words may be longer than a message takes; libxlutil has no limits. */
static int check_disk(const char *spec, struct arena *arena,
                      const struct wire_disk *disk, struct vdc_error *err)
{
    struct vdc_error why;
    uint8_t *bytes;
    size_t size;
    if (wire_struct_encode(&wire_struct_disk, disk, arena, &bytes, &size,
                           &why) == 0)
        return 0;
    return vdc_error_set(err, VDC_E_BAD_VALUE, "the disk '%.200s': %s", spec,
                         why.text);
}

int xlcfg_disk(const char *spec, struct arena *arena, struct wire_disk *ret,
               struct vdc_error *err)
{
    struct cfg_disk disk;
    struct wire_disk made;
    struct vdc_error why;
    int rc = cfg_disk_parse(spec, arena, &disk, &why);
    if (rc) {
        if (!why.hint[0])
            vdc_error_hint(&why, "xl-disk-configuration(5) explains the form");
        if (err)
            *err = why;
        return rc;
    }
    wire_init(&wire_struct_disk, &made);
    /* A script decides itself what its target means. */
    made.target = *disk.script ? disk.target
                               : xlcfg_path(arena, disk.target);
    made.format = disk.format;
    made.vdev = disk.vdev;
    made.backend = disk.backend;
    made.backendtype = disk.backendtype;
    made.script = disk.script;
    made.readonly = disk.readonly;
    made.cdrom = disk.cdrom;
    made.discard = disk.discard;
    made.direct_io_safe = disk.direct_io_safe;
    rc = check_disk(spec, arena, &made, err);
    if (!rc)
        *ret = made;
    return rc;
}

static bool take_disk(struct xlcfg *x, const struct cfg_entry *e,
                      const char *spec, struct wire_disk *ret)
{
    struct vdc_error err;
    if (xlcfg_disk(spec, x->arena, ret, &err) == 0)
        return true;
    xlcfg_problem(x, e, "'disk': %s", err.text);
    xlcfg_problem_hint(x, "%s", err.hint);
    return false;
}

void xlcfg_set_disk(struct xlcfg *x, const struct cfg_entry *e)
{
    if (!xlcfg_list(x, e, MAX_DISKS, "disks"))
        return;
    struct wire_disk *disks =
        ARENA_ARRAY(x->arena, e->n_items + 1, struct wire_disk);
    uint32_t n = 0;
    for (size_t i = 0; i < e->n_items; i++) {
        if (!take_disk(x, e, e->items[i], &disks[n]))
            continue;
        for (uint32_t k = 0; k < n; k++)
            if (!strcmp(disks[k].vdev, disks[n].vdev))
                xlcfg_problem(x, e, "'disk' has two disks named %s",
                              disks[n].vdev);
        n++;
    }
    x->def->disks = disks;
    x->def->n_disks = n;
}

void xlcfg_set_tsc_mode(struct xlcfg *x, const struct cfg_entry *e)
{
    static const char *const modes[] = { "default", "always_emulate",
                                         "native" };
    const char *word;
    if (!xlcfg_text(x, e, 255, &word))
        return;
    long long n;
    bool number = xlcfg_digits(word, &n); /* as old files have it */
    for (long long i = 0; i < 3; i++)
        if (number ? n == i : !strcmp(word, modes[i])) {
            x->def->tsc_mode = modes[i];
            return;
        }
    xlcfg_problem(x, e, "'tsc_mode' wants default, always_emulate or native, "
                        "got %s", xlcfg_shown(x, e));
    if (!strcmp(word, "native_paravirt") || (number && n == 3))
        xlcfg_problem_hint(x, "Xen has removed native_paravirt; use "
                              "\"native\"");
}

void xlcfg_set_on_boot(struct xlcfg *x, const struct cfg_entry *e)
{
    const char *word;
    int number;
    if (!xlcfg_text(x, e, 255, &word))
        return;
    if (wire_enum_number(&wire_enum_on_boot, word, &number))
        x->def->on_boot = (enum wire_on_boot)number;
    else
        xlcfg_problem(x, e, "'%s' wants last, start or off, got \"%s\"",
                      e->name, word);
}

void xlcfg_set_ignored(struct xlcfg *x, const struct cfg_entry *e)
{
    xlcfg_note(x, "'%s' has no effect, as in xl; leave it out", e->name);
}

/* ---- several keys together ---- */

static void check_boot(struct xlcfg *x)
{
    struct wire_definition *def = x->def;
    const struct cfg_entry *bootloader = xlcfg_get(x, "bootloader");
    if (strchr(def->bootloader, '/'))
        def->bootloader = xlcfg_path(x->arena, def->bootloader);
    bool refused = xlcfg_get(x, "firmware") != NULL;
    if (!*def->kernel && !*def->bootloader && !refused &&
        !xlcfg_get(x, "kernel") && !bootloader) {
        xlcfg_problem(x, NULL, "neither 'kernel' nor 'bootloader' is given");
        xlcfg_problem_hint(x, "add kernel = \"FILE\", a file on the host");
    } else if (xlcfg_get(x, "kernel") && !*xlcfg_get(x, "kernel")->text &&
               !*def->bootloader) {
        xlcfg_problem(x, xlcfg_get(x, "kernel"), "'kernel' is empty");
    }
}

static void check_type(struct xlcfg *x)
{
    static const char *const pvh_keys[] = { "pvshim", "pvshim_path",
                                            "pvshim_cmdline",
                                            "pvshim_extra", "nestedhvm" };
    if (x->def->type == WIRE_PVH)
        return;
    for (size_t i = 0; i < sizeof(pvh_keys) / sizeof(pvh_keys[0]); i++) {
        const struct cfg_entry *e = xlcfg_get(x, pvh_keys[i]);
        bool harmless = e && e->type == CFG_NUMBER && e->number == 0;
        if (!e || harmless)
            continue;
        xlcfg_problem(x, e, "'%s' is for PVH guests, and this one is PV",
                      e->name);
        xlcfg_problem_hint(x, "use type=\"pvh\" or leave it out");
    }
}

static void check_amounts(struct xlcfg *x)
{
    struct wire_definition *def = x->def;
    const struct cfg_entry *memory = xlcfg_get(x, "memory");
    const struct cfg_entry *maxmem = xlcfg_get(x, "maxmem");
    if (!memory && !maxmem) {
        def->memory = MEM_MIB(32);
        xlcfg_note(x, "'memory' is not given: 32 MiB, as with xl");
    } else if (!memory) {
        def->memory = def->max_memory;
    }
    if (!maxmem)
        def->max_memory = def->memory;
    else if (def->max_memory.kib && def->max_memory.kib < def->memory.kib)
        xlcfg_problem(x, maxmem, "'maxmem' (%s) is less than 'memory' (%s)",
                      maxmem->text, memory->text);

    const struct cfg_entry *vcpus = xlcfg_get(x, "vcpus");
    const struct cfg_entry *maxvcpus = xlcfg_get(x, "maxvcpus");
    if (!vcpus)
        def->vcpus = 1;
    if (!maxvcpus)
        def->max_vcpus = def->vcpus;
    else if (def->max_vcpus && def->max_vcpus < def->vcpus)
        xlcfg_problem(x, maxvcpus, "'maxvcpus' (%s) is less than 'vcpus' "
                                   "(%s)", maxvcpus->text, vcpus->text);
}

void xlcfg_check_whole(struct xlcfg *x)
{
    if (!xlcfg_get(x, "name")) {
        xlcfg_problem(x, NULL, "'name' is missing");
        xlcfg_problem_hint(x, "add name = \"...\"");
    }
    check_type(x);
    check_boot(x);
    check_amounts(x);
}
