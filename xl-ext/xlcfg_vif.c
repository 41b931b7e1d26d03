/*
 * Network interfaces of a domain file: "mac=..,bridge=..,rate=10Mb/s@20ms",
 * as xl-network-configuration(5) writes them.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/reasons.h"
#include "base/suggest.h"
#include "xl-ext/xlcfg_impl.h"

#define MAX_NICS 64

/* xlu_vif_parse_rate of libxlutil */
#define RATE_INTERVAL_DEFAULT_US 50000

struct vif {
    struct xlcfg *x;
    const struct cfg_entry *e;
    struct wire_nic *nic;
};

static void set_mac(struct vif *v, const char *value)
{
    bool ok = strlen(value) == 17;
    for (size_t i = 0; ok && i < 17; i++)
        ok = i % 3 == 2 ? value[i] == ':' || value[i] == '-'
                        : isxdigit((unsigned char)value[i]) != 0;
    if (!ok) {
        xlcfg_problem(v->x, v->e, "'vif': mac wants six pairs of hexadecimal "
                                  "digits, got \"%s\"", value);
        xlcfg_problem_hint(v->x, "write it as 00:16:3e:12:34:56, or leave it "
                                 "out to have one chosen");
        return;
    }
    char *mac = arena_strdup(v->x->arena, value);
    for (char *p = mac; *p; p++)
        *p = *p == '-' ? ':' : (char)tolower((unsigned char)*p);
    /* the lowest bit of the first byte marks a multicast address */
    int low = mac[1] <= '9' ? mac[1] - '0' : mac[1] - 'a' + 10;
    if (low & 1) {
        xlcfg_problem(v->x, v->e, "'vif': mac %s is a multicast address",
                      value);
        xlcfg_problem_hint(v->x, "the second digit must be even");
        return;
    }
    if (!strcmp(mac, "00:00:00:00:00:00"))
        xlcfg_problem(v->x, v->e, "'vif': mac %s is no address", value);
    v->nic->mac = mac;
}

/* A number and what follows it; false when there is no sound number. */
static bool leading_number(const char *text, uint64_t *ret, const char **rest)
{
    size_t len = strspn(text, "0123456789");
    if (len == 0 || len > 10)
        return false;
    char *end;
    *ret = strtoull(text, &end, 10);
    *rest = end;
    return *ret > 0 && *ret <= UINT32_MAX;
}

/* "10Mb/s", "250KB/s": decimal multiples of bits (b) or bytes (B). */
static bool parse_rate(const char *text, uint64_t *ret_bytes)
{
    uint64_t n;
    const char *rest;
    if (!leading_number(text, &n, &rest))
        return false;
    switch (*rest) {
    case 'G':
        n *= 1000;
        /* fall through */
    case 'M':
        n *= 1000;
        /* fall through */
    case 'K':
        n *= 1000;
        rest++;
        break;
    }
    if (*rest == 'b')
        n /= 8;
    else if (*rest != 'B')
        return false;
    *ret_bytes = n;
    return !strcmp(rest + 1, "/s") && n > 0;
}

/* "20ms", "50000us", "1s", "1" (seconds) */
static bool parse_interval(const char *text, uint32_t *ret_us)
{
    uint64_t n;
    const char *rest;
    if (!leading_number(text, &n, &rest))
        return false;
    if (!strcmp(rest, "s") || !*rest)
        n *= 1000000;
    else if (!strcmp(rest, "ms"))
        n *= 1000;
    else if (strcmp(rest, "us"))
        return false;
    *ret_us = (uint32_t)n;
    return n <= UINT32_MAX;
}

