/* Tests of policyd/policies: files that are taken, and those that are not,
 * with the line and the reason. */
#include <string.h>
#include <unistd.h>

#include "policyd/placement/place.h"
#include "policyd/policies/policies.h"
#include "tests/unit/unit.h"

static struct vdc_error error;
static struct policies *policies;

static int parse(const char *text)
{
    policies_drop(policies);
    policies = NULL;
    memset(&error, 0, sizeof(error));
    return policies_parse("p.conf", text, strlen(text), &policies, &error);
}

static void end(void)
{
    policies_drop(policies);
    policies = NULL;
}

/* ---- what is taken ---- */

static void nothing_said(void)
{
    CU_ASSERT_EQUAL(parse(""), 0);
    CU_ASSERT_STRING_EQUAL(policies_for(policies, "ann")->name, "spread");
    CU_ASSERT_PTR_NOT_NULL(policies_find(policies, "pack"));
    CU_ASSERT_PTR_NULL(policies_find(policies, "best"));
    CU_ASSERT_EQUAL(policies->overcommit_percent, 0);
    end();
}

static void no_file(void)
{
    CU_ASSERT_EQUAL(policies_load("/nowhere/p.conf", true, &policies, &error),
                    0);
    CU_ASSERT_FALSE(policies->there);
    CU_ASSERT_STRING_EQUAL(policies_for(policies, "ann")->name, "spread");
    end();
    CU_ASSERT_EQUAL(policies_load("/nowhere/p.conf", false, &policies, &error),
                    VDC_E_NO_FILE);
    CU_ASSERT_PTR_NULL(policies);
}

static void weights(void)
{
    const struct policies_policy *p;

    CU_ASSERT_EQUAL(
        parse("default = 'even'\n"
              "policies = [\n"
              "  'name=even,strategy=weighted,load=1.5, age=0.001',"
              "\n  ' name = old , strategy = pack '\n"
              "]\n"
              "customers = [ 'customer=bob, policy=old' ]\n"
              "vcpus_per_cpu = '2.5'\n"),
        0);
    CU_ASSERT_STRING_EQUAL(error.text, "");
    p = policies_for(policies, "ann");
    CU_ASSERT_STRING_EQUAL(p->placement.name, "even");
    CU_ASSERT_EQUAL(p->placement.weights[PLACEMENT_TERM_LOAD], 1500);
    CU_ASSERT_EQUAL(p->placement.weights[PLACEMENT_TERM_AGE], 1);
    CU_ASSERT_EQUAL(p->placement.weights[PLACEMENT_TERM_FIT], 0);
    CU_ASSERT_EQUAL(p->line, 3);
    p = policies_for(policies, "bob");
    CU_ASSERT_STRING_EQUAL(p->placement.name, "old");
    CU_ASSERT_EQUAL(memcmp(p->placement.weights,
                           placement_policy_find("pack")->weights,
                           sizeof(p->placement.weights)),
                    0);
    CU_ASSERT_EQUAL(policies->overcommit_percent, 250);
    end();
}

static void external(void)
{
    const struct policies_policy *p;

    CU_ASSERT_EQUAL(
        parse("policies = [ 'name=x, strategy=external, program=/bin/sh, "
              "arguments=-c  true, timeout=250ms, fallback=pack', "
              "'name=y, strategy=external, program=/bin/sh' ]"),
        0);
    p = policies_find(policies, "x");
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    CU_ASSERT_STRING_EQUAL(p->program, "/bin/sh");
    CU_ASSERT_EQUAL(p->n_arguments, 2);
    CU_ASSERT_STRING_EQUAL(p->arguments[0], "-c");
    CU_ASSERT_STRING_EQUAL(p->arguments[1], "true");
    CU_ASSERT_EQUAL(p->timeout_ms, 250);
    CU_ASSERT_STRING_EQUAL(p->fallback->name, "pack");
    p = policies_find(policies, "y");
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    CU_ASSERT_PTR_NULL(p->fallback);
    CU_ASSERT_EQUAL(p->timeout_ms, 10000);
    end();
}

