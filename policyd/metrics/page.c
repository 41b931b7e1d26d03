/*
 * Writes policyd's metrics; see page.h.
 */
#include "policyd/metrics/page.h"

#include <event2/buffer.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/metrics_server.h"
#include "policyd/api/operations.h"
#include "policyd/fence/restart.h"
#include "policyd/fence/watch.h"
#include "policyd/hosts/backups.h"
#include "policyd/metrics/census.h"
#include "policyd/metrics/expiry.h"
#include "policyd/metrics/metrics.h"

struct metrics_page {
    const struct setup *setup;
    struct operations *ops; /* NULL: standing by */
    struct metrics_server *http;
    struct metrics_process *process;
    struct census_run *census; /* that is being made; or NULL */
};

static double bytes(struct mem mem)
{
    return (double)mem.kib * 1024;
}

static void write_census(const struct census *census, struct evbuffer *out)
{
    static const char hosts[] = "xen_vdc_hosts";
    static const char guests[] = "xen_vdc_guests";

    metrics_family(out, hosts, METRICS_GAUGE,
                   "Hosts, by state; down: one that should answer does not.");
    for (int i = 0; i < CENSUS_HOSTS; i++)
        metrics_value(out, hosts, census->hosts[i], "state",
                      census_host_word((enum census_host)i), NULL);
    metrics_family(out, guests, METRICS_GAUGE,
                   "Guests of all customers, by state; missing: its host does "
                   "not know it; unknown: its host does not answer.");
    for (int i = 0; i < CENSUS_GUESTS; i++)
        metrics_value(out, guests, census->guests[i], "state",
                      census_guest_word((enum census_guest)i), NULL);
    metrics_one(out, "xen_vdc_memory_total_bytes", METRICS_GAUGE,
                "Memory of the hosts that answer.",
                bytes(census->total_memory));
    metrics_one(out, "xen_vdc_memory_available_bytes", METRICS_GAUGE,
                "Of it, what more guests can have, as hosts said last.",
                bytes(census->available_memory));
    metrics_one(out, "xen_vdc_pcpus", METRICS_GAUGE,
                "Physical CPUs of the hosts that answer.",
                (double)census->pcpus);
    metrics_one(out, "xen_vdc_running_vcpus", METRICS_GAUGE,
                "vCPUs of guests that run there.", (double)census->vcpus);
}

static void write_backups(const struct operations *ops, struct evbuffer *out)
{
    uint32_t n_protected, n_without;

    backups_found(ops->backups, &n_protected, &n_without);
    metrics_one(out, "xen_vdc_protected_guests", METRICS_GAUGE,
                "Protected guests that run.", n_protected);
    metrics_one(out, "xen_vdc_protected_guests_without_backup", METRICS_GAUGE,
                "Of them, those that would not come back if their host died: "
                "no other has the room.", n_without);
}

static void write_fencing(const struct operations *ops, struct evbuffer *out)
{
    struct restarts_counts restarts;
    struct watch_counts watch;

    watch_count(ops->watch, &watch);
    restarts_count(ops->restarts, &restarts);
    metrics_one(out, "xen_vdc_fence_members", METRICS_GAUGE,
                "Hosts that take part in fencing; with fewer than 3 nobody is "
                "fenced by itself.", watch.n_members);
    metrics_one(out, "xen_vdc_fence_members_armed", METRICS_GAUGE,
                "Of them, those whose watchdog is armed.", watch.n_armed);
    metrics_one(out, "xen_vdc_fence_members_telling", METRICS_GAUGE,
                "Of them, those whose watchdogd answers policyd.",
                watch.n_telling);
    metrics_one(out, "xen_vdc_hosts_fenced", METRICS_GAUGE,
                "Hosts that are off for sure.", restarts.n_hosts);
    metrics_one(out, "xen_vdc_guests_to_restart", METRICS_GAUGE,
                "Protected guests of such hosts that do not run elsewhere "
                "yet.", restarts.n_waiting);
    metrics_one(out, "xen_vdc_guests_restarted_total", METRICS_COUNTER,
                "Guests of such hosts that were started elsewhere.",
                (double)restarts.n_restarted);
    metrics_one(out, "xen_vdc_guest_restarts_failed_total", METRICS_COUNTER,
                "Times that a host refused one.", (double)restarts.n_failed);
}