static void set_rate(struct vif *v, const char *value)
{
    const char *at = strchr(value, '@');
    const char *rate = at
        ? arena_strndup(v->x->arena, value, (size_t)(at - value)) : value;
    uint64_t bytes;
    uint32_t interval_us = RATE_INTERVAL_DEFAULT_US;
    if (parse_rate(rate, &bytes) &&
        (!at || parse_interval(at + 1, &interval_us))) {
        v->nic->rate_bytes = bytes;
        v->nic->rate_interval_us = interval_us;
        return;
    }
    xlcfg_problem(v->x, v->e, "'vif': rate wants a form such as 10Mb/s or "
                              "1MB/s@20ms, got \"%s\"", value);
}

static void set_mtu(struct vif *v, const char *value)
{
    long long n;
    /* 68: what RFC 791 asks of every link; 65535: what a packet can have */
    if (xlcfg_digits(value, &n) && n >= 68 && n <= 65535)
        v->nic->mtu = (uint32_t)n;
    else
        xlcfg_problem(v->x, v->e, "'vif': mtu wants a number from 68 to "
                                  "65535, got \"%s\"", value);
}

static void set_type(struct vif *v, const char *value)
{
    if (!strcmp(value, "vif"))
        return;
    xlcfg_problem(v->x, v->e, "'vif': type=%s is %s", value,
                  strcmp(value, "ioemu") ? "not known" : "for HVM guests");
    xlcfg_problem_hint(v->x, "leave type out or use type=vif");
}

static void set_netdev(struct vif *v, const char *value)
{
    v->nic->gatewaydev = value;
    xlcfg_note(v->x, "'vif': netdev is the old name of gatewaydev");
}

static void refuse_accel(struct vif *v, const char *value)
{
    xlcfg_problem(v->x, v->e, "'vif': accel=%s is not supported", value);
    xlcfg_problem_hint(v->x, "leave it out; xl does not support it either");
}

static void refuse_devid(struct vif *v, const char *value)
{
    xlcfg_problem(v->x, v->e, "'vif': devid=%s is not supported", value);
    xlcfg_problem_hint(v->x, "leave it out; interfaces are numbered in the "
                             "order of the list");
}

struct vif_key {
    const char *name;
    size_t offset; /* of a string; not used when there is a function */
    size_t most;
    void (*set)(struct vif *v, const char *value);
};

#define NIC(field) offsetof(struct wire_nic, field)

static const struct vif_key vif_keys[] = {
    { "mac", 0, 0, set_mac },
    { "bridge", NIC(bridge), 63, NULL },
    { "model", NIC(model), 31, NULL },
    { "ip", NIC(ip), 255, NULL },
    { "script", NIC(script), 255, NULL },
    { "backend", NIC(backend), 79, NULL },
    { "vifname", NIC(vifname), 15, NULL },
    { "gatewaydev", NIC(gatewaydev), 15, NULL },
    { "netdev", 0, 0, set_netdev },
    { "rate", 0, 0, set_rate },
    { "mtu", 0, 0, set_mtu },
    { "type", 0, 0, set_type },
    { "accel", 0, 0, refuse_accel },
    { "devid", 0, 0, refuse_devid },
};

#define N_VIF_KEYS (sizeof(vif_keys) / sizeof(vif_keys[0]))

static void unknown_key(struct vif *v, const char *name)
{
    const char *names[N_VIF_KEYS];
    for (size_t i = 0; i < N_VIF_KEYS; i++)
        names[i] = vif_keys[i].name;
    if (!strncmp(name, "colo_", 5) || !strcmp(name, "forwarddev")) {
        xlcfg_problem(v->x, v->e, "'vif': %s is not supported", name);
        xlcfg_problem_hint(v->x, "COLO is for HVM guests; leave it out");
        return;
    }
    xlcfg_problem(v->x, v->e, "'vif': unknown keyword '%s'", name);
    const char *near = suggest_nearest(name, names, N_VIF_KEYS);
    if (near)
        xlcfg_problem_hint(v->x, "did you mean '%s'?", near);
    else
        xlcfg_problem_hint(v->x, "xl-network-configuration(5) lists them");
}

