/* Reserved memory, as other toolstacks see it and as a killed process leaves
 * it; and saving, as a guest spoils it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/xen/hv/bedtest.h"

#define HOLDER "xen-vdc-reserve"
#define HELD_MIB 64u
/* What Xen needs to keep a claim, and what comes and goes beside it. */
#define SLACK_KIB 4096u

int hold(void)
{
    struct vdc_error err;
    int rc = hv_open("xen", base, &hv, &err);

    if (rc == 0)
        rc = hv->domain->reserve(hv, MEM_MIB(HELD_MIB), &err);
    if (rc)
        printf("    %s\n", err.text);
    fflush(stdout);
    _exit(rc ? 1 : 0); /* as if it were killed */
}

static uint64_t free_kib(void)
{
    struct hv_host_info info = { 0 };

    CHECK(hv->domain->host_info(hv, arena, &info, NULL) == 0, "host");
    return info.free_memory.kib;
}

static bool about(uint64_t a, uint64_t b)
{
    return a <= b + SLACK_KIB && b <= a + SLACK_KIB;
}

static unsigned n_holders(void)
{
    FILE *f = popen("xl list | grep -c " HOLDER, "r");
    unsigned n = 99;

    if (f && fscanf(f, "%u", &n) != 1)
        n = 99;
    if (f)
        pclose(f);
    return n;
}

static bool is_listed(void)
{
    struct hv_domain_info *list;
    size_t n = 0;

    CHECK(hv->domain->list(hv, arena, &list, &n, NULL) == 0, "list");
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].name, HOLDER) == 0)
            return true;
    return false;
}

static void test_killed(void)
{
    char self[256], command[300];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    uint64_t before = free_kib();
    struct vdc_error err;
    struct hv *second;

    if (!CHECK(len > 0, "readlink"))
        return;
    self[len] = '\0';
    snprintf(command, sizeof(command), "%s --hold", self);
    CHECK(n_holders() == 0, "a holder at first");
    CHECK(system(command) == 0, "it could not reserve");
    CHECK(n_holders() == 1, "%u holders in xl list", n_holders());
    CHECK(!is_listed(), "we list it");
    CHECK(about(free_kib() + HELD_MIB * 1024, before),
          "%llu KiB are free, and %llu before", (unsigned long long)free_kib(),
          (unsigned long long)before);
    if (!CHECK(hv_open("xen", base, &second, &err) == 0, "%s", err.text))
        return;
    CHECK(n_holders() == 0, "it was not given back");
    for (int i = 0; i < 50 && !about(free_kib(), before); i++)
        spin(100);
    CHECK(about(free_kib(), before), "%llu KiB are free, and %llu before",
          (unsigned long long)free_kib(), (unsigned long long)before);
    hv_close(second);
}

static unsigned reserve_us(unsigned mib)
{
    struct timespec start, end;
    struct vdc_error err = { 0 };

    clock_gettime(CLOCK_MONOTONIC, &start);
    CHECK(hv->domain->reserve(hv, MEM_MIB(mib), &err) == 0, "%s", err.text);
    clock_gettime(CLOCK_MONOTONIC, &end);
    return (unsigned)((end.tv_sec - start.tv_sec) * 1000000 +
                      (end.tv_nsec - start.tv_nsec) / 1000);
}

static void test_holder(void)
{
    unsigned first = reserve_us(10), more = reserve_us(20);

    CHECK(n_holders() == 1, "%u holders", n_holders());
    unsigned last = reserve_us(0);
    CHECK(n_holders() == 0, "%u holders after the last", n_holders());
    printf("    the first took %u us, the second %u us, the end %u us\n",
           first, more, last);
}

/* A guest that is stopped after it was asked: a minute long. */
static void test_no_suspend(void)
{
    struct hv_domain_config config = guest("stubborn", HV_DOMAIN_PV, "");
    struct outcome save = { 0 }, pause = { 0 };
    struct hv_domain_info info = { 0 };
    struct vdc_error err = { 0 };
    uint32_t domid;
    int fd = open("/var/tmp/stubborn", O_CREAT | O_RDWR | O_CLOEXEC, 0600);

    if (!CHECK(make(&config, &domid, &err) == 0, "%s", err.text))
        return;
    CHECK(unpause(domid, &err) == 0, "%s", err.text);
    CHECK(wait_up(domid), "it did not come up");
    CHECK(hv->domain->save(hv, domid, fd, on_done, &save, &err) == 0, "%s",
          err.text);
    CHECK(hv->domain->pause(hv, domid, on_done, &pause, &err) == 0, "%s",
          err.text);
    CHECK(outcome_finish(&save, 0, &err) == VDC_E_TIMEOUT, "%s", err.text);
    printf("    %s (%s)\n", err.text, err.hint);
    CHECK(unpause(domid, &err) == 0, "%s", err.text);
    spin(3000);
    CHECK(hv->domain->info(hv, domid, arena, &info, &err) == 0 &&
              !info.shutdown,
          "it does not run on");
    CHECK(destroy(domid, &err) == 0, "%s", err.text);
    close(fd);
    unlink("/var/tmp/stubborn");
}

const struct test reserve_tests[] = {
    { "reserve: the holder", test_holder },
    { "reserve: left by a killed process", test_killed },
    { NULL, NULL },
};

const struct test slow_tests[] = {
    { "slow: a guest that does not suspend", test_no_suspend },
    { NULL, NULL },
};
