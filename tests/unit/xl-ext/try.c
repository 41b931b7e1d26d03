/* See try.h. */
#include "tests/unit/xl-ext/try.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

struct arena *arena;
struct wire_definition def;
struct vdc_error err;
const char *const *notes;
size_t n_notes;

int try(const char *lines)
{
    const char *settings[16] = { "name=\"base\"", "kernel=\"/k\"",
                                 "memory=64" };
    size_t n = 3;
    arena_free(arena);
    arena = arena_new();
    memset(&err, 0, sizeof(err));
    memset(&def, 0, sizeof(def));
    char *copy = arena_strdup(arena, lines), *save = NULL;
    for (char *l = strtok_r(copy, "\n", &save); l;
         l = strtok_r(NULL, "\n", &save))
        settings[n++] = l;
    return xlcfg_read(NULL, settings, n, arena, &def, &notes, &n_notes, &err);
}


void expect_ok(const char *lines)
{
    int rc = try(lines);
    if (rc)
        printf("    %s\n    %s\n", lines, err.text);
    CU_ASSERT_EQUAL(rc, 0);
}

void expect_bad(const char *lines, const char *words)
{
    int rc = try(lines);
    bool found = strstr(err.text, words) != NULL;
    if (rc != VDC_E_BAD_CONFIG || !found)
        printf("    %s\n    wanted: %s\n    got:    %s\n", lines, words,
               rc ? err.text : "no error");
    CU_ASSERT_EQUAL(rc, VDC_E_BAD_CONFIG);
    CU_ASSERT(found);
}

void try_end(void)
{
    arena_free(arena);
    arena = NULL;
}
