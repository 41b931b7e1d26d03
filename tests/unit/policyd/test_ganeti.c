/*
 * Ganeti's text format: what is read is what was written, by us and by
 * htools; damaged files are refused by line.
 */
#include "policyd/rebalance/ganeti.h"

#include <string.h>

#include "policyd/placement/rebalance.h"
#include "tests/unit/unit.h"

static const char good[] =
    "g1|uuid-1|preferred||\n"
    "g2|uuid-2|last_resort|x,y|\n"
    "\n"
    "a|65536|1024|40960|1000000|800000|16|M|uuid-1|1||N|0|1|1.0\n"
    "b|65536|1024|64512|1000000|900000|16|N|uuid-1|1\n"
    "c|?|?|?|?|?|?|Y|uuid-1|1\n"
    "d|65536|1024|64512|1000000|1000000|16|N|uuid-2\n"
    "\n"
    "web1|8192|20480|2|running|Y|a||ext|dns:1,other|1\n"
    "web2|8192|20480|2|running|Y|a||rbd|dns:1\n"
    "local|4096|100000|1|running|Y|a||plain||1|-|N\n"
    "mirror|3072|100000|4|running|N|a|b|drbd||1\n"
    "off|4096|1024|1|ADMIN_offline|Y|b||ext||1\n"
    "down|2048|1024|1|ADMIN_down|Y|b||ext||1\n"
    "left|1024|1024|1|ERROR_nodeoffline|Y|c||ext||1\n"
    "\n"
    "htools:iextags:dns\n"
    "something\n"
    "\n"
    "|128,1,1024,1,1,1|128,1,1024,1,1,1;32768,8,1048576,16,8,12|ext|4.0|32.0\n"
    "g1|128,1,1024,1,1,1|128,1,1,1,1,1;32768,8,9,16,8,12|ext|2.5|32.0\n";

static uint32_t host_of(const struct ganeti *ganeti, const char *name)
{
    return placement_view_find_host(ganeti->view,
                                    placement_names_find(ganeti->names, name));
}

static uint64_t mib(uint64_t kib)
{
    return kib / 1024;
}

static void test_read(void)
{
    struct ganeti *ganeti = NULL;
    struct vdc_error err = { 0 };

    CU_ASSERT_EQUAL_FATAL(ganeti_read(good, strlen(good), &ganeti, &err), 0);
    const struct placement_view *view = ganeti->view;
    uint32_t a = host_of(ganeti, "a"), b = host_of(ganeti, "b");
    uint32_t c = host_of(ganeti, "c"), d = host_of(ganeti, "d");
    CU_ASSERT_EQUAL(placement_view_n_present(view), 4);
    CU_ASSERT_EQUAL(placement_view_n_guests(view), 7);
    /* free and of those that are there, as long as it is not the node's */
    CU_ASSERT_EQUAL(mib(placement_view_host(view, a)->memory.kib),
                    40960 + 8192 * 2 + 4096 + 3072);
    CU_ASSERT_EQUAL(mib(placement_view_use(view, a)->memory.kib),
                    8192 * 2 + 4096 + 3072);
    CU_ASSERT_EQUAL(mib(placement_view_host(view, a)->pools[0].amount),
                    800000 + 200000);
    CU_ASSERT_EQUAL(mib(placement_view_use(view, a)->pools[0]), 200000);
    CU_ASSERT_EQUAL(mib(placement_view_use(view, b)->reserve.kib), 3072);
    /* down: as if it ran; offline: not */
    CU_ASSERT_EQUAL(mib(placement_view_use(view, b)->memory.kib), 2048);
    CU_ASSERT_EQUAL(mib(ganeti->wholes[b].memory.kib), 65536);
    CU_ASSERT_EQUAL(placement_view_host(view, c)->state, PLACEMENT_DRAINING);
    CU_ASSERT_EQUAL(placement_view_host(view, d)->domain, ganeti->groups[d]);
    CU_ASSERT_NOT_EQUAL(ganeti->groups[a], ganeti->groups[d]);
    /* 2.5 for each CPU, less the one that node a uses of 16 */
    CU_ASSERT_EQUAL(placement_view_use(view, a)->vcpus_most,
                    16 * ((16 * 250 - 100) / 16) / 100);
    CU_ASSERT_FALSE(ganeti_is_held(ganeti, 0));
    CU_ASSERT_TRUE(ganeti_is_held(ganeti, 2));
    CU_ASSERT_TRUE(ganeti_is_held(ganeti, 3));
    CU_ASSERT_EQUAL(placement_view_guest(view, 3)->backup, b);
    CU_ASSERT_EQUAL(placement_view_guest(view, 0)->n_groups, 1);
    ganeti_free(ganeti);
}

