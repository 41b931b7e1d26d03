/*
 * Acts on a simulated host from outside, while daemons may have it open: what
 * xl, a guest or the power supply would do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/sim/sim.h"

static const char usage[] =
    "usage: sim-ctl STATEFILE COMMAND\n"
    "  list                    the domains, as xl list\n"
    "  create NAME MEM [WORDS] a running domain, as xl create; WORDS are its\n"
    "                          kernel command line (\"vdc.crash=2\")\n"
    "  destroy DOMID           as xl destroy\n"
    "  crash|poweroff|reboot DOMID  the guest does it\n"
    "  behave DOMID WORDS      the guest does as WORDS say from now on\n"
    "                          (\"sim.balloon=none sim.detach=ignore\")\n"
    "  show DOMID              its memory in KiB, vCPUs and share\n"
    "  devices DOMID           its devices and their states\n"
    "  xenstore                all nodes, as xenstore-ls -f\n"
    "  read PATH               a node's value, as xenstore-read\n"
    "  write PATH VALUE ...    as xenstore-write\n"
    "  remove PATH             as xenstore-rm\n"
    "  names PATH              of the nodes below it, as xenstore-list\n"
    "  memory                  KiB: total, free, dom0's, claimed\n"
    "  effects                 how many changes our operations made\n"
    "  reset-counts            faults count calls and effects from 0 again\n"
    "  advance MS              moves the host's clock\n"
    "  power-cut               the host loses power and boots\n";

struct call {
    struct hv *hv;
    struct arena *arena;
    int argc; /* after the command's name */
    char **argv;
    struct vdc_error *err;
};

static int bad_usage(struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_USAGE, "wrong arguments");
}

static int parse_number(const char *text, uint64_t max, uint64_t *ret,
                        struct vdc_error *err)
{
    char *end;
    unsigned long long n = strtoull(text, &end, 10);

    if (!*text || *end || *text == '-' || n > max)
        return vdc_error_set(err, VDC_E_BAD_VALUE, "\"%s\" is no number here",
                             text);
    *ret = n;
    return 0;
}

static int do_list(struct call *call)
{
    struct hv_domain_info *infos;
    size_t n;
    int rc =
        call->hv->domain->list(call->hv, call->arena, &infos, &n, call->err);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct hv_domain_info *info = &infos[i];
        printf("%s %u %llu %u %c%c%c%c%c%c\n",
               *info->name ? info->name : "(null)", info->domid,
               (unsigned long long)info->current_memory.kib / 1024,
               info->vcpus_online, info->running ? 'r' : '-',
               info->blocked ? 'b' : '-', info->paused ? 'p' : '-',
               info->shutdown ? 's' : '-',
               info->shutdown_reason == HV_SHUTDOWN_CRASH ? 'c' : '-',
               info->dying ? 'd' : '-');
    }
    return rc;
}

static int do_create(struct call *call)
{
    struct mem memory;
    uint32_t domid;
    int rc;

    if (call->argc != 2 && call->argc != 3)
        return bad_usage(call->err);
    if ((rc = units_mem_parse(call->argv[1], 1024, &memory, call->err)) ||
        (rc = hv_sim_foreign_create(call->hv, call->argv[0], memory,
                                    call->argc == 3 ? call->argv[2] : "",
                                    &domid, call->err)) ||
        (rc = hv_sim_foreign_unpause(call->hv, domid, call->err)))
        return rc;
    printf("%u\n", domid);
    return 0;
}

static int domid_argument(struct call *call, uint32_t *ret)
{
    uint64_t n;

    if (call->argc != 1)
        return bad_usage(call->err);
    int rc = parse_number(call->argv[0], HV_DOMID_MAX, &n, call->err);
    if (rc == 0)
        *ret = (uint32_t)n;
    return rc;
}

static int do_destroy(struct call *call)
{
    uint32_t domid = HV_DOMID_NONE;
    int rc = domid_argument(call, &domid);

    return rc ? rc : hv_sim_foreign_destroy(call->hv, domid, call->err);
}

static int stop_guest(struct call *call, enum hv_shutdown_reason reason)
{
    uint32_t domid = HV_DOMID_NONE;
    int rc = domid_argument(call, &domid);

    return rc ? rc : hv_sim_guest_stop(call->hv, domid, reason, call->err);
}

static int do_crash(struct call *call)
{
    return stop_guest(call, HV_SHUTDOWN_CRASH);
}

static int do_poweroff(struct call *call)
{
    return stop_guest(call, HV_SHUTDOWN_POWEROFF);
}

static int do_reboot(struct call *call)
{
    return stop_guest(call, HV_SHUTDOWN_REBOOT);
}

static int do_behave(struct call *call)
{
    uint64_t domid;

    if (call->argc != 2)
        return bad_usage(call->err);
    int rc = parse_number(call->argv[0], HV_DOMID_MAX, &domid, call->err);
    return rc ? rc
              : hv_sim_guest_words(call->hv, (uint32_t)domid, call->argv[1],
                                   call->err);
}

static int do_show(struct call *call)
{
    const struct hv_domain_ops *ops = call->hv->domain;
    struct hv_domain_info info;
    struct hv_sched sched;
    struct mem target;
    uint32_t domid = HV_DOMID_NONE;
    int rc = domid_argument(call, &domid);

    if (rc ||
        (rc = ops->info(call->hv, domid, call->arena, &info, call->err)) ||
        (rc = ops->memory_target(call->hv, domid, &target, call->err)) ||
        (rc = ops->sched(call->hv, domid, &sched, call->err)))
        return rc;
    printf("memory %llu\ntarget %llu\nmaximum %llu\n"
           "vcpus %u\nvcpus_max %u\nweight %u\ncap %u\n",
           (unsigned long long)info.current_memory.kib,
           (unsigned long long)target.kib,
           (unsigned long long)info.max_memory.kib, info.vcpus_online,
           info.vcpus_max, sched.weight, sched.cap);
    return 0;
}

