/*
 * Decisions as text; see record.h.
 */
#include "policyd/placement/record.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/placement/view_impl.h"

/* What is being written, and which names are in it. */
struct writing {
    const struct placement_view *view;
    struct json_out *out;
    uint32_t *names;
    uint32_t n_names;
    uint32_t names_max;
};

/* ---- values ---- */

static void put_u64(struct json_out *out, const char *key, uint64_t n)
{
    if (!n)
        return;
    json_out_key(out, key);
    json_out_u64(out, n);
}

static void put_i64(struct json_out *out, const char *key, int64_t n)
{
    if (!n)
        return;
    json_out_key(out, key);
    json_out_i64(out, n);
}

static void put_bool(struct json_out *out, const char *key, bool b)
{
    if (!b)
        return;
    json_out_key(out, key);
    json_out_bool(out, b);
}

static void put_host(struct json_out *out, const char *key, uint32_t host)
{
    if (host == PLACEMENT_NONE)
        return;
    json_out_key(out, key);
    json_out_u64(out, host);
}

static void note_name(struct writing *w, uint32_t name)
{
    if (!name || name == PLACEMENT_NO_NAME)
        return;
    if (w->n_names == w->names_max) {
        w->names_max = w->names_max ? w->names_max * 2 : 64;
        w->names = xrealloc(w->names, w->names_max * sizeof(*w->names));
    }
    w->names[w->n_names++] = name;
}

static void put_name(struct writing *w, const char *key, uint32_t name)
{
    note_name(w, name);
    put_u64(w->out, key, name);
}

static void put_names(struct writing *w, const char *key,
                      const uint32_t *names, uint32_t n)
{
    if (!n)
        return;
    json_out_key(w->out, key);
    json_out_array(w->out);
    for (uint32_t i = 0; i < n; i++) {
        note_name(w, names[i]);
        json_out_u64(w->out, names[i]);
    }
    json_out_array_end(w->out);
}

/* [[name, amount] ...] */
static void put_amounts(struct writing *w, const char *key,
                        const struct placement_amount *amounts, uint32_t n)
{
    if (!n)
        return;
    json_out_key(w->out, key);
    json_out_array(w->out);
    for (uint32_t i = 0; i < n; i++) {
        note_name(w, amounts[i].name);
        json_out_array(w->out);
        json_out_u64(w->out, amounts[i].name);
        json_out_u64(w->out, amounts[i].amount);
        json_out_array_end(w->out);
    }
    json_out_array_end(w->out);
}

static void put_cpu(struct json_out *out, const struct cpu_set *cpu)
{
    char hex[CPU_SET_HEX_SIZE];

    if (cpu_set_is_empty(cpu))
        return;
    json_out_key(out, "cpu");
    json_out_string(out, cpu_set_hex(cpu, hex));
}

static void put_used(struct json_out *out, const char *key,
                     const uint64_t *used, uint32_t n)
{
    uint64_t any = 0;

    for (uint32_t i = 0; i < n; i++)
        any |= used[i];
    if (!any)
        return;
    json_out_key(out, key);
    json_out_array(out);
    for (uint32_t i = 0; i < n; i++)
        json_out_u64(out, used[i]);
    json_out_array_end(out);
}

static int by_number(const void *a, const void *b)
{
    uint32_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
}

static uint32_t each_once(uint32_t *numbers, uint32_t n)
{
    uint32_t n_ret = 0;

    if (n)
        qsort(numbers, n, sizeof(*numbers), by_number);
    for (uint32_t i = 0; i < n; i++)
        if (!n_ret || numbers[n_ret - 1] != numbers[i])
            numbers[n_ret++] = numbers[i];
    return n_ret;
}

/* ---- a host ---- */

/* [[number, count] ...] of counters (kind, number, host), or the other way
 * about for backups. */
static void put_counts(struct writing *w, const char *key,
                       enum placement_count kind, uint32_t *numbers,
                       uint32_t n, uint32_t host)
{
    n = each_once(numbers, n);
    if (!n)
        return;
    json_out_key(w->out, key);
    json_out_array(w->out);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t count =
            kind == PLACEMENT_COUNT_BACKUP
                ? placement_counts_get(&w->view->counts, kind, host,
                                       numbers[i])
                : placement_counts_get(&w->view->counts, kind, numbers[i],
                                       host);
        if (!count)
            continue;
        if (kind != PLACEMENT_COUNT_BACKUP)
            note_name(w, numbers[i]);
        json_out_array(w->out);
        json_out_u64(w->out, numbers[i]);
        json_out_u64(w->out, count);
        json_out_array_end(w->out);
    }
    json_out_array_end(w->out);
}

