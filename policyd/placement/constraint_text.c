/*
 * Why a host cannot take a guest, and what one change would let it: sentences
 * for a row of constraint.def each.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policyd/placement/constraint.h"

/* What a sentence is made of. */
struct telling {
    const struct placement_attempt *attempt;
    uint32_t host;
    const struct placement_host *h;
    const struct placement_use *use;
    const char *name; /* of the host */
    uint64_t lacks;
    char *buf;
    size_t size;
};

static void __attribute__((format(printf, 2, 3)))
tell(const struct telling *t, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(t->buf, t->size, format, ap);
    va_end(ap);
}

static const char *text_of(const struct telling *t, uint32_t name)
{
    return placement_view_text(t->attempt->view, name);
}

/* "1000 MiB": to the MiB, as xl's users count, also for a GiB or more. */
static const char *mib(uint64_t kib, char *buf, size_t size)
{
    if (kib % 1024 == 0)
        snprintf(buf, size, "%" PRIu64 " MiB", kib / 1024);
    else
        snprintf(buf, size, "%" PRIu64 " KiB", kib);
    return buf;
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* ---- what the host is ---- */

static void why_pinned(const struct telling *t)
{
    tell(t, "host %s is not host %s", t->name,
         text_of(t, t->attempt->request->pinned));
}

static void change_pinned(const struct telling *t)
{
    tell(t, "do not ask for host %s alone",
         text_of(t, t->attempt->request->pinned));
}

static const char *state_text(enum placement_state state)
{
    switch (state) {
    case PLACEMENT_UP:
        return "up";
    case PLACEMENT_DRAINING:
        return "draining";
    case PLACEMENT_DOWN:
        return "down";
    case PLACEMENT_MAINTENANCE:
        return "in maintenance";
    }
    return "?";
}

static void why_state(const struct telling *t)
{
    tell(t, "host %s is %s%s%s", t->name, state_text(t->h->state),
         t->h->state_why ? ": " : "", text_of(t, t->h->state_why));
}

static void change_state(const struct telling *t)
{
    tell(t, "bring host %s up", t->name);
}

static void why_domain(const struct telling *t)
{
    tell(t, "host %s is not in failure domain %s", t->name,
         text_of(t, t->attempt->request->domain));
}

static void change_domain(const struct telling *t)
{
    tell(t, "do not ask for failure domain %s alone",
         text_of(t, t->attempt->request->domain));
}

/* The first name that is missing of the host's (or, !missing, is there). */
static const char *first_name(const struct telling *t, bool missing,
                              const uint32_t *names, uint32_t n,
                              const uint32_t *of, uint32_t n_of)
{
    for (uint32_t i = 0; i < n; i++) {
        bool there = false;
        for (uint32_t j = 0; j < n_of; j++)
            there |= of[j] == names[i];
        if (there != missing)
            return text_of(t, names[i]);
    }
    return "?";
}

static const char *missing_tag(const struct telling *t)
{
    const struct placement_request *request = t->attempt->request;

    return first_name(t, true, request->wanted, request->n_wanted, t->h->tags,
                      t->h->n_tags);
}

static void why_wanted(const struct telling *t)
{
    tell(t, "host %s has not the tag %s", t->name, missing_tag(t));
}

static void change_wanted(const struct telling *t)
{
    if (t->lacks > 1)
        tell(t, "do without %" PRIu64 " of the tags, or give them to host %s",
             t->lacks, t->name);
    else
        tell(t, "do without the tag %s, or give it to host %s", missing_tag(t),
             t->name);
}

static const char *forbidden_tag(const struct telling *t)
{
    const struct placement_request *request = t->attempt->request;

    return first_name(t, false, request->forbidden, request->n_forbidden,
                      t->h->tags, t->h->n_tags);
}

static void why_forbidden(const struct telling *t)
{
    tell(t, "host %s has the tag %s", t->name, forbidden_tag(t));
}

static void change_forbidden(const struct telling *t)
{
    tell(t, "allow the tag %s, or take it from host %s", forbidden_tag(t),
         t->name);
}

/* Who made the CPU is asked as a feature, and is none: *ret_vendor says that
 * it is that alone. */
static const char *missing_features(const struct telling *t, char *buf,
                                    size_t size, bool *ret_vendor)
{
    const struct cpu_set lacks =
        cpu_set_lacks(&t->h->cpu, &t->attempt->request->cpu);
    const struct cpu_set vendor = cpu_set_vendor(&lacks);

    *ret_vendor = cpu_set_count(&vendor) == cpu_set_count(&lacks);
    return cpu_set_names(&lacks, ", ", buf, size);
}

static void why_features(const struct telling *t)
{
    char names[256];
    bool vendor;

    missing_features(t, names, sizeof(names), &vendor);
    if (cpu_set_is_empty(&t->h->cpu))
        tell(t, "it is not known what the CPUs of host %s can do", t->name);
    else if (vendor)
        tell(t, "the CPUs of host %s are not of %s", t->name, names);
    else
        tell(t, "the CPUs of host %s have not %s", t->name, names);
}

static void change_features(const struct telling *t)
{
    char names[256];
    bool vendor;

    missing_features(t, names, sizeof(names), &vendor);
    if (vendor)
        tell(t, "do without CPUs of %s", names);
    else
        tell(t, "do without the CPU feature%s %s", t->lacks > 1 ? "s" : "",
             names);
}

static void why_dedicated(const struct telling *t)
{
    if (t->h->dedicated)
        tell(t, "host %s is dedicated to %s", t->name,
             text_of(t, t->h->dedicated));
    else
        tell(t, "host %s is dedicated to nobody", t->name);
}

static void change_dedicated(const struct telling *t)
{
    uint32_t customer = t->attempt->request->customer;

    if (t->attempt->request->dedication == PLACEMENT_EXPLICIT)
        tell(t, "dedicate host %s to %s", t->name, text_of(t, customer));
    else if (customer && t->h->dedicated == customer)
        tell(t, "ask for a dedicated host");
    else
        tell(t, "end the dedication of host %s", t->name);
}

/* ---- what is taken of it ---- */

static void why_memory(const struct telling *t)
{
    char has[32], asked[32];

    tell(t, "host %s has %s free for guests, %s asked", t->name,
         mib(less(t->h->memory.kib, t->use->memory.kib), has, sizeof(has)),
         mib(t->attempt->memory.kib, asked, sizeof(asked)));
}

static void change_memory(const struct telling *t)
{
    char has[32], lack[32];
    uint64_t free =
        less(t->h->memory.kib, t->use->memory.kib + t->use->reserve.kib);

    mib(t->lacks, lack, sizeof(lack));
    if (t->attempt->memory.kib > t->h->memory.kib)
        tell(t, "ask for less memory: at most %s",
             mib(free, has, sizeof(has)));
    else if (free)
        tell(t,
             "ask for less memory (at most %s), or stop guests of %s on "
             "host %s",
             mib(free, has, sizeof(has)), lack, t->name);
    else
        tell(t, "stop guests of %s on host %s", lack, t->name);
}

static void why_vcpus(const struct telling *t)
{
    tell(t, "host %s has %" PRIu64 " vCPUs free, %u asked", t->name,
         less(t->use->vcpus_most, t->use->vcpus), t->attempt->vcpus);
}

static void change_vcpus(const struct telling *t)
{
    uint64_t free = less(t->use->vcpus_most, t->use->vcpus);

    if (free)
        tell(t,
             "ask for at most %" PRIu64 " vCPUs, or stop guests of %" PRIu64
             " vCPUs on host %s",
             free, t->lacks, t->name);
    else
        tell(t, "stop guests of %" PRIu64 " vCPUs on host %s", t->lacks,
             t->name);
}

/* The first amount that the host has not. */
static const struct placement_amount *
short_amount(const struct placement_amount *asks, uint32_t n_asks,
             const struct placement_amount *has, uint32_t n_has,
             const uint64_t *used, uint64_t *ret_free)
{
    for (uint32_t i = 0; i < n_asks; i++) {
        *ret_free = placement_constraint_free(has, n_has, used, asks[i].name);
        if (*ret_free < asks[i].amount)
            return &asks[i];
    }
    return NULL;
}

static const struct placement_amount *short_disk(const struct telling *t,
                                                 uint64_t *ret_free)
{
    const struct placement_spec *spec = &t->attempt->request->spec;

    return short_amount(spec->disks, spec->n_disks, t->h->pools, t->h->n_pools,
                        t->use->pools, ret_free);
}

static void why_disk(const struct telling *t)
{
    uint64_t free = 0;
    const struct placement_amount *disk = short_disk(t, &free);
    char has[32], asked[32];

    if (disk)
        tell(t, "pool %s of host %s has %s free, %s asked",
             text_of(t, disk->name), t->name, mib(free, has, sizeof(has)),
             mib(disk->amount, asked, sizeof(asked)));
}

static void change_disk(const struct telling *t)
{
    uint64_t free = 0;
    const struct placement_amount *disk = short_disk(t, &free);
    char lack[32];

    if (disk)
        tell(t, "ask for %s less of pool %s, or free that on host %s",
             mib(disk->amount - free, lack, sizeof(lack)),
             text_of(t, disk->name), t->name);
}

static const struct placement_amount *short_device(const struct telling *t,
                                                   uint64_t *ret_free)
{
    const struct placement_spec *spec = &t->attempt->request->spec;

    return short_amount(spec->devices, spec->n_devices, t->h->devices,
                        t->h->n_devices, t->use->devices, ret_free);
}

static void why_devices(const struct telling *t)
{
    uint64_t free = 0;
    const struct placement_amount *device = short_device(t, &free);

    if (device)
        tell(t, "host %s has %" PRIu64 " of %s free, %" PRIu64 " asked",
             t->name, free, text_of(t, device->name), device->amount);
}

static void change_devices(const struct telling *t)
{
    uint64_t free = 0;
    const struct placement_amount *device = short_device(t, &free);

    if (device)
        tell(t, "ask for %" PRIu64 " less of %s, or free them on host %s",
             device->amount - free, text_of(t, device->name), t->name);
}

static void why_strict(const struct telling *t)
{
    if (t->attempt->request->dedication == PLACEMENT_STRICT)
        tell(t, "host %s has %" PRIu64 " guests that share it", t->name,
             t->lacks);
    else
        tell(t, "host %s has guests that must be alone", t->name);
}

static void change_strict(const struct telling *t)
{
    if (t->attempt->request->dedication == PLACEMENT_STRICT)
        tell(t,
             "prefer to be alone instead of insisting, or move %" PRIu64
             " guests away from host %s",
             t->lacks, t->name);
    else
        tell(t,
             "move the %" PRIu64 " guests that must be alone away from "
             "host %s",
             t->lacks, t->name);
}

/* ---- who is there ---- */

static void why_alone(const struct telling *t)
{
    tell(t, "host %s has guests of other customers", t->name);
}

static void change_alone(const struct telling *t)
{
    tell(t, "move %" PRIu64 " guests of others away from host %s", t->lacks,
         t->name);
}

static const char *scope_text(const struct placement_rule *rule)
{
    return rule->scope == PLACEMENT_DOMAINS ? "in the failure domain of"
                                            : "on";
}

static void why_affinity(const struct telling *t)
{
    uint64_t n;
    const struct placement_rule *rule =
        placement_constraint_broken(t->attempt, false, true, t->host, &n);

    if (rule)
        tell(t, "rule %s: nobody that it must be with is %s host %s",
             text_of(t, rule->name), scope_text(rule), t->name);
}

static void change_affinity(const struct telling *t)
{
    uint64_t n;
    const struct placement_rule *rule =
        placement_constraint_broken(t->attempt, false, true, t->host, &n);

    if (rule)
        tell(t, "make the rule %s a soft one", text_of(t, rule->name));
}

static void why_anti_affinity(const struct telling *t)
{
    uint64_t n;
    const struct placement_rule *rule =
        placement_constraint_broken(t->attempt, true, true, t->host, &n);

    if (rule)
        tell(t, "rule %s: %" PRIu64 " that it must not be with %s %s host %s",
             text_of(t, rule->name), n, n == 1 ? "is" : "are",
             scope_text(rule), t->name);
}

static void change_anti_affinity(const struct telling *t)
{
    uint64_t n;
    const struct placement_rule *rule =
        placement_constraint_broken(t->attempt, true, true, t->host, &n);

    if (rule)
        tell(t, "make the rule %s a soft one, or add a host",
             text_of(t, rule->name));
}

static void why_promise(const struct telling *t)
{
    uint64_t n;
    const struct placement_promise *promise =
        placement_constraint_promise(t->attempt, t->host, PLACEMENT_NONE, &n);

    if (promise)
        tell(t,
             "on host %s it would take room of promise %s, %" PRIu64
             " of %u guests",
             t->name, text_of(t, promise->name), n, promise->n_guests);
}

static void change_promise(const struct telling *t)
{
    uint64_t n;
    const struct placement_promise *promise =
        placement_constraint_promise(t->attempt, t->host, PLACEMENT_NONE, &n);

    if (promise)
        tell(t, "lower promise %s to %" PRIu64 " guests, or add a host",
             text_of(t, promise->name), promise->n_guests - n);
}

/* ---- when a host dies ---- */

static void why_spare(const struct telling *t)
{
    char has[32], reserve[32], asked[32];

    tell(t, "host %s keeps %s of its %s free for when another dies, %s asked",
         t->name, mib(t->use->reserve.kib, reserve, sizeof(reserve)),
         mib(less(t->h->memory.kib, t->use->memory.kib), has, sizeof(has)),
         mib(t->attempt->memory.kib, asked, sizeof(asked)));
}

static void change_spare(const struct telling *t)
{
    char lack[32];

    mib(t->lacks, lack, sizeof(lack));
    if (t->lacks < t->attempt->memory.kib)
        tell(t, "ask for %s less memory, or stop guests of that on host %s",
             lack, t->name);
    else
        tell(t, "stop guests of %s on host %s", lack, t->name);
}

static void why_backup(const struct telling *t)
{
    tell(t, "if host %s died, no other would have the room", t->name);
}

static void change_backup(const struct telling *t)
{
    tell(t, "do without protection, or add a host");
}

/* ---- the table ---- */

static const struct {
    void (*why)(const struct telling *t);
    void (*change)(const struct telling *t);
} table[] = {
#define PLACEMENT_CONSTRAINT(id, function, name, kind, text) \
    { why_##function, change_##function },
#include "policyd/placement/constraint.def"
#undef PLACEMENT_CONSTRAINT
};

static struct telling telling_of(const struct placement_attempt *attempt,
                                 enum placement_constraint constraint,
                                 uint32_t host, char *buf, size_t size)
{
    const struct placement_host *h = placement_view_host(attempt->view, host);

    *buf = '\0';
    return (struct telling){
        .attempt = attempt,
        .host = host,
        .h = h,
        .use = placement_view_use(attempt->view, host),
        .name = placement_view_text(attempt->view, h->name),
        .lacks = placement_constraint_lacks(attempt, constraint, host),
        .buf = buf,
        .size = size,
    };
}

const char *placement_constraint_why(const struct placement_attempt *attempt,
                                     enum placement_constraint constraint,
                                     uint32_t host, char *buf, size_t size)
{
    struct telling t = telling_of(attempt, constraint, host, buf, size);

    table[constraint].why(&t);
    return buf;
}

const char *
placement_constraint_change(const struct placement_attempt *attempt,
                            enum placement_constraint constraint,
                            uint32_t host, char *buf, size_t size)
{
    struct telling t = telling_of(attempt, constraint, host, buf, size);

    table[constraint].change(&t);
    return buf;
}
