/*
 * Making and ending domains of a simulated host.
 */
#include "hv/sim/sim_create.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hv/sim/sim_cpu.h"
#include "hv/sim/sim_devnodes.h"
#include "hv/sim/sim_guest.h"
#include "hv/sim/sim_nodes.h"
#include "hv/sim/sim_op.h"
#include "hv/sim/sim_save.h"
#include "hv/sim/sim_stream.h"
#include "hv/sim/sim_tree.h"
#include "hv/socket.h"

/* Xen's default, opt_max_grant_frames. */
#define GRANT_FRAMES 64u

enum { STEP_DOMAIN, STEP_NODES, STEP_MEMORY, STEP_DEVICES, STEP_READY };

/* In the manner of libxl_domain_need_memory: Xen's own structures, shadow or
 * HAP pages where the guest has them, and whole superpages of 2 MiB. */
static uint64_t needed_kib(const struct hv_domain_config *config)
{
    uint64_t kib = config->memory.kib + 1024;

    if (config->type != HV_DOMAIN_PV)
        kib += 1024 + 1024 * (uint64_t)config->max_vcpus +
               8 * (config->max_memory.kib / 1024);
    return (kib + 2047) / 2048 * 2048;
}

int sim_create_memory_needed(struct hv *hv,
                             const struct hv_domain_config *config,
                             struct mem *ret, struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    int rc = sim_host_begin_call(sim, SIM_CALL_memory_needed, err);

    if (rc)
        return rc;
    sim_host_end(sim);
    *ret = MEM_KIB(needed_kib(config));
    return 0;
}

/* ---- what libxl would find wrong ---- */

static int check_file(const char *what, const char *path,
                      struct vdc_error *err)
{
    struct stat st;

    if (!*path)
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int errnum = fd < 0 ? errno : 0;
    if (fd >= 0) {
        if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
            errnum = EISDIR;
        close(fd);
    }
    if (errnum == 0)
        return 0;
    return vdc_error_set(err, VDC_E_HYPERVISOR, "libxl: %s %s: %s", what, path,
                         strerror(errnum));
}

int sim_create_check_disk(const struct hv_disk *disk, struct vdc_error *err)
{
    if (disk->backend && *disk->backend)
        return 0;
    return check_file("cannot open the disk", disk->target, err);
}

static int check_files(const struct hv_domain_config *config,
                       struct vdc_error *err)
{
    int rc = check_file("cannot load the kernel", config->kernel, err);

    if (rc == 0)
        rc = check_file("cannot load the ramdisk", config->ramdisk, err);
    for (size_t i = 0; rc == 0 && i < config->n_disks; i++)
        rc = sim_create_check_disk(&config->disks[i], err);
    return rc;
}

static int check_config(const struct hv_domain_config *config,
                        struct vdc_error *err)
{
    const char *wrong = NULL;

    if (!*config->name || strlen(config->name) > 1000)
        wrong = "its name is empty or too long";
    else if (!*config->kernel && !*config->bootloader)
        wrong = "it has neither a kernel nor a boot loader";
    else if (config->type == HV_DOMAIN_HVM)
        wrong = "the simulator has no HVM guests";
    else if (config->memory.kib == 0 ||
             config->max_memory.kib < config->memory.kib ||
             config->max_memory.kib > MEM_MAX_KIB)
        wrong = "its memory is 0 or more than its maximum";
    else if (config->vcpus == 0 || config->max_vcpus < config->vcpus ||
             config->max_vcpus > SIM_VCPUS)
        wrong = "its vCPUs are 0 or more than its maximum";
    else if (uuid_is_zero(&config->uuid))
        wrong = "it has no UUID";
    if (!wrong)
        return 0;
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "domain \"%.128s\" cannot be made: %s", config->name,
                         wrong);
}

static int check_name(struct sim_state *state, const char *name,
                      struct vdc_error *err)
{
    if (sim_nodes_find_name(state, name) == HV_DOMID_NONE)
        return 0;
    return vdc_error_set(err, VDC_E_HYPERVISOR,
                         "libxl: Domain with name \"%.128s\" already exists.",
                         name);
}

/* ---- the steps; the state is locked ---- */

/* Xen would refuse it, without numbers. */
static int no_memory(const struct sim_state *state,
                     const struct hv_domain_config *config,
                     struct vdc_error *err)
{
    char takes[32], has[32];

    return vdc_error_set(
        err, VDC_E_NO_MEMORY,
        "domain '%.128s' takes %s of memory, and the host has %s free",
        config->name,
        units_mem_format(MEM_KIB(needed_kib(config)), takes, sizeof(takes)),
        units_mem_format(MEM_KIB(state->free_kib), has, sizeof(has)));
}

