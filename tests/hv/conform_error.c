/* Every operation on a domain that is not there. */
#include "tests/hv/conform.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A domid that a domain had a moment ago, and one that none ever has. */
static const uint32_t never_there = HV_DOMID_MAX;

static void gone_now(uint32_t domid)
{
    struct hv_domain_info info;
    struct hv_vcpu *vcpus;
    struct hv_sched sched = { 256, 0 };
    struct hv_device *devices;
    struct hv_usage usage;
    struct mem target;
    const char *path;
    size_t n;
    const struct hv_domain_ops *ops = hv->domain;
    const int want = VDC_E_NOT_FOUND;

    ENDS(want, ops->rename(hv, domid, "conform-gone", &err));
    ENDS(want, ops->set_memory_target(hv, domid, MEM_MIB(64), &err));
    ENDS(want, ops->info(hv, domid, arena, &info, &err));
    ENDS(want, ops->console_path(hv, domid, arena, &path, &err));
    ENDS(want, ops->set_max_memory(hv, domid, MEM_MIB(64), &err));
    ENDS(want, ops->memory_target(hv, domid, &target, &err));
    ENDS(want, ops->set_vcpus(hv, domid, 1, &err));
    ENDS(want, ops->vcpus(hv, domid, arena, &vcpus, &n, &err));
    ENDS(want, ops->set_affinity(hv, domid, -1, "all", NULL, &err));
    ENDS(want, ops->set_sched(hv, domid, &sched, &err));
    ENDS(want, ops->sched(hv, domid, &sched, &err));
    ENDS(want, ops->devices(hv, domid, arena, &devices, &n, &err));
    ENDS(want, ops->usage(hv, domid, &usage, &err));
}

static void gone_later(uint32_t domid)
{
    static const struct hv_disk disk = { .target = "/dev/null",
                                         .format = "raw",
                                         .vdev = "xvda",
                                         .backend = "",
                                         .backendtype = "",
                                         .script = "" };
    static const struct hv_nic nic = { .mac = "00:16:3e:00:77:0f",
                                       .bridge = "",
                                       .model = "",
                                       .ip = "",
                                       .script = "",
                                       .backend = "",
                                       .vifname = "",
                                       .gatewaydev = "" };
    const int want = VDC_E_NOT_FOUND;

    ENDS(want, WAIT(unpause, domid));
    ENDS(want, WAIT(pause, domid));
    ENDS(want, WAIT(shutdown, domid, HV_SHUTDOWN_POWEROFF));
    ENDS(want, WAIT(destroy, domid));
    ENDS(want, WAIT(core_dump, domid, file_path("core")));
    ENDS(want, WAIT(disk_attach, domid, &disk));
    ENDS(want, WAIT(disk_detach, domid, "xvda", false));
    ENDS(want, WAIT(disk_detach, domid, "xvda", true));
    ENDS(want, WAIT(nic_attach, domid, &nic));
    ENDS(want, WAIT(nic_detach, domid, "00:16:3e:00:77:0f", false));
    ENDS(want, WAIT(nic_detach, domid, "00:16:3e:00:77:0f", true));
    ENDS(want, WAIT(pci_attach, domid, "0000:7f:1f.7"));
    ENDS(want, WAIT(pci_detach, domid, "0000:7f:1f.7", false));
    ENDS(want, WAIT(resume, domid));
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    ENDS(want, WAIT(save, domid, fd));
    close(fd);
    unlink(file_path("core"));
}

static void test_gone(void)
{
    struct hv_domain_config config = guest("conform-gone");
    const char *before = store_dump();
    uint32_t domid;

    if (!OK(make(&config, &domid)))
        return;
    end(domid);
    gone_now(domid);
    gone_later(domid);
    CHECK(strcmp(before, store_dump()) == 0, "xenstore has changed");
}

static void test_never_there(void)
{
    const char *before = store_dump();

    gone_now(never_there);
    gone_later(never_there);
    CHECK(strcmp(before, store_dump()) == 0, "xenstore has changed");
}

static void test_create_wrong(void)
{
    struct hv_domain_config config = guest("conform-wrong");
    const char *before = store_dump();
    uint64_t had = free_kib();
    uint32_t domid;

    config.kernel = file_path("no-kernel");
    if (!CHECK(make(&config, &domid) != 0, "made without a kernel"))
        end(domid);
    config = guest("conform-wrong");
    config.memory = config.max_memory = MEM_KIB(had + MEM_MIB(64).kib);
    int rc = make(&config, &domid);
    CHECK(rc == VDC_E_NO_MEMORY || rc == VDC_E_HYPERVISOR, "too large: %s",
          vdc_error_name(rc));
    config = guest("Domain-0");
    if (!CHECK(make(&config, &domid) != 0, "a second Domain-0"))
        end(domid);
    check_free(had);
    CHECK(strcmp(before, store_dump()) == 0, "xenstore has changed");
}

const struct test error_tests[] = {
    { "error: a domain that is gone", test_gone },
    { "error: a domain that never was", test_never_there },
    { "error: domains that cannot be made", test_create_wrong },
    { NULL, NULL },
};
