/*
 * Reading decisions from text; see replay.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/placement/replay_impl.h"

/* More of these no text of ours has. */
#define HOSTS_MAX 1000000
#define NAMES_MAX (16 * 1024 * 1024)

/* What is being read; a value that makes no sense is noted, and read on. */
struct reading {
    struct placement_replay *replay;
    bool bad;
};

/* ---- values ---- */

static uint64_t number_of(struct reading *r, const struct json_value *value,
                          uint64_t most)
{
    if (!value)
        return 0;
    if (value->type != JSON_NUMBER || !value->is_integer ||
        value->integer < 0 || (uint64_t)value->integer > most) {
        r->bad = true;
        return 0;
    }
    return (uint64_t)value->integer;
}

static uint64_t get_u64(struct reading *r, const struct json_value *object,
                        const char *key)
{
    return number_of(r, json_get(object, key), INT64_MAX);
}

static uint32_t get_u32(struct reading *r, const struct json_value *object,
                        const char *key)
{
    return (uint32_t)number_of(r, json_get(object, key), UINT32_MAX);
}

static int64_t get_i64(struct reading *r, const struct json_value *object,
                       const char *key)
{
    const struct json_value *value = json_get(object, key);

    if (!value)
        return 0;
    r->bad |= value->type != JSON_NUMBER || !value->is_integer;
    return value->integer;
}

static bool get_bool(const struct json_value *object, const char *key)
{
    const struct json_value *value = json_get(object, key);

    return value && value->type == JSON_BOOL && value->boolean;
}

static uint32_t get_host(struct reading *r, const struct json_value *object,
                         const char *key)
{
    const struct json_value *value = json_get(object, key);

    return value ? (uint32_t)number_of(r, value, HOSTS_MAX) : PLACEMENT_NONE;
}

static struct mem get_mem(struct reading *r, const struct json_value *object,
                          const char *key)
{
    return MEM_KIB(get_u64(r, object, key));
}

static uint32_t get_name(struct reading *r, const struct json_value *object,
                         const char *key)
{
    return (uint32_t)number_of(r, json_get(object, key), PLACEMENT_NO_NAME);
}

/* The items of an array; none when it is not there. */
static uint32_t items_of(struct reading *r, const struct json_value *object,
                         const char *key, uint32_t most,
                         const struct json_value **ret)
{
    const struct json_value *value = json_get(object, key);

    if (!value)
        return 0;
    if (value->type != JSON_ARRAY || value->n_items > most) {
        r->bad = true;
        return 0;
    }
    *ret = value->items;
    return (uint32_t)value->n_items;
}

static uint32_t get_names(struct reading *r, const struct json_value *object,
                          const char *key, uint32_t most, uint32_t *ret)
{
    const struct json_value *items = NULL;
    uint32_t n = items_of(r, object, key, most, &items);

    for (uint32_t i = 0; i < n; i++)
        ret[i] = (uint32_t)number_of(r, &items[i], PLACEMENT_NO_NAME);
    return n;
}

static bool is_pair(struct reading *r, const struct json_value *value)
{
    if (value->type == JSON_ARRAY && value->n_items == 2)
        return true;
    r->bad = true;
    return false;
}

static uint32_t get_amounts(struct reading *r, const struct json_value *object,
                            const char *key, uint32_t most,
                            struct placement_amount *ret)
{
    const struct json_value *items = NULL;
    uint32_t n = items_of(r, object, key, most, &items);

    for (uint32_t i = 0; i < n && is_pair(r, &items[i]); i++)
        ret[i] = (struct placement_amount){
            (uint32_t)number_of(r, &items[i].items[0], PLACEMENT_NO_NAME),
            number_of(r, &items[i].items[1], INT64_MAX)
        };
    return n;
}

/* Records from before there was such a thing have none. */
static struct cpu_set get_cpu(struct reading *r,
                              const struct json_value *object)
{
    const struct json_value *value = json_get(object, "cpu");
    struct cpu_set cpu = { { 0 } };

    if (value && (value->type != JSON_STRING ||
                  !cpu_set_from_hex(value->text, &cpu)))
        r->bad = true;
    return cpu;
}

static void get_used(struct reading *r, const struct json_value *object,
                     const char *key, uint64_t *ret)
{
    const struct json_value *items = NULL;
    uint32_t n =
        items_of(r, object, key, PLACEMENT_HOST_AMOUNTS_MAX, &items);

    for (uint32_t i = 0; i < n; i++)
        ret[i] = number_of(r, &items[i], INT64_MAX);
}

