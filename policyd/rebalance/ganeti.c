/*
 * Ganeti's text format; see ganeti.h.
 *
 * Sections are divided by one empty line: groups, nodes, instances, tags of
 * the cluster, and (since version 2.4) policies; a section without lines is
 * empty and still divided.  Columns are divided by "|", amounts are in MiB.
 */
#include "policyd/rebalance/ganeti.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/rebalance/ganeti_impl.h"

#define POOL "disk"
#define TAG_PREFIX "htools:iextags:"

struct reader {
    struct ganeti *ganeti;
    char *next; /* unread text */
    char *end;
    const char **prefixes; /* of exclusion tags */
    uint32_t n_prefixes;
    uint32_t pool;
    uint32_t last_group; /* names up to here are of groups */
    uint64_t *taken_kib; /* memory, by host */
    uint64_t *local_kib; /* disk */
    uint32_t nodes_max;
    uint32_t instances_max;
    uint32_t n_nodes;
    uint32_t n_instances;
};

/* ---- lines ---- */

static int bad(const struct reader *reader, struct vdc_error *err,
               const char *what, const char *text)
{
    return vdc_error_set(err, VDC_E_BAD_VALUE, "line %u: %s%s%.60s%s",
                         reader->ganeti->line, what, text ? " '" : "",
                         text ? text : "", text ? "'" : "");
}

/* NULL at the end of the text. */
static char *next_line(struct reader *reader)
{
    char *line = reader->next;

    if (line >= reader->end)
        return NULL;
    char *stop = memchr(line, '\n', (size_t)(reader->end - line));
    reader->next = stop ? stop + 1 : reader->end;
    if (stop)
        *stop = '\0';
    reader->ganeti->line++;
    return line;
}

static int split(struct reader *reader, char *line, uint32_t n_min,
                 struct ganeti_line *ret, struct vdc_error *err)
{
    ret->n = 0;
    for (char *field = line; field;) {
        char *bar = strchr(field, '|');
        if (ret->n == GANETI_FIELDS_MAX)
            return bad(reader, err, "too many columns", NULL);
        if (bar)
            *bar++ = '\0';
        ret->fields[ret->n++] = field;
        field = bar;
    }
    if (ret->n < n_min)
        return bad(reader, err, "too few columns", NULL);
    return ret->fields[0][0] ? 0 : bad(reader, err, "no name", NULL);
}

static int read_number(struct reader *reader, const char *text, uint64_t most,
                       uint64_t *ret, struct vdc_error *err)
{
    uint64_t n = 0;

    if (!*text)
        return bad(reader, err, "a number is missing", NULL);
    for (const char *p = text; *p; p++) {
        if (*p < '0' || *p > '9')
            return bad(reader, err, "not a number:", text);
        n = n * 10 + (uint64_t)(*p - '0');
        if (n > most)
            return bad(reader, err, "too large:", text);
    }
    *ret = n;
    return 0;
}

static int read_mib(struct reader *reader, const char *text, uint64_t *ret_kib,
                    struct vdc_error *err)
{
    uint64_t mib;
    int rc = read_number(reader, text, MEM_MAX_KIB / 1024, &mib, err);

    if (!rc)
        *ret_kib = mib * 1024;
    return rc;
}

/* ---- nodes ---- */

bool ganeti_is_offline(const struct ganeti_line *line)
{
    for (int i = GANETI_NODE_MEMORY; i <= GANETI_NODE_CPUS; i++)
        if (strcmp(line->fields[i], "?") == 0)
            return true;
    return strcmp(line->fields[GANETI_NODE_STATE], "Y") == 0;
}

static int read_amounts(struct reader *reader, const struct ganeti_line *line,
                        struct placement_host *host,
                        struct placement_whole *whole, struct vdc_error *err)
{
    uint64_t own, free_memory, free_disk, cpus, own_vcpus = 0;
    int rc = 0;