static char *replaced(const char *text, const char *old, const char *new)
{
    const char *at = strstr(text, old);

    return at ? xasprintf("%.*s%s%s", (int)(at - text), text, new,
                          at + strlen(old))
              : xstrdup(text);
}

/* The file in examples/; where Ganeti is not installed, with another
 * program. */
static void example(void)
{
    const char *dir = getenv("TOP_SRCDIR");
    char *path = xasprintf("%s/examples/placement.conf", dir ? dir : ".");
    FILE *f = fopen(path, "r");
    char text[8192] = "";

    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_TRUE(fread(text, 1, sizeof(text) - 1, f) > 1000);
    fclose(f);
    const char *hail = "/usr/lib/ganeti/iallocators/hail";
    char *adapted =
        replaced(text, hail, access(hail, X_OK) ? "/bin/sh" : hail);
    CU_ASSERT_EQUAL(parse(adapted), 0);
    CU_ASSERT_STRING_EQUAL(error.text, "");
    CU_ASSERT_EQUAL(policies->n_policies, 5);
    CU_ASSERT_EQUAL(policies->n_rules, 3);
    CU_ASSERT_EQUAL(policies->n_promises, 2);
    CU_ASSERT_STRING_EQUAL(policies_for(policies, "bank")->name, "calm");
    CU_ASSERT_STRING_EQUAL(policies_for(policies, "other")->name, "dense");
    CU_ASSERT_EQUAL(policies_for(policies, "lab")->strategy,
                    POLICIES_EXTERNAL);
    free(adapted);
    free(path);
    end();
}

/* Each setting, key and term is in the manual page. */
static void manual(void)
{
    static const char *const words[] = {
#define POLICIES_SETTING(name, form, text) #name,
#define POLICIES_KEY(list, key, member, form, text) #key,
#include "policyd/policies/policies_keys.def"
#define PLACEMENT_TERM(id, name, text) name,
#include "policyd/placement/score.def"
#undef PLACEMENT_TERM
    };
    const char *dir = getenv("TOP_SRCDIR");
    char *path = xasprintf("%s/doc/man/placement.conf.5", dir ? dir : ".");
    static char page[65536];
    FILE *f = fopen(path, "r");

    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_TRUE(fread(page, 1, sizeof(page) - 1, f) > 1000);
    fclose(f);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        char *row = xasprintf(".It Ic %s\n", words[i]);
        char *term = xasprintf(".Ic %s\n", words[i]);
        CU_ASSERT_TRUE(strstr(page, row) || strstr(page, term));
        free(row);
        free(term);
    }
    free(path);
}

/* ---- what is not ---- */

