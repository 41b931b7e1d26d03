/*
 * Opening a simulated host, and what tests and tools may do to it.
 */
#include "hv/sim/sim.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hv/sim/sim_create.h"
#include "hv/sim/sim_domain.h"
#include "hv/sim/sim_fault.h"
#include "hv/sim/sim_grant.h"
#include "hv/sim/sim_guest.h"
#include "hv/sim/sim_host.h"
#include "hv/sim/sim_store.h"

/* ---- options ---- */

static int bad_value(const char *name, const char *value, const char *allowed,
                     struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_BAD_VALUE, "sim: option %s=%s: want %s",
                         name, value, allowed);
}

struct option {
    const char *name;
    int (*parse)(const struct option *option, const char *value, void *field,
                 struct vdc_error *err);
    size_t offset; /* in struct sim_options */
    uint64_t min, max;
    const char *allowed;
};

static int parse_number(const struct option *option, const char *value,
                        void *field, struct vdc_error *err)
{
    char *end;

    errno = 0;
    unsigned long long n = strtoull(value, &end, 10);
    if (errno || end == value || *end || *value == '-' || n < option->min ||
        n > option->max)
        return bad_value(option->name, value, option->allowed, err);
    *(uint32_t *)field = (uint32_t)n;
    return 0;
}

static int parse_mem(const struct option *option, const char *value,
                     void *field, struct vdc_error *err)
{
    struct mem mem;

    if (units_mem_parse(value, 1024, &mem, NULL) != 0 ||
        mem.kib < option->min || mem.kib > option->max)
        return bad_value(option->name, value, option->allowed, err);
    *(uint64_t *)field = mem.kib;
    return 0;
}

static int parse_mib(const struct option *option, const char *value,
                     void *field, struct vdc_error *err)
{
    uint64_t kib = 0;
    int rc = parse_mem(option, value, &kib, err);

    if (rc == 0)
        *(uint32_t *)field = (uint32_t)(kib / 1024);
    return rc;
}

static int parse_bool(const struct option *option, const char *value,
                      void *field, struct vdc_error *err)
{
    bool yes = strcmp(value, "yes") == 0;

    if (!yes && strcmp(value, "no") != 0)
        return bad_value(option->name, value, option->allowed, err);
    *(bool *)field = yes;
    return 0;
}

static int parse_clock(const struct option *option, const char *value,
                       void *field, struct vdc_error *err)
{
    static const char *const names[] = { [SIM_CLOCK_REAL] = "real",
                                         [SIM_CLOCK_STOPPED] = "stopped",
                                         [SIM_CLOCK_JUMP] = "jump" };

    for (uint32_t i = SIM_CLOCK_REAL; i <= SIM_CLOCK_JUMP; i++) {
        if (strcmp(names[i], value) == 0) {
            *(uint32_t *)field = i;
            return 0;
        }
    }
    return bad_value(option->name, value, option->allowed, err);
}

static int parse_path(const struct option *option, const char *value,
                      void *field, struct vdc_error *err)
{
    if (!*value)
        return bad_value(option->name, value, option->allowed, err);
    free(*(char **)field);
    *(char **)field = xstrdup(value);
    return 0;
}

static bool is_bdf(const char *text)
{
    static const char form[] = "0000:00:00.0";

    if (strlen(text) != strlen(form))
        return false;
    for (size_t i = 0; form[i]; i++)
        if (form[i] == '0' ? !isxdigit((unsigned char)text[i])
                           : text[i] != form[i])
            return false;
    return true;
}

static int parse_pci(const struct option *option, const char *value,
                     void *field, struct vdc_error *err)
{
    struct sim_machine *machine = field;
    char *copy = xstrdup(strcmp(value, "none") == 0 ? "" : value);
    char *rest = *copy || !*value ? copy : NULL, *bdf;
    bool ok = true;

    machine->n_pci = 0;
    memset(machine->pci, 0, sizeof(machine->pci));
    while (ok && (bdf = strsep(&rest, "+"))) {
        ok = is_bdf(bdf) && machine->n_pci < SIM_PCI;
        if (ok)
            strcpy(machine->pci[machine->n_pci++], bdf);
    }
    free(copy);
    return ok ? 0 : bad_value(option->name, value, option->allowed, err);
}

static int parse_cpu(const struct option *option, const char *value,
                     void *field, struct vdc_error *err)
{
    struct cpu_set *cpu = field;
    char *copy = xstrdup(value), *rest = copy, *name;
    int rc = 0;

    *cpu = (struct cpu_set){ { 0 } };
    while (!rc && (name = strsep(&rest, "+")))
        rc = cpu_set_add_name(cpu, name, err);
    free(copy);
    return rc ? bad_value(option->name, value, option->allowed, err) : 0;
}

