/*
 * The rules: which one decides, and what is said of a file that is wrong.
 */
#include "channeld/rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "tests/unit/unit.h"

static struct party party(uint32_t domid, const char *owner, const char *name)
{
    struct party p = { .domid = domid };

    PARTY_COPY(p.owner, owner);
    PARTY_COPY(p.name, name);
    p.partition.bytes[0] = (uint8_t)domid;
    return p;
}

static struct rule_table *parse(const char *text)
{
    struct rule_table *table = NULL;
    struct vdc_error err = { 0 };

    if (rule_table_parse("/etc/x/rules", text, strlen(text), &table, &err))
        printf("    %s\n", err.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(table);
    return table;
}

static void test_first_decides(void)
{
    struct rule_table *t = parse("# a comment\n"
                                 "\n"
                                 "db acme.web @any deny # not this one\n"
                                 "db acme globex.db allow channels=3\r\n"
                                 "  db  @any  @any  allow\n");
    struct party web = party(1, "acme", "web"), app = party(2, "acme", "app"),
                 db = party(3, "globex", "db");
    char place[RULE_PLACE_MAX + 1];
    const struct rule *rule = rule_decide(t, "db", &web, &db);

    CU_ASSERT_EQUAL(t->n_rules, 3);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rule);
    CU_ASSERT_FALSE(rule->allow);
    CU_ASSERT_STRING_EQUAL(rule->text, "db acme.web @any deny");
    CU_ASSERT_STRING_EQUAL(rule_place(t, rule, place), "/etc/x/rules:3");
    rule = rule_decide(t, "db", &app, &db);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rule);
    CU_ASSERT_TRUE(rule->allow);
    CU_ASSERT_EQUAL(rule->line, 4);
    CU_ASSERT_EQUAL(rule->channels, 3);
    rule = rule_decide(t, "db", &db, &app);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rule);
    CU_ASSERT_EQUAL(rule->line, 5);
    CU_ASSERT_PTR_NULL(rule_decide(t, "dbx", &app, &db));
    rule_table_free(t);
}

