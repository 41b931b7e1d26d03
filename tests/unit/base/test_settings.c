/* Settings from a table and a file, and printed again. */
#include "base/settings.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

struct sample {
    const char *socket;
    uint64_t count;
    bool flag;
    struct mem memory;
    uint64_t timeout_ms;
    struct setting_list peers;
    const char *none;
    uint64_t free_number;
};

#define AT(member) offsetof(struct sample, member)

static const struct setting rows[] = {
    { "socket", SETTING_STRING, AT(socket), "/run/x \"y\"", 0, 0,
      "Where the daemon listens." },
    { "count", SETTING_U64, AT(count), "4", 1, 64, "How many." },
    { "flag", SETTING_BOOL, AT(flag), "1", 0, 0, "Whether." },
    { "memory", SETTING_MEM, AT(memory), "512M", 1024, MEM_MAX_KIB,
      "How much, in a text that is long enough to need more than one line of "
      "comment in the file of settings." },
    { "timeout", SETTING_DURATION, AT(timeout_ms), "1500ms", 100, 3600000,
      ".How long, with a \\ in it." },
    { "peers", SETTING_LIST, AT(peers), "a, b ,,c", 0, 0, "Who." },
    { "none", SETTING_STRING, AT(none), NULL, 0, 0, "Nothing." },
    { "free_number", SETTING_U64, AT(free_number), NULL, 0, 0, "Any." },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static char path[] = "/tmp/vdc-settings.XXXXXX";

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
}

static int load(const char *text, struct arena *arena, struct sample *ret,
                struct vdc_error *err)
{
    write_file(text);
    return settings_load(rows, N_ROWS, ret, path, true, arena, err);
}

static void test_defaults(void)
{
    struct arena *arena = arena_new();
    struct sample s;
    memset(&s, 0xff, sizeof(s));
    CU_ASSERT_EQUAL(settings_load(rows, N_ROWS, &s, NULL, true, arena, NULL),
                    0);
    CU_ASSERT_STRING_EQUAL(s.socket, "/run/x \"y\"");
    CU_ASSERT_EQUAL(s.count, 4);
    CU_ASSERT_TRUE(s.flag);
    CU_ASSERT_EQUAL(s.memory.kib, 512 * 1024);
    CU_ASSERT_EQUAL(s.timeout_ms, 1500);
    CU_ASSERT_EQUAL_FATAL(s.peers.n_items, 3);
    CU_ASSERT_STRING_EQUAL(s.peers.items[0], "a");
    CU_ASSERT_STRING_EQUAL(s.peers.items[1], "b");
    CU_ASSERT_STRING_EQUAL(s.peers.items[2], "c");
    CU_ASSERT_STRING_EQUAL(s.none, "");
    CU_ASSERT_EQUAL(s.free_number, 0);
    arena_free(arena);
}

static void test_file(void)
{
    struct arena *arena = arena_new();
    struct sample s;
    CU_ASSERT_EQUAL(load("socket = '/x'\ncount = 0x10\nflag = 'no'\n"
                         "memory = 256\ntimeout = '2m'\npeers = [ 'p', 1 ]\n"
                         "free_number = \"18446744073709551615\"\n",
                         arena, &s, NULL),
                    0);
    CU_ASSERT_STRING_EQUAL(s.socket, "/x");
    CU_ASSERT_EQUAL(s.count, 16);
    CU_ASSERT_FALSE(s.flag);
    CU_ASSERT_EQUAL(s.memory.kib, 256 * 1024);
    CU_ASSERT_EQUAL(s.timeout_ms, 120000);
    CU_ASSERT_EQUAL_FATAL(s.peers.n_items, 2);
    CU_ASSERT_STRING_EQUAL(s.peers.items[1], "1");
    CU_ASSERT_EQUAL(s.free_number, UINT64_MAX);
    CU_ASSERT_EQUAL(load("memory='1.5G'; timeout=0x10; peers=[]; flag=0\n"
                         "count='0x10'; socket=5\n",
                         arena, &s, NULL),
                    0);
    CU_ASSERT_EQUAL(s.memory.kib, 1536 * 1024);
    CU_ASSERT_EQUAL(s.timeout_ms, 16000);
    CU_ASSERT_EQUAL(s.peers.n_items, 0);
    CU_ASSERT_FALSE(s.flag);
    CU_ASSERT_EQUAL(s.count, 16);
    CU_ASSERT_STRING_EQUAL(s.socket, "5");
    arena_free(arena);
}