static void write_store(const struct operations *ops, struct evbuffer *out)
{
    static const char name[] = "xen_vdc_store_commit_seconds";
    struct store *store = book_store(ops->book);
    struct metrics_timing commits;
    struct vdc_error why;
    uint64_t n_refused;

    store_commits(store, &commits, &n_refused);
    metrics_one(out, "xen_vdc_store_up", METRICS_GAUGE,
                "1 when the data center's store takes changes.",
                store_up(store, &why));
    metrics_family(out, name, METRICS_SUMMARY,
                   "Changes that the store has, and how long each took until "
                   "it was durable, its turn included.");
    metrics_timing(out, name, &commits, NULL);
    metrics_one(out, "xen_vdc_store_commits_refused_total", METRICS_COUNTER,
                "Changes that were taken back, as the store refused them.",
                (double)n_refused);
}

static void write_moves(const struct operations *ops, struct evbuffer *out)
{
    static const char name[] = "xen_vdc_moves";
    const struct wire_stored_move *move = NULL;
    unsigned counts[WIRE_MOVE_NOT_BEGUN + 1] = { 0 };

    while ((move = book_move_after(ops->book, move)))
        counts[move->state]++;
    metrics_family(out, name, METRICS_GAUGE,
                   "Moves of guests that have not ended, by state; kept: what "
                   "the guest was doing is in a file.");
    for (int i = WIRE_MOVE_LEAVING; i <= WIRE_MOVE_KEPT; i++)
        metrics_value(out, name, counts[i], "state",
                      wire_enum_word(&wire_enum_move_state, i), NULL);
}

static void write_expiry(void *arg, const char *name, uint64_t to_ms)
{
    metrics_value(arg, "xen_vdc_certificate_expiry_timestamp_seconds",
                  (double)to_ms / 1000, "certificate", name, NULL);
}

static void write_certificates(const struct operations *ops,
                               struct evbuffer *out)
{
    metrics_family(out, "xen_vdc_certificate_expiry_timestamp_seconds",
                   METRICS_GAUGE,
                   "Until when certificates are good, seconds since 1970: of "
                   "hosts, of the authority, policyd's for hosts, and that of "
                   "tls_address.");
    expiry_each(ops, write_expiry, out);
}

/* ---- customers ---- */

static double used_memory(const struct census_customer *c)
{
    return bytes(c->memory);
}

static double used_vcpus(const struct census_customer *c)
{
    return (double)c->vcpus;
}

static double used_disk(const struct census_customer *c)
{
    return bytes(c->disk);
}

static double used_guests(const struct census_customer *c)
{
    return (double)c->guests;
}

/* Less than 0: there is no limit. */
static double memory_quota(const struct census_customer *c)
{
    return (double)c->customer->quota.memory_kib * 1024;
}

static double vcpus_quota(const struct census_customer *c)
{
    return (double)c->customer->quota.vcpus;
}

static double disk_quota(const struct census_customer *c)
{
    return (double)c->customer->quota.disk_kib * 1024;
}

static double guests_quota(const struct census_customer *c)
{
    return (double)c->customer->quota.guests;
}

