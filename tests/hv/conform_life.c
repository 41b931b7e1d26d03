/* Domains: flags, names, lists, what they do by themselves. */
#include <stdio.h>
#include <string.h>

#include "tests/hv/conform.h"

static void test_flags(void)
{
    struct hv_domain_config config = guest("conform-flags");
    uint32_t domid;

    if (!OK(make(&config, &domid)))
        return;
    struct hv_domain_info info = info_of(domid);
    CHECK(info.domid == domid && info.paused, "new and paused");
    CHECK(!info.running && !info.blocked && !info.shutdown && !info.dying,
          "new and nothing else");
    CHECK(info.shutdown_reason == HV_SHUTDOWN_NONE, "no reason");
    CHECK(uuid_equal(&info.uuid, &config.uuid), "uuid");
    CHECK(strcmp(info.name, config.name) == 0, "name %s", info.name);
    CHECK(info.type == HV_DOMAIN_PV, "type");
    CHECK(info.vcpus_max == 1, "%u vCPUs", info.vcpus_max);
    CHECK(about(info.current_memory.kib, config.memory.kib), "memory");
    CHECK(about(info.max_memory.kib, config.max_memory.kib), "max memory");
    OK(WAIT(unpause, domid));
    CHECK(!info_of(domid).paused, "unpaused");
    OK(WAIT(pause, domid));
    info = info_of(domid);
    CHECK(info.paused, "paused");
    uint64_t cpu_ns = info.cpu_time_ns;
    spin(200);
    CHECK(info_of(domid).cpu_time_ns == cpu_ns, "it runs while it is paused");
    OK(WAIT(unpause, domid));
    CHECK(!info_of(domid).paused, "unpaused again");
    end(domid);
    ENDS(VDC_E_NOT_FOUND, hv->domain->info(hv, domid, arena, &info, &err));
}

static void test_names(void)
{
    struct hv_domain_config a = guest("conform-a"), b = guest("conform-b");
    uint32_t first, second;

    if (!OK(make(&a, &first)))
        return;
    if (!OK(make(&b, &second))) {
        end(first);
        return;
    }
    CHECK(hv->domain->rename(hv, second, "conform-a", &err) != 0,
          "two of one name");
    CHECK(strcmp(info_of(second).name, "conform-b") == 0, "name is kept");
    OK(hv->domain->rename(hv, second, "conform-c", &err));
    CHECK(strcmp(info_of(second).name, "conform-c") == 0, "new name");
    end(first);
    OK(hv->domain->rename(hv, second, "conform-a", &err));
    CHECK(strcmp(info_of(second).name, "conform-a") == 0, "freed name");
    end(second);
}

static void test_list(void)
{
    struct hv_domain_config config = guest("conform-list");
    struct hv_domain_info *infos;
    size_t n, n_before;
    uint32_t domid, n_found = 0;

    OK(hv->domain->list(hv, arena, &infos, &n_before, &err));
    if (!OK(make(&config, &domid)))
        return;
    OK(hv->domain->list(hv, arena, &infos, &n, &err));
    CHECK(n == n_before + 1, "%zu domains, and %zu before", n, n_before);
    CHECK(n > 0 && infos[0].domid == 0 && infos[0].running, "dom0 runs");
    for (size_t i = 0; i < n; i++) {
        CHECK(i == 0 || infos[i].domid > infos[i - 1].domid, "by domid");
        if (infos[i].domid != domid)
            continue;
        n_found++;
        struct hv_domain_info info = info_of(domid);
        CHECK(uuid_equal(&infos[i].uuid, &info.uuid) &&
                  strcmp(infos[i].name, info.name) == 0 &&
                  infos[i].paused == info.paused,
              "list and info say the same");
    }
    CHECK(n_found == 1, "listed %u times", n_found);
    end(domid);
    OK(hv->domain->list(hv, arena, &infos, &n, &err));
    CHECK(n == n_before, "%zu domains left, and %zu before", n, n_before);
}

static void stops(const char *name, enum hv_shutdown_reason reason)
{
    struct hv_domain_config config = guest(name);
    uint32_t domid = start(&config);
    struct hv_event event;

    if (domid == HV_DOMID_NONE)
        return;
    OK(ask(domid, reason));
    if (CHECK(wait_event(HV_EVENT_SHUTDOWN, domid, GUEST_MS, &event),
              "no shutdown")) {
        CHECK(event.reason == reason, "reason %s",
              hv_shutdown_reason_name(event.reason));
        CHECK(uuid_equal(&event.uuid, &config.uuid), "uuid");
        struct hv_domain_info info = info_of(domid);
        CHECK(info.shutdown && info.shutdown_reason == reason,
              "info has the reason, too");
    }
    CHECK(events_count() == 1, "%u events", events_count());
    OK(WAIT(destroy, domid));
    if (CHECK(wait_event(HV_EVENT_DEATH, domid, 30000, &event), "no death"))
        CHECK(uuid_equal(&event.uuid, &config.uuid), "uuid");
    CHECK(events_count() == 2, "%u events", events_count());
    hv->domain->unwatch(hv, domid);
}

static void test_poweroff(void)
{
    stops("conform-off", HV_SHUTDOWN_POWEROFF);
}

static void test_reboot(void)
{
    stops("conform-again", HV_SHUTDOWN_REBOOT);
}

static void test_crash(void)
{
    struct hv_domain_config config = guest("conform-crash");
    struct hv_event event;

    config.cmdline = "console=hvc0 vdc.crash=1";
    uint32_t domid = start(&config);
    if (domid == HV_DOMID_NONE)
        return;
    CHECK(wait_event(HV_EVENT_SHUTDOWN, domid, GUEST_MS, &event) &&
              event.reason == HV_SHUTDOWN_CRASH,
          "no crash");
    end(domid);
}

static void test_killed(void)
{
    struct hv_domain_config config = guest("conform-killed");
    uint32_t domid = start(&config);
    struct hv_event event;

    if (domid == HV_DOMID_NONE)
        return;
    foreign_destroy(domid);
    CHECK(wait_event(HV_EVENT_DEATH, domid, 30000, &event), "no death");
    ENDS(VDC_E_NOT_FOUND, WAIT(destroy, domid));
}

static void test_nothing_left(void)
{
    struct hv_domain_config config = guest("conform-left");
    struct hv_nic nic = { .mac = "00:16:3e:00:77:01",
                          .bridge = "",
                          .model = "",
                          .ip = "",
                          .script = "",
                          .backend = "",
                          .vifname = "",
                          .gatewaydev = "" };
    const char *before = store_dump();
    uint32_t domid;

    config.n_nics = 1;
    config.nics = &nic;
    for (int i = 0; i < 2 && OK(make(&config, &domid)); i++) {
        OK(WAIT(unpause, domid));
        spin(500);
        end(domid);
    }
    const char *after = store_dump();
    if (!CHECK(strcmp(before, after) == 0, "xenstore has changed"))
        printf("%s", after);
    CHECK(*before, "xenstore is empty");
}

const struct test life_tests[] = {
    { "life: flags", test_flags },
    { "life: names", test_names },
    { "life: list", test_list },
    { "life: power off", test_poweroff },
    { "life: reboot", test_reboot },
    { "life: crash", test_crash },
    { "life: destroyed by others", test_killed },
    { "life: nothing is left", test_nothing_left },
    { NULL, NULL },
};
