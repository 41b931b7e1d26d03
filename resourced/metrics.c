/*
 * What this host tells Prometheus: from the snapshot of live.h and from
 * memory, so that whoever comes often costs no more of Xen than `xl-vdc list`
 * does.  See metrics.h.
 */
#include "resourced/metrics.h"

#include <event2/buffer.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/metrics_server.h"
#include "resourced/host.h"
#include "resourced/live.h"
#include "resourced/server.h"
#include "resourced/view.h"

struct metrics {
    struct host *host;
    const struct server *server;
    struct metrics_server *http;
    struct metrics_process *process;
};

/* ---- counting ---- */

void metrics_transaction_ended(const struct transaction *t, int rc)
{
    struct metrics_counts *counts = &t->host->counts;
    enum metrics_end end = METRICS_FAILED;

    if (t->request.dry_run || t->request.recall || t->answer)
        return;
    if (t->state == TRANSACTION_COMMITTED)
        end = METRICS_COMMITTED;
    else if (t->state == TRANSACTION_UNDONE)
        end = METRICS_UNDONE;
    metrics_timing_add(&counts->transactions[end], t->begun_us);
    if (rc && -rc > 0 && -rc < METRICS_ERRORS)
        counts->errors[-rc]++;
}

/* ---- the page ---- */

static double bytes(struct mem mem)
{
    return (double)mem.kib * 1024;
}

static void write_memory(const struct hv_host_info *info,
                         struct evbuffer *out)
{
    static const char name[] = "xen_vdc_host_memory_bytes";

    metrics_family(out, name, METRICS_GAUGE,
                   "Memory of the host: of the machine (total), that Xen has "
                   "free (free), claimed for leases (reserved), of dom0.");
    metrics_value(out, name, bytes(info->total_memory), "kind", "total", NULL);
    metrics_value(out, name, bytes(info->free_memory), "kind", "free", NULL);
    metrics_value(out, name, bytes(info->reserved_memory), "kind", "reserved",
                  NULL);
    metrics_value(out, name, bytes(info->dom0_memory), "kind", "dom0", NULL);
}

static void write_host(const struct metrics *metrics, struct evbuffer *out)
{
    const struct hv_host_info *info = &live_now(metrics->host->live)->host;
    static const char name[] = "xen_vdc_host_info";

    metrics_family(out, name, METRICS_GAUGE,
                   "Always 1; the host's name and hypervisor in the labels.");
    metrics_value(out, name, 1, "host", metrics->host->name, "hypervisor",
                  info->hypervisor, NULL);
    metrics_one(out, "xen_vdc_host_pcpus", METRICS_GAUGE,
                "Physical CPUs of the host.", info->pcpus);
    write_memory(info, out);
    metrics_one(out, "xen_vdc_host_database_damaged", METRICS_GAUGE,
                "1 when the database is damaged, and nothing is done but to "
                "tell so.", metrics->host->damage.code != 0);
    metrics_one(out, "xen_vdc_connections", METRICS_GAUGE,
                "Connections that may command this host.",
                server_connections(metrics->server));
}

static void write_transactions(const struct host *host, struct evbuffer *out)
{
    static const char *const ends[METRICS_ENDS] = {
        [METRICS_COMMITTED] = "committed",
        [METRICS_UNDONE] = "undone",
        [METRICS_FAILED] = "failed",
    };
    static const char seconds[] = "xen_vdc_transaction_seconds";
    static const char errors[] = "xen_vdc_transaction_errors_total";
    const struct metrics_counts *counts = &host->counts;
    const struct transaction *t;
    unsigned n_open = 0;

    metrics_family(out, seconds, METRICS_SUMMARY,
                   "Transactions by how they ended, and how long they took: "
                   "failed ones had touched nothing.");
    for (int i = 0; i < METRICS_ENDS; i++)
        metrics_timing(out, seconds, &counts->transactions[i], "result",
                       ends[i], NULL);
    metrics_family(out, errors, METRICS_COUNTER,
                   "Transactions that did not succeed, by error.");
    for (int i = 1; i < METRICS_ERRORS; i++)
        if (counts->errors[i])
            metrics_value(out, errors, (double)counts->errors[i], "error",
                          vdc_error_name(-i), NULL);
    TAILQ_FOREACH (t, &host->transactions, link)
        n_open++;
    metrics_one(out, "xen_vdc_transactions_open", METRICS_GAUGE,
                "Transactions that are queued or under way.", n_open);
    metrics_one(out, "xen_vdc_hypervisor_read_errors_total", METRICS_COUNTER,
                "Times that the hypervisor could not be asked for the host "
                "and its domains.", (double)counts->looks_failed);
}