    if ((rc = read_mib(reader, line->fields[GANETI_NODE_MEMORY],
                       &whole->memory.kib, err)) ||
        (rc = read_mib(reader, line->fields[GANETI_NODE_OWN_MEMORY], &own,
                       err)) ||
        (rc = read_mib(reader, line->fields[GANETI_NODE_FREE_MEMORY],
                       &free_memory, err)) ||
        (rc = read_mib(reader, line->fields[GANETI_NODE_DISK],
                       &whole->disk_kib, err)) ||
        (rc = read_mib(reader, line->fields[GANETI_NODE_FREE_DISK], &free_disk,
                       err)) ||
        (rc = read_number(reader, line->fields[GANETI_NODE_CPUS],
                          PLACEMENT_VCPUS_MAX, &cpus, err)))
        return rc;
    if (line->n > GANETI_NODE_OWN_VCPUS)
        rc = read_number(reader, line->fields[GANETI_NODE_OWN_VCPUS],
                         PLACEMENT_VCPUS_MAX, &own_vcpus, err);
    /* what instances have comes to it when they are known */
    host->memory.kib = free_memory;
    host->pools[0].amount = free_disk;
    host->pcpus = (uint32_t)cpus;
    whole->own_vcpus = (uint32_t)own_vcpus;
    return rc;
}

static void grow_nodes(struct reader *reader)
{
    struct ganeti *ganeti = reader->ganeti;
    size_t n = reader->nodes_max = reader->nodes_max * 2 + 64;

    ganeti->nodes = xrealloc(ganeti->nodes, n * sizeof(*ganeti->nodes));
    ganeti->wholes = xrealloc(ganeti->wholes, n * sizeof(*ganeti->wholes));
    ganeti->groups = xrealloc(ganeti->groups, n * sizeof(*ganeti->groups));
}

static int read_node(struct reader *reader, char *text, struct vdc_error *err)
{
    struct ganeti *ganeti = reader->ganeti;
    struct placement_whole whole = { 0 };
    struct ganeti_line line;
    uint32_t at;
    int rc = split(reader, text, GANETI_NODE_FIELDS_MIN, &line, err);

    if (rc)
        return rc;
    struct placement_host host = {
        .name =
            placement_names_add(ganeti->names, line.fields[GANETI_NODE_NAME]),
        .n_pools = 1,
        .pools = { { reader->pool, 0 } },
    };
    if (placement_view_find_host(ganeti->view, host.name) != PLACEMENT_NONE)
        return bad(reader, err, "a second node",
                   line.fields[GANETI_NODE_NAME]);
    host.domain =
        placement_names_find(ganeti->names, line.fields[GANETI_NODE_GROUP]);
    if (!host.domain || host.domain > reader->last_group)
        return bad(reader, err,
                   "no such group:", line.fields[GANETI_NODE_GROUP]);
    if (ganeti_is_offline(&line))
        host.state = PLACEMENT_DRAINING;
    else if ((rc = read_amounts(reader, &line, &host, &whole, err)))
        return rc;
    rc = placement_view_put_host(ganeti->view, &host, &at, err);
    if (rc)
        return rc;
    if (at >= reader->nodes_max)
        grow_nodes(reader);
    ganeti->nodes[at] = line;
    ganeti->wholes[at] = whole;
    ganeti->groups[at] = host.domain;
    reader->n_nodes = at + 1;
    return 0;
}

/* ---- instances ---- */

enum storage { STORAGE_SHARED, STORAGE_LOCAL, STORAGE_MIRRORED };

static int storage_of(const char *template)
{
    static const struct {
        const char *name;
        enum storage storage;
    } known[] = {
        { "ext", STORAGE_SHARED },        { "rbd", STORAGE_SHARED },
        { "sharedfile", STORAGE_SHARED }, { "gluster", STORAGE_SHARED },
        { "blockdev", STORAGE_SHARED },   { "diskless", STORAGE_SHARED },
        { "plain", STORAGE_LOCAL },       { "file", STORAGE_LOCAL },
        { "drbd", STORAGE_MIRRORED },
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(known[i].name, template) == 0)
            return (int)known[i].storage;
    return -1;
}

static int find_node(struct reader *reader, const char *name, uint32_t *ret,
                     struct vdc_error *err)
{
    *ret = placement_view_find_host(
        reader->ganeti->view,
        placement_names_find(reader->ganeti->names, name));
    return *ret == PLACEMENT_NONE ? bad(reader, err, "no such node:", name)
                                  : 0;
}