#define AT(field) offsetof(struct sim_options, field)
#define TIME "milliseconds, 0 to 3600000"
#define MACHINE "memory from 256M to 16T, as in 8G"

static const struct option option_table[] = {
    { "state", parse_path, AT(state_path), 0, 0, "a path" },
    { "memory", parse_mem, AT(machine.memory_kib), 256 << 10,
      UINT64_C(16) << 30, MACHINE },
    { "dom0_memory", parse_mem, AT(machine.dom0_kib), 128 << 10,
      UINT64_C(16) << 30, "memory from 128M to 16T, as in 1G" },
    { "cpus", parse_number, AT(machine.cpus), 1, 4096, "1 to 4096" },
    { "cpu", parse_cpu, AT(machine.cpu), 0, 0,
      "names of CPU features, with + between: intel+sse2+avx2" },
    { "balloon", parse_mib, AT(machine.balloon_mib_s), 1 << 10,
      UINT64_C(1) << 30, "memory a second from 1M to 1T, as in 2G" },
    { "pci", parse_pci, AT(machine), 0, 0,
      "none, or at most 16 as 0000:03:00.0, with + between" },
    { "clock", parse_clock, AT(machine.clock), 0, 0, "real, stopped or jump" },
    { "create_ms", parse_number, AT(create_ms), 0, 3600000, TIME },
    { "destroy_ms", parse_number, AT(destroy_ms), 0, 3600000, TIME },
    { "op_ms", parse_number, AT(op_ms), 0, 3600000, TIME },
    { "attach_ms", parse_number, AT(attach_ms), 0, 3600000, TIME },
    { "save_ms", parse_number, AT(save_ms), 0, 3600000, TIME },
    { "send_ms", parse_number, AT(send_ms), 0, 3600000, TIME },
    { "shutdown_ms", parse_number, AT(shutdown_ms), 0, 3600000, TIME },
    { "detach_ms", parse_number, AT(detach_ms), 0, 3600000, TIME },
    { "suspend_ms", parse_number, AT(suspend_ms), 0, 3600000, TIME },
    { "stream", parse_number, AT(stream), 0, 1000, "per cent, 0 to 1000" },
    { "jitter", parse_number, AT(jitter), 0, 100, "per cent, 0 to 100" },
    { "seed", parse_number, AT(seed), 0, UINT32_MAX, "0 to 4294967295" },
    { "check_files", parse_bool, AT(check_files), 0, 0, "yes or no" },
    { "beside", parse_bool, AT(beside), 0, 0, "yes or no" },
};

#define N_OPTIONS (sizeof(option_table) / sizeof(option_table[0]))

static int unknown_option(const char *name, struct vdc_error *err)
{
    char names[512] = "";

    for (size_t i = 0; i < N_OPTIONS; i++) {
        if (i > 0)
            strncat(names, ", ", sizeof(names) - strlen(names) - 1);
        strncat(names, option_table[i].name,
                sizeof(names) - strlen(names) - 1);
    }
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "sim: no option \"%.64s\" (allowed: %s)", name,
                         names);
}

/* word is "name=value" and is cut. */
static int parse_word(char *word, struct sim_options *options,
                      struct vdc_error *err)
{
    char *equals = strchr(word, '=');

    if (equals)
        *equals = '\0';
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct option *option = &option_table[i];
        if (strcmp(option->name, word) != 0)
            continue;
        if (!equals)
            return bad_value(option->name, "", option->allowed, err);
        if (strcmp(word, "seed") == 0)
            options->seed_given = true;
        return option->parse(option, equals + 1,
                             (char *)options + option->offset, err);
    }
    return unknown_option(word, err);
}

static int parse_options(const char *text, struct sim_options *options,
                         struct vdc_error *err)
{
    char *copy = xstrdup(text ? text : ""), *rest = copy, *word;
    int rc = 0;

    while (rc == 0 && (word = strsep(&rest, ",")))
        if (*word)
            rc = parse_word(word, options, err);
    free(copy);
    return rc;
}

/* ---- open ---- */

static void sim_close(struct hv *hv)
{
    sim_host_free(sim_host_of(hv));
}

int hv_sim_open(const char *text, struct event_base *base, struct hv **ret,
                struct vdc_error *err)
{
    struct sim_options options = { .create_ms = 20,
                                   .destroy_ms = 5,
                                   .op_ms = 1,
                                   .attach_ms = 10,
                                   .save_ms = 20,
                                   .send_ms = 80,
                                   .shutdown_ms = 50,
                                   .detach_ms = 10000,
                                   .suspend_ms = 60000,
                                   .machine.n_pci = SIM_PCI_NOT_GIVEN,
                                   .check_files = true };
    struct sim_faults faults = { 0 };
    int rc = parse_options(text, &options, err);