static void test_write(void)
{
    struct ganeti *ganeti = NULL, *again = NULL;

    CU_ASSERT_EQUAL_FATAL(ganeti_read(good, strlen(good), &ganeti, NULL), 0);
    char *text = ganeti_write(ganeti, ganeti->view);
    CU_ASSERT_STRING_EQUAL(text, good);
    free(text);
    struct placement_view *view = placement_view_copy(ganeti->view);
    placement_view_move_guest(view, 0, host_of(ganeti, "b"), 0);
    text = ganeti_write(ganeti, view);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nweb1|8192|20480|2|running|Y|b|"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\na|65536|1024|49152|1000000|"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nb|65536|1024|56320|1000000|"));
    CU_ASSERT_EQUAL_FATAL(ganeti_read(text, strlen(text), &again, NULL), 0);
    for (uint32_t i = 0; i < placement_view_n_hosts(view); i++) {
        CU_ASSERT_EQUAL(placement_view_use(again->view, i)->memory.kib,
                        placement_view_use(view, i)->memory.kib);
        CU_ASSERT_EQUAL(placement_view_host(again->view, i)->memory.kib,
                        placement_view_host(view, i)->memory.kib);
    }
    free(text);
    placement_view_free(view);
    ganeti_free(ganeti);
    ganeti_free(again);
}

/* A plan keeps to groups and exclusion tags, and empties what is offline. */
static void test_rebalance(void)
{
    struct ganeti *ganeti = NULL;
    struct placement_plan plan;

    CU_ASSERT_EQUAL_FATAL(ganeti_read(good, strlen(good), &ganeti, NULL), 0);
    struct placement_rebalance_options options = {
        .wholes = ganeti->wholes,
        .moving = { .complete = ganeti_complete,
                    .is_held = ganeti_is_held,
                    .arg = ganeti },
    };
    CU_ASSERT_EQUAL(placement_rebalance(ganeti->view, &options, &plan, NULL),
                    0);
    for (uint32_t i = 0; i < plan.n_moves; i++)
        placement_step_do(ganeti->view, plan.moves[i].guest, plan.moves[i].to,
                          plan.moves[i].backup, 0);
    CU_ASSERT(plan.after < plan.before);
    uint32_t n_used =
        placement_view_use(ganeti->view, host_of(ganeti, "c"))->n_guests;
    CU_ASSERT_EQUAL(n_used, 0);
    CU_ASSERT_EQUAL(
        placement_view_use(ganeti->view, host_of(ganeti, "d"))->n_guests, 0);
    CU_ASSERT_NOT_EQUAL(placement_view_guest(ganeti->view, 0)->host,
                        placement_view_guest(ganeti->view, 1)->host);
    CU_ASSERT_EQUAL(placement_view_guest(ganeti->view, 2)->host,
                    host_of(ganeti, "a"));
    placement_plan_fini(&plan);
    ganeti_free(ganeti);
}

/* ---- damaged files ---- */

/* `good` with one thing replaced. */
static char *damaged(const char *what, const char *by)
{
    const char *at = strstr(good, what);

    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    return xasprintf("%.*s%s%s", (int)(at - good), good, by,
                     at + strlen(what));
}

