/*
 * What Ganeti asks an iallocator, as a view and a request; see iallocator.h.
 */
#include <string.h>

#include "policyd/policies/iallocator.h"

#define POOL "disk"
#define TAGS_PREFIX "htools:iextags:"
#define KIB_A_MIB 1024

struct reader {
    struct iallocator_input *input;
    const struct json_value *root;
    uint32_t pool;
    struct vdc_error *err;
};

/* ---- values ---- */

/* `what` is whose. */
static int missing(const struct reader *reader, const char *what,
                   const char *key)
{
    return vdc_error_set(reader->err, VDC_E_BAD_VALUE,
                         "%s: there is no '%s', or it is of another kind",
                         what, key);
}

/* A number that is not negative; htools writes sizes as real numbers, too. */
static int read_number(const struct reader *reader,
                       const struct json_value *object, const char *what,
                       const char *key, uint64_t *ret)
{
    const struct json_value *value = json_get(object, key);

    if (!value || value->type != JSON_NUMBER || !(value->real >= 0) ||
        value->real > (double)(MEM_MAX_KIB / KIB_A_MIB))
        return missing(reader, what, key);
    *ret = (uint64_t)value->real;
    return 0;
}

static bool is_true(const struct json_value *object, const char *key)
{
    const struct json_value *value = json_get(object, key);

    return value && value->type == JSON_BOOL && value->boolean;
}

static bool is_word(const struct json_value *object, const char *key,
                    const char *word)
{
    const struct json_value *value = json_get(object, key);

    return value && value->type == JSON_STRING &&
           strcmp(value->text, word) == 0;
}

static int read_spec(const struct reader *reader,
                     const struct json_value *object, const char *what,
                     struct placement_spec *ret)
{
    uint64_t memory = 0, vcpus = 0, disk = 0;
    int rc = read_number(reader, object, what, "memory", &memory);

    if (!rc)
        rc = read_number(reader, object, what, "vcpus", &vcpus);
    if (!rc)
        rc = read_number(reader, object, what, "disk_space_total", &disk);
    if (rc)
        return rc;
    *ret = (struct placement_spec){
        .memory = MEM_MIB(memory),
        .vcpus = vcpus > PLACEMENT_VCPUS_MAX ? PLACEMENT_VCPUS_MAX + 1
                                             : (uint32_t)vcpus,
        .n_disks = disk != 0,
        .disks = { { reader->pool, disk * KIB_A_MIB } },
    };
    return placement_view_check_spec(ret, reader->err);
}

/* ---- exclusion tags ---- */

/* Whether instances with this tag are kept apart. */
static bool excludes(const struct reader *reader, const char *tag)
{
    const struct json_value *tags = json_get(reader->root, "cluster_tags");
    size_t skip = strlen(TAGS_PREFIX);

    for (size_t i = 0; tags && i < tags->n_items; i++) {
        const char *text = tags->items[i].text;
        if (tags->items[i].type != JSON_STRING ||
            strncmp(text, TAGS_PREFIX, skip) != 0)
            continue;
        size_t len = strlen(text + skip);
        if (strncmp(tag, text + skip, len) == 0 && tag[len] == ':')
            return true;
    }
    return false;
}

static int read_groups(const struct reader *reader,
                       const struct json_value *object, const char *what,
                       uint32_t *ret, uint32_t *ret_n)
{
    const struct json_value *tags = json_get(object, "tags");

    for (size_t i = 0; tags && i < tags->n_items; i++) {
        if (tags->items[i].type != JSON_STRING ||
            !excludes(reader, tags->items[i].text))
            continue;
        uint32_t group =
            placement_names_add(reader->input->names, tags->items[i].text);
        const struct placement_rule rule = { .name = group,
                                             .group = group,
                                             .other = group,
                                             .anti = true,
                                             .hard = true };
        if (*ret_n == PLACEMENT_GROUPS_MAX)
            return vdc_error_set(reader->err, VDC_E_UNSUPPORTED,
                                 "%s has more than %d exclusion tags", what,
                                 PLACEMENT_GROUPS_MAX);
        int rc =
            placement_view_put_rule(reader->input->view, &rule, reader->err);
        if (rc)
            return rc;
        ret[(*ret_n)++] = group;
    }
    return 0;
}

