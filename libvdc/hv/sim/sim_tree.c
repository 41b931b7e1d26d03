/*
 * xenstore's tree within the simulated host's state.
 */
#include "hv/sim/sim_tree.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct sim_node *node_of(struct sim_state *state, uint32_t node)
{
    return &state->nodes[node];
}

static char *text_of(const struct sim_state *state, uint32_t unit)
{
    return (char *)state->heap + (size_t)unit * SIM_HEAP_UNIT;
}

const char *sim_tree_name(const struct sim_state *state, uint32_t node)
{
    return text_of(state, state->nodes[node].text);
}

const char *sim_tree_value(const struct sim_state *state, uint32_t node)
{
    return sim_tree_name(state, node) + state->nodes[node].name_len + 1;
}

const char *sim_tree_read(const struct sim_state *state, const char *path)
{
    uint32_t node = sim_tree_find(state, path);
    return node ? sim_tree_value(state, node) : "";
}

/* ---- blocks of text ---- */

static uint16_t class_for(size_t size)
{
    uint16_t class = 0;

    while (((size_t)SIM_HEAP_UNIT << class) < size)
        class ++;
    assert(class < SIM_HEAP_CLASSES);
    return class;
}

/* 0 when the heap is full: its first unit is never given out. */
static uint32_t block_alloc(struct sim_state *state, uint16_t class)
{
    uint32_t block = state->heap_free[class];
    uint32_t units = 1u << class, next;

    if (block != 0) {
        memcpy(&next, text_of(state, block), sizeof(next));
        sim_state_undo(state, text_of(state, block),
                       (size_t)units * SIM_HEAP_UNIT);
        SIM_SET(state, state->heap_free[class], next);
        return block;
    }
    block = state->heap_units;
    if (block + units > SIM_HEAP_UNITS)
        return 0;
    SIM_SET(state, state->heap_units, block + units);
    return block;
}

static void block_free(struct sim_state *state, uint32_t block, uint16_t class)
{
    uint32_t next = state->heap_free[class];

    sim_state_undo(state, text_of(state, block), sizeof(next));
    memcpy(text_of(state, block), &next, sizeof(next));
    SIM_SET(state, state->heap_free[class], block);
}

static void block_fill(struct sim_state *state, uint32_t block,
                       const char *name, size_t name_len, const char *value,
                       size_t value_len)
{
    char *text = text_of(state, block);

    memmove(text, name, name_len); /* it may be the same text */
    text[name_len] = '\0';
    memcpy(text + name_len + 1, value, value_len);
    text[name_len + 1 + value_len] = '\0';
}

/* ---- the hash of (parent, name) ---- */

static uint32_t *bucket_of(const struct sim_state *state, uint32_t parent,
                           const char *name, size_t len)
{
    uint32_t h = parent * 0x9e3779b1u;

    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)name[i]) * 0x01000193u;
    h ^= h >> 15;
    return (uint32_t *)&state->buckets[h & (SIM_BUCKETS - 1)];
}

static uint32_t find_child(const struct sim_state *state, uint32_t parent,
                           const char *name, size_t len)
{
    uint32_t i = *bucket_of(state, parent, name, len);

    while (i != 0) {
        const struct sim_node *node = &state->nodes[i];
        if (node->parent == parent && node->name_len == len &&
            memcmp(text_of(state, node->text), name, len) == 0)
            return i;
        i = node->hash_next;
    }
    return 0;
}

uint32_t sim_tree_child(const struct sim_state *state, uint32_t parent,
                        const char *name)
{
    return find_child(state, parent, name, strlen(name));
}

uint32_t sim_tree_find(const struct sim_state *state, const char *path)
{
    uint32_t node = TREE_ROOT;

    while (node != 0 && *path == '/' && path[1] != '\0') {
        size_t len = strcspn(++path, "/");
        node = find_child(state, node, path, len);
        path += len;
    }
    return node;
}

/* ---- nodes ---- */