static void test_damaged(void)
{
    static const struct {
        const char *what, *by, *line, *text;
    } cases[] = {
        { "g1|uuid-1|preferred||", "g1|uuid-1", "line 1:", "few columns" },
        { "g1|uuid-1|pref", "g1||pref", "line 1:", "without UUID" },
        { "a|65536|1024", "|65536|1024", "line 4:", "no name" },
        { "a|65536|1024", "a|65536x|1024", "line 4:", "'65536x'" },
        { "a|65536|1024", "a||1024", "line 4:", "missing" },
        { "a|65536|1024", "a|-1|1024", "line 4:", "'-1'" },
        { "a|65536|1024", "a|99999999999999999999|1024",
          "line 4:", "too large" },
        { "|16|N|uuid-1|1\nc", "|16|N|uuid-9|1\nc", "line 5:", "uuid-9" },
        { "b|65536", "a|65536", "line 5:", "second node" },
        { "|16|N|uuid-2\n", "|16|N\n", "line 7:", "few columns" },
        { "|2|running|Y|a||ext", "|2|running|Y|z||ext", "line 9:", "'z'" },
        { "||ext|dns", "||tape|dns", "line 9:", "'tape'" },
        { "web2|8192", "web2|", "line 10:", "missing" },
        { "web2|8192|20480|2", "web2|8192|20480|99999",
          "line 10:", "too large" },
        { "|N|a|b|drbd", "|N|a|a|drbd", "line 12:", "its own secondary" },
        { "|N|a|b|drbd", "|N|a|x|drbd", "line 12:", "no such node" },
        { "|ext|4.0|32.0", "|ext|lots|32.0", "line 20:", "'lots'" },
        { "|ext|2.5|32.0", "", "line 21:", "few columns" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ganeti *ganeti = NULL;
        struct vdc_error err = { 0 };
        char *text = damaged(cases[i].what, cases[i].by);
        CU_ASSERT_EQUAL(ganeti_read(text, strlen(text), &ganeti, &err),
                        VDC_E_BAD_VALUE);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, cases[i].line));
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, cases[i].text));
        if (!strstr(err.text, cases[i].line) ||
            !strstr(err.text, cases[i].text))
            printf("case %zu: %s\n", i, err.text);
        CU_ASSERT_PTR_NULL(ganeti);
        free(text);
    }
}

/* Whatever is cut off or changed: an error, or a cluster that can be written
 * and read again. */
static void try_text(const char *text, size_t size, uint32_t *n_read)
{
    struct ganeti *ganeti = NULL, *again = NULL;
    struct vdc_error err = { 0 };

    if (ganeti_read(text, size, &ganeti, &err)) {
        CU_ASSERT(strlen(err.text) > 0);
        return;
    }
    char *written = ganeti_write(ganeti, ganeti->view);
    CU_ASSERT_EQUAL(ganeti_read(written, strlen(written), &again, &err), 0);
    (*n_read)++;
    free(written);
    ganeti_free(ganeti);
    ganeti_free(again);
}

static void test_fuzz(void)
{
    size_t size = strlen(good);
    char *text = xstrdup(good);
    uint64_t seed = 1;
    uint32_t n_read = 0;

    for (size_t i = 0; i < size; i++)
        try_text(good, i, &n_read);
    for (int i = 0; i < 20000; i++) {
        memcpy(text, good, size);
        for (uint64_t n = 1 + seed % 3; n > 0; n--) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            static const char bytes[] = "|\n0?9N,: aZ\0\377";
            text[(seed >> 20) % size] = bytes[(seed >> 50) % 13];
        }
        try_text(text, size, &n_read);
    }
    printf("\n    %u of %zu damaged files could be read ", n_read,
           size + 20000);
    CU_ASSERT(n_read > 0 && n_read < 20000);
    free(text);
}

static const struct unit_test tests[] = {
    { "a file is read", test_read },
    { "and written", test_write },
    { "and rebalanced", test_rebalance },
    { "damaged files are refused by line", test_damaged },
    { "any damage", test_fuzz },
};

UNIT_MAIN("ganeti", tests)