static const struct {
    const char *name, *help;
    double (*value)(const struct census_customer *c);
} customer_families[] = {
    { "xen_vdc_customer_memory_bytes",
      "Memory of a customer's guests, as quotas count it, its projects' not "
      "included.", used_memory },
    { "xen_vdc_customer_memory_quota_bytes",
      "The most that it may have, where there is a limit.", memory_quota },
    { "xen_vdc_customer_vcpus", "vCPUs of a customer's guests.", used_vcpus },
    { "xen_vdc_customer_vcpus_quota",
      "The most that it may have, where there is a limit.", vcpus_quota },
    { "xen_vdc_customer_disk_bytes",
      "Disks of a customer's guests that they may write.", used_disk },
    { "xen_vdc_customer_disk_quota_bytes",
      "The most that it may have, where there is a limit.", disk_quota },
    { "xen_vdc_customer_guests", "Guests of a customer.", used_guests },
    { "xen_vdc_customer_guests_quota",
      "The most that it may have, where there is a limit.", guests_quota },
};

static void write_customers(const struct census_customer *customers, size_t n,
                            struct evbuffer *out)
{
    for (size_t i = 0;
         i < sizeof(customer_families) / sizeof(customer_families[0]); i++) {
        const char *name = customer_families[i].name;
        metrics_family(out, name, METRICS_GAUGE, customer_families[i].help);
        for (size_t j = 0; j < n; j++) {
            double value = customer_families[i].value(&customers[j]);
            if (value >= 0)
                metrics_value(out, name, value, "customer",
                              customers[j].customer->name, NULL);
        }
    }
}

/* ---- the page ---- */

static void begin_page(const struct metrics_page *page, struct evbuffer *out)
{
    metrics_process_write(page->process, out);
    metrics_one(out, "xen_vdc_leader", METRICS_GAUGE,
                "1 of the policyd that leads, 0 of one that stands by.",
                page->ops != NULL);
}

static void counted(void *arg, const struct census *census,
                    const struct census_customer *customers, size_t n)
{
    struct metrics_page *page = arg;
    struct evbuffer *out = evbuffer_new();
    uint64_t begun_us = metrics_cpu_us();

    page->census = NULL;
    begin_page(page, out);
    write_census(census, out);
    write_backups(page->ops, out);
    write_fencing(page->ops, out);
    write_store(page->ops, out);
    metrics_write_counts(page->ops->metrics, out);
    write_moves(page->ops, out);
    write_certificates(page->ops, out);
    write_customers(customers, n, out);
    uint64_t took_us = metrics_cpu_us() - begun_us;
    metrics_one(out, "xen_vdc_page_pause_seconds", METRICS_GAUGE,
                "CPU time of the longest piece of making this page, in which "
                "nothing else was done.",
                (double)(took_us > census->longest_us ? took_us
                                                      : census->longest_us) /
                    1e6);
    metrics_server_answer(page->http, out, NULL);
    evbuffer_free(out);
}

static void collect(void *arg, struct metrics_server *server)
{
    struct metrics_page *page = arg;
    struct evbuffer *out;

    if (page->ops) {
        page->census = census_begin(page->ops, counted, page);
        return;
    }
    out = evbuffer_new();
    begin_page(page, out);
    metrics_server_answer(server, out, NULL);
    evbuffer_free(out);
}

int metrics_page_new(struct event_base *base, const struct setup *setup,
                     struct operations *ops, struct metrics_page **ret,
                     struct vdc_error *err)
{
    struct metrics_page *page;
    int rc;

    *ret = NULL;
    if (!*setup->metrics_address)
        return 0;
    page = XNEW(struct metrics_page);
    page->setup = setup;
    page->ops = ops;
    rc = metrics_server_new(base, setup->metrics_address, collect, page,
                            &page->http, err);
    if (rc) {
        free(page);
        if (rc == VDC_E_BAD_VALUE)
            return rc;
        log_error("there are no metrics: %s", err->text);
        return 0;
    }
    page->process = metrics_process_new(base, "policyd", PACKAGE_VERSION);
    *ret = page;
    return 0;
}

void metrics_page_free(struct metrics_page *page)
{
    if (!page)
        return;
    census_cancel(page->census);
    metrics_server_free(page->http);
    metrics_process_free(page->process);
    free(page);
}