static void write_store(const struct host *host, struct evbuffer *out)
{
    static const char name[] = "xen_vdc_database_commit_seconds";
    struct metrics_timing commits = { 0 };

    if (host->store)
        store_commits(host->store, &commits.n, &commits.us);
    metrics_family(out, name, METRICS_SUMMARY,
                   "Commits of the host's database, and how long the disk "
                   "took for them.");
    metrics_timing(out, name, &commits, NULL);
}

/* ---- guests ---- */

/* Of each family all samples, one after the other. */
static void write_each(const struct wire_partition *guests, uint32_t n,
                       const char *name, enum metrics_type type,
                       const char *help,
                       double (*value)(const struct wire_partition *guest),
                       struct evbuffer *out)
{
    char uuid[UUID_TEXT_SIZE];

    metrics_family(out, name, type, help);
    for (uint32_t i = 0; i < n; i++) {
        const struct wire_partition *p = &guests[i];
        if (!p->domid)
            continue;
        uuid_format(&p->uuid, uuid);
        metrics_value(out, name, value(p), "customer", p->customer, "guest",
                      p->name, "uuid", uuid, NULL);
    }
}

static double memory_of(const struct wire_partition *guest)
{
    return bytes(guest->memory);
}

static double vcpus_of(const struct wire_partition *guest)
{
    return guest->vcpus;
}

static double cpu_of(const struct wire_partition *guest)
{
    return (double)guest->cpu_time_ns / 1e9;
}

static void write_states(const struct wire_partition *guests, uint32_t n,
                         struct evbuffer *out)
{
    static const char name[] = "xen_vdc_host_guests";
    unsigned counts[WIRE_MOVING + 1] = { 0 };

    for (uint32_t i = 0; i < n; i++)
        counts[guests[i].state]++;
    metrics_family(out, name, METRICS_GAUGE,
                   "Guests that this host remembers, by state.");
    for (int i = 0; i <= WIRE_PRESERVED; i++)
        metrics_value(out, name, counts[i], "state",
                      wire_enum_word(&wire_enum_partition_state, i), NULL);
}

static void write_guests(const struct host *host, struct arena *arena,
                         struct evbuffer *out)
{
    struct wire_partition *guests = ARENA_ARRAY(
        arena, host->partitions.n_partitions + 1, struct wire_partition);
    const struct partition *partition;
    uint32_t n = 0;

    TAILQ_FOREACH (partition, &host->partitions.all, in_all)
        view_partition_read(host, partition, arena, &guests[n++]);
    write_states(guests, n, out);
    write_each(guests, n, "xen_vdc_guest_memory_bytes", METRICS_GAUGE,
               "Memory that a guest's domain has now.", memory_of, out);
    write_each(guests, n, "xen_vdc_guest_vcpus", METRICS_GAUGE,
               "vCPUs of a guest that are online.", vcpus_of, out);
    write_each(guests, n, "xen_vdc_guest_cpu_seconds_total", METRICS_COUNTER,
               "CPU time of all vCPUs of a guest since its domain was built.",
               cpu_of, out);
}

static void looked(void *arg, int rc, const struct vdc_error *err)
{
    struct metrics *metrics = arg;
    struct evbuffer *out = evbuffer_new();
    struct arena *arena = arena_new();

    if (!rc) {
        metrics_process_write(metrics->process, out);
        write_host(metrics, out);
        write_transactions(metrics->host, out);
        write_store(metrics->host, out);
        write_guests(metrics->host, arena, out);
    }
    metrics_server_answer(metrics->http, out, rc ? err : NULL);
    arena_free(arena);
    evbuffer_free(out);
}

static void collect(void *arg, struct metrics_server *server)
{
    struct metrics *metrics = arg;

    live_read(metrics->host->live, looked, metrics);
}

/* ---- beginning and end ---- */

int metrics_start(struct host *host, const struct server *server,
                  struct metrics **ret, struct vdc_error *err)
{
    const char *address = host->settings->metrics_address;
    struct metrics *metrics;
    int rc;

    *ret = NULL;
    if (!*address)
        return 0;
    metrics = XNEW(struct metrics);
    metrics->host = host;
    metrics->server = server;
    rc = metrics_server_new(host->base, address, collect, metrics,
                            &metrics->http, err);
    if (rc) {
        free(metrics);
        if (rc == VDC_E_BAD_VALUE)
            return rc;
        log_error("there are no metrics: %s", err->text);
        return 0;
    }
    metrics->process =
        metrics_process_new(host->base, "resourced", PACKAGE_VERSION);
    *ret = metrics;
    return 0;
}

void metrics_stop(struct metrics *metrics)
{
    if (!metrics)
        return;
    metrics_server_free(metrics->http);
    metrics_process_free(metrics->process);
    free(metrics);
}