/* ---- names ---- */

static void read_names(struct reading *r, const struct json_value *entry)
{
    struct placement_replay *replay = r->replay;
    const struct json_value *items = NULL;
    uint32_t n = items_of(r, entry, "names", NAMES_MAX, &items);

    for (uint32_t i = 0; i < n && is_pair(r, &items[i]); i++) {
        uint32_t number =
            (uint32_t)number_of(r, &items[i].items[0], NAMES_MAX - 1);
        const struct json_value *text = &items[i].items[1];
        if (text->type != JSON_STRING || !*text->text) {
            r->bad = true;
            return;
        }
        if (number >= replay->n_texts) {
            uint32_t old = replay->n_texts;
            replay->n_texts = (number + 1) * 2;
            replay->texts =
                xrealloc(replay->texts,
                         replay->n_texts * sizeof(*replay->texts));
            memset(replay->texts + old, 0,
                   (replay->n_texts - old) * sizeof(*replay->texts));
        }
        if (!replay->texts[number])
            replay->texts[number] = arena_strdup(replay->arena, text->text);
    }
}

static bool is_known(const struct placement_replay *replay, uint32_t name)
{
    return name < replay->n_texts && replay->texts[name];
}

/* ---- hosts ---- */

static void read_company(struct reading *r, const struct json_value *host,
                         const char *key, enum company company,
                         struct fact *fact)
{
    const struct json_value *items = NULL;
    uint32_t n = items_of(r, host, key, HOSTS_MAX, &items);
    struct count *counts =
        ARENA_ARRAY(r->replay->arena, n ? n : 1, struct count);

    for (uint32_t i = 0; i < n && is_pair(r, &items[i]); i++)
        counts[i] = (struct count){
            (uint32_t)number_of(r, &items[i].items[0], PLACEMENT_NO_NAME),
            number_of(r, &items[i].items[1], INT64_MAX)
        };
    fact->company[company] = counts;
    fact->n_company[company] = n;
}

static void read_use(struct reading *r, const struct json_value *object,
                     struct placement_use *use)
{
    *use = (struct placement_use){
        .memory = get_mem(r, object, "used_memory_kib"),
        .vcpus = get_u64(r, object, "used_vcpus"),
        .n_guests = get_u32(r, object, "guests"),
        .n_strict = get_u32(r, object, "strict"),
        .n_implicit = get_u32(r, object, "implicit"),
        .n_backed = get_u32(r, object, "backed"),
        .reserve = get_mem(r, object, "reserve_kib"),
        .busy_since_ms = get_i64(r, object, "busy_since_ms"),
        .first_guest = PLACEMENT_NONE,
        .first_backed = PLACEMENT_NONE,
    };
    get_used(r, object, "used_pools", use->pools);
    get_used(r, object, "used_devices", use->devices);
}

static void read_host(struct reading *r, const struct json_value *object)
{
    uint32_t at = get_u32(r, object, "at");

    if (at >= r->replay->n_facts) {
        r->bad = true;
        return;
    }
    struct fact *fact = &r->replay->facts[at];
    struct placement_host *host = &fact->host;
    memset(fact, 0, sizeof(*fact));
    host->name = get_name(r, object, "name");
    if (host->name && !is_known(r->replay, host->name)) {
        host->name = 0;
        r->bad = true;
    }
    host->state = host->name ? (enum placement_state)number_of(
                                   r, json_get(object, "state"),
                                   PLACEMENT_MAINTENANCE)
                             : PLACEMENT_DOWN;
    host->state_why = get_name(r, object, "why");
    host->domain = get_name(r, object, "domain");
    host->dedicated = get_name(r, object, "dedicated");
    host->memory = get_mem(r, object, "memory_kib");
    host->pcpus = get_u32(r, object, "pcpus");
    host->n_pools = get_amounts(r, object, "pools", PLACEMENT_HOST_AMOUNTS_MAX,
                                host->pools);
    host->n_devices = get_amounts(r, object, "devices",
                                  PLACEMENT_HOST_AMOUNTS_MAX, host->devices);
    host->n_tags =
        get_names(r, object, "tags", PLACEMENT_TAGS_MAX, host->tags);
    host->cpu = get_cpu(r, object);
    read_use(r, object, &fact->use);
    read_company(r, object, "groups", GROUPS, fact);
    read_company(r, object, "alone", ALONE, fact);
    read_company(r, object, "backs", BACKS, fact);
}

