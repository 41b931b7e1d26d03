/*
 * The domain operations of a simulated host, but for create and destroy.
 */
#include "hv/sim/sim_domain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hv/sim/sim_console.h"
#include "hv/sim/sim_cpu.h"
#include "hv/sim/sim_create.h"
#include "hv/sim/sim_device.h"
#include "hv/sim/sim_guest.h"
#include "hv/sim/sim_memory.h"
#include "hv/sim/sim_nodes.h"
#include "hv/sim/sim_op.h"
#include "hv/sim/sim_save.h"
#include "hv/sim/sim_stream.h"
#include "hv/sim/sim_tell.h"
#include "hv/sim/sim_tree.h"

static int pause_run(struct sim *sim, struct sim_op *op, struct vdc_error *err)
{
    struct sim_slot *slot;
    int rc = sim_op_begin(sim, op, &slot, err);

    if (rc)
        return rc;
    sim_guest_pause(sim->state, slot, sim_host_now_ms(sim));
    sim_host_effect_end(sim);
    return 0;
}

static int unpause_run(struct sim *sim, struct sim_op *op,
                       struct vdc_error *err)
{
    struct sim_slot *slot;
    int rc = sim_op_begin(sim, op, &slot, err);

    if (rc)
        return rc;
    sim_guest_unpause(sim->state, slot, sim_host_now_ms(sim));
    sim_host_effect_end(sim);
    return 0;
}

static int domain_pause(struct hv *hv, uint32_t domid, hv_done_fn *done,
                        void *arg, struct vdc_error *err)
{
    struct sim_op *op;

    return sim_op_start(hv, SIM_CALL_pause, domid, pause_run, done, arg, &op,
                        err);
}

static int domain_unpause(struct hv *hv, uint32_t domid, hv_done_fn *done,
                          void *arg, struct vdc_error *err)
{
    struct sim_op *op;

    return sim_op_start(hv, SIM_CALL_unpause, domid, unpause_run, done, arg,
                        &op, err);
}

static int shutdown_run(struct sim *sim, struct sim_op *op,
                        struct vdc_error *err)
{
    struct sim_slot *slot;
    const char *word = op->value == HV_SHUTDOWN_REBOOT ? "reboot" : "poweroff";
    int rc = sim_op_begin(sim, op, &slot, err);

    if (rc)
        return rc;
    /* A guest that does as it is asked takes the word away. */
    rc = sim_tree_writef(sim->state, err, slot->ignores_shutdown ? word : "",
                         "/local/domain/%u/control/shutdown", op->domid);
    if (rc) {
        sim_host_abort(sim);
        return rc;
    }
    sim_guest_asked(sim->state, slot, op->value, sim_host_now_ms(sim));
    sim_host_effect_end(sim);
    return 0;
}

static int domain_shutdown(struct hv *hv, uint32_t domid,
                           enum hv_shutdown_reason reason, hv_done_fn *done,
                           void *arg, struct vdc_error *err)
{
    struct sim_op *op;

    if (reason != HV_SHUTDOWN_POWEROFF && reason != HV_SHUTDOWN_REBOOT)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a guest can be asked to power off or to reboot, "
                             "not to %s",
                             hv_shutdown_reason_name(reason));
    int rc = sim_op_start(hv, SIM_CALL_shutdown, domid, shutdown_run, done,
                          arg, &op, err);
    if (rc == 0)
        op->value = reason;
    return rc;
}

