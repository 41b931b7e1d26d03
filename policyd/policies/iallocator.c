/*
 * Asking a program that speaks Ganeti's iallocator protocol; see
 * iallocator.h.
 */
#include "policyd/policies/iallocator.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define KIB_A_MIB 1024
/* The one node group that all hosts are in. */
#define GROUP "hosts"
/* No limit, in a policy for sizes: htools wants one. */
#define NO_LIMIT (INT64_C(1) << 40)

static uint64_t mib_up(uint64_t kib)
{
    return (kib + KIB_A_MIB - 1) / KIB_A_MIB;
}

static void put_number(struct json_out *out, const char *key, uint64_t n)
{
    json_out_key(out, key);
    json_out_u64(out, n);
}

static void put_text(struct json_out *out, const char *key, const char *text)
{
    json_out_key(out, key);
    json_out_string(out, text);
}

static void put_bool(struct json_out *out, const char *key, bool b)
{
    json_out_key(out, key);
    json_out_bool(out, b);
}

static void put_words(struct json_out *out, const char *key,
                      const char *const *words, size_t n)
{
    json_out_key(out, key);
    json_out_array(out);
    for (size_t i = 0; i < n; i++)
        json_out_string(out, words[i]);
    json_out_array_end(out);
}

/* ---- what is the same in each ---- */

static void write_sizes(struct json_out *out, const char *key, int64_t n)
{
    static const char *const names[] = { "memory-size", "cpu-count",
                                         "disk-size",   "disk-count",
                                         "nic-count",   "spindle-use" };

    json_out_key(out, key);
    json_out_object(out);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        json_out_key(out, names[i]);
        json_out_i64(out, n);
    }
    json_out_object_end(out);
}

/* vCPUs for each CPU, where that is limited. */
static double ratio_of(const struct placement_view *view)
{
    for (uint32_t i = 0; i < placement_view_n_hosts(view); i++) {
        const struct placement_host *host = placement_view_host(view, i);
        uint64_t most = placement_view_use(view, i)->vcpus_most;
        if (host->name && host->pcpus && most != UINT64_MAX)
            return (double)most / host->pcpus;
    }
    return 65535;
}

/* Any size; limits are ours to hold. */
static void write_ipolicy(struct json_out *out, double ratio)
{
    static const char *const templates[] = { "plain", "diskless" };

    json_out_key(out, "ipolicy");
    json_out_object(out);
    write_sizes(out, "std", 1);
    json_out_key(out, "minmax");
    json_out_array(out);
    json_out_object(out);
    write_sizes(out, "min", 0);
    write_sizes(out, "max", NO_LIMIT);
    json_out_object_end(out);
    json_out_array_end(out);
    put_words(out, "disk-templates", templates, 2);
    json_out_key(out, "vcpu-ratio");
    json_out_double(out, ratio);
    json_out_key(out, "spindle-ratio");
    json_out_double(out, 65535);
    json_out_object_end(out);
}

static void write_cluster(struct json_out *out, double ratio)
{
    static const char *const hypervisors[] = { "xen-pvm" };

    put_number(out, "version", 2);
    put_text(out, "cluster_name", "xen-vdc");
    put_words(out, "cluster_tags", NULL, 0);
    put_words(out, "enabled_hypervisors", hypervisors, 1);
    write_ipolicy(out, ratio);
    json_out_key(out, "nodegroups");
    json_out_object(out);
    json_out_key(out, GROUP);
    json_out_object(out);
    put_text(out, "name", GROUP);
    put_text(out, "alloc_policy", "preferred");
    put_words(out, "networks", NULL, 0);
    put_words(out, "tags", NULL, 0);
    write_ipolicy(out, ratio);
    json_out_object_end(out);
    json_out_object_end(out);
}

/* ---- guests ---- */

static uint64_t disk_mib(const struct placement_spec *spec)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < spec->n_disks; i++)
        sum += mib_up(spec->disks[i].amount);
    return sum;
}