/* Each subject, against each kind of party. */
static void test_subjects(void)
{
    struct party parties[] = { party(0, "", ""), party(0, "acme", ""),
                               party(1, "acme", "web"),
                               party(2, "globex", "web"), party(3, "", "fw") };
    static const struct {
        const char *subject, *want; /* which of the parties match */
    } cases[] = {
        { "@any", "11111" },
        { "@host", "10000" },
        { "@customer", "01110" },
        { "acme", "01100" },
        { "provider", "00001" },
        { "acme.web", "00100" },
        { "acme.webx", "00000" },
        { "provider.fw", "00001" },
        { "provider.web", "00000" },
        { "03000000-0000-0000-0000-000000000000", "00001" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[128], got[6] = "";
        snprintf(text, sizeof(text), "s %s @any allow", cases[i].subject);
        struct rule_table *t = parse(text);
        for (int j = 0; j < 5; j++)
            got[j] = rule_decide(t, "s", &parties[j], &parties[0]) ? '1' : '0';
        CU_ASSERT_STRING_EQUAL(got, cases[i].want);
        rule_table_free(t);
        snprintf(text, sizeof(text), "s @any %s allow", cases[i].subject);
        t = parse(text);
        for (int j = 0; j < 5; j++)
            got[j] = rule_for_offer(t, "s", &parties[j]) ? '1' : '0';
        CU_ASSERT_STRING_EQUAL(got, cases[i].want);
        rule_table_free(t);
    }
}

static void test_same_customer(void)
{
    struct rule_table *t = parse("* @same-customer @any allow");
    struct party a = party(1, "acme", "a"), b = party(2, "acme", "b"),
                 c = party(3, "globex", "c"), host = party(0, "", ""),
                 fw = party(4, "", "fw");

    CU_ASSERT_PTR_NOT_NULL(rule_decide(t, "s", &a, &b));
    CU_ASSERT_PTR_NULL(rule_decide(t, "s", &a, &c));
    CU_ASSERT_PTR_NULL(rule_decide(t, "s", &a, &host));
    /* the provider is no customer */
    CU_ASSERT_PTR_NULL(rule_decide(t, "s", &host, &fw));
    rule_table_free(t);
}

static void test_services(void)
{
    struct rule_table *t = parse("acme/* @any @any allow\n"
                                 "db @any @any deny\n"
                                 "* @host @any allow\n");
    struct party host = party(0, "", ""), a = party(1, "acme", "a");
    char owner[PARTY_OWNER_MAX + 1];

    CU_ASSERT_PTR_NOT_NULL(rule_decide(t, "acme/x", &a, &a));
    CU_ASSERT_PTR_NULL(rule_decide(t, "acmex", &a, &a));
    CU_ASSERT_PTR_NOT_NULL(rule_decide(t, "acmex", &host, &a));
    CU_ASSERT_PTR_NULL(rule_for_offer(t, "db", &a));
    CU_ASSERT_PTR_NOT_NULL(rule_for_offer(t, "other", &a));
    rule_table_free(t);

    CU_ASSERT_EQUAL(rule_check_service("db", NULL), 0);
    CU_ASSERT_EQUAL(rule_check_service("acme/db-2.x_y", NULL), 0);
    static const char *const wrong[] = { "",        "/",  "a/",  "/b",
                                         "a/b/c",   "A",  "a b", "*",
                                         "a/*",     "-a", "a\n", "@any",
                                         "\xc3\xa4" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        CU_ASSERT_EQUAL(rule_check_service(wrong[i], NULL), VDC_E_BAD_VALUE);
    CU_ASSERT_TRUE(rule_service_customer("acme/db", owner));
    CU_ASSERT_STRING_EQUAL(owner, "acme");
    CU_ASSERT_FALSE(rule_service_customer("db", owner));
}

static void test_limits(void)
{
    struct rule_table *t =
        parse("s @any @any allow grants=20 size=64K channels=7\n"
              "t @any @any allow size=1M\n"
              "u @any @any allow size=8\n");

    CU_ASSERT_EQUAL(t->rules[0].grants, 20);
    CU_ASSERT_EQUAL(t->rules[0].size.kib, 64);
    CU_ASSERT_EQUAL(t->rules[0].channels, 7);
    CU_ASSERT_EQUAL(t->rules[1].size.kib, 1024);
    CU_ASSERT_EQUAL(t->rules[1].channels, 0);
    CU_ASSERT_EQUAL(t->rules[2].size.kib, 8);
    rule_table_free(t);
}

/* A service of the host that a partition has: nobody else may offer it but the
 * host, and clients ask the host. */
static void test_moved(void)
{
    struct rule_table *t =
        parse("p @customer @host allow at=provider.cmd channels=4\n"
              "q @any @host allow at=03000000-0000-0000-0000-000000000000\n"
              "r @any @any deny\n"
              "r @any @host allow at=provider.cmd\n");
    struct party host = party(0, "", ""), web = party(1, "acme", "web"),
                 cmd = party(3, "", "cmd"), fw = party(4, "", "fw");
    const struct rule *rule = rule_decide(t, "p", &web, &host);

    CU_ASSERT_PTR_NOT_NULL_FATAL(rule);
    CU_ASSERT_TRUE(rule->moved);
    CU_ASSERT_EQUAL(rule->channels, 4);
    CU_ASSERT_TRUE(rule_is_at(rule, &cmd));
    CU_ASSERT_FALSE(rule_is_at(rule, &fw));
    CU_ASSERT_FALSE(rule_is_at(rule, &host));
    CU_ASSERT_PTR_NULL(rule_decide(t, "p", &web, &cmd));
    CU_ASSERT_PTR_NOT_NULL(rule_for_offer(t, "p", &cmd));
    CU_ASSERT_PTR_NOT_NULL(rule_for_offer(t, "p", &host));
    CU_ASSERT_PTR_NULL(rule_for_offer(t, "p", &fw));
    CU_ASSERT_PTR_NOT_NULL(rule_for_offer(t, "q", &cmd));
    CU_ASSERT_PTR_NULL(rule_for_offer(t, "q", &web));
    CU_ASSERT_PTR_NULL(rule_for_offer(t, "r", &cmd));
    rule_table_free(t);
}

/* Each error: its place, and what to do. */
static void test_errors(void)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "x\n", "r:1: a rule has four words at least: SERVICE FROM TO "
                 "allow|deny; here are 1" },
        { "\n\ns @any @any permit\n", "r:3: 'permit' stands where allow or "
                                      "deny must" },
        { "s @anny @any allow", "r:1: there is no '@anny', did you mean "
                                "@any;" },
        { "s ACME @any allow", "r:1: 'ACME' cannot be a customer's name; one "
                               "is of a-z, 0-9 and '-', a letter first" },
        { "s acme. @any allow", "r:1: 'acme.' lacks a partition's name after "
                                "the dot" },
        { "s @any .web allow", "'' cannot be a customer's name" },
        { "S @any @any allow", "r:1: 'S' cannot be a service's name" },
        { "a*b @any @any allow", "'a*b' cannot be a service's name" },
        { "s @any @any allow chanels=3", "there is no limit 'chanels', did "
                                         "you mean channels;" },
        { "s @any @any allow channels", "'channels' is not of the form "
                                        "NAME=N" },
        { "s @any @any allow channels=0", "channels wants a number from 1 to "
                                          "1000000, got '0'" },
        { "s @any @any allow channels=-1", "got '-1'" },
        { "s @any @any allow grants=1x", "grants wants a number" },
        { "s @any @any allow size=2K", "size wants 4K to 4M (a plain number "
                                       "is KiB), got '2K'" },
        { "s @any @any allow size=8M", "got '8M'" },
        { "s @any @any deny size=8K", "'size=8K': what is denied has no "
                                      "limits" },
        { "s @any @any allow at=@host", "at wants one partition, "
                                        "CUSTOMER.PARTITION or a UUID, got "
                                        "'@host'" },
        { "s @any @any allow at=acme", "got 'acme'" },
        { "s @any @any allow at=acme.", "lacks a partition's name" },
        { "a b c allow a=1 b=1 c=1 d=1 e=1", "'e=1' is one word too many" },
        { "s @any @any allow \x01", "r:1: a rule is UTF-8 text" },
        { "pip\xe9 @any @any allow", "r:1: a rule is UTF-8 text" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rule_table *table = NULL;
        struct vdc_error err = { 0 };
        int rc = rule_table_parse("r", cases[i].text, strlen(cases[i].text),
                                  &table, &err);
        CU_ASSERT_EQUAL(rc, VDC_E_BAD_CONFIG);
        CU_ASSERT_PTR_NULL(table);
        if (!strstr(err.text, cases[i].want))
            printf("    want '%s'\n     got '%s'\n", cases[i].want, err.text);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, cases[i].want));
    }
}

