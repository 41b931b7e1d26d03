/*
 * capacity and what-if: how many more guests fit, and what would follow; the
 * commands themselves are in the table of cmd_why.c.
 */
#include "xl-ext/forecast.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "xl-ext/client.h"
#include "xl-ext/customer.h"
#include "xl-ext/guest.h"
#include "xl-ext/operation.h"
#include "xl-ext/output.h"

/* ---- specs ---- */

/* "avx2+aes" */
static int take_features(struct arena *arena, const char *text,
                         struct wire_placement_spec *ret,
                         struct vdc_error *err)
{
    struct cpu_set cpu = { { 0 } };
    char *rest = arena_strdup(arena, text), *name;
    int rc = 0;
    ret->cpu_features =
        ARENA_ARRAY(arena, strlen(text) / 2 + 1, const char *);
    ret->n_cpu_features = 0;
    while (rc == 0 && (name = strsep(&rest, "+")) != NULL) {
        ret->cpu_features[ret->n_cpu_features++] = name;
        rc = cpu_set_add_name(&cpu, name, err);
    }
    return rc;
}

/* "4cpu", "16G", "features=avx2+aes" */
static int take_part(struct arena *arena, const char *text,
                     struct wire_placement_spec *ret, struct vdc_error *err)
{
    static const char features[] = "features=";
    if (strncmp(text, features, sizeof(features) - 1) == 0)
        return take_features(arena, text + sizeof(features) - 1, ret, err);
    size_t len = strspn(text, "0123456789");
    const char *unit = text + len;
    uint64_t n;
    if (len && (!strcmp(unit, "cpu") || !strcmp(unit, "cpus") ||
                !strcmp(unit, "vcpu") || !strcmp(unit, "vcpus"))) {
        char digits[16] = "";
        if (len < sizeof(digits))
            memcpy(digits, text, len);
        int rc = operation_number(digits, "the number of CPUs", 1, 65535, &n,
                                  err);
        if (rc == 0)
            ret->vcpus = (uint32_t)n;
        return rc;
    }
    return operation_memory(text, &ret->memory, err);
}

static int take_spec(const struct command_args *args, const char *fallback,
                     struct wire_placement_spec *ret, struct vdc_error *err)
{
    const char *text = command_value(args, "spec");
    if (!text)
        text = fallback;
    wire_init(&wire_struct_placement_spec, ret);
    if (!text)
        return 0;
    char *rest = arena_strdup(args->arena, text), *part;
    int rc = 0;
    while (rc == 0 && (part = strsep(&rest, ",")) != NULL)
        rc = take_part(args->arena, part, ret, err);
    if (rc == 0 && !ret->vcpus && !ret->memory.kib)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE, "a guest of nothing: neither "
                           "CPUs nor memory is said");
    if (rc) {
        vdc_error_prefix(err, "--spec %.40s", text);
        if (!*err->hint)
            vdc_error_hint(err, "as in --spec 4cpu,16G,features=avx2+aes");
    }
    return rc;
}

const char *forecast_spec_text(struct arena *arena,
                               const struct wire_placement_spec *spec)
{
    char buf[32];
    const char *memory =
        spec->memory.kib ? units_mem_format(spec->memory, buf, sizeof(buf))
                         : "";
    const char *text = memory;
    if (spec->vcpus)
        text = arena_printf(arena, "%" PRIu32 " CPU%s%s%s", spec->vcpus,
                            spec->vcpus == 1 ? "" : "s", *memory ? ", " : "",
                            memory);
    for (uint32_t i = 0; i < spec->n_cpu_features; i++)
        text = arena_printf(arena, "%s%s%s", text, i ? "+" : ", features=",
                            output_clean(arena, spec->cpu_features[i]));
    return arena_strdup(arena, text);
}

/* ---- capacity ---- */

