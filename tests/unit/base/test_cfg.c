/*
 * Files in xl.cfg syntax: one corpus of texts, read by our own reader and,
 * where it is there, by libxlutil; both must give the same.
 */
#include "base/cfg.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cfg_impl.h"
#include "tests/unit/unit.h"

/* libxlutil loses a value now and then when a text is wrong.  In a program we
 * do not show it such texts; here we ask for its word on them. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libxlutil\n";
}

typedef int parse_fn(const char *path, const char *text, size_t len,
                     const char *extra, struct arena *arena,
                     struct cfg_file *ret, struct vdc_error *err);

static const struct {
    const char *name;
    parse_fn *parse;
} impls[] = {
    { "plain", cfg_plain_parse },
#ifdef WITH_XEN
    { "libxlutil", cfg_xlu_parse },
#endif
    { "chosen", cfg_parse },
};

#define N_IMPLS (sizeof(impls) / sizeof(impls[0]))

/* "name@line=n:12 " for a number, s: for a string, [a|b] for a list. */
static char *dump(const struct cfg_file *file, struct arena *arena)
{
    char *text = arena_strdup(arena, "");
    for (size_t i = 0; i < file->n_entries; i++) {
        const struct cfg_entry *e = &file->entries[i];
        text = arena_printf(arena, "%s%s@%u=", text, e->name, e->line);
        switch (e->type) {
        case CFG_NUMBER:
            text =
                arena_printf(arena, "%sn:%lld:%s ", text, e->number, e->text);
            break;
        case CFG_STRING:
            text = arena_printf(arena, "%ss:%s ", text, e->text);
            break;
        case CFG_LIST:
            text = arena_printf(arena, "%s[", text);
            for (size_t j = 0; j < e->n_items; j++)
                text = arena_printf(arena, "%s%s%s", text, j ? "|" : "",
                                    e->items[j]);
            text = arena_printf(arena, "%s] ", text);
            break;
        }
    }
    return text;
}

static const struct {
    const char *text, *extra, *dump;
} valid[] = {
    { "", NULL, "" },
    { "\n\n;;\n # only\n", NULL, "" },
    { "a=1", NULL, "a@1=n:1:1 " },
    { "a = 1 # comment", NULL, "a@1=n:1:1 " },
    { "# x\n\na=1;b='x'\n", NULL, "a@3=n:1:1 b@3=s:x " },
    { "a=0x1F\n", NULL, NULL }, /* F is not lower case */
    { "a=0x1f\nb=010\nc=0\n", NULL, "a@1=n:31:0x1f b@2=n:8:010 c@3=n:0:0 " },
    { "a=12ab\nb=09\nc=0x\n", NULL, "a@1=s:12ab b@2=s:09 c@3=s:0x " },
    { "a=9223372036854775807", NULL,
      "a@1=n:9223372036854775807:9223372036854775807 " },
    { "a=\"x'y\"\nb='x\"y'\n", NULL, "a@1=s:x'y b@2=s:x\"y " },
    { "a='\\'\\\"\\\\\\a\\b\\f\\n\\r\\t\\v'\n", NULL,
      "a@1=s:'\"\\\a\b\f\n\r\t\v " },
    { "a=''\n", NULL, "a@1=s: " },
    { "a='# no comment; no end'\n", NULL, "a@1=s:# no comment; no end " },
    { "a='\xc3\xa4\xff'\n", NULL, "a@1=s:\xc3\xa4\xff " },
    { "a.b_c9 = 'x'\n", NULL, "a.b_c9@1=s:x " },
    { "a=[]\n", NULL, "a@1=[] " },
    { "a=[\n\n]\n", NULL, "a@1=[] " },
    { "a=['x']\nb=['x','y',]\n", NULL, "a@1=[x] b@2=[x|y] " },
    { "a = [ # first\n 'x', # second\n\n 'y' # third\n , 3 ,\n ]\nb=1\n", NULL,
      "a@1=[x|y|3] b@7=n:1:1 " },
    { "a=[1,0x2,'3']", NULL, "a@1=[1|0x2|3] " },
    { "a=[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18]", NULL,
      "a@1=[1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18] " },
    { "\ta\t=\t1\t;\tb=2", NULL, "a@1=n:1:1 b@1=n:2:2 " },
    { "a='x'\na+='y'\n\na += 'z'\n", NULL, "a@1=s:xyz " },
    { "a=['x']\nb=1\na+=['y','z']\n", NULL, "a@1=[x|y|z] b@2=n:1:1 " },
    { "a+=['x']\na+=[]\n", NULL, "a@1=[x] " },
    { "a+='x'\n", NULL, "a@1=s:x " },
    { "a=[]\na+=['x']\n", NULL, "a@1=[x] " },
    { "a=1\nb=2\nc=3\n", "b=7", "a@1=n:1:1 c@3=n:3:3 b@1=n:7:7 " },
    { "a=1\n", "a='x'\nb=['y']\na=5", "b@2=[y] a@3=n:5:5 " },
    { "a=['x']\n", "a+=['y']", "a@1=[x|y] " },
    { "# no newline at the end", "a=1", "a@1=n:1:1 " },
    { "a=1", "", "a@1=n:1:1 " },
};