static void test_all_errors_at_once(void)
{
    static const char text[] = "s @any\n"
                               "good @any @any allow\n"
                               "S @x @any maybe\n";
    struct rule_table *table = NULL;
    struct vdc_error err = { 0 };

    CU_ASSERT_EQUAL(rule_table_parse("r", text, strlen(text), &table, &err),
                    VDC_E_BAD_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "4 reasons"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "r:1: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "r:3: 'S'"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "r:3: there is no '@x'"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "r:3: 'maybe'"));
    CU_ASSERT_PTR_NULL(strstr(err.text, "r:2"));
}

static void test_file(void)
{
    struct rule_table *table = NULL;
    struct vdc_error err = { 0 };
    char path[] = "/tmp/test-rule-XXXXXX";
    int fd = mkstemp(path);

    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, "a @any @host allow\n\0b", 21), 21);
    CU_ASSERT_EQUAL(rule_table_read(path, &table, &err), VDC_E_BAD_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "zero bytes"));
    CU_ASSERT_EQUAL(ftruncate(fd, 19), 0);
    CU_ASSERT_EQUAL(rule_table_read(path, &table, &err), 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(table);
    CU_ASSERT_EQUAL(table->n_rules, 1);
    rule_table_free(table);
    close(fd);
    unlink(path);
    CU_ASSERT_EQUAL(rule_table_read(path, &table, &err), VDC_E_NO_FILE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "SERVICE FROM TO"));
    CU_ASSERT_EQUAL(rule_table_read("/", &table, &err), VDC_E_BAD_CONFIG);
}

/* What is installed is valid, and allows what its comments say. */
static void test_default(void)
{
    struct rule_table *t = NULL;
    struct vdc_error err = { 0 };
    const char *top = getenv("TOP_SRCDIR");
    char *path = xasprintf("%s/channeld/channel.rules", top ? top : ".");
    struct party host = party(0, "", ""), a = party(1, "acme", "a"),
                 fw = party(2, "", "fw"), login = party(0, "acme", "");

    CU_ASSERT_EQUAL_FATAL(rule_table_read(path, &t, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(rule_decide(t, "resource", &host, &host));
    CU_ASSERT_PTR_NULL(rule_decide(t, "resource", &a, &host));
    CU_ASSERT_PTR_NULL(rule_decide(t, "resource", &login, &host));
    CU_ASSERT_PTR_NOT_NULL(rule_decide(t, "policy", &a, &host));
    CU_ASSERT_PTR_NOT_NULL(rule_decide(t, "policy", &fw, &host));
    CU_ASSERT_PTR_NULL(rule_decide(t, "policy", &host, &a));
    CU_ASSERT_PTR_NULL(rule_decide(t, "console", &a, &a));
    CU_ASSERT_PTR_NULL(rule_for_offer(t, "policy", &a));
    CU_ASSERT_PTR_NULL(rule_for_offer(t, "policy", &login));
    rule_table_free(t);
    free(path);
}

static const struct unit_test tests[] = {
    { "the first that matches decides", test_first_decides },
    { "subjects", test_subjects },
    { "the same customer", test_same_customer },
    { "services", test_services },
    { "limits", test_limits },
    { "a service that has moved", test_moved },
    { "errors", test_errors },
    { "all errors at once", test_all_errors_at_once },
    { "the file", test_file },
    { "the rules as installed", test_default },
};
UNIT_MAIN("rule", tests)
