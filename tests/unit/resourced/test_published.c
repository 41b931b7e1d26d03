/*
 * What is published of a partition: there and back, and what is not whole.
 */
#include <string.h>

#include "resourced/published.h"
#include "tests/unit/unit.h"

static struct partition_row partition(void)
{
    struct partition_row row = {
        .index = 17, .owner = "acme", .name = "web", .xen_name = "acme.web",
        .generation = 5, .wanted_running = true, .domid = 3, .boot_id = 9,
        .created_ms = 1000, .started_ms = 2000, .last_stop = "rebooted",
        .restarts = 2, .host_reserve = MEM_MIB(64),
    };

    uuid_random(&row.uuid);
    wire_init(&wire_struct_definition, &row.definition);
    row.definition.name = "web";
    row.definition.kernel = "/boot/vmlinuz";
    row.definition.memory = MEM_MIB(64);
    row.live = row.definition;
    return row;
}

static void check_same(const struct partition_row *a,
                       const struct partition_row *b)
{
    CU_ASSERT_EQUAL(a->index, b->index);
    CU_ASSERT(uuid_equal(&a->uuid, &b->uuid));
    CU_ASSERT_STRING_EQUAL(a->owner, b->owner);
    CU_ASSERT_STRING_EQUAL(a->name, b->name);
    CU_ASSERT_STRING_EQUAL(a->xen_name, b->xen_name);
    CU_ASSERT_STRING_EQUAL(a->definition.kernel, b->definition.kernel);
    CU_ASSERT_STRING_EQUAL(a->definition.cmdline, b->definition.cmdline);
    CU_ASSERT_EQUAL(a->live.memory.kib, b->live.memory.kib);
    CU_ASSERT_EQUAL(a->generation, b->generation);
    CU_ASSERT_EQUAL(a->created_ms, b->created_ms);
    CU_ASSERT_STRING_EQUAL(a->last_stop, b->last_stop);
    CU_ASSERT_EQUAL(a->host_reserve.kib, b->host_reserve.kib);
}

static void test_there_and_back(void)
{
    struct arena *arena = arena_new();
    struct partition_row row = partition(), back;
    struct published_text text;

    CU_ASSERT_EQUAL(published_encode(&row, arena, &text, NULL), 0);
    CU_ASSERT_EQUAL(text.n_pieces, 1);
    CU_ASSERT_EQUAL(published_count(text.head), 1);
    CU_ASSERT_EQUAL(published_decode(&text, arena, &back, NULL), 0);
    check_same(&row, &back);
    CU_ASSERT_EQUAL(back.domid, HV_DOMID_NONE);
    /* The domain has something else. */
    row.live.memory = MEM_MIB(32);
    CU_ASSERT_EQUAL(published_encode(&row, arena, &text, NULL), 0);
    CU_ASSERT_EQUAL(published_decode(&text, arena, &back, NULL), 0);
    check_same(&row, &back);
    CU_ASSERT_EQUAL(back.definition.memory.kib, 64 * 1024);
    arena_free(arena);
}

/* Of every length, so that the ends of base64 and of pieces are met. */
static void test_lengths(void)
{
    char cmdline[4096] = "";
    size_t most = 0;

    for (size_t len = 0; len < sizeof(cmdline) - 1; len += 7) {
        struct arena *arena = arena_new();
        struct partition_row row = partition(), back;
        struct published_text text;
        memset(cmdline, 'c', len);
        cmdline[len] = '\0';
        row.definition.cmdline = cmdline;
        row.live = row.definition;
        CU_ASSERT_EQUAL_FATAL(published_encode(&row, arena, &text, NULL), 0);
        CU_ASSERT_EQUAL(published_count(text.head), text.n_pieces);
        for (size_t i = 0; i < text.n_pieces; i++)
            CU_ASSERT(strlen(text.pieces[i]) < 2000);
        CU_ASSERT_EQUAL(published_decode(&text, arena, &back, NULL), 0);
        check_same(&row, &back);
        most = text.n_pieces > most ? text.n_pieces : most;
        arena_free(arena);
    }
    CU_ASSERT_EQUAL(most, 3);
}

static void test_not_whole(void)
{
    struct arena *arena = arena_new();
    struct partition_row row = partition(), back;
    struct published_text text, bad;

    CU_ASSERT_EQUAL(published_encode(&row, arena, &text, NULL), 0);
    char *piece = arena_strdup(arena, text.pieces[0]);
    for (size_t i = 0; piece[i]; i++) {
        char right = piece[i];
        bad = text;
        bad.pieces[0] = piece;
        piece[i] = right == 'A' ? 'B' : 'A';
        CU_ASSERT_EQUAL(published_decode(&bad, arena, &back, NULL),
                        VDC_E_PROTOCOL);
        piece[i] = '!';
        CU_ASSERT_EQUAL(published_decode(&bad, arena, &back, NULL),
                        VDC_E_PROTOCOL);
        piece[i] = right;
    }
    piece[strlen(piece) - 1] = '\0';
    CU_ASSERT_EQUAL(published_decode(&bad, arena, &back, NULL),
                    VDC_E_PROTOCOL);
    bad = text;
    bad.n_pieces = 0;
    CU_ASSERT_EQUAL(published_decode(&bad, arena, &back, NULL),
                    VDC_E_PROTOCOL);
    arena_free(arena);
}

static void test_heads(void)
{
    static const char *const bad[] = {
        "", "1", "2 100 0000000000000000", "1 0 0000000000000000",
        "1 100 zz", "1 99999999 0000000000000000",
        "1 100 0000000000000000 x", "1 -5 0000000000000000"
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_EQUAL(published_count(bad[i]), 0);
    CU_ASSERT_EQUAL(published_count("1 1440 0123456789abcdef"), 1);
    CU_ASSERT_EQUAL(published_count("1 1441 0123456789abcdef"), 2);
}

/* More than xenstore should hold is refused, and not cut. */
static void test_too_much(void)
{
    struct arena *arena = arena_new();
    struct partition_row row = partition();
    struct published_text text;
    const char *list[512];
    char item[256];

    memset(item, '1', sizeof(item) - 1);
    item[255] = '\0';
    for (size_t i = 0; i < 512; i++)
        list[i] = item;
    row.definition.cpus = list;
    row.definition.n_cpus = 512;
    CU_ASSERT_EQUAL(published_encode(&row, arena, &text, NULL),
                    VDC_E_BAD_VALUE);
    arena_free(arena);
}

static const struct unit_test tests[] = {
    { "there and back", test_there_and_back },
    { "every length", test_lengths },
    { "not whole", test_not_whole },
    { "heads", test_heads },
    { "too much", test_too_much },
};

UNIT_MAIN("resourced: published", tests)