static int put_storage(struct reader *reader, const struct ganeti_line *line,
                       struct placement_guest *guest, struct vdc_error *err)
{
    int storage = storage_of(line->fields[GANETI_INSTANCE_TEMPLATE]);
    const char *secondary = line->fields[GANETI_INSTANCE_SECONDARY];
    uint64_t kib;
    int rc = read_mib(reader, line->fields[GANETI_INSTANCE_DISK], &kib, err);

    if (rc)
        return rc;
    if (storage < 0)
        return bad(reader, err, "no such disk template:",
                   line->fields[GANETI_INSTANCE_TEMPLATE]);
    if (storage == STORAGE_SHARED)
        return 0;
    guest->spec.n_disks = 1;
    guest->spec.disks[0] = (struct placement_amount){ reader->pool, kib };
    reader->local_kib[guest->host] += kib;
    if (storage == STORAGE_LOCAL || !*secondary)
        return 0;
    rc = find_node(reader, secondary, &guest->backup, err);
    if (!rc && guest->backup == guest->host)
        rc = bad(reader, err, "its own secondary:", secondary);
    guest->protected = true;
    return rc;
}

static int put_tags(struct reader *reader, const struct ganeti_line *line,
                    struct placement_guest *guest, struct vdc_error *err)
{
    struct ganeti *ganeti = reader->ganeti;
    char *tags =
        arena_strdup(ganeti->arena, line->fields[GANETI_INSTANCE_TAGS]);
    char *rest = NULL;

    for (char *tag = strtok_r(tags, ",", &rest); tag;
         tag = strtok_r(NULL, ",", &rest))
        for (uint32_t i = 0; i < reader->n_prefixes; i++) {
            size_t len = strlen(reader->prefixes[i]);
            if (strncmp(tag, reader->prefixes[i], len) != 0 || tag[len] != ':')
                continue;
            if (guest->n_groups == PLACEMENT_GROUPS_MAX)
                return bad(reader, err, "too many exclusion tags", NULL);
            uint32_t name = placement_names_add(ganeti->names, tag);
            const struct placement_rule_side *sides;
            struct placement_rule rule = { .name = name,
                                           .group = name,
                                           .other = name,
                                           .anti = true,
                                           .hard = true };
            guest->groups[guest->n_groups++] = name;
            if (placement_view_rules(ganeti->view, name, &sides) == 0)
                placement_view_put_rule(ganeti->view, &rule, NULL);
            break;
        }
    return 0;
}

static int remember_instance(struct reader *reader,
                             const struct ganeti_line *line,
                             const struct placement_guest *guest,
                             struct vdc_error *err)
{
    struct ganeti *ganeti = reader->ganeti;
    uint32_t at;
    int rc = placement_view_add_guest(ganeti->view, guest, &at, err);

    if (rc)
        return rc;
    if (at >= reader->instances_max) {
        reader->instances_max = reader->instances_max * 2 + 256;
        ganeti->instances =
            xrealloc(ganeti->instances,
                     reader->instances_max * sizeof(*ganeti->instances));
    }
    ganeti->instances[at] = *line;
    reader->n_instances = at + 1;
    return 0;
}

bool ganeti_is_there(const char *status)
{
    return strcmp(status, "ADMIN_offline") != 0 &&
           strcmp(status, "ADMIN_down") != 0;
}

static int read_instance(struct reader *reader, char *text,
                         struct vdc_error *err)
{
    struct placement_guest guest = { .backup = PLACEMENT_NONE };
    struct ganeti_line line;
    uint64_t vcpus;
    int rc = split(reader, text, GANETI_INSTANCE_FIELDS_MIN, &line, err);

    if (rc ||
        (rc = find_node(reader, line.fields[GANETI_INSTANCE_PRIMARY],
                        &guest.host, err)) ||
        (rc = read_mib(reader, line.fields[GANETI_INSTANCE_MEMORY],
                       &guest.spec.memory.kib, err)) ||
        (rc = read_number(reader, line.fields[GANETI_INSTANCE_VCPUS],
                          PLACEMENT_VCPUS_MAX, &vcpus, err)) ||
        (rc = put_storage(reader, &line, &guest, err)) ||
        (rc = put_tags(reader, &line, &guest, err)))
        return rc;
    const char *status = line.fields[GANETI_INSTANCE_STATUS];
    guest.spec.vcpus = (uint32_t)vcpus;
    guest.runs = strcmp(status, "ADMIN_offline") != 0;
    if (ganeti_is_there(status))
        reader->taken_kib[guest.host] += guest.spec.memory.kib;
    return remember_instance(reader, &line, &guest, err);
}