static int write_core(const char *path, const char *text,
                      struct vdc_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int r = fd < 0 ? -1 : 0;

    if (r == 0 && write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        r = -1;
    int errnum = errno;
    if (fd >= 0)
        close(fd);
    if (r == 0)
        return 0;
    return vdc_error_set(err, VDC_E_HYPERVISOR,
                         "libxl: core dump to %s failed: %s", path,
                         strerror(errnum));
}

static int core_dump_run(struct sim *sim, struct sim_op *op,
                         struct vdc_error *err)
{
    struct sim_slot *slot;
    int rc = sim_op_begin(sim, op, &slot, err);

    if (rc)
        return rc;
    const char *name = sim_nodes_domain_name(sim->state, op->domid);
    rc = write_core(
        op->text,
        arena_printf(op->arena, "core of the simulated guest %s\n", name),
        err);
    sim_host_effect_end(sim);
    return rc;
}

static int domain_core_dump(struct hv *hv, uint32_t domid, const char *path,
                            hv_done_fn *done, void *arg, struct vdc_error *err)
{
    struct sim_op *op;
    int rc = sim_op_start(hv, SIM_CALL_core_dump, domid, core_dump_run, done,
                          arg, &op, err);

    if (rc == 0)
        op->text = arena_strdup(op->arena, path);
    return rc;
}

/* ---- what answers at return ---- */

static int domain_rename(struct hv *hv, uint32_t domid, const char *name,
                         struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    struct sim_slot *slot;

    if (!*name || strlen(name) > 1000)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "the name of a domain is empty or too long");
    int rc = sim_op_begin_sync(sim, SIM_CALL_rename, domid, &slot, err);
    if (rc)
        return rc;
    uint32_t other = sim_nodes_find_name(sim->state, name);
    if (other != HV_DOMID_NONE && other != domid) {
        sim_host_end(sim);
        return vdc_error_set(
            err, VDC_E_HYPERVISOR,
            "libxl: Domain with name \"%.128s\" already exists.", name);
    }
    sim_host_effect_locked(sim, SIM_CALL_rename);
    rc = sim_nodes_set_domain_name(sim->state, slot, name, err);
    if (rc)
        sim_host_abort(sim);
    else
        sim_host_effect_end(sim);
    return rc;
}

static void fill_info(const struct sim *sim, const struct sim_slot *slot,
                      uint64_t now_ms, struct arena *arena,
                      struct hv_domain_info *ret)
{
    bool up = slot->life == SIM_LIFE_ALIVE && !slot->paused;

    *ret = (struct hv_domain_info){
        .domid = slot->domid,
        .uuid = slot->uuid,
        .name = arena_strdup(arena,
                             sim_nodes_domain_name(sim->state, slot->domid)),
        .type = slot->type,
        .running = up && slot->domid == 0,
        .blocked = up && slot->domid != 0, /* idle, as most guests are */
        .paused = slot->paused,
        .shutdown = slot->life == SIM_LIFE_SHUTDOWN,
        .dying = slot->life == SIM_LIFE_DYING,
        .shutdown_reason = slot->life == SIM_LIFE_SHUTDOWN
                               ? slot->shutdown_reason
                               : HV_SHUTDOWN_NONE,
        .current_memory = MEM_KIB(slot->memory_kib),
        .max_memory = MEM_KIB(slot->max_kib),
        .vcpus_online = slot->vcpus,
        .vcpus_max = slot->max_vcpus,
        .cpu_time_ns = sim_guest_cpu_ns(slot, now_ms),
    };
}

static int domain_list(struct hv *hv, struct arena *arena,
                       struct hv_domain_info **ret, size_t *ret_n,
                       struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    int rc = sim_host_begin_call(sim, SIM_CALL_list, err);

    if (rc)
        return rc;
    const struct sim_state *state = sim->state;
    uint64_t now_ms = sim_host_now_ms(sim);
    struct hv_domain_info *infos =
        ARENA_ARRAY(arena, state->n_slots, struct hv_domain_info);
    size_t n = 0;
    fill_info(sim, &state->slots[0], now_ms, arena, &infos[n++]);
    for (uint32_t domid = 1; domid <= HV_DOMID_MAX; domid++)
        if (state->slot_of[domid])
            fill_info(sim, &state->slots[state->slot_of[domid]], now_ms, arena,
                      &infos[n++]);
    sim_host_end(sim);
    *ret = infos;
    *ret_n = n;
    return 0;
}

static int domain_info(struct hv *hv, uint32_t domid, struct arena *arena,
                       struct hv_domain_info *ret, struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    struct sim_slot *slot;
    int rc = sim_op_begin_sync(sim, SIM_CALL_info, domid, &slot, err);

    if (rc)
        return rc;
    fill_info(sim, slot, sim_host_now_ms(sim), arena, ret);
    sim_host_end(sim);
    return 0;
}