/* ---- nodes and instances ---- */

static int read_node(const struct reader *reader, const char *name,
                     const struct json_value *node)
{
    uint64_t memory = 0, disk = 0, cpus = 0;
    int rc = read_number(reader, node, name, "free_memory", &memory);

    if (!rc)
        rc = read_number(reader, node, name, "free_disk", &disk);
    if (!rc)
        rc = read_number(reader, node, name, "total_cpus", &cpus);
    if (rc)
        return rc;
    const struct placement_host host = {
        .name = placement_names_add(reader->input->names, name),
        .state = is_true(node, "offline")   ? PLACEMENT_DOWN
                 : is_true(node, "drained") ? PLACEMENT_DRAINING
                                            : PLACEMENT_UP,
        .memory = MEM_MIB(memory),
        .pcpus = cpus > UINT16_MAX ? UINT16_MAX : (uint32_t)cpus,
        .n_pools = 1,
        .pools = { { reader->pool, disk * KIB_A_MIB } },
    };
    return placement_view_put_host(reader->input->view, &host, NULL,
                                   reader->err);
}

static int read_nodes(const struct reader *reader)
{
    const struct json_value *nodes = json_get(reader->root, "nodes");
    int rc = 0;

    if (!nodes || nodes->type != JSON_OBJECT)
        return missing(reader, "the input", "nodes");
    for (size_t i = 0; !rc && i < nodes->n_items; i++)
        rc = read_node(reader, nodes->keys[i], &nodes->items[i]);
    return rc;
}

static int read_instance(const struct reader *reader, const char *name,
                         const struct json_value *instance)
{
    const struct json_value *nodes = json_get(instance, "nodes");
    struct placement_view *view = reader->input->view;
    struct placement_guest guest = {
        .runs = !is_word(instance, "admin_state", "down") &&
                !is_word(instance, "admin_state", "offline"),
        .backup = PLACEMENT_NONE,
    };
    int rc = read_spec(reader, instance, name, &guest.spec);

    if (rc)
        return rc;
    if (!nodes || nodes->type != JSON_ARRAY || nodes->n_items == 0 ||
        nodes->items[0].type != JSON_STRING)
        return missing(reader, name, "nodes");
    guest.host = placement_view_find_host(
        view,
        placement_names_find(reader->input->names, nodes->items[0].text));
    if (guest.host == PLACEMENT_NONE)
        return vdc_error_set(reader->err, VDC_E_BAD_VALUE,
                             "%s: there is no node '%s'", name,
                             nodes->items[0].text);
    rc = read_groups(reader, instance, name, guest.groups, &guest.n_groups);
    return rc ? rc : placement_view_add_guest(view, &guest, NULL, reader->err);
}

/* What a node has free and what its instances have is what it has. */
static void add_used(struct placement_view *view)
{
    for (uint32_t i = 0; i < placement_view_n_hosts(view); i++) {
        struct placement_host host = *placement_view_host(view, i);
        const struct placement_use *use = placement_view_use(view, i);
        host.memory.kib += use->memory.kib;
        host.pools[0].amount += use->pools[0];
        placement_view_put_host(view, &host, NULL, NULL);
    }
}

static int read_instances(const struct reader *reader)
{
    const struct json_value *instances = json_get(reader->root, "instances");
    int rc = 0;

    if (!instances || instances->type != JSON_OBJECT)
        return missing(reader, "the input", "instances");
    for (size_t i = 0; !rc && i < instances->n_items; i++)
        rc = read_instance(reader, instances->keys[i], &instances->items[i]);
    add_used(reader->input->view);
    return rc;
}

