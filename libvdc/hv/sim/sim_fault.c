/*
 * Faults on demand, by countdown.
 */
#include "hv/sim/sim_fault.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const call_names[SIM_N_CALLS] = {
#define SIM_CALL(name, asynchronous) #name,
#include "hv/sim/sim_calls.def"
#undef SIM_CALL
};

static const bool call_is_asynchronous[SIM_N_CALLS] = {
#define SIM_CALL(name, asynchronous) asynchronous,
#include "hv/sim/sim_calls.def"
#undef SIM_CALL
};

static const char *const kind_names[] = {
    [SIM_FAULT_FAIL] = "fail",
    [SIM_FAULT_REFUSE] = "refuse",
    [SIM_FAULT_HANG] = "hang",
    [SIM_FAULT_HANG_AFTER] = "hang-after",
    [SIM_FAULT_CRASH_BEFORE] = "crash-before",
    [SIM_FAULT_CRASH_AFTER] = "crash-after",
};

#define KIND_LIST "fail, refuse, hang, hang-after, crash-before, crash-after"

const char *sim_fault_call_name(enum sim_call call)
{
    return call_names[call];
}

static int parse_kind(const char *text, size_t len, enum sim_fault_kind *ret)
{
    for (size_t i = SIM_FAULT_FAIL; i <= SIM_FAULT_CRASH_AFTER; i++) {
        if (strlen(kind_names[i]) == len &&
            memcmp(kind_names[i], text, len) == 0) {
            *ret = (enum sim_fault_kind)i;
            return 0;
        }
    }
    return -1;
}

static int parse_call(const char *text, size_t len, int *ret)
{
    if (len == 1 && *text == '*') {
        *ret = -1;
        return 0;
    }
    for (int i = 0; i < SIM_N_CALLS; i++) {
        if (strlen(call_names[i]) == len &&
            memcmp(call_names[i], text, len) == 0) {
            *ret = i;
            return 0;
        }
    }
    return -1;
}

static int call_names_error(const char *text, size_t len,
                            struct vdc_error *err)
{
    char names[1024] = "*";

    for (size_t i = 0; i < SIM_N_CALLS; i++) {
        strncat(names, ", ", sizeof(names) - strlen(names) - 1);
        strncat(names, call_names[i], sizeof(names) - strlen(names) - 1);
    }
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "fault: no operation \"%.*s\" (allowed: %s)",
                         (int)len, text, names);
}

static int parse_one(const char *text, size_t len, struct sim_fault *ret,
                     struct vdc_error *err)
{
    const char *end = text + len;
    const char *call = memchr(text, ':', len);
    const char *k =
        call ? memchr(call + 1, ':', (size_t)(end - call - 1)) : NULL;
    char *rest;

    if (!k)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "fault \"%.*s\": want KIND:CALL:K, as in "
                             "\"fail:create:1\"",
                             (int)len, text);
    if (parse_kind(text, (size_t)(call - text), &ret->kind) != 0)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "fault: no kind \"%.*s\" (allowed: " KIND_LIST
                             ")",
                             (int)(call - text), text);
    call++;
    if (parse_call(call, (size_t)(k - call), &ret->call) != 0)
        return call_names_error(call, (size_t)(k - call), err);
    k++;
    errno = 0;
    ret->k = strtoull(k, &rest, 10);
    if (rest == k || rest != end || *k == '-' || errno || ret->k == 0)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "fault \"%.*s\": the count must be a number "
                             "from 1",
                             (int)len, text);
    return 0;
}

int sim_fault_parse(const char *spec, struct sim_faults *ret,
                    struct vdc_error *err)
{
    struct sim_faults faults = { 0 };

    for (const char *p = spec ? spec : ""; *p;) {
        size_t len = strcspn(p, ";");
        if (faults.n == SIM_FAULTS_MAX)
            return vdc_error_set(err, VDC_E_BAD_VALUE, "more than %u faults",
                                 SIM_FAULTS_MAX);
        if (len > 0) {
            int rc = parse_one(p, len, &faults.list[faults.n], err);
            if (rc)
                return rc;
            faults.n++;
        }
        p += len + (p[len] == ';');
    }
    *ret = faults;
    return 0;
}

static bool hits(const struct sim_fault *fault, enum sim_call call,
                 uint64_t n_of_call, uint64_t n_of_all)
{
    if (fault->call < 0)
        return fault->k == n_of_all;
    return fault->call == (int)call && fault->k == n_of_call;
}

enum sim_fault_kind sim_fault_count_call(const struct sim_faults *faults,
                                         struct sim_state *state,
                                         enum sim_call call)
{
    uint64_t n_of_all = ++state->n_calls, n = ++state->calls[call];

    for (size_t i = 0; i < faults->n; i++) {
        const struct sim_fault *fault = &faults->list[i];
        if (fault->kind < SIM_FAULT_CRASH_BEFORE &&
            hits(fault, call, n, n_of_all))
            /* What has no answer to come cannot keep it back. */
            return call_is_asynchronous[call] ? fault->kind : SIM_FAULT_FAIL;
    }
    return SIM_FAULT_NONE;
}

enum sim_fault_kind sim_fault_count_effect(const struct sim_faults *faults,
                                           struct sim_state *state,
                                           enum sim_call call)
{
    uint64_t n_of_all = ++state->all_effects, n = ++state->effects[call];

    state->n_effects++;
    for (size_t i = 0; i < faults->n; i++) {
        const struct sim_fault *fault = &faults->list[i];
        if (fault->kind >= SIM_FAULT_CRASH_BEFORE &&
            hits(fault, call, n, n_of_all))
            return fault->kind;
    }
    return SIM_FAULT_NONE;
}

void sim_fault_die(void)
{
    kill(getpid(), SIGKILL);
    _exit(137);
}