static const struct {
    const char *text;
    const char *why; /* with file and line */
    const char *hint;
} refused[] = {
    { "defalt = 'pack'", "p.conf:1: there is no setting 'defalt'",
      "did you mean 'default'?" },
    { "\ndefault = 'pak'", "p.conf:2: default: there is no policy 'pak'",
      "did you mean 'pack'?" },
    { "default = [ 'pack' ]",
      "p.conf:1: 'default' must be the name of a "
      "policy",
      "" },
    { "policies = 'pack'",
      "p.conf:1: 'policies' must be a list, as [ \"name=a, ...\", "
      "\"name=b, ...\" ]",
      "" },
    { "policies = [\n\n'name=a, strategie=pack' ]",
      "p.conf:3: there is no key 'strategie'", "did you mean 'strategy'?" },
    { "policies = [ 'name=a, strategy=pakc' ]",
      "p.conf:1: there is no strategy 'pakc'", "did you mean 'pack'?" },
    { "policies = [ 'name=a, strategy' ]",
      "p.conf:1: 'strategy' is not key=value", "" },
    { "policies = [ 'name=a, name=b, strategy=pack' ]",
      "p.conf:1: 'name' is there twice", "" },
    { "policies = [ 'strategy=pack' ]", "p.conf:1: 'name' is missing", "" },
    { "policies = [ 'name=a' ]", "p.conf:1: 'strategy' is missing", "" },
    { "policies = [ 'name=a b, strategy=pack' ]",
      "p.conf:1: 'a b' cannot be a name", NULL },
    { "policies = [\n'name=a,strategy=pack',\n'name=a,strategy=spread' ]",
      "p.conf:3: policy 'a' is there twice, first in line 2", "" },
    { "policies = [ 'name=pack,strategy=spread' ]",
      "p.conf:1: policy 'pack' is built in: choose another name", "" },
    { "policies = [ 'name=w,strategy=weighted' ]",
      "p.conf:1: policy 'w' is weighted, without a weight", "" },
    { "policies = [ 'name=w,strategy=weighted,load=0' ]",
      "p.conf:1: policy 'w' is weighted, without a weight", "" },
    { "policies = [ 'name=w,strategy=weighted,load=1001' ]",
      "p.conf:1: load: '1001' is not a number from 0 to 1000", "" },
    { "policies = [ 'name=w,strategy=weighted,load=-1' ]",
      "p.conf:1: load: '-1' is not a number from 0 to 1000", "" },
    { "policies = [ 'name=w,strategy=weighted,load=1.' ]",
      "p.conf:1: load: '1.' is not a number from 0 to 1000", "" },
    { "policies = [ 'name=w,strategy=pack,load=1' ]",
      "p.conf:1: weights are for strategy=weighted", "" },
    { "policies = [ 'name=w,strategy=pack,fallback=spread' ]",
      "p.conf:1: program, arguments, timeout and fallback are for "
      "strategy=external",
      "" },
    { "policies = [ 'name=x,strategy=external' ]",
      "p.conf:1: 'program' is missing", "" },
    { "policies = [ 'name=x,strategy=external,program=hail' ]",
      "p.conf:1: program: 'hail' does not begin with a slash", "" },
    { "policies = [ 'name=x,strategy=external,program=/no/hail' ]",
      "p.conf:1: program: '/no/hail' is not there, or cannot be run", "" },
    { "policies = [ 'name=x,strategy=external,program=/bin/sh,timeout=1h' ]",
      "p.conf:1: timeout: '1h' is not from 100ms to 10m", "" },
    { "policies = [ 'name=x,strategy=external,program=/bin/sh,fallback=x' ]",
      "p.conf:1: policy 'x' is its own fallback",
      "name a policy of strategy pack, spread or weighted" },
    { "policies = [\n'name=x,strategy=external,program=/bin/sh,fallback=y',\n"
      "'name=y,strategy=external,program=/bin/sh,fallback=x' ]",
      "p.conf:2: policy 'x' falls back to 'y' (line 3), which is external, "
      "too",
      NULL },
    { "policies = [ 'name=x,strategy=external,program=/bin/sh,fallback=zzzz' "
      "]",
      "p.conf:1: fallback: there is no policy 'zzzz'", "" },
    { "customers = [ 'customer=ann, policy=best' ]",
      "p.conf:1: ann: there is no policy 'best'", "" },
    { "customers = [ 'customer=ann, policy=pack',\n"
      "'customer=ann, policy=spread' ]",
      "p.conf:2: customer 'ann' is there twice, first in line 1", "" },
    { "customers = [ 'customer=Ann, policy=pack' ]",
      "p.conf:1: 'Ann' cannot be a customer's name", NULL },
    { "customers = [ 'customer=ann' ]", "p.conf:1: 'policy' is missing", "" },
    { "vcpus_per_cpu = 0",
      "p.conf:1: 'vcpus_per_cpu' must be over 0; leave it out for any number",
      "" },
    { "vcpus_per_cpu = 'many'",
      "p.conf:1: vcpus_per_cpu: 'many' is not a number from 0 to 1000", "" },
    { "promises = [ 'name=a, guests=2' ]",
      "p.conf:1: promise 'a' asks for nothing: neither memory nor vcpus", "" },
    { "promises = [ 'name=a, memory=1G' ]", "p.conf:1: 'guests' is missing",
      "" },
    { "promises = [ 'name=a, memory=1G, guests=0' ]",
      "p.conf:1: guests: '0' is not a whole number from 1 to 1000000", "" },
    { "promises = [ 'name=a, memory=1Q, guests=1' ]", NULL, NULL },
    { "promises = [ 'name=a, memory=1G, guests=1', "
      "'name=a, memory=1G, guests=1' ]",
      "p.conf:1: promise 'a' is there twice, first in line 1", "" },
    { "rules = [ 'name=a' ]",
      "p.conf:1: 'affinity' or 'anti_affinity' is missing", "" },
    { "rules = [ 'name=a, affinity=web, anti_affinity=web' ]",
      "p.conf:1: a rule is either of affinity or of anti_affinity: write two",
      "" },
    { "rules = [ 'name=a, affinity=Ann/web' ]",
      "p.conf:1: 'Ann/web' cannot be a group", NULL },
    { "rules = [ 'name=a, affinity=a b' ]",
      "p.conf:1: 'a b' cannot be a group", NULL },
    { "rules = [ 'name=a, affinity=web, scope=racks' ]",
      "p.conf:1: there is no scope 'racks'", "" },
    { "rules = [ 'name=a, affinity=web, strength=sotf' ]",
      "p.conf:1: there is no strength 'sotf'", "did you mean 'soft'?" },
    /* contradictions */
    { "rules = [\n'name=a, affinity=web',\n'name=b, anti_affinity=web' ]",
      "p.conf:3: rule 'b' (anti-affinity of provider/web and provider/web "
      "over hosts) contradicts rule 'a' in line 2 (affinity over hosts)",
      "make one of them soft, or leave it out" },
    { "rules = [\n'name=b, anti_affinity=web:db, scope=domains',\n"
      "'name=a, affinity=db:web' ]",
      "p.conf:3: rule 'a' (affinity of provider/db and provider/web over "
      "hosts) contradicts rule 'b' in line 2 (anti-affinity over domains)",
      NULL },
    { "rules = [ 'name=a, affinity=web:db',\n'name=b, affinity=db:x',\n"
      "'name=c, anti_affinity=x:web' ]",
      "p.conf:3: rule 'c' keeps provider/x and provider/web apart over hosts, "
      "which other rules of affinity bring together",
      NULL },
    { "rules = [ 'name=a, affinity=web:db, scope=domains',\n"
      "'name=b, affinity=db:x',\n"
      "'name=c, anti_affinity=x:web, scope=domains' ]",
      "p.conf:3: rule 'c' keeps provider/x and provider/web apart over "
      "domains, which other rules of affinity bring together",
      NULL },
};

