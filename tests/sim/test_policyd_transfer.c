/* Whole stores: exported, imported, moved from a file to etcd and back. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/test_policyd_etcd.h"

/* policyd with the settings in NAME.conf of the bed, for `option` alone; its
 * exit status.  What it says is in the bed's "said". */
static int tool(const struct bed *bed, const char *name, const char *option)
{
    const char *top = getenv("TOP_BUILDDIR");
    int status = system(arena_printf(
        answers, "%s/policyd/policyd --config %s/%s.conf %s >%s/said 2>&1",
        top ? top : ".", bed->dir, name, option, bed->dir));

    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool said(const struct bed *bed, const char *words)
{
    char text[8192] = "";
    FILE *f = fopen(bed_path(bed, "said"), "r");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

    if (f)
        fclose(f);
    text[n] = '\0';
    if (strstr(text, words))
        return true;
    printf("    said: %s", text);
    return false;
}

static bool same(const struct bed *bed, const char *a, const char *b)
{
    return system(arena_printf(answers, "cmp %s/%s %s/%s", bed->dir, a,
                               bed->dir, b)) == 0;
}

static void write_conf(const struct bed *bed, const char *name,
                       const char *lines)
{
    FILE *f =
        fopen(bed_path(bed, arena_printf(answers, "%s.conf", name)), "w");

    fputs(lines, f);
    fclose(f);
}

/* A store with something of every kind, and nobody who has it open. */
static void fill(struct bed *bed)
{
    struct wire_operation make;

    bed_open(bed);
    bed_start(bed);
    bed_customers(bed);
    for (int i = 0; i < 300; i++) {
        struct wire_customer_create c;
        wire_init(&wire_struct_customer_create, &c);
        c.name = arena_printf(answers, "c%d", i);
        CHECK(ask(bed, OPERATOR, WIRE_MSG_customer_create, &c));
    }
    struct wire_transaction order;
    wire_init(&wire_struct_transaction, &order);
    make = creation(bed, "acme", "web");
    order.operations = &make;
    order.n_operations = 1;
    order.key = "a key/of mine";
    CHECK(ask(bed, OPERATOR, WIRE_MSG_transaction, &order));
    bed_kill(&bed->policyd, SIGTERM);
    write_conf(
        bed, "file",
        arena_printf(answers, "database = \"%s/policyd.db\"\n", bed->dir));
    write_conf(
        bed, "other",
        arena_printf(answers, "database = \"%s/other.db\"\n", bed->dir));
}

static const char *option(const struct bed *bed, const char *name,
                          const char *file)
{
    return arena_printf(answers, "--%s=%s/%s", name, bed->dir, file);
}

static void out_and_in(void)
{
    struct bed bed = { 0 };

    if (!need_sqlite())
        return;
    fill(&bed);
    CHECK(tool(&bed, "file", option(&bed, "export-store", "a.json")) == 0);
    CHECK(system(arena_printf(answers, "test $(stat -c %%a %s/a.json) = 600",
                              bed.dir)) == 0);
    /* and of a store that is there only */
    CHECK(tool(&bed, "other", option(&bed, "export-store", "b.json")) == 2);
    CHECK(access(bed_path(&bed, "other.db"), F_OK) != 0);
    CHECK(tool(&bed, "other", option(&bed, "import-store", "a.json")) == 0);
    CHECK(tool(&bed, "other", option(&bed, "export-store", "b.json")) == 0);
    CHECK(same(&bed, "a.json", "b.json"));
    /* not over another */
    CHECK(tool(&bed, "other", option(&bed, "import-store", "a.json")) == 4);
    CHECK(said(&bed, "is not empty"));
    CHECK(said(&bed, "--replace-store"));
    CHECK(system(arena_printf(answers,
                              "cd %s && grep -v '\"id\":\"c1' a.json >c.json",
                              bed.dir)) == 0);
    CHECK(tool(&bed, "other", option(&bed, "replace-store", "c.json")) == 0);
    CHECK(tool(&bed, "other", option(&bed, "export-store", "b.json")) == 0);
    CHECK(!same(&bed, "a.json", "b.json"));
    CHECK(tool(&bed, "other", option(&bed, "replace-store", "a.json")) == 0);
    CHECK(tool(&bed, "other", option(&bed, "export-store", "b.json")) == 0);
    CHECK(same(&bed, "a.json", "b.json"));
    /* policyd goes on with it */
    CHECK(system(arena_printf(answers, "cd %s && mv other.db policyd.db",
                              bed.dir)) == 0);
    bed_start_policyd(&bed);
    CHECK(bed_wait_joined(&bed, true));
    CHECK(usage(&bed, "acme")->guests == 1);
    /* while it runs the file is its own */
    CHECK(tool(&bed, "file", option(&bed, "export-store", "b.json")) == 4);
    CHECK(said(&bed, "in use by another process"));
    bed_close(&bed);
}

static void sqlite_to_etcd_and_back(void)
{
    struct bed bed = { 0 };
    const char *to;

    if (!need_sqlite() || !need_etcd())
        return;
    fill(&bed);
    const char *conf = etcd_conf(&bed);
    write_conf(&bed, "etcd", conf);
    to = arena_printf(answers, "--migrate-store=%.*s",
                      (int)strcspn(strchr(conf, '"') + 1, "\""),
                      strchr(conf, '"') + 1);
    /* the prefix is of the settings of who does it */
    FILE *f = fopen(bed_path(&bed, "file.conf"), "a");
    fprintf(f, "store_prefix = \"%s/\"\n", bed.dir + 1);
    fclose(f);
    CHECK(tool(&bed, "file", option(&bed, "export-store", "a.json")) == 0);
    CHECK(tool(&bed, "file", to) == 0);
    CHECK(tool(&bed, "etcd", option(&bed, "export-store", "b.json")) == 0);
    CHECK(same(&bed, "a.json", "b.json"));
    CHECK(tool(&bed, "file", to) == 4);
    CHECK(said(&bed, "is not empty"));
    CHECK(tool(&bed, "etcd",
               arena_printf(answers, "--migrate-store=sqlite:%s/other.db",
                            bed.dir)) == 0);
    CHECK(tool(&bed, "other", option(&bed, "export-store", "c.json")) == 0);
    CHECK(same(&bed, "a.json", "c.json"));
    /* policyd goes on there, and can be exported while it runs */
    bed.etcd = true;
    bed_start_policyd(&bed);
    CHECK(bed_wait_joined(&bed, true));
    CHECK(usage(&bed, "acme")->guests == 1);
    CHECK(tool(&bed, "etcd", option(&bed, "export-store", "d.json")) == 0);
    CHECK(same(&bed, "a.json", "d.json"));
    struct wire_partition_ref r = ref("acme", "web");
    CHECK(act(&bed, OPERATOR, WIRE_MSG_partition_destroy, &r));
    bed_close(&bed);
}

/* By a client of policyd that runs: the same as without it. */
static void while_it_runs(void)
{
    struct bed bed = { 0 };
    const char *top = getenv("TOP_BUILDDIR");
    struct client c;
    struct wire_empty empty;

    if (!need_sqlite())
        return;
    fill(&bed);
    CHECK(tool(&bed, "file", option(&bed, "export-store", "a.json")) == 0);
    bed_start_policyd(&bed);
    CHECK(bed_wait_joined(&bed, true));
    CHECK(system(arena_printf(answers,
                              "%s/xl-ext/xl-vdc -q --socket=%s/policyd.sock "
                              "store-export %s/b.json >%s/said 2>&1",
                              top ? top : ".", bed.dir, bed.dir, bed.dir)) ==
          0);
    CHECK(same(&bed, "a.json", "b.json"));
    CHECK(system(arena_printf(answers,
                              "%s/xl-ext/xl-vdc --socket=%s/policyd.sock "
                              "store-export >%s/b.json",
                              top ? top : ".", bed.dir, bed.dir)) == 0);
    CHECK(same(&bed, "a.json", "b.json"));
    /* one that goes in the middle, and one that may not */
    wire_init(&wire_struct_empty, &empty);
    for (int i = 0; i < 5; i++) {
        CHECK(client_open(&bed, &c, OPERATOR));
        CHECK(client_send(&c, WIRE_MSG_store_export, &empty));
        sleep_ms((unsigned)i);
        client_close(&c);
    }
    CHECK(usage(&bed, "acme")->guests == 1);
    if (geteuid() == 0) {
        ask(&bed, ACME_UID, WIRE_MSG_store_export, &empty);
        CHECK_CODE(VDC_E_DENIED);
    }
    bed_close(&bed);
}

static const struct {
    const char *edit; /* sed(1) */
    const char *words;
} damages[] = {
    { "1s/xen-vdc store/another/", ":1: this is no export of a store" },
    { "1s/\"version\":1/\"version\":2/", ":1: an export of version 2" },
    { "2s/.*/rubbish/", ":2: " },
    { "2s/\"kind\":\"[a-z]*\"/\"kind\":\"x\"/", ":2: kind: there is no 'x'" },
    { "3s/\"body\"/\"bdy\"/", ":3: kind, id and body expected" },
    { "/\"id\":\"acme\"/s/\"vcpus\":8/\"vcpus\":\"8\"/",
      "body: quota: vcpus: a whole number expected" },
    { "/\"id\":\"c7\"/s/\"id\":\"c7\"/\"id\":\"c8\"/", "the id 'c8' should" },
    { "/\"id\":\"c7\"/p", "customer 'c7' is there twice" },
    { "/\"kind\":\"customer\",\"id\":\"acme\"/d", "unknown customer 'acme'" },
    { "$d", "the end is missing" },
    { "/\"kind\":\"partition\"/s/\"state\":2/\"state\":9/",
      "in a state that there is not" },
};

/* Nothing is changed by a file that is not in order. */
static void bad_files(void)
{
    struct bed bed = { 0 };

    if (!need_sqlite())
        return;
    fill(&bed);
    CHECK(tool(&bed, "file", option(&bed, "export-store", "a.json")) == 0);
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        CHECK(
            system(arena_printf(answers, "cd %s && sed '%s' a.json >bad.json",
                                bed.dir, damages[i].edit)) == 0);
        CHECK(!same(&bed, "a.json", "bad.json >/dev/null"));
        CHECK(tool(&bed, "file", option(&bed, "replace-store", "bad.json")) ==
              2);
        CHECK(said(&bed, "bad.json:"));
        CHECK(said(&bed, damages[i].words));
        CHECK(tool(&bed, "file", option(&bed, "export-store", "b.json")) == 0);
        CHECK(same(&bed, "a.json", "b.json"));
    }
    CHECK(tool(&bed, "file", option(&bed, "import-store", "none.json")) == 2);
    bed_start_policyd(&bed);
    CHECK(bed_wait_joined(&bed, true));
    bed_close(&bed);
}