static void print_capacity(struct arena *arena,
                           const struct wire_capacity_reply *c)
{
    static const struct output_column columns[] = {
        { "Guests", ALIGN_RIGHT },
        { "Each", ALIGN_LEFT },
        { "Then runs out", ALIGN_LEFT },
    };
    printf("%s%" PRIu64 " more guest%s on %" PRIu32 " host%s, by %s\n",
           c->more ? "at least " : "", c->guests,
           c->guests == 1 ? " fits" : "s fit", c->n_hosts,
           c->n_hosts == 1 ? "" : "s", output_clean(arena, c->policy));
    if (!c->guests && *c->error.text)
        printf("%-12s %s\n", "because", output_clean(arena, c->error.text));
    if (!c->guests && *c->error.hint)
        printf("%-12s %s\n", "hint", output_clean(arena, c->error.hint));
    if (!c->n_tiers)
        return;
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (uint32_t i = 0; i < c->n_tiers; i++) {
        const struct wire_capacity_tier *t = &c->tiers[i];
        output_table_printf(table, "%" PRIu64, t->guests);
        output_table_cell(table, forecast_spec_text(arena, &t->spec));
        if (*t->ended)
            output_table_printf(table, "%s on %" PRIu32 " of %" PRIu32
                                       " hosts",
                                output_clean(arena, t->ended), t->hosts,
                                c->n_hosts);
        else
            output_table_cell(table, "-");
    }
    output_table_finish(table);
}

int forecast_capacity(const struct command_args *args, struct vdc_error *err)
{
    struct wire_capacity_query query;
    const char *most = command_value(args, "most");
    const void *body;
    wire_init(&wire_struct_capacity_query, &query);
    query.tiered = command_given(args, "tiered");
    int rc = guest_customer(args, &query.customer, err);
    if (rc == 0)
        rc = take_spec(args, "1cpu,1G", &query.spec, err);
    if (rc == 0 && most)
        rc = operation_number(most, "--most", 1, 1000000, &query.most, err);
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_placement_capacity, &query, &body, err);
    if (rc)
        return rc;
    if (args->format == FORMAT_JSON)
        output_json_struct(&wire_struct_capacity_reply, body);
    else
        print_capacity(args->arena, body);
    return 0;
}

/* ---- what-if ---- */

static int usage(const struct command_args *args, struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_USAGE, "what is to be otherwise is not clear");
    vdc_error_hint(err, "host NAME dies, host NAME drains, host NAME comes "
                        "[memory=SIZE cpus=N], host NAME memory=SIZE, ratio "
                        "N, or quota CUSTOMER KEY=VALUE...; see 'xl-vdc help "
                        "%s'", args->command->name);
    return VDC_E_USAGE;
}

/* memory=64G and cpus=16, of a host. */
static int take_host_value(const char *word, struct wire_what_if *ret,
                           struct vdc_error *err)
{
    uint64_t n;
    int rc;
    if (strncmp(word, "memory=", 7) == 0)
        return operation_memory(word + 7, &ret->memory, err);
    if (strncmp(word, "cpus=", 5) != 0) {
        vdc_error_set(err, VDC_E_USAGE,
                      "'%.60s' is neither memory=SIZE nor cpus=N", word);
        vdc_error_hint(err, "a host dies, drains, comes, or has memory=SIZE; "
                            "see 'xl-vdc help what-if'");
        return VDC_E_USAGE;
    }
    rc = operation_number(word + 5, "cpus", 1, 65535, &n, err);
    if (rc == 0)
        ret->pcpus = (uint32_t)n;
    return rc;
}

static int take_host(const struct command_args *args, struct wire_what_if *ret,
                     struct vdc_error *err)
{
    static const struct {
        const char *word;
        enum wire_what_if_kind kind;
    } words[] = { { "dies", WIRE_IF_DIES },
                  { "drains", WIRE_IF_DRAINS },
                  { "comes", WIRE_IF_COMES } };
    size_t at = 2;
    int rc = 0;
    if (args->n_arguments < 3)
        return usage(args, err);
    ret->host = args->arguments[1];
    if (!*ret->host || strlen(ret->host) > 63)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "'%.70s' cannot be the name of a host",
                             ret->host);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(args->arguments[2], words[i].word) == 0)
            ret->kind = words[i].kind;
    if (ret->kind != WIRE_IF_NOTHING)
        at++;
    else
        ret->kind = WIRE_IF_MEMORY;
    if (at < args->n_arguments && ret->kind != WIRE_IF_MEMORY &&
        ret->kind != WIRE_IF_COMES)
        return usage(args, err);
    for (; rc == 0 && at < args->n_arguments; at++)
        rc = take_host_value(args->arguments[at], ret, err);
    /* Of one that is there the CPUs are not asked for. */
    if (rc == 0 && ret->kind == WIRE_IF_MEMORY &&
        (!ret->memory.kib || ret->pcpus))
        return usage(args, err);
    return rc;
}