static void bad_files(void)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        CU_ASSERT_EQUAL(parse(refused[i].text), VDC_E_BAD_CONFIG);
        CU_ASSERT_PTR_NULL(policies);
        CU_ASSERT_EQUAL(strncmp(error.text, "p.conf:", 7), 0);
        if (refused[i].why)
            CU_ASSERT_STRING_EQUAL(error.text, refused[i].why);
        if (refused[i].hint && strcmp(error.hint, refused[i].hint))
            printf("\n%s: %s\n", error.text, error.hint);
        if (refused[i].hint)
            CU_ASSERT_STRING_EQUAL(error.hint, refused[i].hint);
    }
    end();
}

/* They look like contradictions, and are none. */
static void possible(void)
{
    /* in one rack, on different hosts */
    CU_ASSERT_EQUAL(parse("rules = [ 'name=a, affinity=web, scope=domains', "
                          "'name=b, anti_affinity=web' ]"),
                    0);
    CU_ASSERT_EQUAL(parse("rules = [ 'name=a, affinity=web', "
                          "'name=b, anti_affinity=web, strength=soft' ]"),
                    0);
    /* each db has its web beside it, and no two dbs are together */
    CU_ASSERT_EQUAL(parse("rules = [ 'name=a, affinity=web:db', "
                          "'name=b, anti_affinity=db' ]"),
                    0);
    CU_ASSERT_EQUAL(parse("rules = [ 'name=a, affinity=ann/web', "
                          "'name=b, anti_affinity=bob/web' ]"),
                    0);
    end();
}

/* ---- what it does ---- */

static uint32_t chosen(const struct placement_view *view,
                       struct placement_request *request, const char *customer)
{
    struct placement_decision decision;