static int step_domain(struct sim *sim, const struct hv_domain_config *config,
                       uint32_t *ret_domid, struct vdc_error *err)
{
    int rc = check_name(sim->state, config->name, err);
    uint64_t overhead = needed_kib(config) - config->memory.kib;

    if (rc)
        return rc;
    if (sim->state->free_kib < needed_kib(config))
        return no_memory(sim->state, config, err);
    struct sim_slot *slot = sim_state_slot_new(sim->state);
    if (!slot)
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "libxl: domain creation fail: the simulated host "
                             "has no more than %u domains",
                             SIM_SLOTS);
    slot->uuid = config->uuid;
    slot->type = config->type;
    slot->vcpus = 1; /* the others are the guest's to start */
    slot->asked_vcpus = config->vcpus;
    slot->max_vcpus = config->max_vcpus;
    slot->max_kib = config->max_memory.kib;
    slot->target_kib = config->memory.kib;
    slot->overhead_kib = overhead;
    slot->shutdown_ms = sim->options.shutdown_ms;
    slot->max_grant_frames = config->max_grant_frames > 0
                                 ? (uint32_t)config->max_grant_frames
                                 : GRANT_FRAMES;
    sim_guest_read_cmdline(slot, config->cmdline);
    rc = sim_cpu_create(sim->state, slot, config, err);
    if (rc)
        return rc;
    SIM_SET(sim->state, sim->state->free_kib, sim->state->free_kib - overhead);
    *ret_domid = slot->domid;
    return 0;
}

/* Another took it since. */
static int no_room(struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_HYPERVISOR,
                         "libxl: cannot allocate memory for the domain: "
                         "Cannot allocate memory");
}

static int step_memory(struct sim *sim, struct sim_slot *slot,
                       const struct hv_domain_config *config,
                       struct vdc_error *err)
{
    struct sim_state *state = sim->state;

    if (sim->options.check_files) {
        int rc = check_files(config, err);
        if (rc)
            return rc;
    }
    if (state->free_kib < config->memory.kib)
        return no_room(err);
    SIM_SET(state, slot->memory_kib, config->memory.kib);
    SIM_SET(state, state->free_kib, state->free_kib - config->memory.kib);
    return 0;
}

static int run_step(struct sim *sim, int step,
                    const struct hv_domain_config *config, uint32_t *domid,
                    struct vdc_error *err)
{
    if (step == STEP_DOMAIN)
        return step_domain(sim, config, domid, err);
    struct sim_slot *slot = sim_state_find(sim->state, *domid);
    if (!slot || slot->life != SIM_LIFE_BUILDING)
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "libxl: domain %u was destroyed while it was "
                             "being made",
                             *domid);
    switch (step) {
    case STEP_NODES: /* another may have taken the name since */
        if (check_name(sim->state, config->name, err) != 0)
            return VDC_E_HYPERVISOR;
        sim_state_event(sim->state, SIM_EVENT_INTRODUCED, slot);
        return sim_nodes_create(sim->state, slot, config, err);
    case STEP_MEMORY:
        return step_memory(sim, slot, config, err);
    case STEP_DEVICES:
        return sim_devnodes_create(sim->state, slot, config, err);
    default:
        SIM_SET(sim->state, slot->life, SIM_LIFE_ALIVE);
        return 0;
    }
}

static void remove_domain(struct sim *sim, uint32_t domid)
{
    struct sim_slot *slot = sim_state_find(sim->state, domid);

    if (!slot)
        return;
    sim_nodes_destroy(sim->state, slot);
    sim_cpu_release(sim->state, slot);
    sim_state_slot_free(sim->state, slot);
}

/* ---- create ---- */

/* The steps that only a restore has, and a receive. */
static bool has_saved(const struct sim_op *op)
{
    return op->call == SIM_CALL_restore || op->call == SIM_CALL_receive;
}

static int read_saved(struct sim *sim, struct sim_op *op,
                      struct vdc_error *err)
{
    int rc = 0;

    if (op->call == SIM_CALL_receive)
        rc = sim_stream_receive(sim, op, op->step == STEP_DEVICES, err);
    else if (op->step == STEP_DOMAIN)
        rc = sim_save_read(op->fd, &op->saved, err);
    if (rc == 0)
        rc = sim_save_check(&op->saved, &op->config, err);
    if (rc == 0 && op->step == STEP_DOMAIN)
        op->config.memory = MEM_KIB(op->saved.memory_kib);
    return rc;
}