static int do_devices(struct call *call)
{
    static const char *const kinds[] = { [HV_DEVICE_DISK] = "disk",
                                         [HV_DEVICE_NIC] = "nic",
                                         [HV_DEVICE_PCI] = "pci" };
    struct hv_device *devices;
    uint32_t domid = HV_DOMID_NONE;
    size_t n = 0;
    int rc = domid_argument(call, &domid);

    if (rc == 0)
        rc = call->hv->domain->devices(call->hv, domid, call->arena, &devices,
                                       &n, call->err);
    for (size_t i = 0; i < n; i++)
        printf("%s %s %u %u %d %s\n", kinds[devices[i].kind], devices[i].name,
               devices[i].devid, devices[i].backend_domid, devices[i].state,
               *devices[i].target ? devices[i].target : "-");
    return rc;
}

static int do_xenstore(struct call *call)
{
    fputs(hv_sim_store_dump(call->hv, call->arena), stdout);
    return 0;
}

static int do_read(struct call *call)
{
    const char *value;

    if (call->argc != 1)
        return bad_usage(call->err);
    int rc = call->hv->store->read(call->hv, call->argv[0], call->arena,
                                   &value, call->err);
    if (rc == 0)
        puts(value);
    return rc;
}

/* Each node by itself, where xenstore-write has one transaction. */
static int do_write(struct call *call)
{
    int rc = 0;

    if (call->argc < 2 || call->argc % 2)
        return bad_usage(call->err);
    for (int i = 0; rc == 0 && i < call->argc; i += 2)
        rc = call->hv->store->write(call->hv, call->argv[i],
                                    call->argv[i + 1], call->err);
    return rc;
}

static int do_remove(struct call *call)
{
    return call->argc != 1
               ? bad_usage(call->err)
               : call->hv->store->remove(call->hv, call->argv[0], call->err);
}

static int do_names(struct call *call)
{
    const char **names;
    size_t n = 0;

    if (call->argc != 1)
        return bad_usage(call->err);
    int rc = call->hv->store->list(call->hv, call->argv[0], call->arena,
                                   &names, &n, call->err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        puts(names[i]);
    return rc;
}

static int do_memory(struct call *call)
{
    struct hv_host_info info;
    int rc =
        call->hv->domain->host_info(call->hv, call->arena, &info, call->err);

    if (rc == 0)
        printf("total %llu\nfree %llu\ndom0 %llu\nclaimed %llu\n",
               (unsigned long long)info.total_memory.kib,
               (unsigned long long)info.free_memory.kib,
               (unsigned long long)info.dom0_memory.kib,
               (unsigned long long)info.reserved_memory.kib);
    return rc;
}

static int do_effects(struct call *call)
{
    printf("%llu\n", (unsigned long long)hv_sim_effects(call->hv));
    return 0;
}

static int do_reset_counts(struct call *call)
{
    return hv_sim_fault(call->hv, NULL, call->err);
}

static int do_advance(struct call *call)
{
    uint64_t ms;

    if (call->argc != 1)
        return bad_usage(call->err);
    int rc = parse_number(call->argv[0], UINT32_MAX, &ms, call->err);
    if (rc == 0)
        hv_sim_advance(call->hv, ms);
    return rc;
}

static int do_power_cut(struct call *call)
{
    hv_sim_power_cut(call->hv);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(struct call *call);
} commands[] = {
    { "list", do_list },           { "create", do_create },
    { "destroy", do_destroy },     { "crash", do_crash },
    { "poweroff", do_poweroff },   { "reboot", do_reboot },
    { "xenstore", do_xenstore },   { "memory", do_memory },
    { "effects", do_effects },     { "advance", do_advance },
    { "power-cut", do_power_cut }, { "reset-counts", do_reset_counts },
    { "behave", do_behave },       { "show", do_show },
    { "devices", do_devices },     { "read", do_read },
    { "write", do_write },         { "remove", do_remove },
    { "names", do_names },
};

static int run(struct call *call, const char *file, const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) != 0)
            continue;
        if (access(file, R_OK | W_OK) != 0)
            return vdc_error_set(call->err, VDC_E_NO_FILE,
                                 "there is no simulated host %s", file);
        const char *options =
            arena_printf(call->arena, "state=%s,check_files=no", file);
        int rc = hv_sim_open(options, NULL, &call->hv, call->err);
        if (rc)
            return rc;
        rc = commands[i].run(call);
        call->hv->close(call->hv);
        return rc;
    }
    return bad_usage(call->err);
}

int main(int argc, char **argv)
{
    struct vdc_error err = { 0 };
    struct call call = {
        .arena = arena_new(), .argc = argc - 3, .argv = argv + 3, .err = &err
    };

    unsetenv("VDC_SIM_FAULT"); /* meant for the daemons */
    int rc = argc < 3 ? bad_usage(&err) : run(&call, argv[1], argv[2]);
    arena_free(call.arena);
    if (rc == VDC_E_USAGE)
        fputs(usage, stderr);
    else if (rc)
        fprintf(stderr, "sim-ctl: %s\n", err.text);
    return vdc_error_exit_status(rc);
}
