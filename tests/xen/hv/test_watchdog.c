/*
 * Xen's watchdog in the bed's dom0, by itself, without our daemons.
 *
 *   test_watchdog          arms it for 10 s, sets it anew three times, 4 s
 *                          apart, takes it back, and sees that dom0 lives on
 *   test_watchdog expire   arms it for 5 s and waits: the machine reboots, so
 *                          that nothing is printed after that
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hv/watchdog.h"

static unsigned n_passed, n_failed;
static struct vdc_error err;

static void check(const char *text, bool ok)
{
    printf("%s - %s\n", ok ? "ok" : "not ok", text);
    if (!ok && err.code)
        printf("    %s\n", err.text);
    fflush(stdout);
    n_passed += ok;
    n_failed += !ok;
}

static int expire(struct hv_watchdog *hv)
{
    uint32_t slot = 0;

    check("it is armed", hv_watchdog_set(hv, &slot, 5, &err) == 0);
    if (n_failed)
        return 1;
    sleep(60);
    check("the machine reboots", false);
    return 1;
}

static void live(struct hv_watchdog *hv)
{
    uint32_t slot = 0, again = 0, third = 0, guests;

    check("it is armed", hv_watchdog_set(hv, &slot, 10, &err) == 0);
    check("in a slot", slot >= 1 && slot <= HV_WATCHDOG_SLOTS);
    for (unsigned i = 0; i < 3; i++) {
        sleep(4);
        check("it is set anew", hv_watchdog_set(hv, &slot, 10, &err) == 0);
    }
    if (hv_watchdog_set(hv, &again, 30, &err) == 0) {
        check("the second slot is another", again != slot);
        check("there is no third", hv_watchdog_set(hv, &third, 30, NULL) ==
                                       VDC_E_NO_RESOURCE);
        check("it is given back", hv_watchdog_set(hv, &again, 0, &err) == 0);
        check("and does not run any more",
              hv_watchdog_set(hv, &again, 30, NULL) == VDC_E_NOT_FOUND);
    }
    check("guests are counted", hv_watchdog_guests(hv, &guests, &err) == 0);
    check("it is taken back", hv_watchdog_set(hv, &slot, 0, &err) == 0);
    sleep(12);
    check("dom0 lives on", true);
}

int main(int argc, char **argv)
{
    struct hv_watchdog *hv;
    bool is_last = argc == 2 && strcmp(argv[1], "expire") == 0;

    if (hv_watchdog_open("xen", NULL, &hv, &err)) {
        check("Xen is opened", false);
        return 1;
    }
    if (is_last)
        return expire(hv);
    live(hv);
    hv_watchdog_close(hv);
    printf("%u passed, %u failed\n", n_passed, n_failed);
    return n_failed ? 1 : 0;
}