static int domain_console_path(struct hv *hv, uint32_t domid,
                               struct arena *arena, const char **ret,
                               struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    struct sim_slot *slot;
    const char *path;
    int rc = sim_op_begin_sync(sim, SIM_CALL_console_path, domid, &slot, err);

    if (rc)
        return rc;
    if (domid == 0)
        rc = vdc_error_set(err, VDC_E_HYPERVISOR,
                           "libxl: dom0 has no console of this kind");
    else
        rc = sim_console_open(
            sim, domid, sim_nodes_domain_name(sim->state, domid), &path, err);
    if (rc == 0) {
        sim_tree_writef(sim->state, NULL, path, "/local/domain/%u/console/tty",
                        domid);
        *ret = arena_strdup(arena, path);
    }
    sim_host_end(sim);
    return rc;
}

static int domain_watch(struct hv *hv, uint32_t domid, struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);

    if (domid > HV_DOMID_MAX)
        return sim_host_no_domain(domid, err);
    int rc = sim_host_begin_call(sim, SIM_CALL_watch, err);
    if (rc)
        return rc;
    sim_tell_watch(sim, domid);
    sim_host_end(sim);
    return 0;
}

static void domain_unwatch(struct hv *hv, uint32_t domid)
{
    if (domid <= HV_DOMID_MAX)
        sim_host_of(hv)->watched[domid] = 0;
}

static int domain_host_info(struct hv *hv, struct arena *arena,
                            struct hv_host_info *ret, struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    int rc = sim_host_begin_call(sim, SIM_CALL_host_info, err);

    if (rc)
        return rc;
    const struct sim_state *state = sim->state;
    *ret = (struct hv_host_info){
        .hypervisor = "simulator",
        .simulated = true,
        .total_memory = MEM_KIB(state->machine.memory_kib),
        .free_memory = MEM_KIB(state->free_kib),
        .reserved_memory = MEM_KIB(state->reserved_kib),
        .dom0_memory = MEM_KIB(state->slots[0].memory_kib),
        .pcpus = state->machine.cpus,
        .cores_per_socket = state->machine.cpus,
        .threads_per_core = 1,
        .numa_nodes = 1,
        .cpu = state->machine.cpu,
        .capabilities = "pv hvm hap",
        .scheduler = "credit2",
        .boot_id = state->boot_id,
    };
    sim_host_end(sim);
    return 0;
}

const struct hv_domain_ops sim_domain_ops = {
    .create = sim_create_start,
    .memory_needed = sim_create_memory_needed,
    .unpause = domain_unpause,
    .pause = domain_pause,
    .shutdown = domain_shutdown,
    .destroy = sim_create_destroy,
    .core_dump = domain_core_dump,
    .rename = domain_rename,
    .set_memory_target = sim_memory_set_target,
    .list = domain_list,
    .info = domain_info,
    .console_path = domain_console_path,
    .watch = domain_watch,
    .unwatch = domain_unwatch,
    .host_info = domain_host_info,
    .set_max_memory = sim_memory_set_max,
    .memory_target = sim_memory_target,
    .set_vcpus = sim_cpu_set_vcpus,
    .vcpus = sim_cpu_vcpus,
    .set_affinity = sim_cpu_set_affinity,
    .set_sched = sim_cpu_set_sched,
    .sched = sim_cpu_sched,
    .disk_attach = sim_device_disk_attach,
    .disk_detach = sim_device_disk_detach,
    .nic_attach = sim_device_nic_attach,
    .nic_detach = sim_device_nic_detach,
    .pci_attach = sim_device_pci_attach,
    .pci_detach = sim_device_pci_detach,
    .devices = sim_device_list,
    .pci_assignable = sim_device_pci_assignable,
    .save = sim_save_start,
    .resume = sim_save_resume,
    .restore = sim_create_restore,
    .send = sim_stream_send,
    .receive = sim_create_receive,
    .reserve = sim_memory_reserve,
    .usage = sim_memory_usage,
    .cpupools = sim_cpu_cpupools,
};