/* vCPUs for each CPU: 4, or 1.5. */
static int take_ratio(const struct command_args *args,
                      struct wire_what_if *ret, struct vdc_error *err)
{
    const char *text = args->n_arguments == 2 ? args->arguments[1] : "";
    char *end;
    double ratio = strtod(text, &end);
    if (args->n_arguments != 2)
        return usage(args, err);
    if (*end || end == text || !(ratio >= 0.01 && ratio <= 1000))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a ratio is a number from 0.01 to 1000, got "
                             "'%.40s'", text);
    ret->kind = WIRE_IF_RATIO;
    ret->percent = (uint32_t)(ratio * 100 + 0.5);
    return 0;
}

/* What is not named stays as it is. */
static int take_quota(const struct command_args *args,
                      struct wire_what_if *ret, struct vdc_error *err)
{
    struct wire_customer_ref ref;
    const void *body;
    if (args->n_arguments < 3)
        return usage(args, err);
    wire_init(&wire_struct_customer_ref, &ref);
    ref.name = ret->customer = args->arguments[1];
    ret->kind = WIRE_IF_QUOTA;
    if (!*ref.name || strlen(ref.name) > 31)
        return vdc_error_set(err, VDC_E_NOT_FOUND, "no such customer: %.40s",
                             ref.name);
    int rc = client_ask(args, WIRE_MSG_customer_list, &ref, &body, err);
    if (rc)
        return rc;
    const struct wire_customer_list *list = body;
    if (list->n_customers)
        ret->quota = list->customers[0].quota;
    for (size_t i = 2; rc == 0 && i < args->n_arguments; i++)
        rc = customer_take_limit(args->arguments[i], &ret->quota, err);
    return rc;
}

static int take_what_if(const struct command_args *args,
                        struct wire_what_if *ret, struct vdc_error *err)
{
    const char *what = args->arguments[0];
    wire_init(&wire_struct_what_if, ret);
    int rc = strcmp(what, "host") == 0    ? take_host(args, ret, err)
             : strcmp(what, "ratio") == 0 ? take_ratio(args, ret, err)
             : strcmp(what, "quota") == 0 ? take_quota(args, ret, err)
                                          : usage(args, err);
    if (rc)
        return rc;
    /* how many fit is what a ratio or more memory is about */
    bool counts = ret->kind == WIRE_IF_RATIO || ret->kind == WIRE_IF_MEMORY ||
                  ret->kind == WIRE_IF_COMES;
    return take_spec(args, counts ? "1cpu,1G" : NULL, &ret->spec, err);
}

static void print_fates(struct arena *arena, const struct wire_what_if *w,
                        const struct wire_what_if_reply *reply)
{
    static const struct output_column columns[] = {
        { "Guest", ALIGN_LEFT },
        { "Memory", ALIGN_RIGHT },
        { "Goes to", ALIGN_LEFT },
        { "Because", ALIGN_LEFT },
    };
    bool one = reply->leave == 1;
    const char *verb = w->kind == WIRE_IF_DIES ? one ? "dies with" : "die with"
                                               : one ? "leaves" : "leave";
    printf("%" PRIu32 " guest%s %s host %s; for %" PRIu32
           " of them there is no room\n",
           reply->leave, one ? "" : "s", verb, output_clean(arena, w->host),
           reply->nowhere);
    if (reply->unprotected)
        printf("%" PRIu32 " of these are protected: room was to be kept for "
               "them\n", reply->unprotected);
    if (reply->stopped)
        printf("%" PRIu32 " guest%s not run %s assigned to it\n",
               reply->stopped,
               reply->stopped == 1 ? " that does" : "s that do",
               reply->stopped == 1 ? "stays" : "stay");
    if (!reply->n_guests)
        return;
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (uint32_t i = 0; i < reply->n_guests; i++) {
        const struct wire_placement_fate *f = &reply->guests[i];
        char buf[32];
        output_table_printf(table, "%s.%s", output_clean(arena, f->customer),
                            output_clean(arena, f->guest));
        output_table_cell(table,
                          units_mem_format(f->memory, buf, sizeof(buf)));
        output_table_cell(table, *f->host ? output_clean(arena, f->host)
                                          : "-");
        output_table_cell(table, !*f->host
                          ? output_clean(arena, f->error.text)
                          : f->kept ? "room is kept for it there"
                                    : "there is room");
    }
    output_table_finish(table);
}