/* One that is sent live may have taken or given memory since it began. */
static int apply_saved(struct sim *sim, const struct sim_op *op,
                       struct vdc_error *err)
{
    struct sim_state *state = sim->state;
    struct sim_slot *slot = sim_state_find(state, op->domid);
    uint64_t kib = state->free_kib + slot->memory_kib;

    if (op->saved.memory_kib > kib)
        return no_room(err);
    SIM_SET(state, state->free_kib, kib - op->saved.memory_kib);
    sim_save_apply(state, slot, &op->saved);
    sim_nodes_set_target(state, slot);
    sim_nodes_set_vcpus(state, slot);
    return 0;
}

static int create_step(struct sim *sim, struct sim_op *op,
                       struct vdc_error *err)
{
    int rc = 0;

    if (op->fault == SIM_FAULT_FAIL && op->step == STEP_DEVICES)
        return vdc_error_set(err, VDC_E_HYPERVISOR,
                             "simulated fault: %s fails",
                             sim_fault_call_name(op->call));
    if (has_saved(op) && (op->step == STEP_DOMAIN || op->step == STEP_DEVICES))
        rc = read_saved(sim, op, err);
    if (rc)
        return rc;
    sim_host_effect_begin(sim, op->call);
    rc = run_step(sim, op->step, &op->config, &op->domid, err);
    if (rc == 0 && has_saved(op) && op->step == STEP_READY)
        rc = apply_saved(sim, op, err);
    if (rc) {
        sim_host_abort(sim);
        return rc;
    }
    sim_host_effect_end(sim);
    return 0;
}

static int create_run(struct sim *sim, struct sim_op *op,
                      struct vdc_error *err)
{
    int rc = create_step(sim, op, err);

    if (rc == 0) {
        if (op->step++ == STEP_READY)
            return 0;
        op->due_ms += op->latency_ms / STEP_READY;
        if (op->step == STEP_READY)
            op->due_ms += op->latency_ms % STEP_READY;
        return SIM_AGAIN;
    }
    if (rc == SIM_AGAIN) /* waits for what is sent */
        return rc;
    if (op->step > STEP_DOMAIN) {
        sim_host_effect_begin(sim, op->call);
        remove_domain(sim, op->domid);
        sim_host_effect_end(sim);
    }
    return rc;
}

const struct hv_disk *sim_create_copy_disks(struct arena *arena,
                                            const struct hv_disk *from,
                                            size_t n)
{
    struct hv_disk *disks = arena_memdup(arena, from, n * sizeof(*from));

    for (size_t i = 0; i < n; i++) {
        disks[i].target = arena_strdup(arena, disks[i].target);
        disks[i].vdev = arena_strdup(arena, disks[i].vdev);
        disks[i].backend = arena_strdup(arena, disks[i].backend);
    }
    return disks;
}

const struct hv_nic *sim_create_copy_nics(struct arena *arena,
                                          const struct hv_nic *from, size_t n)
{
    struct hv_nic *nics = arena_memdup(arena, from, n * sizeof(*from));

    for (size_t i = 0; i < n; i++) {
        nics[i].mac = arena_strdup(arena, nics[i].mac);
        nics[i].bridge = arena_strdup(arena, nics[i].bridge);
        nics[i].backend = arena_strdup(arena, nics[i].backend);
    }
    return nics;
}

static const char *const *copy_words(struct arena *arena, size_t n,
                                     const char *const *from)
{
    const char **words = ARENA_ARRAY(arena, n, const char *);

    for (size_t i = 0; i < n; i++)
        words[i] = arena_strdup(arena, from[i]);
    return words;
}

/* What the simulator uses of it. */
static void copy_config(struct sim_op *op, const struct hv_domain_config *from)
{
    struct hv_domain_config *config = &op->config;

    config->name = arena_strdup(op->arena, from->name);
    config->uuid = from->uuid;
    config->type = from->type;
    config->kernel = arena_strdup(op->arena, from->kernel);
    config->ramdisk = arena_strdup(op->arena, from->ramdisk);
    config->cmdline = arena_strdup(op->arena, from->cmdline);
    config->memory = from->memory;
    config->max_memory = from->max_memory;
    config->vcpus = from->vcpus;
    config->max_vcpus = from->max_vcpus;
    config->cpu_weight = from->cpu_weight;
    config->cpu_cap = from->cpu_cap;
    config->cpupool = arena_strdup(op->arena, from->cpupool);
    config->max_grant_frames = from->max_grant_frames;
    config->n_hard_affinity = from->n_hard_affinity;
    config->hard_affinity =
        copy_words(op->arena, from->n_hard_affinity, from->hard_affinity);
    config->n_soft_affinity = from->n_soft_affinity;
    config->soft_affinity =
        copy_words(op->arena, from->n_soft_affinity, from->soft_affinity);
    config->n_pci = from->n_pci;
    config->pci = copy_words(op->arena, from->n_pci, from->pci);
    config->n_disks = from->n_disks;
    if (from->n_disks > 0)
        config->disks =
            sim_create_copy_disks(op->arena, from->disks, from->n_disks);
    config->n_nics = from->n_nics;
    if (from->n_nics > 0)
        config->nics =
            sim_create_copy_nics(op->arena, from->nics, from->n_nics);
}