    request->customer =
        placement_names_find(placement_view_names(view), customer);
    if (placement_choose(view, request,
                         &policies_for(policies, customer)->placement,
                         &decision, &error))
        return PLACEMENT_NONE;
    return decision.winner.host;
}

static struct placement_view *two_hosts(struct placement_names *names)
{
    struct placement_view *view = placement_view_new(names);

    for (int i = 0; i < 2; i++) {
        const struct placement_host host = {
            .name = placement_names_add(names, i ? "h1" : "h0"),
            .memory = MEM_GIB(i ? 16 : 8),
            .pcpus = 2,
        };
        placement_view_put_host(view, &host, NULL, NULL);
    }
    return view;
}

static void in_a_view(void)
{
    struct placement_names *names = placement_names_new();
    struct placement_view *view = two_hosts(names);
    struct placement_request request = {
        .spec = { .memory = MEM_GIB(4), .vcpus = 1 },
        .start = true,
        .n_groups = 1,
    };

    CU_ASSERT_EQUAL(parse("default = 'pack'\nvcpus_per_cpu = 2\n"
                          "customers = [ 'customer=bob, policy=spread' ]\n"
                          "rules = [ 'name=r, anti_affinity=ann/db' ]\n"
                          "promises = [ 'name=p, customer=bob, guests=3, "
                          "memory=4G' ]\n"),
                    0);
    policies_apply(policies, view);
    request.groups[0] = placement_names_find(names, "ann/db");
    const struct placement_guest db = {
        .customer = placement_names_add(names, "ann"),
        .host = 0,
        .spec = request.spec,
        .runs = true,
        .n_groups = 1,
        .groups = { request.groups[0] },
    };
    CU_ASSERT_EQUAL(placement_view_add_guest(view, &db, NULL, NULL), 0);
    CU_ASSERT_EQUAL(chosen(view, &request, "ann"), 1);
    /* five of 4 GiB are left, of which three are promised */
    request.n_groups = 0;
    CU_ASSERT_EQUAL(chosen(view, &request, "ann"), 0);
    CU_ASSERT_EQUAL(chosen(view, &request, "bob"), 1);
    request.spec.memory = MEM_GIB(12);
    CU_ASSERT_EQUAL(chosen(view, &request, "ann"), PLACEMENT_NONE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "promise"));
    CU_ASSERT_EQUAL(chosen(view, &request, "bob"), 1);
    request.spec.vcpus = 5;
    CU_ASSERT_EQUAL(chosen(view, &request, "bob"), PLACEMENT_NONE);
    policies_withdraw(policies, view);
    CU_ASSERT_EQUAL(chosen(view, &request, "ann"), 1);
    placement_view_free(view);
    placement_names_free(names);
    end();
}

static void groups(void)
{
    struct arena *arena = arena_new();
    const char *full = "";

    CU_ASSERT_EQUAL(policies_group("ann", "web", true, arena, &full, NULL), 0);
    CU_ASSERT_STRING_EQUAL(full, "ann/web");
    CU_ASSERT_EQUAL(policies_group("ann", "ann/web", true, arena, &full, NULL),
                    0);
    CU_ASSERT_EQUAL(
        policies_group("ann", "bob/web", true, arena, &full, &error),
        VDC_E_DENIED);
    CU_ASSERT_EQUAL(
        policies_group("ann", "bob/web", false, arena, &full, NULL), 0);
    CU_ASSERT_STRING_EQUAL(full, "bob/web");
    CU_ASSERT_EQUAL(policies_group("ann", "", false, arena, &full, &error),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(policies_group("ann", "/x", false, arena, &full, &error),
                    VDC_E_BAD_VALUE);
    arena_free(arena);
}

int main(void)
{
    static const struct unit_test tests[] = {
        { "nothing said", nothing_said },
        { "no file", no_file },
        { "weights", weights },
        { "external", external },
        { "the example", example },
        { "the manual", manual },
        { "bad files", bad_files },
        { "rules that only look contradictory", possible },
        { "in a view", in_a_view },
        { "groups", groups },
    };
    return unit_main("policies", tests, sizeof(tests) / sizeof(tests[0]));
}