static void test_valid(void)
{
    for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
        for (size_t j = 0; j < N_IMPLS; j++) {
            struct arena *arena = arena_new();
            struct cfg_file file = { 0 };
            struct vdc_error err = { 0 };
            int rc = impls[j].parse("f", valid[i].text, strlen(valid[i].text),
                                    valid[i].extra, arena, &file, &err);
            bool same = valid[i].dump
                            ? !rc && !strcmp(dump(&file, arena), valid[i].dump)
                            : rc == VDC_E_BAD_CONFIG;
            if (!same)
                printf("\n%s: %s\n-> %s\n%s\n", impls[j].name, valid[i].text,
                       err.text, rc ? "" : dump(&file, arena));
            CU_ASSERT_TRUE(same);
            arena_free(arena);
        }
    }
}

static const struct {
    const char *text;
    unsigned line;
    bool xlu_takes_it; /* we are stricter here; see cfg.h */
} invalid[] = {
    { "a", 1, false },
    { "a=", 1, false },
    { "a=\n1", 1, false },
    { "=1", 1, false },
    { "1=1", 1, false },
    { "'a'=1", 1, false },
    { "a=b", 1, false },
    { "a=1 b=2", 1, false },
    { "a=1,2", 1, false },
    { "a==1", 1, false },
    { "a=-1", 1, false },
    { "a=1.5", 1, false },
    { "a=5g", 1, false },
    { "A=1", 1, false },
    { "\n\naB=1", 3, false },
    { "a='x", 1, false },
    { "a='x\n'", 1, false },
    { "a='x\\", 1, false },
    { "a='x\\\n'", 1, false },
    { "a='x\"", 1, false },
    { "a='\\q'", 1, false },
    { "a='\\x41'", 1, false },
    { "a='\\101'", 1, true },
    { "a='\\9'", 1, false },
    { "a='x' 'y'", 1, false },
    { "a=[", 1, false },
    { "a=['x'\n", 2, false },
    { "a=]", 1, false },
    { "a=['x' 'y']", 1, false },
    { "a=['x',,'y']", 1, false },
    { "a=[,]", 1, false },
    { "a=['x';'y']", 1, false },
    { "a=[b]", 1, false },
    { "\na=[['x'],\n['y']]", 2, true },
    { "a=1\nb=2\na=3", 3, true },
    { "a=1\r\n", 1, false },
    { "a=\xc3\xa4", 1, false },
    { "a=\x01", 1, false },
    { "a=(1)", 1, false },
    { "import os\n", 1, false },
    { "a+1", 1, false },
    { "a+=", 1, false },
    { "a=1\na+=2", 2, true },
    { "a=1\na+='x'", 2, true },
    { "a+=1", 1, true },
    { "a='x'\na+=['y']", 2, false },
    { "a=['x']\na+='y'", 2, false },
    { "a=99999999999999999999", 1, true },
    { "{}", 1, false },
    { "a=1 \\\n", 1, false },
};

static void test_invalid(void)
{
    for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        const char *text = invalid[i].text;
        char place[32];
        snprintf(place, sizeof(place), "dir/f:%u: ", invalid[i].line);
        for (size_t j = 0; j < N_IMPLS; j++) {
            struct arena *arena = arena_new();
            struct cfg_file file = { 0 };
            struct vdc_error err = { 0 };
            int rc = impls[j].parse("dir/f", text, strlen(text), NULL, arena,
                                    &file, &err);
            bool same = rc == VDC_E_BAD_CONFIG &&
                        strncmp(err.text, place, strlen(place)) == 0;
            if (!same)
                printf("\n%s: %s\n-> %d %s\n", impls[j].name, text, rc,
                       err.text);
            CU_ASSERT_TRUE(same);
            CU_ASSERT_PTR_NULL(file.entries);
            arena_free(arena);
        }
    }
}

