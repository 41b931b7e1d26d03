/* The whole state of a simulated host and of the daemon on it as one text. */
#include "tests/sim/rd_state.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/savefile.h"

static const char *json(struct rd *rd, const struct wire_struct *s,
                        const void *body)
{
    struct json_out *out = json_out_new(false);

    wire_to_json(s, body, out);
    const char *text = arena_strdup(rd->arena, json_out_text(out, NULL));
    json_out_free(out);
    return text;
}

static const char *partition_state(struct rd *rd,
                                   const struct wire_partition *listed)
{
    struct wire_partition_ref ref;
    const void *body;

    if (!listed->managed)
        return listed->domid ? arena_printf(rd->arena, "foreign %s\n",
                                            listed->xen_name)
                             : "";
    wire_init(&wire_struct_partition_ref, &ref);
    ref.uuid = listed->uuid;
    if (rd_call(rd, WIRE_MSG_partition_show, &ref, &body, NULL))
        return "a partition cannot be shown\n";
    struct wire_partition_reply reply =
        *(const struct wire_partition_reply *)body;
    struct wire_partition *p = &reply.partition;
    p->created_ms = p->started_ms = p->stopped_ms = p->cpu_time_ns = 0;
    p->sampled_ms = 0;
    p->domid = p->domid != 0;
    p->last_stop = "";
    return arena_printf(rd->arena, "%s\n%s\n%s\n",
                        json(rd, &wire_struct_partition, p),
                        json(rd, &wire_struct_definition, &reply.definition),
                        json(rd, &wire_struct_definition, &reply.live));
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *join_sorted(struct rd *rd, const char **texts, size_t n)
{
    const char *all = "";

    qsort(texts, n, sizeof(*texts), compare_text);
    for (size_t i = 0; i < n; i++)
        all = arena_printf(rd->arena, "%s%s", all, texts[i]);
    return all;
}

/* ---- the domains in Xen ---- */

static const char *devices_of(struct rd *rd, uint32_t domid)
{
    struct hv *hv = rd_host(rd);
    struct hv_device *devices;
    const char *all = "";
    size_t n = 0;

    if (hv->domain->devices(hv, domid, rd->arena, &devices, &n, NULL))
        return " no devices";
    for (size_t i = 0; i < n; i++)
        all = arena_printf(rd->arena, "%s %s=%s:%d:%d", all, devices[i].name,
                           devices[i].target, (int)devices[i].state,
                           devices[i].readonly);
    return all;
}

static const char *vcpus_of(struct rd *rd, uint32_t domid)
{
    struct hv *hv = rd_host(rd);
    struct hv_sched sched = { 0 };
    struct hv_vcpu *vcpus;
    const char *all;
    size_t n = 0;

    hv->domain->sched(hv, domid, &sched, NULL);
    all = arena_printf(rd->arena, "weight %u cap %u", sched.weight,
                       sched.cap);
    if (hv->domain->vcpus(hv, domid, rd->arena, &vcpus, &n, NULL))
        return all;
    for (size_t i = 0; i < n; i++)
        all = arena_printf(rd->arena, "%s %d:%s/%s", all, vcpus[i].online,
                           vcpus[i].cpus, vcpus[i].cpus_soft);
    return all;
}

static const char *domain_state(struct rd *rd,
                                const struct hv_domain_info *info)
{
    struct hv *hv = rd_host(rd);
    struct mem target = { 0 };

    hv->domain->memory_target(hv, info->domid, &target, NULL);
    return arena_printf(
        rd->arena, "domain %s: %llu of %llu target %llu, %s%s%s, %s,%s\n",
        info->name, (unsigned long long)info->current_memory.kib,
        (unsigned long long)info->max_memory.kib,
        (unsigned long long)target.kib, info->paused ? "paused" : "runs",
        info->shutdown ? " shut down" : "", info->dying ? " dying" : "",
        vcpus_of(rd, info->domid), devices_of(rd, info->domid));
}

/* Its balloon may be on its way. */
static const char *dom0_state(struct rd *rd)
{
    struct hv *hv = rd_host(rd);
    struct mem target = { 0 };

    hv->domain->memory_target(hv, 0, &target, NULL);
    return arena_printf(rd->arena, "dom0: target %llu\n",
                        (unsigned long long)target.kib);
}

static const char *xen_state(struct rd *rd)
{
    struct hv *hv = rd_host(rd);
    struct hv_domain_info *domains;
    size_t n = 0;

    CU_ASSERT_EQUAL(hv->domain->list(hv, rd->arena, &domains, &n, NULL), 0);
    const char **texts = ARENA_ARRAY(rd->arena, n + 1, const char *);
    size_t n_texts = 0;
    for (size_t i = 0; i < n; i++)
        texts[n_texts++] = domains[i].domid
                               ? domain_state(rd, &domains[i])
                               : dom0_state(rd);
    return join_sorted(rd, texts, n_texts);
}

/* ---- resources ---- */

static const char *resource_state(struct rd *rd)
{
    struct wire_resource_query query;
    const void *body;

    wire_init(&wire_struct_resource_query, &query);
    if (rd_call(rd, WIRE_MSG_resource_list, &query, &body, NULL))
        return "";
    const struct wire_resource_list *list = body;
    const char **texts =
        ARENA_ARRAY(rd->arena, list->n_resources + 1, const char *);
    size_t n = 0;
    for (uint32_t i = 0; i < list->n_resources; i++) {
        struct wire_resource row = list->resources[i];
        /* Made anew with each domain. */
        if (row.kind == WIRE_RESOURCE_DOMID)
            row.amount = 0, row.name = "";
        row.index = row.since_ms = row.generation = 0;
        row.used = -1;
        texts[n++] = arena_printf(
            rd->arena, "%s\n", json(rd, &wire_struct_resource, &row));
    }
    return join_sorted(rd, texts, n);
}

static const char *lease_state(struct rd *rd)
{
    struct wire_lease_ref ref;
    const void *body;

    wire_init(&wire_struct_lease_ref, &ref);
    if (rd_call(rd, WIRE_MSG_lease_list, &ref, &body, NULL))
        return "";
    const struct wire_lease_list *list = body;
    const char *all = "";
    for (uint32_t i = 0; i < list->n_leases; i++) {
        struct wire_lease lease = list->leases[i];
        lease.expires_ms = lease.created_ms = 0;
        all = arena_printf(rd->arena, "%s%s\n", all,
                           json(rd, &wire_struct_lease, &lease));
    }
    return all;
}

static const char *saved_state(struct rd *rd)
{
    struct savefile_head head;
    int fd = open(rd_path(rd, "guest.save"), O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return "";
    int rc = savefile_read(fd, &head, NULL);
    close(fd);
    return rc                              ? "something in place of a save\n"
           : head.saved_ms == RD_OLD_SAVE_MS ? "an old state of a guest\n"
                                             : "a saved guest\n";
}

const char *rd_state(struct rd *rd)
{
    const struct wire_partition_list *list = rd_list(rd, true);

    if (!list)
        return NULL;
    const char **texts =
        ARENA_ARRAY(rd->arena, list->n_partitions + 1, const char *);
    for (uint32_t i = 0; i < list->n_partitions; i++)
        texts[i] = partition_state(rd, &list->partitions[i]);
    bool has_part = access(rd_path(rd, "guest.save.partial"), F_OK) == 0;
    return arena_printf(rd->arena, "%s%s%s%s%s%s",
                        join_sorted(rd, texts, list->n_partitions),
                        xen_state(rd), resource_state(rd), lease_state(rd),
                        saved_state(rd),
                        has_part ? "half of a saved guest\n" : "");
}

static int at_most(const char *line)
{
    size_t n = strcspn(line, "\n");

    return n < 160 ? (int)n : 160;
}

const char *rd_state_difference(struct rd *rd, const char *a, const char *b)
{
    while (*a && *b) {
        size_t n_a = strcspn(a, "\n"), n_b = strcspn(b, "\n");
        if (n_a != n_b || strncmp(a, b, n_a) != 0)
            break;
        a += n_a + (a[n_a] == '\n');
        b += n_b + (b[n_b] == '\n');
    }
    /* Of long lines, a little before where they part. */
    size_t same = 0;
    while (a[same] && a[same] == b[same] && a[same] != '\n')
        same++;
    same -= same > 60 ? 60 : same;
    return arena_printf(rd->arena, "\n      is  %.*s\n      not %.*s",
                        at_most(a + same), a + same, at_most(b + same),
                        b + same);
}

/* ---- what outlives the process ---- */

static void copy_all(struct rd *rd, const char *command)
{
    hv_close(rd->hv);
    rd->hv = NULL;
    if (system(command)) {
        perror(command);
        exit(99);
    }
}

void rd_save(struct rd *rd)
{
    copy_all(rd, arena_printf(rd->arena,
                              "cd %s && rm -rf saved && mkdir saved && "
                              "for f in *; do case $f in saved|log|sock) ;; "
                              "*) cp -r $f saved/ ;; esac; done",
                              rd->dir));
}

void rd_restore(struct rd *rd)
{
    copy_all(rd, arena_printf(rd->arena,
                              "cd %s && for f in *; do case $f in saved|log) "
                              ";; *) rm -rf $f ;; esac; done; "
                              "cp -r saved/. . && : > log",
                              rd->dir));
}
