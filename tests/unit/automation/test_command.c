/* Tests of automation/command.c; with --list the table, for test-documents. */
#include "automation/command.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static int parse(const char *text, bool by_guest, struct command_line *ret,
                 struct vdc_error *err)
{
    static struct arena *arena;

    if (!arena)
        arena = arena_new();
    memset(err, 0, sizeof(*err));
    return command_line_parse(text, by_guest, arena, ret, err);
}

static void words(void)
{
    struct command_line line;
    struct vdc_error err;

    CU_ASSERT_EQUAL(parse(" mem-set  acme.web 'a b' ", false, &line, &err), 0);
    CU_ASSERT_EQUAL(line.kind, COMMAND_KEYED);
    CU_ASSERT_EQUAL_FATAL(line.n_words, 3);
    CU_ASSERT_STRING_EQUAL(line.words[2], "a b");
    CU_ASSERT_PTR_NULL(line.words[3]);
    CU_ASSERT_EQUAL(parse("list", false, &line, &err), 0);
    CU_ASSERT_EQUAL(line.kind, COMMAND_READ);
    CU_ASSERT_EQUAL(parse("migrate web beta", false, &line, &err), 0);
    CU_ASSERT_EQUAL(line.kind, COMMAND_ONCE);
}

static void refused(const char *text, bool by_guest, int code,
                    const char *words, const char *hint)
{
    struct command_line line;
    struct vdc_error err;

    CU_ASSERT_EQUAL(parse(text, by_guest, &line, &err), code);
    if (!strstr(err.text, words) || !strstr(err.hint, hint)) {
        printf("'%s': %s; %s\n", text, err.text, err.hint);
        CU_FAIL("another error");
    }
}

static void errors(void)
{
    char text[COMMAND_LINE_MAX + 2];

    refused("", false, VDC_E_USAGE, "empty", "start web");
    refused(" \t", false, VDC_E_USAGE, "empty", "");
    refused("strat web", false, VDC_E_USAGE, "is 'start' meant", "");
    refused("console web", false, VDC_E_USAGE, "cannot be asked", "lists");
    refused("events --follow", false, VDC_E_USAGE, "cannot be asked", "");
    refused("start 'web", false, VDC_E_USAGE, "quote", "");
    refused("start --key x web", false, VDC_E_USAGE, "--key", "node key");
    refused("start --ke=x web", false, VDC_E_USAGE, "--ke=x", "node key");
    refused("start --socket=x web", false, VDC_E_USAGE, "--socket", "");
    refused("list -H there", false, VDC_E_USAGE, "-H", "");
    refused("list \x01", false, VDC_E_BAD_VALUE, "character", "");
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    refused(text, false, VDC_E_BAD_VALUE, "2000", "");
}

static void guests(void)
{
    struct command_line line;
    struct vdc_error err;
    char text[COMMAND_GUEST_LINE_MAX + 2];
    unsigned n = 0;

    CU_ASSERT_EQUAL(parse("mem-set 512", true, &line, &err), 0);
    CU_ASSERT_EQUAL(parse("reboot", true, &line, &err), 0);
    for (size_t i = 0; command_name(i); i++) {
        n += command_is_for_guests(i);
        CU_ASSERT_EQUAL(parse(command_name(i), true, &line, &err),
                        command_is_for_guests(i) ? 0 : VDC_E_DENIED);
    }
    CU_ASSERT_EQUAL(n, 5);
    refused("destroy", true, VDC_E_DENIED, "not for guests", "mem-set MEM");
    refused("nothing", true, VDC_E_USAGE, "cannot be asked", "mem-set MEM");
    refused("reboot -C other web", true, VDC_E_USAGE, "no options", "");
    refused("mem-set \xc3\xa4", true, VDC_E_BAD_VALUE, "character", "");
    refused("mem-set \x7f", true, VDC_E_BAD_VALUE, "character", "");
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    refused(text, true, VDC_E_BAD_VALUE, "256", "");
}

static void keys(void)
{
    char key[66];

    CU_ASSERT_EQUAL(command_key_check("a", NULL), 0);
    CU_ASSERT_EQUAL(command_key_check("", NULL), VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(command_key_check("a b", NULL), VDC_E_BAD_VALUE);
    memset(key, 'a', 64);
    key[64] = '\0';
    CU_ASSERT_EQUAL(command_key_check(key, NULL), VDC_E_BAD_VALUE);
    key[63] = '\0';
    CU_ASSERT_EQUAL(command_key_check(key, NULL), 0);
}

static const struct unit_test tests[] = {
    { "words", words },
    { "errors", errors },
    { "guests", guests },
    { "keys", keys },
};

int main(int argc, char **argv)
{
    static const char *const kinds[] = { "read", "keyed", "once" };

    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; command_name(i); i++)
            printf("%s %s\n", command_name(i), kinds[command_kind(i)]);
        return 0;
    }
    return unit_main("automation/command", tests,
                     sizeof(tests) / sizeof(tests[0]));
}