/* Our reader accepts nothing that libxlutil refuses, and refuses what it
 * accepts only where we say so. */
static void test_verdicts(void)
{
#ifdef WITH_XEN
    struct arena *arena = arena_new();
    struct vdc_error err;
    for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
        int rc = cfg_xlu_verdict("f", valid[i].text, strlen(valid[i].text),
                                 arena, &err);
        CU_ASSERT_EQUAL(rc, valid[i].dump ? 0 : VDC_E_BAD_CONFIG);
    }
    for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        const char *text = invalid[i].text;
        int rc = cfg_xlu_verdict("f", text, strlen(text), arena, &err);
        bool same = invalid[i].xlu_takes_it ? rc == 0 : rc == VDC_E_BAD_CONFIG;
        if (!same)
            printf("\nlibxlutil on: %s\n-> %d\n", text, rc);
        CU_ASSERT_TRUE(same);
        if (rc)
            CU_ASSERT_EQUAL(strncmp(err.text, "f:", 2), 0);
    }
    arena_free(arena);
    CU_ASSERT_STRING_EQUAL(cfg_implementation(), "libxlutil");
#else
    CU_ASSERT_STRING_EQUAL(cfg_implementation(), "plain");
#endif
}

/* Random texts of the syntax's own words: never a crash, and whatever our
 * reader accepts libxlutil accepts with the same values. */
static void test_random(void)
{
    static const char *const words[] = {
        "a",  "b=",   "=",  "+=", "a=",  "1",  "0x1f", "'x'", "\"y\\n\"",
        "[",  "]",    ",",  ";",  "\n",  " ",  "#c",   "\\",  "'",
        "\"", "a+='", "c=", "d=", "e=[", "z'", "[1",   "-",   "\t",
    };
    srand(1);
    size_t n_valid = 0;
    for (int round = 0; round < 20000; round++) {
        struct arena *arena = arena_new();
        char text[200] = "";
        for (int n = rand() % 14; n > 0; n--)
            strcat(text,
                   words[(size_t)rand() % (sizeof(words) / sizeof(words[0]))]);
        struct cfg_file file = { 0 }, other = { 0 };
        struct vdc_error err;
        int rc =
            cfg_plain_parse("f", text, strlen(text), NULL, arena, &file, &err);
        n_valid += !rc;
        int rc2 =
            cfg_parse("f", text, strlen(text), NULL, arena, &other, &err);
        if (rc != rc2 ||
            (!rc && strcmp(dump(&file, arena), dump(&other, arena)) != 0)) {
            printf("\ndifferent: %s\n%s\n", text, err.text);
            CU_FAIL("two implementations, two answers");
        }
        arena_free(arena);
    }
    CU_ASSERT_TRUE(n_valid > 100);
}

static void test_limits(void)
{
    struct arena *arena = arena_new();
    struct cfg_file file;
    struct vdc_error err;
    size_t size = 1024 * 1024 + 1;
    char *text = xzalloc(size + 1);
    memset(text, ' ', size);
    CU_ASSERT_EQUAL(cfg_parse("f", text, size, NULL, arena, &file, &err),
                    VDC_E_BAD_CONFIG);
    CU_ASSERT_EQUAL(cfg_parse("f", text, size - 1, NULL, arena, &file, &err),
                    0);
    CU_ASSERT_EQUAL(cfg_parse("f", "", 0, text, arena, &file, &err),
                    VDC_E_BAD_CONFIG);
    memset(text, 'x', 5000);
    memcpy(text, "a='", 3);
    text[5000] = '\'';
    CU_ASSERT_EQUAL(cfg_parse("f", text, size - 1, NULL, arena, &file, &err),
                    0);
    CU_ASSERT_EQUAL(strlen(file.entries[0].text), 4997);

    size_t len = 0;
    for (int i = 0; i < 70; i++)
        len += (size_t)sprintf(text + len, "a += 'x'\n");
    CU_ASSERT_EQUAL(cfg_parse("f", text, len, NULL, arena, &file, &err),
                    VDC_E_BAD_CONFIG);
    CU_ASSERT_EQUAL(cfg_parse("f", text, 64 * 9, NULL, arena, &file, &err), 0);
    CU_ASSERT_EQUAL(strlen(file.entries[0].text), 64);

    len = 0;
    for (int i = 0; i < 4097; i++)
        len += (size_t)sprintf(text + len, "a%d=1\n", i);
    CU_ASSERT_EQUAL(cfg_parse("f", text, len, NULL, arena, &file, &err),
                    VDC_E_BAD_CONFIG);
    CU_ASSERT_EQUAL(strncmp(err.text, "f:4097: ", 8), 0);
    free(text);
    arena_free(arena);
}