static void set_keyword(struct vif *v, char *token)
{
    char *equals = strchr(token, '=');
    if (!equals) {
        if (!strcmp(token, "untrusted") || !strcmp(token, "trusted")) {
            xlcfg_problem(v->x, v->e, "'vif': %s is not supported", token);
            xlcfg_problem_hint(v->x, "leave it out");
        } else {
            xlcfg_problem(v->x, v->e, "'vif': '%s' is no KEY=VALUE", token);
        }
        return;
    }
    *equals = 0;
    const char *value = equals + 1;
    for (size_t i = 0; i < N_VIF_KEYS; i++) {
        const struct vif_key *key = &vif_keys[i];
        if (strcmp(key->name, token))
            continue;
        if (!*value)
            xlcfg_problem(v->x, v->e, "'vif': %s has no value", token);
        else if (key->most && strlen(value) > key->most)
            xlcfg_problem(v->x, v->e, "'vif': %s wants at most %zu "
                                      "characters, got \"%s\"",
                          token, key->most, value);
        else if (key->set)
            key->set(v, value);
        else
            *(const char **)((char *)v->nic + key->offset) = value;
        return;
    }
    unknown_key(v, token);
}

static void take_vif(struct xlcfg *x, const struct cfg_entry *e,
                     const char *spec, struct wire_nic *ret)
{
    wire_init(&wire_struct_nic, ret);
    struct vif v = { .x = x, .e = e, .nic = ret };
    char *copy = arena_strdup(x->arena, spec), *save = NULL;
    for (char *token = strtok_r(copy, ",", &save); token;
         token = strtok_r(NULL, ",", &save)) {
        token += strspn(token, " \t");
        size_t len = strlen(token);
        while (len && isspace((unsigned char)token[len - 1]))
            token[--len] = 0;
        if (*token)
            set_keyword(&v, token);
    }
    if (*ret->model && strcmp(ret->model, "vif")) {
        xlcfg_problem(x, e, "'vif': model=%s is for HVM guests", ret->model);
        xlcfg_problem_hint(x, "leave model out");
    }
}

/* Where a problem is in a domain file is of no use here. */
static const char *without_key(const char *text)
{
    static const char key[] = "'vif': ";
    return strncmp(text, key, strlen(key)) ? text : text + strlen(key);
}

int xlcfg_vif(const char *spec, struct arena *arena, struct wire_nic *ret,
              struct vdc_error *err)
{
    struct xlcfg *x = ARENA_NEW(arena, struct xlcfg);
    struct reasons *reasons = ARENA_NEW(arena, struct reasons);
    x->arena = arena;
    x->path = "";
    x->notes = ARENA_ARRAY(arena, XLCFG_NOTES_KEPT, const char *);
    take_vif(x, NULL, spec, ret);
    size_t n = x->n_problems < XLCFG_PROBLEMS_KEPT ? x->n_problems
                                                   : XLCFG_PROBLEMS_KEPT;
    for (size_t i = 0; i < n; i++) {
        struct vdc_error one;
        vdc_error_set(&one, VDC_E_BAD_VALUE, "%s",
                      without_key(x->problems[i].text));
        vdc_error_hint(&one, "%s", x->problems[i].hint);
        reasons_add(reasons, &one);
    }
    return reasons_error(reasons, err);
}

void xlcfg_set_vif(struct xlcfg *x, const struct cfg_entry *e)
{
    if (!xlcfg_list(x, e, MAX_NICS, "interfaces"))
        return;
    struct wire_nic *nics =
        ARENA_ARRAY(x->arena, e->n_items + 1, struct wire_nic);
    for (size_t i = 0; i < e->n_items; i++) {
        take_vif(x, e, e->items[i], &nics[i]);
        for (size_t k = 0; k < i; k++)
            if (*nics[i].mac && !strcmp(nics[i].mac, nics[k].mac))
                xlcfg_problem(x, e, "'vif' has two interfaces with mac %s",
                              nics[i].mac);
    }
    x->def->nics = nics;
    x->def->n_nics = (uint32_t)e->n_items;
}
