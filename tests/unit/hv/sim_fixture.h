/*
 * What the tests of the simulated host share: an open host with its loop, and
 * operations that are waited for.
 */
#ifndef TESTS_UNIT_HV_SIM_FIXTURE_H
#define TESTS_UNIT_HV_SIM_FIXTURE_H

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/sim/sim.h"
#include "tests/unit/unit.h"

#define FAST \
    "create_ms=0,destroy_ms=0,op_ms=0,attach_ms=0,save_ms=0,shutdown_ms=5"
#define MAX_EVENTS 4096

struct fixture {
    struct event_base *base;
    struct hv *hv;
    struct arena *arena;
    struct vdc_error err;
    /* The last answer. */
    int n_done;
    int rc;
    uint32_t domid;
    struct hv_event events[MAX_EVENTS];
    int n_events;
};

static inline void fixture_on_event(void *arg, const struct hv_event *event)
{
    struct fixture *f = arg;

    if (f->n_events < MAX_EVENTS)
        f->events[f->n_events++] = *event;
}

static inline int fixture_try(struct fixture *f, const char *options)
{
    memset(f, 0, sizeof(*f));
    f->base = event_base_new();
    f->arena = arena_new();
    int rc = hv_sim_open(options, f->base, &f->hv, &f->err);
    if (rc == 0) {
        f->hv->on_event = fixture_on_event;
        f->hv->on_event_arg = f;
    }
    return rc;
}

static inline void fixture_open(struct fixture *f, const char *options)
{
    CU_ASSERT_EQUAL_FATAL(fixture_try(f, options), 0);
}

static inline void fixture_close(struct fixture *f)
{
    hv_close(f->hv);
    event_base_free(f->base);
    arena_free(f->arena);
}

static inline void fixture_done(void *arg, int rc, const struct vdc_error *err)
{
    struct fixture *f = arg;

    f->n_done++;
    f->rc = rc;
    f->err = *err;
}

static inline void fixture_created(void *arg, int rc,
                                   const struct vdc_error *err, uint32_t domid)
{
    struct fixture *f = arg;

    fixture_done(f, rc, err);
    f->domid = domid;
}

static inline void fixture_stop(evutil_socket_t fd, short what, void *arg)
{
    *(bool *)arg = true;
}

/* Runs the loop until *counter is at least `want`, or for `ms`. */
static inline bool fixture_run(struct fixture *f, const int *counter, int want,
                               unsigned ms)
{
    bool stopped = false;
    struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };
    struct event *timer = evtimer_new(f->base, fixture_stop, &stopped);

    event_add(timer, &tv);
    while (!stopped && !(counter && *counter >= want))
        event_base_loop(f->base, EVLOOP_ONCE);
    event_free(timer);
    return counter && *counter >= want;
}

/* Waits for the answer of a call that returned rc. */
static inline int fixture_wait(struct fixture *f, int rc)
{
    if (rc)
        return rc;
    f->n_done = 0;
    if (!fixture_run(f, &f->n_done, 1, 10000)) {
        CU_FAIL("no answer");
        return VDC_E_TIMEOUT;
    }
    return f->rc;
}

/* An asynchronous operation on a domain, waited for. */
#define FIXTURE_WAIT(f, operation, ...)                           \
    fixture_wait((f),                                             \
                 (f)->hv->domain->operation((f)->hv, __VA_ARGS__, \
                                            fixture_done, (f), &(f)->err))

static inline struct hv_domain_config fixture_config(const char *name)
{
    struct hv_domain_config config = {
        .name = name,
        .type = HV_DOMAIN_PV,
        .kernel = "/proc/self/exe",
        .ramdisk = "",
        .cmdline = "",
        .bootloader = "",
        .memory = MEM_MIB(64),
        .max_memory = MEM_MIB(128),
        .vcpus = 1,
        .max_vcpus = 2,
    };

    uuid_random(&config.uuid);
    return config;
}