static bool is_implicit(const struct placement_guest *guest)
{
    return guest->dedication == PLACEMENT_STRICT ||
           guest->dedication == PLACEMENT_PREFERRED;
}

/* Who is there, as far as it matters. */
static void put_company(struct writing *w, uint32_t host)
{
    const struct placement_view *view = w->view;
    const struct placement_use *use = &view->uses[host];

    if (!view->n_grouped && !use->n_implicit && !use->n_backed)
        return;
    uint32_t n_groups = 0, n_customers = 0, n_backs = 0;
    uint32_t *groups =
        xzalloc(((size_t)use->n_guests * PLACEMENT_GROUPS_MAX + 1) * 4);
    uint32_t *customers = xzalloc(((size_t)use->n_guests + 1) * 4);
    uint32_t *backs = xzalloc(((size_t)use->n_backed + 1) * 4);

    for (uint32_t i = use->first_guest; i != PLACEMENT_NONE;
         i = view->guests[i].next) {
        const struct placement_guest *guest = &view->guests[i];
        for (uint32_t j = 0; j < guest->n_groups; j++)
            groups[n_groups++] = guest->groups[j];
        if (is_implicit(guest))
            customers[n_customers++] = guest->customer;
    }
    for (uint32_t i = use->first_backed; i != PLACEMENT_NONE;
         i = view->guests[i].next_backed)
        backs[n_backs++] = view->guests[i].host;
    put_counts(w, "groups", PLACEMENT_COUNT_GROUP_HOST, groups, n_groups,
               host);
    put_counts(w, "alone", PLACEMENT_COUNT_CUSTOMER_HOST, customers,
               n_customers, host);
    put_counts(w, "backs", PLACEMENT_COUNT_BACKUP, backs, n_backs, host);
    free(groups);
    free(customers);
    free(backs);
}

static void put_use(struct writing *w, const struct placement_host *host,
                    const struct placement_use *use)
{
    struct json_out *out = w->out;

    put_u64(out, "used_memory_kib", use->memory.kib);
    put_u64(out, "used_vcpus", use->vcpus);
    put_u64(out, "guests", use->n_guests);
    put_u64(out, "strict", use->n_strict);
    put_u64(out, "implicit", use->n_implicit);
    put_u64(out, "backed", use->n_backed);
    put_u64(out, "reserve_kib", use->reserve.kib);
    put_i64(out, "busy_since_ms", use->busy_since_ms);
    put_used(out, "used_pools", use->pools, host->n_pools);
    put_used(out, "used_devices", use->devices, host->n_devices);
}

static void put_one_host(struct writing *w, uint32_t at)
{
    const struct placement_host *host = &w->view->hosts[at];
    struct json_out *out = w->out;

    json_out_object(out);
    json_out_key(out, "at");
    json_out_u64(out, at);
    if (host->name) {
        put_name(w, "name", host->name);
        put_u64(out, "state", host->state);
        put_name(w, "why", host->state_why);
        put_name(w, "domain", host->domain);
        put_name(w, "dedicated", host->dedicated);
        put_u64(out, "memory_kib", host->memory.kib);
        put_u64(out, "pcpus", host->pcpus);
        put_amounts(w, "pools", host->pools, host->n_pools);
        put_amounts(w, "devices", host->devices, host->n_devices);
        put_names(w, "tags", host->tags, host->n_tags);
        put_cpu(out, &host->cpu);
        put_use(w, host, &w->view->uses[at]);
        put_company(w, at);
    }
    json_out_object_end(out);
}

/* ---- the view ---- */

static void put_spec(struct writing *w, const struct placement_spec *spec)
{
    put_u64(w->out, "memory_kib", spec->memory.kib);
    put_u64(w->out, "vcpus", spec->vcpus);
    put_amounts(w, "disks", spec->disks, spec->n_disks);
    put_amounts(w, "devices", spec->devices, spec->n_devices);
}