static int start(struct hv *hv, enum sim_call call,
                 const struct hv_domain_config *config, int fd,
                 hv_created_fn *done, void *arg, struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    struct sim_op *op;
    int rc = check_config(config, err);

    if (rc == 0)
        rc = sim_host_op_new(sim, call, HV_DOMID_NONE, sim->options.create_ms,
                             &op, err);
    if (rc)
        return rc;
    copy_config(op, config);
    op->due_ms -= op->latency_ms; /* the first step is at once */
    op->fails_halfway = true;
    op->fd = fd;
    op->run = create_run;
    op->created = done;
    op->arg = arg;
    sim_host_op_start(sim, op);
    return 0;
}

int sim_create_start(struct hv *hv, const struct hv_domain_config *config,
                     hv_created_fn *done, void *arg, struct vdc_error *err)
{
    return start(hv, SIM_CALL_create, config, -1, done, arg, err);
}

int sim_create_restore(struct hv *hv, const struct hv_domain_config *config,
                       int fd, hv_created_fn *done, void *arg,
                       struct vdc_error *err)
{
    return start(hv, SIM_CALL_restore, config, fd, done, arg, err);
}

int sim_create_receive(struct hv *hv, const struct hv_domain_config *config,
                       int fd, hv_created_fn *done, void *arg,
                       struct vdc_error *err)
{
    int rc = socket_check(fd, err);

    return rc ? rc : start(hv, SIM_CALL_receive, config, fd, done, arg, err);
}

int sim_create_foreign(struct sim *sim, const struct hv_domain_config *config,
                       uint32_t *ret_domid, struct vdc_error *err)
{
    uint32_t domid = HV_DOMID_NONE;
    int rc = check_config(config, err);

    if (rc)
        return rc;
    sim_host_begin(sim);
    for (int step = STEP_DOMAIN; rc == 0 && step <= STEP_READY; step++)
        rc = run_step(sim, step, config, &domid, err);
    if (rc) {
        sim_host_abort(sim);
        return rc;
    }
    sim_host_end(sim);
    *ret_domid = domid;
    return 0;
}

/* ---- destroy ---- */

static int destroy_run(struct sim *sim, struct sim_op *op,
                       struct vdc_error *err)
{
    sim_host_begin(sim);
    struct sim_slot *slot = sim_state_find(sim->state, op->domid);
    if (!slot) {
        sim_host_end(sim);
        return sim_host_no_domain(op->domid, err);
    }
    sim_host_effect_locked(sim, op->call);
    switch (op->step++) {
    case 0:
        sim_guest_pause(sim->state, slot, sim_host_now_ms(sim));
        SIM_SET(sim->state, slot->life, SIM_LIFE_DYING);
        break;
    case 1:
        sim_nodes_destroy(sim->state, slot);
        break;
    default:
        sim_cpu_release(sim->state, slot);
        sim_state_slot_free(sim->state, slot);
        break;
    }
    sim_host_effect_end(sim);
    if (op->step == 3)
        return 0;
    op->due_ms += op->step == 1 ? op->latency_ms / 2
                                : op->latency_ms - op->latency_ms / 2;
    return SIM_AGAIN;
}

static int refuse_dom0(uint32_t domid, struct vdc_error *err)
{
    if (domid != 0)
        return 0;
    return vdc_error_set(err, VDC_E_HYPERVISOR,
                         "libxl: dom0 cannot be destroyed");
}

int sim_create_destroy(struct hv *hv, uint32_t domid, hv_done_fn *done,
                       void *arg, struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    struct sim_op *op;
    int rc = refuse_dom0(domid, err);

    if (rc)
        return rc;
    return sim_op_start_steps(hv, SIM_CALL_destroy, domid,
                              sim->options.destroy_ms, destroy_run, done, arg,
                              &op, err);
}

int sim_create_destroy_foreign(struct sim *sim, uint32_t domid,
                               struct vdc_error *err)
{
    int rc = refuse_dom0(domid, err);

    if (rc)
        return rc;
    sim_host_begin(sim);
    if (!sim_state_find(sim->state, domid))
        rc = sim_host_no_domain(domid, err);
    else
        remove_domain(sim, domid);
    sim_host_end(sim);
    return rc;
}