/* What an instance and a request have both. */
static void write_spec(struct json_out *out, const struct placement_view *view,
                       const struct placement_spec *spec, bool runs,
                       const uint32_t *groups, uint32_t n_groups)
{
    put_number(out, "memory", mib_up(spec->memory.kib));
    put_number(out, "vcpus", spec->vcpus);
    put_number(out, "spindle_use", 0);
    put_number(out, "disk_space_total", disk_mib(spec));
    json_out_key(out, "disks");
    json_out_array(out);
    for (uint32_t i = 0; i < spec->n_disks; i++) {
        json_out_object(out);
        put_number(out, "size", mib_up(spec->disks[i].amount));
        put_number(out, "spindles", 0);
        put_text(out, "mode", "rw");
        json_out_object_end(out);
    }
    json_out_array_end(out);
    put_text(out, "disk_template", spec->n_disks ? "plain" : "diskless");
    put_text(out, "admin_state", runs ? "up" : "down");
    put_text(out, "hypervisor", "xen-pvm");
    put_text(out, "os", "");
    put_words(out, "nics", NULL, 0);
    json_out_key(out, "tags");
    json_out_array(out);
    for (uint32_t i = 0; i < n_groups; i++)
        json_out_string(out, placement_view_text(view, groups[i]));
    json_out_array_end(out);
}

static void write_guest(struct json_out *out,
                        const struct placement_view *view, uint32_t i,
                        const struct placement_guest *guest)
{
    char name[UUID_TEXT_SIZE + 16];
    const char *host = placement_view_text(
        view, placement_view_host(view, guest->host)->name);

    if (uuid_is_zero(&guest->uuid))
        snprintf(name, sizeof(name), "guest-%" PRIu32, i);
    else
        uuid_format(&guest->uuid, name);
    json_out_key(out, name);
    json_out_object(out);
    write_spec(out, view, &guest->spec, guest->runs, guest->groups,
               guest->n_groups);
    put_words(out, "nodes", &host, 1);
    json_out_object_end(out);
}

/* ---- hosts ---- */

/* Of all pools, in MiB. */
static void write_disk(struct json_out *out, const struct placement_host *host,
                       const struct placement_use *use)
{
    uint64_t total = 0, free_mib = 0;

    for (uint32_t i = 0; i < host->n_pools; i++) {
        uint64_t amount = host->pools[i].amount, used = use->pools[i];
        total += amount / KIB_A_MIB;
        if (amount > used)
            free_mib += (amount - used) / KIB_A_MIB;
    }
    put_number(out, "total_disk", total);
    put_number(out, "free_disk", free_mib);
}

static void write_memory(struct json_out *out,
                         const struct placement_view *view, uint32_t host)
{
    uint64_t total = placement_view_host(view, host)->memory.kib / KIB_A_MIB;
    uint64_t used = 0;
    const struct placement_guest *guest;
    uint32_t i = placement_view_use(view, host)->first_guest;

    /* each rounded up, as they are told: or nodes would have lost some */
    for (; i != PLACEMENT_NONE; i = guest->next) {
        guest = placement_view_guest(view, i);
        if (guest->runs)
            used += mib_up(guest->spec.memory.kib);
    }
    put_number(out, "total_memory", total);
    put_number(out, "reserved_memory", 0);
    put_number(out, "free_memory", total > used ? total - used : 0);
    put_number(out, "i_pri_memory", used);
    put_number(out, "i_pri_up_memory", used);
}