static inline int fixture_create_config(struct fixture *f,
                                        const struct hv_domain_config *config)
{
    return fixture_wait(
        f, f->hv->domain->create(f->hv, config, fixture_created, f, &f->err));
}

/* The domid, paused. */
static inline uint32_t fixture_create(struct fixture *f, const char *name,
                                      const char *cmdline)
{
    struct hv_domain_config config = fixture_config(name);

    config.cmdline = cmdline;
    int rc = fixture_create_config(f, &config);
    if (rc)
        printf("\n%s: %s\n", name, f->err.text);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    return f->domid;
}

static inline int fixture_unpause(struct fixture *f, uint32_t domid)
{
    return fixture_wait(
        f, f->hv->domain->unpause(f->hv, domid, fixture_done, f, &f->err));
}

static inline int fixture_destroy(struct fixture *f, uint32_t domid)
{
    return fixture_wait(
        f, f->hv->domain->destroy(f->hv, domid, fixture_done, f, &f->err));
}

static inline struct hv_domain_info fixture_info(struct fixture *f,
                                                 uint32_t domid)
{
    struct hv_domain_info info = { 0 };

    CU_ASSERT_EQUAL_FATAL(
        f->hv->domain->info(f->hv, domid, f->arena, &info, &f->err), 0);
    return info;
}

static inline uint64_t fixture_free_kib(struct fixture *f)
{
    struct hv_host_info info = { 0 };

    CU_ASSERT_EQUAL_FATAL(
        f->hv->domain->host_info(f->hv, f->arena, &info, &f->err), 0);
    return info.free_memory.kib;
}

static inline uint64_t fixture_boot_id(struct fixture *f)
{
    struct hv_host_info info = { 0 };

    CU_ASSERT_EQUAL_FATAL(
        f->hv->domain->host_info(f->hv, f->arena, &info, &f->err), 0);
    return info.boot_id;
}

static inline uint64_t fixture_reserved_kib(struct fixture *f)
{
    struct hv_host_info info = { 0 };

    CU_ASSERT_EQUAL_FATAL(
        f->hv->domain->host_info(f->hv, f->arena, &info, &f->err), 0);
    return info.reserved_memory.kib;
}

/* The domid of a guest that runs. */
static inline uint32_t fixture_start(struct fixture *f, const char *name,
                                     const char *cmdline)
{
    uint32_t domid = fixture_create(f, name, cmdline);

    CU_ASSERT_EQUAL(f->hv->domain->watch(f->hv, domid, &f->err), 0);
    CU_ASSERT_EQUAL(fixture_unpause(f, domid), 0);
    return domid;
}

/* Looks whether the guest has a device of this name. */
static inline bool fixture_device(struct fixture *f, uint32_t domid,
                                  const char *name, struct hv_device *ret)
{
    struct hv_device *devices;
    size_t n = 0;

    CU_ASSERT_EQUAL_FATAL(
        f->hv->domain->devices(f->hv, domid, f->arena, &devices, &n, &f->err),
        0);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(devices[i].name, name) == 0) {
            *ret = devices[i];
            return true;
        }
    }
    return false;
}

static inline size_t fixture_n_assignable(struct fixture *f)
{
    const char **bdfs;
    size_t n = 0;

    CU_ASSERT_EQUAL(
        f->hv->domain->pci_assignable(f->hv, f->arena, &bdfs, &n, &f->err), 0);
    return n;
}

static inline size_t fixture_n_domains(struct fixture *f)
{
    struct hv_domain_info *infos;
    size_t n = 0;

    CU_ASSERT_EQUAL_FATAL(
        f->hv->domain->list(f->hv, f->arena, &infos, &n, &f->err), 0);
    return n;
}

/* A name for a state file that is not there; to be removed by the test. */
static inline char *fixture_state_path(char *buf, size_t size)
{
    static int n;

    snprintf(buf, size, "/tmp/test-sim-%d-%d.state", (int)getpid(), n++);
    unlink(buf);
    return buf;
}

#endif