/* ---- tags and policies ---- */

/* They come after the instances, and are needed before. */
static int find_prefixes(struct reader *reader, const char *text)
{
    uint32_t n_empty = 0;

    for (const char *line = text; *line && n_empty < 4;) {
        const char *stop = strchrnul(line, '\n');
        size_t prefix = strlen(TAG_PREFIX);
        if (stop == line)
            n_empty++;
        else if (n_empty == 3 && (size_t)(stop - line) > prefix &&
                 strncmp(line, TAG_PREFIX, prefix) == 0) {
            reader->prefixes =
                xrealloc(reader->prefixes,
                         (reader->n_prefixes + 1) * sizeof(*reader->prefixes));
            reader->prefixes[reader->n_prefixes++] =
                arena_strndup(reader->ganeti->arena, line + prefix,
                              (size_t)(stop - line) - prefix);
        }
        line = *stop ? stop + 1 : stop;
    }
    return 0;
}

/* Owner, specs, bounds, templates, ratio of vCPUs, of spindles. */
#define POLICY_RATIO 4
#define POLICY_FIELDS 6

static int read_policy(struct reader *reader, char *text, uint32_t *percent,
                       struct vdc_error *err)
{
    struct ganeti_line line = { .n = 0 };
    char *stop;

    for (char *field = text; field && line.n < POLICY_FIELDS;) {
        char *bar = strchr(field, '|');
        if (bar)
            *bar++ = '\0';
        line.fields[line.n++] = field;
        field = bar;
    }
    if (line.n < POLICY_FIELDS)
        return bad(reader, err, "too few columns in a policy", NULL);
    errno = 0;
    double ratio = strtod(line.fields[POLICY_RATIO], &stop);
    if (errno || *stop || stop == line.fields[POLICY_RATIO] || !(ratio >= 0) ||
        ratio > 10000)
        return bad(reader, err,
                   "not a ratio of vCPUs:", line.fields[POLICY_RATIO]);
    if (*percent == 0 || ratio * 100 < *percent)
        *percent = (uint32_t)(ratio * 100);
    return 0;
}

/* So that what a node uses itself is left to it on every node. */
static void set_ratio(struct reader *reader, uint32_t percent)
{
    struct ganeti *ganeti = reader->ganeti;
    uint64_t least = percent;

    if (!percent)
        return;
    for (uint32_t i = 0; i < reader->n_nodes; i++) {
        uint64_t pcpus = placement_view_host(ganeti->view, i)->pcpus;
        uint64_t all = pcpus * percent;
        uint64_t own = (uint64_t)ganeti->wholes[i].own_vcpus * 100;
        if (!pcpus)
            continue;
        /* a ratio that leaves nothing is no limit: 0 would be none */
        uint64_t mine = own < all ? (all - own) / pcpus : 1;
        least = mine < least ? mine : least;
    }
    placement_view_set_overcommit(ganeti->view, (uint32_t)(least ? least : 1));
}

/* ---- the whole ---- */

static int read_section(struct reader *reader,
                        int (*read)(struct reader *, char *,
                                    struct vdc_error *),
                        const char *what, struct vdc_error *err)
{
    for (;;) {
        char *line = next_line(reader);
        if (!line)
            return bad(reader, err, "the file ends before the end of its",
                       what);
        if (!*line)
            return 0;
        int rc = read(reader, line, err);
        if (rc)
            return rc;
    }
}

static int read_group(struct reader *reader, char *text, struct vdc_error *err)
{
    struct ganeti_line line;
    int rc = split(reader, text, 3, &line, err);

    if (rc)
        return rc;
    if (!*line.fields[1])
        return bad(reader, err, "a group without UUID:", line.fields[0]);
    uint32_t name = placement_names_add(reader->ganeti->names, line.fields[1]);
    if (name > reader->last_group)
        reader->last_group = name;
    return 0;
}

/* What was free and what instances have, as far as the node does not use it
 * itself. */