static void test_bad_values(void)
{
    static const char *const texts[] = {
        "count = 0",
        "count = 65",
        "count = 'x'",
        "count = '-1'",
        "count = ' 1'",
        "count = ''",
        "count = [1]",
        "count = '1x'",
        "flag = 2",
        "flag = 'maybe'",
        "flag = [1]",
        "memory = 0",
        "memory = '5X'",
        "memory = [1]",
        "memory = '17000T'",
        "timeout = '1ms'",
        "timeout = 4000",
        "timeout = 'x'",
        "timeout = []",
        "peers = 'a'",
        "peers = 1",
        "socket = ['x']",
        "free_number = '18446744073709551616'",
        "count",
        "nonsense = 1",
    };
    char place[64];
    snprintf(place, sizeof(place), "%s:2: ", path);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct arena *arena = arena_new();
        struct sample s;
        struct vdc_error err = { 0 };
        char *text = arena_printf(arena, "# first\n%s\n", texts[i]);
        int rc = load(text, arena, &s, &err);
        if (rc != VDC_E_BAD_CONFIG)
            printf("\naccepted: %s\n", texts[i]);
        CU_ASSERT_EQUAL(rc, VDC_E_BAD_CONFIG);
        CU_ASSERT_EQUAL(strncmp(err.text, place, strlen(place)), 0);
        CU_ASSERT_EQUAL(load(text, arena, &s, NULL), VDC_E_BAD_CONFIG);
        arena_free(arena);
    }
}

static void test_words(void)
{
    struct arena *arena = arena_new();
    struct sample s;
    struct vdc_error err;
    load("memroy = 1", arena, &s, &err);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "'memroy'"));
    CU_ASSERT_STRING_EQUAL(err.hint, "did you mean 'memory'?");
    load("completely_other = 1", arena, &s, &err);
    CU_ASSERT_STRING_EQUAL(err.hint, "");
    load("memory = '100K'", arena, &s, &err);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(err.text, "'memory' must be between 1 MiB and 16384 TiB"));
    load("timeout = 0", arena, &s, &err);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "between 0.1 s and 1 h"));
    arena_free(arena);
}

static void test_missing_file(void)
{
    struct arena *arena = arena_new();
    struct sample s;
    struct vdc_error err;
    static const char missing[] = "/nonexistent/xen-vdc.conf";
    CU_ASSERT_EQUAL(
        settings_load(rows, N_ROWS, &s, missing, false, arena, &err), 0);
    CU_ASSERT_EQUAL(s.count, 4);
    CU_ASSERT_EQUAL(
        settings_load(rows, N_ROWS, &s, missing, true, arena, &err),
        VDC_E_NO_FILE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, missing));
    arena_free(arena);
}

static char *print(const struct sample *s)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    settings_print(rows, N_ROWS, s, f);
    fclose(f);
    return text;
}

/* What is printed reads back as the same values, and prints the same. */
static void test_print(void)
{
    struct arena *arena = arena_new();
    struct sample a, b;
    settings_load(rows, N_ROWS, &a, NULL, false, arena, NULL);
    a.socket = "a'b\"c\\d\n\t\x07";
    a.memory = MEM_KIB(1025);
    a.timeout_ms = 1001;
    a.free_number = UINT64_MAX;
    a.flag = false;
    char *text = print(&a);
    struct vdc_error err = { 0 };
    CU_ASSERT_EQUAL(load(text, arena, &b, &err), 0);
    CU_ASSERT_STRING_EQUAL(b.socket, a.socket);
    CU_ASSERT_EQUAL(b.memory.kib, 1025);
    CU_ASSERT_EQUAL(b.timeout_ms, 1001);
    CU_ASSERT_EQUAL(b.free_number, UINT64_MAX);
    CU_ASSERT_EQUAL(b.peers.n_items, 3);
    char *again = print(&b);
    CU_ASSERT_STRING_EQUAL(text, again);
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");
        CU_ASSERT_TRUE(len <= 79);
        line += len + (line[len] == '\n');
    }
    CU_ASSERT_PTR_NOT_NULL(
        strstr(text, "# How many.\n# (number, 1 to 64, default 4)\n"
                     "count = 4\n"));
    free(text);
    free(again);
    arena_free(arena);
}

static void test_print_mdoc(void)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    settings_print_mdoc(rows, N_ROWS, f);
    fclose(f);
    CU_ASSERT_EQUAL(strncmp(text, ".Bl -tag", 8), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, ".It Va memory\n"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(text, "\n\\&.How long, with a \\e in it.\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "0.1 s to 1 h, default 1500ms"));
    free(text);
}

static const struct unit_test tests[] = {
    { "defaults", test_defaults },
    { "a file", test_file },
    { "values that are not allowed", test_bad_values },
    { "what an error says", test_words },
    { "a missing file", test_missing_file },
    { "printed and read again", test_print },
    { "the manual's list", test_print_mdoc },
};

int main(void)
{
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    int status =
        unit_main("base/settings", tests, sizeof(tests) / sizeof(tests[0]));
    unlink(path);
    return status;
}