static uint32_t node_alloc(struct sim_state *state)
{
    uint32_t i = state->free_node;

    if (i != 0) {
        SIM_SET(state, state->free_node, state->nodes[i].next);
    } else {
        i = state->n_nodes;
        if (i >= SIM_NODES)
            return 0;
        SIM_SET(state, state->n_nodes, i + 1);
    }
    SIM_SET(state, state->used_nodes, state->used_nodes + 1);
    return i;
}

static void link_node(struct sim_state *state, uint32_t i)
{
    struct sim_node *node = node_of(state, i);
    struct sim_node *parent = node_of(state, node->parent);
    uint32_t *bucket = bucket_of(state, node->parent,
                                 text_of(state, node->text), node->name_len);

    node->hash_next = *bucket;
    SIM_SET(state, *bucket, i);
    node->prev = parent->last_child;
    if (parent->last_child)
        SIM_SET(state, node_of(state, parent->last_child)->next, i);
    else
        SIM_SET(state, parent->first_child, i);
    SIM_SET(state, parent->last_child, i);
}

/* 0 when the store is full. */
static uint32_t node_new(struct sim_state *state, uint32_t parent,
                         const char *name, size_t name_len, const char *value)
{
    size_t value_len = strlen(value);
    uint16_t class = class_for(name_len + value_len + 2);
    uint32_t block = block_alloc(state, class);
    uint32_t i = block ? node_alloc(state) : 0;

    if (i == 0) {
        if (block)
            block_free(state, block, class);
        return 0;
    }
    block_fill(state, block, name, name_len, value, value_len);
    const struct sim_node *above = node_of(state, parent);
    SIM_SET(state, *node_of(state, i),
            ((struct sim_node){ .parent = parent,
                                .text = block,
                                .text_class = class,
                                .name_len = (uint16_t)name_len,
                                .value_len = (uint16_t)value_len,
                                .owner_domid = above->owner_domid,
                                .reader_domid = above->reader_domid,
                                .used = 1 }));
    link_node(state, i);
    return i;
}

void sim_tree_init(struct sim_state *state)
{
    assert(state->n_nodes == 0);
    state->heap_units = 2; /* unit 0 is none, unit 1 the root's text */
    memset(text_of(state, 1), 0, SIM_HEAP_UNIT);
    state->nodes[TREE_ROOT] = (struct sim_node){ .text = 1,
                                                 .reader_domid = HV_DOMID_NONE,
                                                 .used = 1 };
    state->n_nodes = 2;
    state->used_nodes = 1;
}

static void unlink_node(struct sim_state *state, uint32_t i)
{
    struct sim_node *node = node_of(state, i);
    struct sim_node *parent = node_of(state, node->parent);
    uint32_t *at = bucket_of(state, node->parent, text_of(state, node->text),
                             node->name_len);

    while (*at != i)
        at = &node_of(state, *at)->hash_next;
    SIM_SET(state, *at, node->hash_next);
    if (node->prev)
        SIM_SET(state, node_of(state, node->prev)->next, node->next);
    else
        SIM_SET(state, parent->first_child, node->next);
    if (node->next)
        SIM_SET(state, node_of(state, node->next)->prev, node->prev);
    else
        SIM_SET(state, parent->last_child, node->prev);
}

static void node_free(struct sim_state *state, uint32_t i)
{
    struct sim_node *node = node_of(state, i);

    unlink_node(state, i);
    block_free(state, node->text, node->text_class);
    SIM_SET(state, *node, ((struct sim_node){ .next = state->free_node }));
    SIM_SET(state, state->free_node, i);
    SIM_SET(state, state->used_nodes, state->used_nodes - 1);
}

static int node_set_value(struct sim_state *state, uint32_t i,
                          const char *value)
{
    struct sim_node *node = node_of(state, i);
    size_t len = strlen(value);
    uint16_t class = class_for(node->name_len + len + 2);
    uint32_t block = node->text;

    if (class != node->text_class) {
        block = block_alloc(state, class);
        if (block == 0)
            return -1;
    } else {
        sim_state_undo(state, text_of(state, block),
                       (size_t)SIM_HEAP_UNIT << class);
    }
    block_fill(state, block, sim_tree_name(state, i), node->name_len, value,
               len);
    if (block != node->text)
        block_free(state, node->text, node->text_class);
    SIM_SET(state, node->text, block);
    SIM_SET(state, node->text_class, class);
    SIM_SET(state, node->value_len, (uint16_t)len);
    return 0;
}