/* A 0 in a string ends a process that lets libxlutil see it. */
static void test_zero_byte(void)
{
    struct arena *arena = arena_new();
    struct cfg_file file;
    struct vdc_error err;
    CU_ASSERT_EQUAL(
        cfg_parse("f", "a=1\nb='x\0y'\n", 12, NULL, arena, &file, &err),
        VDC_E_BAD_CONFIG);
    CU_ASSERT_EQUAL(strncmp(err.text, "f:2: ", 5), 0);
    arena_free(arena);
}

static void test_extra_error(void)
{
    struct arena *arena = arena_new();
    struct cfg_file file;
    struct vdc_error err;
    CU_ASSERT_EQUAL(cfg_parse("f", "a=1\n", 4, "b=1\nc=x", arena, &file, &err),
                    VDC_E_BAD_CONFIG);
    CU_ASSERT_EQUAL(strncmp(err.text, "command line:2: ", 16), 0);
    arena_free(arena);
}

static void test_get(void)
{
    struct arena *arena = arena_new();
    struct cfg_file file, none;
    CU_ASSERT_EQUAL_FATAL(
        cfg_parse("f", "a=1;b=2", 7, NULL, arena, &file, NULL), 0);
    /* what came from elsewhere may be no bytes at all */
    CU_ASSERT_EQUAL(cfg_parse("f", NULL, 0, NULL, arena, &none, NULL), 0);
    CU_ASSERT_PTR_NULL(cfg_get(&none, "a"));
    CU_ASSERT_EQUAL(cfg_get(&file, "b")->number, 2);
    CU_ASSERT_PTR_NULL(cfg_get(&file, "c"));
    arena_free(arena);
}

static void test_read(void)
{
    char dir[] = "/tmp/vdc-cfg.XXXXXX";
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    struct arena *arena = arena_new();
    char *path = arena_printf(arena, "%s/f", dir);
    struct cfg_file file;
    struct vdc_error err;
    CU_ASSERT_EQUAL(cfg_read(path, NULL, arena, &file, &err), VDC_E_NO_FILE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, path));
    CU_ASSERT_EQUAL(cfg_read(dir, NULL, arena, &file, &err), VDC_E_NO_FILE);

    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs("memory = 256\nname = 'x'\n", f);
    fclose(f);
    CU_ASSERT_EQUAL(cfg_read(path, "memory=512", arena, &file, &err), 0);
    CU_ASSERT_STRING_EQUAL(file.path, path);
    CU_ASSERT_EQUAL(cfg_get(&file, "memory")->number, 512);
    CU_ASSERT_STRING_EQUAL(cfg_get(&file, "name")->text, "x");
    CU_ASSERT_EQUAL(truncate(path, 1024 * 1024 + 1), 0);
    CU_ASSERT_EQUAL(cfg_read(path, NULL, arena, &file, &err),
                    VDC_E_BAD_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "1 MiB"));
    unlink(path);
    rmdir(dir);
    arena_free(arena);
}

/* Of which line each item is. */
static void test_item_lines(void)
{
    static const char text[] =
        "a = [ 'x',\n\n 'y'\n, 'z' ]\na += [ 'w' ]\n";
    static const unsigned lines[] = { 1, 3, 4, 5 };
    struct arena *arena = arena_new();
    struct cfg_file file;

    CU_ASSERT_EQUAL(
        cfg_parse("f", text, strlen(text), NULL, arena, &file, NULL), 0);
    const struct cfg_entry *entry = cfg_get(&file, "a");
    CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
    CU_ASSERT_EQUAL(entry->n_items, 4);
    for (size_t i = 0; i < entry->n_items && i < 4; i++)
        CU_ASSERT_EQUAL(entry->item_lines[i], lines[i]);
    arena_free(arena);
}

static const struct unit_test tests[] = {
    { "valid texts", test_valid },
    { "invalid texts", test_invalid },
    { "libxlutil's own verdicts", test_verdicts },
    { "random texts", test_random },
    { "limits", test_limits },
    { "a byte 0", test_zero_byte },
    { "an error on the command line", test_extra_error },
    { "looking up", test_get },
    { "reading a file", test_read },
    { "lines of items", test_item_lines },
};
UNIT_MAIN("base/cfg", tests)
