/* What the tests of hv/xen in the bed have in common; see bedtest.h. */
#include "tests/xen/hv/bedtest.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct hv_domain_config guest(const char *name, enum hv_domain_type type,
                              const char *cmdline)
{
    struct hv_domain_config config = plain_guest(name, type);

    config.kernel = KERNEL;
    config.ramdisk = RAMDISK;
    config.cmdline = arena_printf(arena, "console=hvc0 %s", cmdline);
    return config;
}

static const char *console_log(const char *name)
{
    return arena_printf(arena, "/var/log/xen/console/guest-%s.log", name);
}

int make(const struct hv_domain_config *config, uint32_t *ret_domid,
         struct vdc_error *err)
{
    struct outcome outcome = { 0 };

    /* xenconsoled appends: what an earlier guest of this name said goes. */
    unlink(console_log(config->name));
    int rc = hv->domain->create(hv, config, on_created, &outcome, err);

    rc = outcome_finish(&outcome, rc, err);
    *ret_domid = rc ? HV_DOMID_NONE : outcome.domid;
    return rc;
}

int unpause(uint32_t domid, struct vdc_error *err)
{
    struct outcome outcome = { 0 };
    int rc = hv->domain->unpause(hv, domid, on_done, &outcome, err);

    return outcome_finish(&outcome, rc, err);
}

int destroy(uint32_t domid, struct vdc_error *err)
{
    struct outcome outcome = { 0 };
    int rc = hv->domain->destroy(hv, domid, on_done, &outcome, err);

    return outcome_finish(&outcome, rc, err);
}

int ask(uint32_t domid, enum hv_shutdown_reason reason, struct vdc_error *err)
{
    for (int i = 0;; i++) {
        struct outcome outcome = { 0 };
        int rc =
            hv->domain->shutdown(hv, domid, reason, on_done, &outcome, err);
        rc = outcome_finish(&outcome, rc, err);
        if (rc != VDC_E_WRONG_STATE || i == 100)
            return rc;
        spin(500);
    }
}

static bool says_up(void *arg)
{
    static char text[65536];
    FILE *f = fopen(arg, "re");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

    if (f)
        fclose(f);
    text[n] = '\0';
    return strstr(text, " is up after ") != NULL;
}

bool wait_up(uint32_t domid)
{
    struct hv_domain_info info;

    return hv->domain->info(hv, domid, arena, &info, NULL) == 0 &&
           wait_for(says_up, (void *)console_log(info.name), 90000);
}

/* Argument: run only the tests whose names contain it. */
int main(int argc, char **argv)
{
    static const struct test *const all[] = { store_tests,   fault_tests,
                                              life_tests,    change_tests,
                                              hotplug_tests, reserve_tests,
                                              send_tests };
    const char *pattern = argc > 1 ? argv[1] : NULL;

    harness_begin("test_hv_xen");
    if (pattern && strcmp(pattern, "--hold") == 0)
        return hold();
    if (!harness_open("xen"))
        harness_give_up();
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        harness_run(all[i], pattern);
    if (pattern && strncmp(pattern, "slow", 4) == 0)
        harness_run(slow_tests, pattern);
    return harness_end();
}