static void write_host(struct json_out *out, const struct placement_view *view,
                       uint32_t i)
{
    const struct placement_host *host = placement_view_host(view, i);

    json_out_key(out, placement_view_text(view, host->name));
    json_out_object(out);
    put_text(out, "group", GROUP);
    put_bool(out, "offline",
             host->state == PLACEMENT_DOWN ||
                 host->state == PLACEMENT_MAINTENANCE);
    put_bool(out, "drained", host->state == PLACEMENT_DRAINING);
    put_bool(out, "vm_capable", true);
    write_memory(out, view, i);
    write_disk(out, host, placement_view_use(view, i));
    /* a host whose CPUs are not known limits nothing by them */
    put_number(out, "total_cpus", host->pcpus ? host->pcpus : 1);
    put_number(out, "reserved_cpus", 0);
    put_number(out, "total_spindles", 1);
    put_number(out, "free_spindles", 1);
    json_out_key(out, "tags");
    json_out_array(out);
    for (uint32_t t = 0; t < host->n_tags; t++)
        json_out_string(out, placement_view_text(view, host->tags[t]));
    json_out_array_end(out);
    json_out_key(out, "ndparams");
    json_out_object(out);
    put_number(out, "spindle_count", 1);
    put_bool(out, "exclusive_storage", false);
    json_out_key(out, "oob_program");
    json_out_null(out);
    json_out_object_end(out);
    json_out_object_end(out);
}

/* ---- the request ---- */

static void write_request(struct json_out *out,
                          const struct placement_attempt *attempt,
                          const char *name)
{
    const struct placement_request *request = attempt->request;
    const struct placement_view *view = attempt->view;

    json_out_key(out, "request");
    json_out_object(out);
    put_text(out, "type", "allocate");
    put_text(out, "name", name);
    put_number(out, "required_nodes", 1);
    write_spec(out, view, &request->spec, request->start, request->groups,
               request->n_groups);
    json_out_key(out, "restrict-to-nodes");
    json_out_array(out);
    for (uint32_t i = 0; i < placement_view_n_hosts(view); i++) {
        uint32_t host = placement_view_host(view, i)->name;
        if (host &&
            placement_constraint_first(attempt, i) == PLACEMENT_CONSTRAINTS)
            json_out_string(out, placement_view_text(view, host));
    }
    json_out_array_end(out);
    json_out_object_end(out);
}

int iallocator_write(const struct placement_view *view,
                     const struct placement_request *request,
                     const struct placement_policy *policy, const char *name,
                     struct json_out *out, struct vdc_error *err)
{
    struct placement_decision decision;
    struct placement_attempt attempt;
    const struct placement_guest *guest;
    int rc = placement_choose(view, request, policy, &decision, err);

    if (!rc)
        rc = placement_attempt_init(&attempt, view, request, policy, err);
    if (rc)
        return rc;
    json_out_object(out);
    write_cluster(out, ratio_of(view));
    json_out_key(out, "nodes");
    json_out_object(out);
    for (uint32_t i = 0; i < placement_view_n_hosts(view); i++)
        if (placement_view_host(view, i)->name)
            write_host(out, view, i);
    json_out_object_end(out);
    json_out_key(out, "instances");
    json_out_object(out);
    for (uint32_t i = 0; i < placement_view_guests_end(view); i++) {
        guest = placement_view_guest(view, i);
        if (guest)
            write_guest(out, view, i, guest);
    }
    json_out_object_end(out);
    write_request(out, &attempt, name);
    json_out_object_end(out);
    return 0;
}

/* ---- its answer ---- */

static int bad_answer(struct vdc_error *err, const char *what)
{
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "it is no answer of an iallocator: %s", what);
}

static bool is_text(const struct json_value *value)
{
    return value && value->type == JSON_STRING;
}

int iallocator_read_answer(const char *text, size_t len, struct arena *arena,
                           struct iallocator_answer *ret,
                           struct vdc_error *err)
{
    const struct json_value *root;
    struct vdc_error why = { 0 };

    if (json_parse(text, len, arena, &root, &why))
        return bad_answer(err, why.text);
    const struct json_value *success = json_get(root, "success");
    const struct json_value *info = json_get(root, "info");
    const struct json_value *result = json_get(root, "result");
    if (!success || success->type != JSON_BOOL)
        return bad_answer(err, "there is no 'success', true or false");
    ret->success = success->boolean;
    ret->info = is_text(info) ? info->text : "";
    ret->host = NULL;
    if (!ret->success)
        return 0;
    if (!result || result->type != JSON_ARRAY || result->n_items != 1 ||
        !is_text(&result->items[0]))
        return bad_answer(err, "'result' is not a list of one host");
    ret->host = result->items[0].text;
    return 0;
}