/* ---- the view ---- */

static void read_spec(struct reading *r, const struct json_value *object,
                      struct placement_spec *spec)
{
    spec->memory = get_mem(r, object, "memory_kib");
    spec->vcpus = get_u32(r, object, "vcpus");
    spec->n_disks = get_amounts(r, object, "disks", PLACEMENT_AMOUNTS_MAX,
                                spec->disks);
    spec->n_devices = get_amounts(r, object, "devices", PLACEMENT_AMOUNTS_MAX,
                                  spec->devices);
}

static void read_rules(struct reading *r, const struct json_value *view)
{
    struct placement_replay *replay = r->replay;
    const struct json_value *items = NULL;

    if (!json_get(view, "rules"))
        return;
    uint32_t n = items_of(r, view, "rules", PLACEMENT_RULES_MAX, &items);
    replay->rules = xrealloc(replay->rules, (n + 1) * sizeof(*replay->rules));
    replay->n_rules = n;
    for (uint32_t i = 0; i < n; i++)
        replay->rules[i] = (struct placement_rule){
            .name = get_name(r, &items[i], "name"),
            .group = get_name(r, &items[i], "group"),
            .other = get_name(r, &items[i], "other"),
            .anti = get_bool(&items[i], "anti"),
            .hard = get_bool(&items[i], "hard"),
            .scope = get_bool(&items[i], "domains") ? PLACEMENT_DOMAINS
                                                    : PLACEMENT_HOSTS,
        };
    n = items_of(r, view, "promises", PLACEMENT_PROMISES_MAX, &items);
    replay->n_promises = n;
    for (uint32_t i = 0; i < n; i++) {
        replay->promises[i] = (struct placement_promise){
            .name = get_name(r, &items[i], "name"),
            .customer = get_name(r, &items[i], "customer"),
            .n_guests = get_u32(r, &items[i], "guests"),
        };
        read_spec(r, &items[i], &replay->promises[i].spec);
    }
}

static void read_view(struct reading *r, const struct json_value *view)
{
    struct placement_replay *replay = r->replay;
    uint64_t since = get_u64(r, view, "since");
    uint32_t n =
        (uint32_t)number_of(r, json_get(view, "n_hosts"), HOSTS_MAX);
    const struct json_value *items = NULL;

    if (since != 0 && since != replay->version)
        r->bad = true;
    if (n > replay->facts_max) {
        replay->facts_max = n * 2;
        replay->facts = xrealloc(replay->facts, replay->facts_max *
                                                    sizeof(*replay->facts));
    }
    uint32_t kept = since ? replay->n_facts : 0;
    if (n > kept)
        memset(replay->facts + kept, 0, (n - kept) * sizeof(*replay->facts));
    replay->n_facts = n;
    replay->version = get_u64(r, view, "version");
    replay->overcommit_percent = get_u32(r, view, "overcommit_percent");
    n = items_of(r, view, "hosts", HOSTS_MAX, &items);
    for (uint32_t i = 0; i < n; i++)
        read_host(r, &items[i]);
    read_rules(r, view);
}

/* ---- request, policy, decision ---- */

static void read_request(struct reading *r, const struct json_value *object,
                         struct placement_request *request)
{
    const struct json_value *uuid = json_get(object, "uuid");

    memset(request, 0, sizeof(*request));
    if (!uuid || uuid->type != JSON_STRING ||
        !uuid_from_text(uuid->text, &request->uuid))
        r->bad = true;
    request->customer = get_name(r, object, "customer");
    read_spec(r, object, &request->spec);
    request->start = get_bool(object, "start");
    request->pinned = get_name(r, object, "pinned");
    request->domain = get_name(r, object, "domain");
    request->dedication = (enum placement_dedication)number_of(
        r, json_get(object, "dedication"), PLACEMENT_PREFERRED);
    request->protected = get_bool(object, "protected");
    request->n_wanted = get_names(r, object, "wanted", PLACEMENT_TAGS_MAX,
                                  request->wanted);
    request->n_forbidden = get_names(r, object, "forbidden",
                                     PLACEMENT_TAGS_MAX, request->forbidden);
    request->cpu = get_cpu(r, object);
    request->n_groups = get_names(r, object, "groups", PLACEMENT_GROUPS_MAX,
                                  request->groups);
    request->now_ms = get_i64(r, object, "now_ms");
}

