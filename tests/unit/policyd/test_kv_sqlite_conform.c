/* Tests of policyd/kv/kv_sqlite*.c: what every implementation must do. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/kv/kv_sqlite.h"
#include "tests/unit/policyd/kv_conform.h"

static char folder[64];

static void set_up(void)
{
    strcpy(folder, "/tmp/xen-vdc-kv-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
}

static int open_kv(struct event_base *base, struct kv **ret,
                   struct vdc_error *err)
{
    char *path = xasprintf("%s/kv.db", folder);
    int rc = kv_sqlite_open(base, path, NULL, ret, err);

    free(path);
    return rc;
}

static void tear_down(void)
{
    char *command = xasprintf("rm -rf '%s'", folder);

    CU_ASSERT_EQUAL(system(command), 0);
    free(command);
}

const struct kv_place kv_place = { set_up, open_kv, tear_down, true };

int main(void)
{
    struct unit_test tests[KV_CONFORM_MAX];

    return unit_main("kv_sqlite_conform", tests, kv_conform_tests(tests));
}