static const char *amount_text(struct arena *arena, const char *unit,
                               int64_t n)
{
    char buf[32];
    if (n < 0)
        return "none";
    if (n == 0)
        return "0";
    if (*unit)
        return arena_strdup(arena,
                            units_mem_format(MEM_KIB(n), buf, sizeof(buf)));
    return arena_printf(arena, "%" PRId64, n);
}

/* Whose, which, from what to what, and what comes of it. */
static void say_limit(struct arena *arena, const struct wire_quota_fate *f)
{
    const char *used = amount_text(arena, f->unit, (int64_t)f->used);
    printf("customer %s: the quota %s would be %s instead of %s: ",
           output_clean(arena, f->customer), output_clean(arena, f->what),
           amount_text(arena, f->unit, f->then),
           amount_text(arena, f->unit, f->limit));
    if (f->over)
        printf("with %s used it is exceeded, what there is stays, and nothing "
               "new is allowed\n", used);
    else if (f->then < 0)
        printf("nothing limits the %s used\n", used);
    else
        printf("with %s used %s more would be allowed\n", used,
               amount_text(arena, f->unit, f->then - (int64_t)f->used));
}

/* A sentence for each that would be another. */
static void say_limits(struct arena *arena,
                       const struct wire_what_if_reply *reply)
{
    bool any = false;
    for (uint32_t i = 0; i < reply->n_limits; i++) {
        const struct wire_quota_fate *f = &reply->limits[i];
        if (f->limit == f->then)
            continue;
        say_limit(arena, f);
        any = true;
    }
    if (reply->n_limits && !any)
        printf("customer %s: the quota is so already, nothing would change\n",
               output_clean(arena, reply->limits[0].customer));
}

static void print_limits(struct arena *arena,
                         const struct wire_what_if_reply *reply)
{
    static const struct output_column columns[] = {
        { "Customer", ALIGN_LEFT },
        { "Limit", ALIGN_LEFT },
        { "Used", ALIGN_RIGHT },
        { "Now", ALIGN_RIGHT },
        { "Then", ALIGN_RIGHT },
        { "", ALIGN_LEFT },
    };
    if (!reply->n_limits)
        return;
    say_limits(arena, reply);
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (uint32_t i = 0; i < reply->n_limits; i++) {
        const struct wire_quota_fate *f = &reply->limits[i];
        output_table_cell(table, output_clean(arena, f->customer));
        output_table_cell(table, output_clean(arena, f->what));
        output_table_cell(table,
                          amount_text(arena, f->unit, (int64_t)f->used));
        output_table_cell(table, amount_text(arena, f->unit, f->limit));
        output_table_cell(table, amount_text(arena, f->unit, f->then));
        output_table_cell(table, f->over ? "exceeded: nothing new" : "");
    }
    output_table_finish(table);
}

int forecast_what_if(const struct command_args *args, struct vdc_error *err)
{
    struct wire_what_if w;
    const void *body;
    int rc = take_what_if(args, &w, err);
    if (rc == 0)
        rc = client_ask(args, WIRE_MSG_placement_what_if, &w, &body, err);
    if (rc)
        return rc;
    const struct wire_what_if_reply *reply = body;
    if (args->format == FORMAT_JSON) {
        output_json_struct(&wire_struct_what_if_reply, reply);
        return 0;
    }
    if (w.kind == WIRE_IF_DIES || w.kind == WIRE_IF_DRAINS)
        print_fates(args->arena, &w, reply);
    print_limits(args->arena, reply);
    if (w.spec.memory.kib || w.spec.vcpus)
        printf("%" PRIu64 " more guest%s of %s fit%s now, %" PRIu64
               " would%s%s\n",
               reply->before, reply->before == 1 ? "" : "s",
               forecast_spec_text(args->arena, &w.spec),
               reply->before == 1 ? "s" : "", reply->after,
               *reply->ended ? "; then runs out: " : "",
               output_clean(args->arena, reply->ended));
    return 0;
}