/* ---- changes by path ---- */

int sim_tree_check_path(const char *path, struct vdc_error *err)
{
    size_t len = strlen(path);

    if (path[0] != '/' || len > TREE_PATH_MAX || strstr(path, "//") ||
        (len > 1 && path[len - 1] == '/') ||
        strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                     "0123456789-/_@") != len)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "not a path of the store: \"%.256s\"", path);
    for (const char *p = path + 1; *p; p += strspn(p, "/")) {
        size_t part = strcspn(p, "/");
        if (part > TREE_NAME_MAX)
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "a part of a path of the store is longer "
                                 "than %u characters: \"%.256s\"",
                                 TREE_NAME_MAX, path);
        p += part;
    }
    return 0;
}

static void log_change(struct sim_state *state, const char *path, bool removed)
{
    struct sim_change *change = &state->changes[state->change_seq % SIM_LOG];
    size_t len = strlen(path);

    *change = (struct sim_change){ .removed = removed };
    if (len >= SIM_LOG_PATH_SIZE) {
        change->cut = 1;
        len = SIM_LOG_PATH_SIZE - 1;
        while (len > 1 && path[len] != '/')
            len--;
    }
    memcpy(change->path, path, len);
    SIM_SET(state, state->change_seq, state->change_seq + 1);
}

int sim_tree_write(struct sim_state *state, const char *path,
                   const char *value, struct vdc_error *err)
{
    uint32_t node = TREE_ROOT;
    const char *p = path;
    int r = 0;

    if (sim_state_undo_is_half_full(state))
        sim_state_commit(state);
    while (*p == '/' && p[1] != '\0') {
        size_t len = strcspn(++p, "/");
        uint32_t next = find_child(state, node, p, len);
        bool is_last = p[len] == '\0';
        if (next && is_last)
            r = node_set_value(state, next, value);
        else if (!next)
            next = node_new(state, node, p, len, is_last ? value : "");
        if (!next || r != 0)
            return vdc_error_set(err, VDC_E_HYPERVISOR,
                                 "xenstore has no space for %.256s", path);
        node = next;
        p += len;
    }
    log_change(state, path, false);
    return 0;
}

int sim_tree_writef(struct sim_state *state, struct vdc_error *err,
                    const char *value, const char *format, ...)
{
    char path[512];
    va_list ap;

    va_start(ap, format);
    int len = vsnprintf(path, sizeof(path), format, ap);
    va_end(ap);
    assert(len > 0 && (size_t)len < sizeof(path));
    return sim_tree_write(state, path, value, err);
}

void sim_tree_remove(struct sim_state *state, const char *path)
{
    uint32_t top = sim_tree_find(state, path), node = top;

    if (top == 0 || top == TREE_ROOT)
        return;
    while (node != 0) {
        const struct sim_node *at = node_of(state, node);
        if (at->first_child) {
            node = at->first_child;
            continue;
        }
        uint32_t parent = node == top ? 0 : at->parent;
        if (sim_state_undo_is_half_full(state))
            sim_state_commit(state);
        node_free(state, node);
        node = parent;
    }
    log_change(state, path, true);
}

void sim_tree_removef(struct sim_state *state, const char *format, ...)
{
    char path[512];
    va_list ap;

    va_start(ap, format);
    int len = vsnprintf(path, sizeof(path), format, ap);
    va_end(ap);
    assert(len > 0 && (size_t)len < sizeof(path));
    sim_tree_remove(state, path);
}

bool sim_tree_set_access(struct sim_state *state, const char *path,
                         const struct hv_store_access *access)
{
    uint32_t i = sim_tree_find(state, path);

    if (i == 0)
        return false;
    SIM_SET(state, node_of(state, i)->owner_domid, access->owner_domid);
    SIM_SET(state, node_of(state, i)->reader_domid, access->reader_domid);
    log_change(state, path, false);
    return true;
}