static void read_policy(struct reading *r, const struct json_value *object,
                        struct placement_policy *policy)
{
    const struct json_value *name = json_get(object, "name");
    const struct json_value *weights = json_get(object, "weights");

    memset(policy, 0, sizeof(*policy));
    policy->name = "";
    if (name && name->type == JSON_STRING)
        policy->name = arena_strdup(r->replay->arena, name->text);
    for (int i = 0; i < PLACEMENT_TERMS; i++)
        policy->weights[i] = get_u32(
            r, weights, placement_term_name((enum placement_term)i));
}

static void read_candidate(struct reading *r, const struct json_value *object,
                           struct placement_candidate *candidate)
{
    const struct json_value *terms = json_get(object, "terms");

    memset(candidate, 0, sizeof(*candidate));
    candidate->host = get_host(r, object, "host");
    if (!object)
        return;
    candidate->score = get_i64(r, object, "score");
    for (int i = 0; i < PLACEMENT_TERMS; i++)
        candidate->terms[i] =
            get_i64(r, terms, placement_term_name((enum placement_term)i));
}

static void read_decision(struct reading *r, const struct json_value *object,
                          struct placement_decision *decision)
{
    const struct json_value *excluded = json_get(object, "excluded");

    memset(decision, 0, sizeof(*decision));
    decision->version = get_u64(r, object, "version");
    decision->n_hosts = get_u32(r, object, "n_hosts");
    decision->rc = (int)get_i64(r, object, "rc");
    read_candidate(r, json_get(object, "winner"), &decision->winner);
    read_candidate(r, json_get(object, "runner_up"), &decision->runner_up);
    decision->backup = get_host(r, object, "backup");
    for (int i = 0; decision->rc && i < PLACEMENT_CONSTRAINTS; i++) {
        const struct json_value *e = json_get(
            excluded,
            placement_constraint_name((enum placement_constraint)i));
        decision->excluded[i] = (struct placement_exclusion){
            .n_hosts = get_u32(r, e, "hosts"),
            .n_only = get_u32(r, e, "only"),
            .nearest = get_host(r, e, "nearest"),
            .lacks = get_u64(r, e, "lacks"),
        };
    }
}

/* ---- an entry ---- */

static void write_value(const struct json_value *value, struct json_out *out)
{
    switch (value->type) {
    case JSON_NULL:
        json_out_null(out);
        break;
    case JSON_BOOL:
        json_out_bool(out, value->boolean);
        break;
    case JSON_NUMBER:
        json_out_i64(out, value->integer);
        break;
    case JSON_STRING:
        json_out_string(out, value->text);
        break;
    case JSON_ARRAY:
        json_out_array(out);
        for (size_t i = 0; i < value->n_items; i++)
            write_value(&value->items[i], out);
        json_out_array_end(out);
        break;
    case JSON_OBJECT:
        json_out_object(out);
        for (size_t i = 0; i < value->n_items; i++) {
            json_out_key(out, value->keys[i]);
            write_value(&value->items[i], out);
        }
        json_out_object_end(out);
        break;
    }
}

static const char *write_again(const struct json_value *hosts,
                               struct arena *arena)
{
    struct json_out *out = json_out_new(false);

    write_value(hosts, out);
    const char *text = arena_strdup(arena, json_out_text(out, NULL));
    json_out_free(out);
    return text;
}

int placement_replay_read(struct placement_replay *replay, const char *text,
                          size_t len, struct vdc_error *err)
{
    struct reading r = { replay, false };
    struct arena *arena = arena_new();
    const struct json_value *entry;
    int rc = json_parse(text, len, arena, &entry, err);

    placement_replay_forget_view(replay);
    if (!rc) {
        read_names(&r, entry);
        read_view(&r, json_get(entry, "view"));
        memset(&replay->record, 0, sizeof(replay->record));
        if (json_get(entry, "request")) {
            read_request(&r, json_get(entry, "request"),
                         &replay->record.request);
            read_policy(&r, json_get(entry, "policy"), &replay->record.policy);
            read_decision(&r, json_get(entry, "decision"),
                          &replay->record.decision);
        }
        replay->hosts = NULL;
        if (json_get(entry, "hosts"))
            replay->hosts =
                write_again(json_get(entry, "hosts"), replay->arena);
        if (r.bad || !replay->version)
            rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                               "not the text of a decision, or not the one "
                               "that comes next");
    }
    arena_free(arena);
    return rc;
}