    if (rc == 0) {
        rc = sim_fault_parse(getenv("VDC_SIM_FAULT"), &faults, err);
        if (rc)
            vdc_error_prefix(err, "VDC_SIM_FAULT");
    }
    if (rc) {
        free(options.state_path);
        return rc;
    }
    struct sim *sim = XNEW(struct sim);
    sim->hv.name = "sim";
    sim->hv.domain = &sim_domain_ops;
    sim->hv.store = &sim_store_ops;
    sim->hv.grant = &sim_grant_ops;
    sim->hv.close = sim_close;
    sim->faults = faults;
    rc = sim_host_open(sim, &options, base, err);
    if (rc) {
        sim_host_free(sim);
        return rc;
    }
    *ret = &sim->hv;
    return 0;
}

/* ---- for tests and tools ---- */

int hv_sim_fault(struct hv *hv, const char *spec, struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    int rc = sim_fault_parse(spec, &sim->faults, err);

    if (rc)
        return rc;
    sim_host_begin(sim);
    struct sim_state *state = sim->state;
    state->n_calls = state->all_effects = 0;
    memset(state->calls, 0, sizeof(state->calls));
    memset(state->effects, 0, sizeof(state->effects));
    sim_host_end(sim);
    return 0;
}

uint64_t hv_sim_effects(struct hv *hv)
{
    return sim_host_of(hv)->state->n_effects;
}

uint64_t hv_sim_calls(struct hv *hv)
{
    return sim_host_of(hv)->state->n_calls;
}

void hv_sim_power_cut(struct hv *hv)
{
    sim_host_power_cut(sim_host_of(hv));
}

void hv_sim_advance(struct hv *hv, uint64_t ms)
{
    struct sim *sim = sim_host_of(hv);

    sim_host_begin(sim);
    sim->state->clock_ms += ms;
    sim->armed_ms = SIM_NEVER; /* it comes too late now */
    sim->touched_seq--;        /* others must look at the clock, too */
    sim_host_end(sim);
    sim_host_touch(sim);
}

int hv_sim_foreign_create(struct hv *hv, const char *name, struct mem memory,
                          const char *cmdline, uint32_t *ret_domid,
                          struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    struct hv_domain_config config = {
        .name = name,
        .type = HV_DOMAIN_PV,
        .kernel = "",
        .ramdisk = "",
        .bootloader = "pygrub",
        .cmdline = cmdline,
        .memory = memory,
        .max_memory = memory,
        .vcpus = 1,
        .max_vcpus = 1,
    };

    uuid_random(&config.uuid);
    return sim_create_foreign(sim, &config, ret_domid, err);
}

int hv_sim_foreign_unpause(struct hv *hv, uint32_t domid,
                           struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);

    sim_host_begin(sim);
    struct sim_slot *slot = sim_state_find(sim->state, domid);
    if (slot)
        sim_guest_unpause(sim->state, slot, sim_host_now_ms(sim));
    sim_host_end(sim);
    return slot ? 0 : sim_host_no_domain(domid, err);
}

int hv_sim_foreign_destroy(struct hv *hv, uint32_t domid,
                           struct vdc_error *err)
{
    return sim_create_destroy_foreign(sim_host_of(hv), domid, err);
}

int hv_sim_guest_stop(struct hv *hv, uint32_t domid,
                      enum hv_shutdown_reason reason, struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    int rc = 0;

    sim_host_begin(sim);
    struct sim_slot *slot = sim_state_find(sim->state, domid);
    if (!slot || domid == 0)
        rc = sim_host_no_domain(domid, err);
    else if (slot->life != SIM_LIFE_ALIVE)
        rc = vdc_error_set(err, VDC_E_WRONG_STATE, "domain %u does not run",
                           domid);
    else
        sim_guest_stop(sim->state, slot, reason, sim_host_now_ms(sim));
    sim_host_end(sim);
    return rc;
}

int hv_sim_guest_words(struct hv *hv, uint32_t domid, const char *words,
                       struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);

    sim_host_begin(sim);
    struct sim_slot *slot = sim_state_find(sim->state, domid);
    if (slot)
        sim_guest_new_words(sim->state, slot, words, sim_host_now_ms(sim));
    sim_host_end(sim);
    return slot ? 0 : sim_host_no_domain(domid, err);
}

const char *hv_sim_store_dump(struct hv *hv, struct arena *arena)
{
    return sim_store_dump(sim_host_of(hv), arena);
}