/* ---- the request ---- */

/* Hosts that are not named are, for this request, down. */
static void restrict_to(const struct reader *reader,
                        const struct json_value *nodes)
{
    struct placement_view *view = reader->input->view;
    uint32_t tag = placement_names_add(reader->input->names, "named");

    for (size_t i = 0; i < nodes->n_items; i++) {
        uint32_t at = PLACEMENT_NONE;
        if (nodes->items[i].type == JSON_STRING)
            at = placement_view_find_host(
                view, placement_names_find(reader->input->names,
                                           nodes->items[i].text));
        if (at == PLACEMENT_NONE)
            continue;
        struct placement_host host = *placement_view_host(view, at);
        host.n_tags = 1;
        host.tags[0] = tag;
        placement_view_put_host(view, &host, NULL, NULL);
    }
    reader->input->request.n_wanted = 1;
    reader->input->request.wanted[0] = tag;
}

static int read_request(const struct reader *reader)
{
    const struct json_value *asked = json_get(reader->root, "request");
    struct placement_request *request = &reader->input->request;
    uint64_t n_nodes = 0;

    if (!is_word(asked, "type", "allocate"))
        return vdc_error_set(reader->err, VDC_E_UNSUPPORTED,
                             "the request is not of type 'allocate'");
    int rc =
        read_number(reader, asked, "the request", "required_nodes", &n_nodes);
    if (!rc && n_nodes != 1)
        rc = vdc_error_set(reader->err, VDC_E_UNSUPPORTED,
                           "an instance on several nodes is not supported");
    if (!rc)
        rc = read_spec(reader, asked, "the request", &request->spec);
    if (!rc)
        rc = read_groups(reader, asked, "the request", request->groups,
                         &request->n_groups);
    request->start = true;
    const struct json_value *nodes = json_get(asked, "restrict-to-nodes");
    if (!rc && nodes && nodes->type == JSON_ARRAY)
        restrict_to(reader, nodes);
    return rc;
}

static int read_ratio(const struct reader *reader)
{
    const struct json_value *policy = json_get(reader->root, "ipolicy");
    const struct json_value *ratio = json_get(policy, "vcpu-ratio");

    /* 1000: more than anybody means */
    if (ratio && ratio->type == JSON_NUMBER && ratio->real >= 0.01 &&
        ratio->real <= 1000)
        placement_view_set_overcommit(reader->input->view,
                                      (uint32_t)(ratio->real * 100));
    return 0;
}

int iallocator_read_input(const char *text, size_t len,
                          struct iallocator_input *ret, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    struct reader reader = { .input = ret, .err = err };
    int rc = json_parse(text, len, arena, &reader.root, err);

    memset(ret, 0, sizeof(*ret));
    ret->names = placement_names_new();
    ret->view = placement_view_new(ret->names);
    reader.pool = placement_names_add(ret->names, POOL);
    if (!rc)
        rc = read_ratio(&reader);
    if (!rc)
        rc = read_nodes(&reader);
    if (!rc)
        rc = read_instances(&reader);
    if (!rc)
        rc = read_request(&reader);
    if (rc)
        iallocator_fini_input(ret);
    arena_free(arena);
    return rc;
}

void iallocator_fini_input(struct iallocator_input *input)
{
    placement_view_free(input->view);
    placement_names_free(input->names);
    memset(input, 0, sizeof(*input));
}

void iallocator_write_answer(const char *host, const char *info,
                             struct json_out *out)
{
    json_out_object(out);
    json_out_key(out, "success");
    json_out_bool(out, host != NULL);
    json_out_key(out, "info");
    json_out_string(out, info);
    json_out_key(out, "result");
    json_out_array(out);
    if (host)
        json_out_string(out, host);
    json_out_array_end(out);
    json_out_object_end(out);
}
