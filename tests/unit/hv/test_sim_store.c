/*
 * xenstore of the simulated host.
 */
#include "tests/unit/hv/sim_fixture.h"

struct seen {
    int n;
    char path[256];
    char all[1024];
};

static void on_change(void *arg, const char *path)
{
    struct seen *seen = arg;

    seen->n++;
    snprintf(seen->path, sizeof(seen->path), "%s", path);
    strncat(seen->all, path, sizeof(seen->all) - strlen(seen->all) - 1);
    strncat(seen->all, " ", sizeof(seen->all) - strlen(seen->all) - 1);
}

static const char *read_value(struct fixture *f, const char *path)
{
    const char *value = NULL;
    int rc = f->hv->store->read(f->hv, path, f->arena, &value, &f->err);

    if (rc)
        CU_ASSERT_EQUAL(rc, VDC_E_NOT_FOUND);
    return value;
}

static int write_value(struct fixture *f, const char *path, const char *value)
{
    return f->hv->store->write(f->hv, path, value, &f->err);
}

static void test_values(void)
{
    struct fixture f;
    char big[2050];

    fixture_open(&f, FAST);
    CU_ASSERT_PTR_NULL(read_value(&f, "/tool/xen-vdc/a"));
    CU_ASSERT_EQUAL(write_value(&f, "/tool/xen-vdc/a/b", "one"), 0);
    CU_ASSERT_STRING_EQUAL(read_value(&f, "/tool/xen-vdc/a/b"), "one");
    CU_ASSERT_STRING_EQUAL(read_value(&f, "/tool/xen-vdc/a"), "");
    CU_ASSERT_EQUAL(write_value(&f, "/tool/xen-vdc/a/b", "two"), 0);
    CU_ASSERT_STRING_EQUAL(read_value(&f, "/tool/xen-vdc/a/b"), "two");
    memset(big, 'x', sizeof(big));
    big[2048] = '\0';
    CU_ASSERT_EQUAL(write_value(&f, "/tool/xen-vdc/a/b", big), 0);
    CU_ASSERT_STRING_EQUAL(read_value(&f, "/tool/xen-vdc/a/b"), big);
    CU_ASSERT_EQUAL(write_value(&f, "/tool/xen-vdc/a/b", ""), 0);
    CU_ASSERT_STRING_EQUAL(read_value(&f, "/tool/xen-vdc/a/b"), "");
    big[2048] = 'x';
    big[2049] = '\0';
    CU_ASSERT_EQUAL(write_value(&f, "/tool/xen-vdc/a/b", big),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_STRING_EQUAL(read_value(&f, "/local/domain/0/name"), "Domain-0");
    fixture_close(&f);
}

static void test_paths(void)
{
    static const char *const bad[] = { "",      "tool", "/tool/", "//tool",
                                       "/a//b", "/a b", "/a%b",   "/\n" };
    struct fixture f;
    char longest[400];

    fixture_open(&f, FAST);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_EQUAL(write_value(&f, bad[i], "x"), VDC_E_BAD_VALUE);
        CU_ASSERT_PTR_NOT_NULL(strstr(f.err.text, bad[i]));
    }
    memset(longest, 'a', sizeof(longest));
    longest[0] = '/';
    longest[257] = '\0';
    CU_ASSERT_EQUAL(write_value(&f, longest, "x"), VDC_E_BAD_VALUE);
    longest[256] = '\0';
    CU_ASSERT_EQUAL(write_value(&f, longest, "x"), 0);
    CU_ASSERT_STRING_EQUAL(read_value(&f, longest), "x");
    CU_ASSERT_EQUAL(f.hv->store->remove(f.hv, "/", &f.err), VDC_E_BAD_VALUE);
    fixture_close(&f);
}