/* An import that is killed: nobody loads the half of it. */
static void import_killed(void)
{
    struct bed bed = { 0 };

    if (!need_sqlite())
        return;
    fill(&bed);
    CHECK(tool(&bed, "file", option(&bed, "export-store", "a.json")) == 0);
    /* no room for the whole is as good as a power cut */
    CHECK(system(arena_printf(
              answers,
              "cd %s && awk 'NR == 1 || /^]}/ { next } { sub(/,$/, \"\"); l = "
              "$0; print l } ' a.json >lines && { head -1 a.json; for i in "
              "1 2 3 4 5 6 7 8 9; do sed \"s/\\\"id\\\":\\\"c/\\\"id\\\":"
              "\\\"x${i}c/; s/\\\"name\\\":\\\"c/\\\"name\\\":\\\"x${i}c/; "
              "/customer.*x${i}c/!d; s/$/,/\" lines; done; sed '1d' a.json; } "
              ">large.json",
              bed.dir)) == 0);
    CHECK(tool(&bed, "other", option(&bed, "import-store", "large.json")) ==
          0);
    CHECK(system(arena_printf(answers, "cd %s && rm other.db*", bed.dir)) ==
          0);
    const char *top = getenv("TOP_BUILDDIR");
    CHECK(system(arena_printf(
              answers,
              "(ulimit -f 100; exec %s/policyd/policyd --config %s/other.conf "
              "--import-store=%s/large.json) >%s/said 2>&1",
              top ? top : ".", bed.dir, bed.dir, bed.dir)) != 0);
    CHECK(said(&bed, "full"));
    CHECK(system(arena_printf(answers,
                              "cd %s && rm -f policyd.db* && for f in "
                              "other.db*; do mv $f policyd${f#other}; done",
                              bed.dir)) == 0);
    bed_start_policyd(&bed);
    CHECK(bed_wait(&bed.policyd) == 9);
    CHECK(bed_logged(&bed, "an import has not come to its end"));
    CHECK(tool(&bed, "file", option(&bed, "replace-store", "a.json")) == 0);
    bed_start_policyd(&bed);
    CHECK(bed_wait_joined(&bed, true));
    CHECK(usage(&bed, "acme")->guests == 1);
    bed_close(&bed);
}

const struct sim_test tests_transfer[] = {
    { "a store out and in", out_and_in },
    { "a store to etcd and back", sqlite_to_etcd_and_back },
    { "a store exported while it is used", while_it_runs },
    { "bad exports", bad_files },
    { "an import that was not ended", import_killed },
    { NULL, NULL },
};