static int fill_hosts(struct reader *reader, struct vdc_error *err)
{
    struct ganeti *ganeti = reader->ganeti;

    for (uint32_t i = 0; i < reader->n_nodes; i++) {
        struct placement_host host = *placement_view_host(ganeti->view, i);
        uint64_t most = ganeti->wholes[i].memory.kib;
        uint64_t own = 0;
        if (host.state != PLACEMENT_UP)
            continue;
        read_mib(reader, ganeti->nodes[i].fields[GANETI_NODE_OWN_MEMORY], &own,
                 NULL);
        most = own < most ? most - own : 0;
        host.memory.kib += reader->taken_kib[i];
        if (host.memory.kib > most)
            host.memory.kib = most;
        host.pools[0].amount += reader->local_kib[i];
        if (host.pools[0].amount > MEM_MAX_KIB)
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "node '%s' has more disk than any can have",
                                 ganeti->nodes[i].fields[GANETI_NODE_NAME]);
        int rc = placement_view_put_host(ganeti->view, &host, NULL, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int read_rest(struct reader *reader, struct vdc_error *err)
{
    uint32_t percent = 0;
    char *line;

    while ((line = next_line(reader)) && *line)
        continue;
    while ((line = next_line(reader))) {
        int rc =
            *line ? read_policy(reader, line, &percent, err)
                  : bad(reader, err, "an empty line among the policies", NULL);
        if (rc)
            return rc;
    }
    set_ratio(reader, percent);
    return 0;
}

static int read_all(struct reader *reader, const char *text,
                    struct vdc_error *err)
{
    struct ganeti *ganeti = reader->ganeti;
    const char *begin = reader->next;
    int rc = find_prefixes(reader, text);

    if (rc || (rc = read_section(reader, read_group, "groups", err)))
        return rc;
    ganeti->head =
        arena_strndup(ganeti->arena, text, (size_t)(reader->next - begin));
    if ((rc = read_section(reader, read_node, "nodes", err)))
        return rc;
    reader->taken_kib = xzalloc((reader->n_nodes + 1) * sizeof(uint64_t));
    reader->local_kib = xzalloc((reader->n_nodes + 1) * sizeof(uint64_t));
    if ((rc = read_section(reader, read_instance, "instances", err)))
        return rc;
    ganeti->tail = text + (reader->next - begin);
    rc = fill_hosts(reader, err);
    return rc ? rc : read_rest(reader, err);
}

int ganeti_read(const char *text, size_t size, struct ganeti **ret,
                struct vdc_error *err)
{
    struct ganeti *ganeti = XNEW(struct ganeti);
    struct reader reader = { .ganeti = ganeti };

    ganeti->arena = arena_new();
    ganeti->names = placement_names_new();
    ganeti->view = placement_view_new(ganeti->names);
    reader.pool = placement_names_add(ganeti->names, POOL);
    /* one is cut up into lines and columns, the other kept */
    char *kept = arena_strndup(ganeti->arena, text, size);
    reader.next = arena_strndup(ganeti->arena, text, size);
    reader.end = reader.next + size;
    int rc = memchr(text, '\0', size)
                 ? vdc_error_set(err, VDC_E_BAD_VALUE, "not a text")
                 : read_all(&reader, kept, err);
    free(reader.prefixes);
    free(reader.taken_kib);
    free(reader.local_kib);
    if (rc) {
        ganeti_free(ganeti);
        return rc;
    }
    *ret = ganeti;
    return 0;
}

void ganeti_free(struct ganeti *ganeti)
{
    if (!ganeti)
        return;
    placement_view_free(ganeti->view);
    placement_names_free(ganeti->names);
    free(ganeti->nodes);
    free(ganeti->wholes);
    free(ganeti->groups);
    free(ganeti->instances);
    arena_free(ganeti->arena);
    free(ganeti);
}

void ganeti_complete(void *arg, uint32_t guest,
                     struct placement_request *request)
{
    const struct ganeti *ganeti = arg;

    /* the group of any node that it was on is that of all */
    request->domain =
        ganeti->groups[placement_view_guest(ganeti->view, guest)->host];
}

bool ganeti_is_held(void *arg, uint32_t guest)
{
    const struct ganeti *ganeti = arg;

    return storage_of(
               ganeti->instances[guest].fields[GANETI_INSTANCE_TEMPLATE]) !=
           STORAGE_SHARED;
}