static void test_list_remove(void)
{
    struct fixture f;
    const char **names;
    size_t n;

    fixture_open(&f, FAST);
    const char *before = hv_sim_store_dump(f.hv, f.arena);
    write_value(&f, "/tool/t/b/deep/er", "1");
    write_value(&f, "/tool/t/a", "2");
    write_value(&f, "/tool/t/c", "3");
    CU_ASSERT_EQUAL(
        f.hv->store->list(f.hv, "/tool/t", f.arena, &names, &n, &f.err), 0);
    CU_ASSERT_EQUAL_FATAL(n, 3);
    CU_ASSERT_STRING_EQUAL(names[0], "b");
    CU_ASSERT_STRING_EQUAL(names[1], "a");
    CU_ASSERT_STRING_EQUAL(names[2], "c");
    CU_ASSERT_EQUAL(f.hv->store->remove(f.hv, "/tool/t/b", &f.err), 0);
    CU_ASSERT_PTR_NULL(read_value(&f, "/tool/t/b/deep"));
    CU_ASSERT_EQUAL(
        f.hv->store->list(f.hv, "/tool/t", f.arena, &names, &n, &f.err), 0);
    CU_ASSERT_EQUAL(n, 2);
    CU_ASSERT_EQUAL(
        f.hv->store->list(f.hv, "/tool/t/a", f.arena, &names, &n, &f.err), 0);
    CU_ASSERT_EQUAL(n, 0);
    CU_ASSERT_EQUAL(
        f.hv->store->list(f.hv, "/tool/t/x", f.arena, &names, &n, &f.err),
        VDC_E_NOT_FOUND);
    CU_ASSERT_EQUAL(f.hv->store->remove(f.hv, "/tool/t/x", &f.err), 0);
    CU_ASSERT_EQUAL(f.hv->store->remove(f.hv, "/tool/t", &f.err), 0);
    CU_ASSERT_STRING_EQUAL(hv_sim_store_dump(f.hv, f.arena), before);
    fixture_close(&f);
}

static void test_access(void)
{
    struct fixture f;
    struct hv_store_access access = { 0, HV_DOMID_NONE };

    fixture_open(&f, FAST);
    CU_ASSERT_EQUAL(f.hv->store->set_access(f.hv, "/tool", &access, &f.err),
                    0);
    CU_ASSERT_EQUAL(f.hv->store->set_access(f.hv, "/none", &access, &f.err),
                    VDC_E_NOT_FOUND);
    access.owner_domid = HV_DOMID_NONE;
    CU_ASSERT_EQUAL(f.hv->store->set_access(f.hv, "/tool", &access, &f.err),
                    VDC_E_BAD_VALUE);
    fixture_close(&f);
}

static void test_watch(void)
{
    struct fixture f;
    struct seen seen = { 0 }, other = { 0 };
    struct hv_store_watch *watch, *deep;

    fixture_open(&f, FAST);
    CU_ASSERT_EQUAL(
        f.hv->store->watch(f.hv, "/tool/w", on_change, &seen, &watch, &f.err),
        0);
    CU_ASSERT_EQUAL(seen.n, 0); /* never before it returns */
    fixture_run(&f, &seen.n, 1, 1000);
    CU_ASSERT_STRING_EQUAL(seen.all, "/tool/w ");
    write_value(&f, "/tool/other", "1");
    write_value(&f, "/tool/wider", "1");
    write_value(&f, "/tool/w", "1");
    write_value(&f, "/tool/w/x/y", "1");
    fixture_run(&f, &seen.n, 3, 1000);
    CU_ASSERT_STRING_EQUAL(seen.all, "/tool/w /tool/w /tool/w/x/y ");
    CU_ASSERT_EQUAL(f.hv->store->watch(f.hv, "/tool/w/x/y", on_change, &other,
                                       &deep, &f.err),
                    0);
    fixture_run(&f, &other.n, 1, 1000);
    f.hv->store->remove(f.hv, "/tool/w", NULL);
    fixture_run(&f, &other.n, 2, 1000);
    CU_ASSERT_STRING_EQUAL(other.path, "/tool/w/x/y");
    CU_ASSERT_STRING_EQUAL(seen.path, "/tool/w");
    CU_ASSERT_EQUAL(seen.n, 4);
    f.hv->store->unwatch(f.hv, watch);
    write_value(&f, "/tool/w/x/y", "2");
    fixture_run(&f, &other.n, 3, 1000);
    CU_ASSERT_EQUAL(seen.n, 4);
    f.hv->store->unwatch(f.hv, NULL);
    fixture_close(&f); /* with a watch */
}

static void test_watch_floods(void)
{
    struct fixture f;
    struct seen seen = { 0 };
    struct hv_store_watch *watch;
    char path[64];

    fixture_open(&f, FAST);
    f.hv->store->watch(f.hv, "/tool", on_change, &seen, &watch, &f.err);
    fixture_run(&f, &seen.n, 1, 1000);
    for (int i = 0; i < 5000; i++) {
        snprintf(path, sizeof(path), "/tool/flood/%d", i);
        if (write_value(&f, path, "x"))
            CU_FAIL("write");
    }
    fixture_run(&f, &seen.n, 2, 1000);
    CU_ASSERT_EQUAL(seen.n, 2); /* too many to tell: the watch's own path */
    CU_ASSERT_STRING_EQUAL(seen.path, "/tool");
    write_value(&f, "/tool/flood/7", "y");
    fixture_run(&f, &seen.n, 3, 1000);
    CU_ASSERT_STRING_EQUAL(seen.path, "/tool/flood/7");
    fixture_close(&f);
}

