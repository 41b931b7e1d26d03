/*
 * Fuzz target: any text as a domain file, as settings of the command line, or
 * as what stands for one disk, interface, device, pool or list of CPUs.  What
 * libxlutil and our own reader make of a file is the same, and a definition
 * that is accepted can be sent.
 *
 * The first byte says as what the rest is taken.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cfg_impl.h"
#include "xl-ext/xlcfg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_file(const char *text, size_t len, struct arena *arena)
{
    struct cfg_file plain, file;
    struct vdc_error err;
    /* A 0 is refused before either sees it. */
    bool has_zero = memchr(text, 0, len) != NULL;
    int rc = cfg_parse("f", text, len, NULL, arena, &file, &err);

    assert(rc != VDC_E_INTERNAL);
    if (!has_zero)
        assert(rc == cfg_plain_parse("f", text, len, NULL, arena, &plain,
                                     NULL));
    for (size_t i = 0; rc == 0 && i < file.n_entries; i++) {
        const struct cfg_entry *a = &file.entries[i], *b = &plain.entries[i];
        assert(!strcmp(a->name, b->name) && a->type == b->type);
        assert(a->number == b->number && !strcmp(a->text, b->text));
        assert(a->n_items == b->n_items);
        for (size_t j = 0; j < a->n_items; j++)
            assert(!strcmp(a->items[j], b->items[j]));
    }
}

static void as_settings(const char *text, struct arena *arena)
{
    const char *settings[] = { "name=\"web\"", "kernel=\"/k\"", "memory=64",
                               text };
    const char *const *notes;
    struct wire_definition definition;
    struct vdc_error err;
    uint8_t *bytes;
    size_t n_notes, size;
    int rc = xlcfg_read(NULL, settings, 4, arena, &definition, &notes,
                        &n_notes, &err);

    assert(rc == 0 || (rc == VDC_E_BAD_CONFIG && err.text[0]));
    if (rc == 0) {
        rc = wire_struct_encode(&wire_struct_definition, &definition, arena,
                                &bytes, &size, &err);
        if (rc)
            fprintf(stderr, "accepted, but: %s\n", err.text);
        assert(rc == 0);
    }
}

static void as_one(char kind, const char *text, struct arena *arena)
{
    struct vdc_error err;
    struct wire_disk disk;
    struct wire_nic nic;
    struct wire_pool_amount pool;
    const char *bdf;
    int rc = 0;

    switch (kind) {
    case 'd':
        rc = xlcfg_disk(text, arena, &disk, &err);
        break;
    case 'v':
        rc = xlcfg_vif(text, arena, &nic, &err);
        break;
    case 'p':
        rc = xlcfg_bdf(text, arena, &bdf, &err);
        break;
    case 'a':
        rc = xlcfg_pool(text, arena, &pool, &err);
        break;
    case 'c':
        (void)xlcfg_is_cpu_list(arena, text);
        break;
    default: /* nothing */
        break;
    }
    assert(rc == 0 || (rc == VDC_E_BAD_VALUE && err.text[0]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena *arena = arena_new();
    char *text = arena_strndup(arena, (const char *)data + 1, size - 1);

    if (data[0] == 'f')
        as_file((const char *)data + 1, size - 1, arena);
    else if (data[0] == 's')
        as_settings(text, arena);
    else
        as_one((char)data[0], text, arena);
    arena_free(arena);
    return 0;
}