static void put_rules(struct writing *w)
{
    const struct placement_view *view = w->view;
    struct json_out *out = w->out;

    json_out_key(out, "rules");
    json_out_array(out);
    for (uint32_t i = 0; i < view->n_rules; i++) {
        const struct placement_rule *rule = view->rules[i];
        json_out_object(out);
        put_name(w, "name", rule->name);
        put_name(w, "group", rule->group);
        put_name(w, "other", rule->other);
        put_bool(out, "anti", rule->anti);
        put_bool(out, "hard", rule->hard);
        put_bool(out, "domains", rule->scope == PLACEMENT_DOMAINS);
        json_out_object_end(out);
    }
    json_out_array_end(out);
    json_out_key(out, "promises");
    json_out_array(out);
    for (uint32_t i = 0; i < view->n_promises; i++) {
        const struct placement_promise *promise = &view->promises[i];
        json_out_object(out);
        put_name(w, "name", promise->name);
        put_name(w, "customer", promise->customer);
        put_u64(out, "guests", promise->n_guests);
        put_spec(w, &promise->spec);
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

/* Numbers of the hosts that were changed, each once. */
struct changed {
    uint32_t *hosts;
    uint32_t n;
    uint32_t max;
};

static void note_changed(void *arg, uint32_t host)
{
    struct changed *changed = arg;

    if (changed->n == changed->max) {
        changed->max = changed->max ? changed->max * 2 : 16;
        changed->hosts = xrealloc(changed->hosts,
                                  changed->max * sizeof(*changed->hosts));
    }
    changed->hosts[changed->n++] = host;
}

/* What is to be in it; true: everything. */
static bool choose_hosts(const struct placement_view *view, uint64_t since,
                         uint32_t most, struct changed *ret)
{
    bool whole =
        !since || !placement_view_changes(view, since, note_changed, ret);

    if (!whole) {
        ret->n = each_once(ret->hosts, ret->n);
        whole = ret->n > most;
    }
    if (!whole)
        return false;
    ret->n = 0;
    for (uint32_t i = 0; i < view->n_hosts; i++)
        note_changed(ret, i);
    return true;
}

static void put_view(struct writing *w, uint64_t since, bool whole,
                     const struct changed *changed)
{
    const struct placement_view *view = w->view;
    struct json_out *out = w->out;

    json_out_object(out);
    put_u64(out, "version", view->version);
    put_u64(out, "since", whole ? 0 : since);
    put_u64(out, "overcommit_percent", view->overcommit_percent);
    put_u64(out, "n_hosts", view->n_hosts);
    json_out_key(out, "hosts");
    json_out_array(out);
    for (uint32_t i = 0; i < changed->n; i++)
        if (changed->hosts[i] < view->n_hosts)
            put_one_host(w, changed->hosts[i]);
    json_out_array_end(out);
    if (whole || view->rules_changed > since)
        put_rules(w);
    json_out_object_end(out);
}

/* ---- request, policy, decision ---- */

static void put_request(struct writing *w,
                        const struct placement_request *request)
{
    char uuid[UUID_TEXT_SIZE];
    struct json_out *out = w->out;

    json_out_object(out);
    json_out_key(out, "uuid");
    json_out_string(out, uuid_format(&request->uuid, uuid));
    put_name(w, "customer", request->customer);
    put_spec(w, &request->spec);
    put_bool(out, "start", request->start);
    put_name(w, "pinned", request->pinned);
    put_name(w, "domain", request->domain);
    put_u64(out, "dedication", request->dedication);
    put_bool(out, "protected", request->protected);
    put_names(w, "wanted", request->wanted, request->n_wanted);
    put_names(w, "forbidden", request->forbidden, request->n_forbidden);
    put_cpu(out, &request->cpu);
    put_names(w, "groups", request->groups, request->n_groups);
    put_i64(out, "now_ms", request->now_ms);
    json_out_object_end(out);
}

static void put_policy(struct json_out *out,
                       const struct placement_policy *policy)
{
    json_out_object(out);
    json_out_key(out, "name");
    json_out_string(out, policy->name);
    json_out_key(out, "weights");
    json_out_object(out);
    for (int i = 0; i < PLACEMENT_TERMS; i++)
        put_u64(out, placement_term_name((enum placement_term)i),
                policy->weights[i]);
    json_out_object_end(out);
    json_out_object_end(out);
}

static void put_terms(struct json_out *out,
                      const struct placement_candidate *candidate)
{
    json_out_key(out, "score");
    json_out_i64(out, candidate->score);
    json_out_key(out, "terms");
    json_out_object(out);
    for (int i = 0; i < PLACEMENT_TERMS; i++)
        put_i64(out, placement_term_name((enum placement_term)i),
                candidate->terms[i]);
    json_out_object_end(out);
}

static void put_candidate(struct json_out *out, const char *key,
                          const struct placement_candidate *candidate)
{
    if (candidate->host == PLACEMENT_NONE)
        return;
    json_out_key(out, key);
    json_out_object(out);
    put_host(out, "host", candidate->host);
    put_terms(out, candidate);
    json_out_object_end(out);
}

static void put_decision(const struct placement_decision *decision,
                         struct json_out *out)
{
    json_out_object(out);
    put_u64(out, "version", decision->version);
    put_u64(out, "n_hosts", decision->n_hosts);
    put_i64(out, "rc", decision->rc);
    put_candidate(out, "winner", &decision->winner);
    put_candidate(out, "runner_up", &decision->runner_up);
    put_host(out, "backup", decision->backup);
    if (decision->rc) {
        json_out_key(out, "excluded");
        json_out_object(out);
        for (int i = 0; i < PLACEMENT_CONSTRAINTS; i++) {
            const struct placement_exclusion *e = &decision->excluded[i];
            if (!e->n_hosts)
                continue;
            json_out_key(out, placement_constraint_name(
                                  (enum placement_constraint)i));
            json_out_object(out);
            put_u64(out, "hosts", e->n_hosts);
            put_u64(out, "only", e->n_only);
            put_host(out, "nearest", e->nearest);
            put_u64(out, "lacks", e->lacks);
            json_out_object_end(out);
        }
        json_out_object_end(out);
    }
    json_out_object_end(out);
}

void placement_record_hosts(const struct placement_view *view,
                            const struct placement_request *request,
                            const struct placement_policy *policy,
                            struct json_out *out)
{
    struct placement_verdict verdict;

    json_out_array(out);
    for (uint32_t i = 0; i < placement_view_n_hosts(view); i++) {
        if (placement_explain(view, request, policy, i, &verdict, NULL))
            continue;
        json_out_object(out);
        put_host(out, "at", i);
        if (verdict.failed == PLACEMENT_CONSTRAINTS) {
            put_terms(out, &verdict.candidate);
        } else {
            json_out_key(out, "failed");
            json_out_string(out, placement_constraint_name(verdict.failed));
            put_u64(out, "lacks", verdict.lacks);
        }
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

static void put_all_names(struct writing *w)
{
    uint32_t n = each_once(w->names, w->n_names);

    json_out_array(w->out);
    for (uint32_t i = 0; i < n; i++) {
        json_out_array(w->out);
        json_out_u64(w->out, w->names[i]);
        json_out_string(w->out, placement_view_text(w->view, w->names[i]));
        json_out_array_end(w->out);
    }
    json_out_array_end(w->out);
}

char *placement_record_part(const struct placement_view *view,
                            uint32_t most_hosts, struct placement_base *base)
{
    struct writing w = { .view = view, .out = json_out_new(false) };
    bool first = !base->version;

    if (first)
        *base = (struct placement_base){ view->version, view->n_hosts, 0 };
    json_out_object(w.out);
    json_out_key(w.out, "view");
    json_out_object(w.out);
    put_u64(w.out, "version", base->version);
    put_u64(w.out, "since", first ? 0 : base->version);
    put_u64(w.out, "overcommit_percent", view->overcommit_percent);
    put_u64(w.out, "n_hosts", base->n_hosts);
    json_out_key(w.out, "hosts");
    json_out_array(w.out);
    for (uint32_t n = 0; n < most_hosts && base->n_written < base->n_hosts;
         n++)
        put_one_host(&w, base->n_written++);
    json_out_array_end(w.out);
    if (first)
        put_rules(&w);
    json_out_object_end(w.out);
    json_out_key(w.out, "names");
    put_all_names(&w);
    json_out_object_end(w.out);
    char *text = xstrdup(json_out_text(w.out, NULL));
    json_out_free(w.out);
    free(w.names);
    return text;
}

char *placement_record_write(const struct placement_view *view, uint64_t since,
                             uint32_t most_hosts,
                             const struct placement_record *record,
                             uint32_t *ret_n_hosts, bool *ret_whole)
{
    struct writing w = { .view = view, .out = json_out_new(false) };
    struct changed changed = { 0 };
    bool whole = choose_hosts(view, since, most_hosts, &changed);

    json_out_object(w.out);
    json_out_key(w.out, "view");
    put_view(&w, since, whole, &changed);
    json_out_key(w.out, "request");
    put_request(&w, &record->request);
    json_out_key(w.out, "policy");
    put_policy(w.out, &record->policy);
    json_out_key(w.out, "decision");
    put_decision(&record->decision, w.out);
    if (placement_view_n_present(view) <= PLACEMENT_RECORD_HOSTS) {
        json_out_key(w.out, "hosts");
        placement_record_hosts(view, &record->request, &record->policy, w.out);
    }
    json_out_key(w.out, "names");
    put_all_names(&w);
    json_out_object_end(w.out);
    char *text = xstrdup(json_out_text(w.out, NULL));
    *ret_n_hosts = changed.n;
    *ret_whole = whole;
    json_out_free(w.out);
    free(changed.hosts);
    free(w.names);
    return text;
}

bool placement_record_is_same(const struct placement_decision *a,
                              const struct placement_decision *b)
{
    struct json_out *x = json_out_new(false), *y = json_out_new(false);

    put_decision(a, x);
    put_decision(b, y);
    bool same = strcmp(json_out_text(x, NULL), json_out_text(y, NULL)) == 0;
    json_out_free(x);
    json_out_free(y);
    return same;
}