struct self {
    struct fixture *f;
    struct hv_store_watch *watch;
    int n;
};

static void unwatch_itself(void *arg, const char *path)
{
    struct self *self = arg;

    self->n++;
    self->f->hv->store->unwatch(self->f->hv, self->watch);
}

static void close_itself(void *arg, const char *path)
{
    struct self *self = arg;

    self->n++;
    hv_close(self->f->hv);
    self->f->hv = NULL;
}

static void test_in_callbacks(void)
{
    struct fixture f;
    struct self self = { .f = &f };

    fixture_open(&f, FAST);
    f.hv->store->watch(f.hv, "/tool", unwatch_itself, &self, &self.watch,
                       &f.err);
    fixture_run(&f, &self.n, 1, 1000);
    write_value(&f, "/tool/x", "1");
    fixture_run(&f, NULL, 0, 20);
    CU_ASSERT_EQUAL(self.n, 1);
    f.hv->store->watch(f.hv, "/tool", close_itself, &self, &self.watch,
                       &f.err);
    fixture_run(&f, &self.n, 2, 1000);
    CU_ASSERT_PTR_NULL(f.hv);
    fixture_close(&f);
}

/* As xenstored tells of domains that come and go. */
static void test_domains_watched(void)
{
    struct fixture f;
    struct seen come = { 0 }, gone = { 0 };
    struct hv_store_watch *watches[2];
    uint32_t domid;

    fixture_open(&f, FAST);
    CU_ASSERT_EQUAL(f.hv->store->watch(f.hv, "@introduceDomain", on_change,
                                       &come, &watches[0], &f.err),
                    0);
    CU_ASSERT_EQUAL(f.hv->store->watch(f.hv, "@releaseDomain", on_change,
                                       &gone, &watches[1], &f.err),
                    0);
    CU_ASSERT_EQUAL(f.hv->store->watch(f.hv, "@other", on_change, &gone,
                                       &watches[1], &f.err),
                    VDC_E_BAD_VALUE);
    fixture_run(&f, &gone.n, 1, 1000); /* once soon after they are set */
    CU_ASSERT_EQUAL(come.n, 1);
    CU_ASSERT_STRING_EQUAL(come.path, "@introduceDomain");
    hv_sim_foreign_create(f.hv, "x", MEM_MIB(16), "", &domid, &f.err);
    CU_ASSERT(fixture_run(&f, &come.n, 2, 1000));
    CU_ASSERT_EQUAL(gone.n, 1);
    hv_sim_guest_stop(f.hv, domid, HV_SHUTDOWN_POWEROFF, &f.err);
    CU_ASSERT(fixture_run(&f, &gone.n, 2, 1000));
    hv_sim_foreign_destroy(f.hv, domid, &f.err);
    CU_ASSERT(fixture_run(&f, &gone.n, 3, 1000));
    CU_ASSERT_EQUAL(come.n, 2);
    CU_ASSERT_STRING_EQUAL(gone.path, "@releaseDomain");
    fixture_close(&f);
}

static void test_full(void)
{
    struct fixture f;
    char value[2048], path[64];
    int i;

    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    fixture_open(&f, FAST);
    const char *before = hv_sim_store_dump(f.hv, f.arena);
    for (i = 0; i < 100000; i++) {
        snprintf(path, sizeof(path), "/tool/full/%d", i);
        if (write_value(&f, path, value) != 0)
            break;
    }
    CU_ASSERT(i > 10000 && i < 100000);
    CU_ASSERT_EQUAL(f.err.code, VDC_E_HYPERVISOR);
    CU_ASSERT_PTR_NULL(read_value(&f, path));
    CU_ASSERT_EQUAL(f.hv->store->remove(f.hv, "/tool/full", &f.err), 0);
    CU_ASSERT_STRING_EQUAL(hv_sim_store_dump(f.hv, f.arena), before);
    CU_ASSERT_EQUAL(write_value(&f, path, value), 0);
    fixture_close(&f);
}

static const struct unit_test tests[] = {
    { "values", test_values },
    { "paths", test_paths },
    { "list and remove", test_list_remove },
    { "access", test_access },
    { "watch", test_watch },
    { "more changes than are kept", test_watch_floods },
    { "unwatch and close in a callback", test_in_callbacks },
    { "domains that come and go", test_domains_watched },
    { "full store", test_full },
};

UNIT_MAIN("hv/sim store", tests)
