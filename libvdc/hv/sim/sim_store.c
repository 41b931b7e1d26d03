/*
 * xenstore of a simulated host.
 */
#include "hv/sim/sim_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/sim/sim_tree.h"

struct hv_store_watch {
    struct hv_store_watch *next;
    char *path;
    hv_store_watch_fn *fn;
    void *arg;
    bool fresh; /* has not fired yet */
    bool dead;  /* unwatched within a callback */
};

static int no_node(const char *path, struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_NOT_FOUND,
                         "there is no %.256s in the store", path);
}

/* Checks the path and begins the call. */
static int begin(struct sim *sim, enum sim_call call, const char *path,
                 struct vdc_error *err)
{
    int rc = sim_tree_check_path(path, err);

    return rc ? rc : sim_host_begin_call(sim, call, err);
}

static int store_read(struct hv *hv, const char *path, struct arena *arena,
                      const char **ret, struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    int rc = begin(sim, SIM_CALL_store_read, path, err);

    if (rc)
        return rc;
    uint32_t node = sim_tree_find(sim->state, path);
    if (node)
        *ret = arena_strdup(arena, sim_tree_value(sim->state, node));
    sim_host_end(sim);
    return node ? 0 : no_node(path, err);
}

static int store_write(struct hv *hv, const char *path, const char *value,
                       struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);

    if (strlen(value) > TREE_VALUE_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a value of the store has at most %u bytes "
                             "(%.256s)",
                             TREE_VALUE_MAX, path);
    int rc = begin(sim, SIM_CALL_store_write, path, err);
    if (rc)
        return rc;
    sim_host_effect_locked(sim, SIM_CALL_store_write);
    rc = sim_tree_write(sim->state, path, value, err);
    if (rc)
        sim_host_abort(sim);
    else
        sim_host_effect_end(sim);
    return rc;
}

static int store_remove(struct hv *hv, const char *path, struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    int rc = begin(sim, SIM_CALL_store_remove, path, err);

    if (rc)
        return rc;
    uint32_t node = sim_tree_find(sim->state, path);
    if (node == TREE_ROOT) {
        sim_host_end(sim);
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "the store's root cannot be removed");
    }
    if (node == 0) {
        sim_host_end(sim);
        return 0;
    }
    sim_host_effect_locked(sim, SIM_CALL_store_remove);
    sim_tree_remove(sim->state, path);
    sim_host_effect_end(sim);
    return 0;
}

static int store_list(struct hv *hv, const char *path, struct arena *arena,
                      const char ***ret, size_t *ret_n, struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    int rc = begin(sim, SIM_CALL_store_list, path, err);

    if (rc)
        return rc;
    const struct sim_state *state = sim->state;
    uint32_t node = sim_tree_find(state, path);
    if (node == 0) {
        sim_host_end(sim);
        return no_node(path, err);
    }
    size_t n = 0;
    for (uint32_t i = state->nodes[node].first_child; i;
         i = state->nodes[i].next)
        n++;
    const char **names = ARENA_ARRAY(arena, n, const char *);
    n = 0;
    for (uint32_t i = state->nodes[node].first_child; i;
         i = state->nodes[i].next)
        names[n++] = arena_strdup(arena, sim_tree_name(state, i));
    sim_host_end(sim);
    *ret = names;
    *ret_n = n;
    return 0;
}

static int store_set_access(struct hv *hv, const char *path,
                            const struct hv_store_access *access,
                            struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);

    if (access->owner_domid > HV_DOMID_MAX ||
        (access->reader_domid > HV_DOMID_MAX &&
         access->reader_domid != HV_DOMID_NONE))
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "no such domid for the access to %.256s", path);
    int rc = begin(sim, SIM_CALL_store_set_access, path, err);
    if (rc)
        return rc;
    if (sim_tree_find(sim->state, path) == 0) {
        sim_host_end(sim);
        return no_node(path, err);
    }
    sim_host_effect_locked(sim, SIM_CALL_store_set_access);
    sim_tree_set_access(sim->state, path, access);
    sim_host_effect_end(sim);
    return 0;
}

/* ---- watches ---- */

static bool is_special(const char *path)
{
    return strcmp(path, SIM_INTRODUCE) == 0 || strcmp(path, SIM_RELEASE) == 0;
}

static int store_watch(struct hv *hv, const char *path, hv_store_watch_fn *fn,
                       void *arg, struct hv_store_watch **ret,
                       struct vdc_error *err)
{
    struct sim *sim = sim_host_of(hv);
    int rc = is_special(path)
                 ? sim_host_begin_call(sim, SIM_CALL_store_watch, err)
                 : begin(sim, SIM_CALL_store_watch, path, err);

    if (rc)
        return rc;
    struct hv_store_watch *watch = XNEW(struct hv_store_watch);
    watch->path = xstrdup(path);
    watch->fn = fn;
    watch->arg = arg;
    watch->fresh = true;
    watch->next = sim->store_watches;
    sim->store_watches = watch;
    sim->watch_is_fresh = true;
    sim_host_end(sim);
    *ret = watch;
    return 0;
}

static void watch_free(struct hv_store_watch *watch)
{
    free(watch->path);
    free(watch);
}

static void reap(struct sim *sim)
{
    struct hv_store_watch **at = &sim->store_watches;

    while (*at) {
        struct hv_store_watch *watch = *at;
        if (watch->dead) {
            *at = watch->next;
            watch_free(watch);
        } else {
            at = &watch->next;
        }
    }
}

static void store_unwatch(struct hv *hv, struct hv_store_watch *watch)
{
    struct sim *sim = sim_host_of(hv);

    if (!watch)
        return;
    watch->dead = true;
    if (sim->depth == 0) /* else the list may be in use */
        reap(sim);
}

static bool is_below(const char *path, const char *top)
{
    size_t len = strlen(top);

    if (len == 1) /* the root */
        return true;
    return strncmp(path, top, len) == 0 &&
           (path[len] == '\0' || path[len] == '/');
}

/* What to report to this watch, or NULL. */
static const char *concerns(const struct hv_store_watch *watch,
                            const struct sim_change *change)
{
    if (!change)
        return watch->path;
    if (is_below(change->path, watch->path))
        return change->path;
    if ((change->removed || change->cut) &&
        is_below(watch->path, change->path))
        return watch->path;
    return NULL;
}

static bool fire(struct sim *sim, struct hv_store_watch *watch,
                 const char *path)
{
    watch->fresh = false;
    sim_host_call_out(sim);
    watch->fn(watch->arg, path);
    return sim_host_called_out(sim);
}

bool sim_store_tell(struct sim *sim, const struct sim_change *change)
{
    for (struct hv_store_watch *watch = sim->store_watches; watch;
         watch = watch->next) {
        const char *path = concerns(watch, change);
        if (!watch->dead && path && !fire(sim, watch, path))
            return false;
    }
    if (sim->depth == 0)
        reap(sim);
    return true;
}

bool sim_store_tell_special(struct sim *sim, const char *path)
{
    for (struct hv_store_watch *watch = sim->store_watches; watch;
         watch = watch->next)
        if (!watch->dead && strcmp(watch->path, path) == 0 &&
            !fire(sim, watch, path))
            return false;
    if (sim->depth == 0)
        reap(sim);
    return true;
}

bool sim_store_tell_fresh(struct sim *sim)
{
    if (!sim->watch_is_fresh)
        return true;
    sim->watch_is_fresh = false;
    for (struct hv_store_watch *watch = sim->store_watches; watch;
         watch = watch->next)
        if (watch->fresh && !watch->dead && !fire(sim, watch, watch->path))
            return false;
    if (sim->depth == 0)
        reap(sim);
    return true;
}

void sim_store_close(struct sim *sim)
{
    while (sim->store_watches) {
        struct hv_store_watch *watch = sim->store_watches;
        sim->store_watches = watch->next;
        watch_free(watch);
    }
}

/* ---- the whole ---- */

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *line_of(const struct sim_state *state, uint32_t node,
                     struct arena *arena)
{
    char *path = arena_strdup(arena, "");

    for (uint32_t i = node; i != TREE_ROOT; i = state->nodes[i].parent)
        path = arena_printf(arena, "/%s%s", sim_tree_name(state, i), path);
    return arena_printf(arena, "%s = \"%s\"", path,
                        sim_tree_value(state, node));
}

const char *sim_store_dump(struct sim *sim, struct arena *arena)
{
    size_t n = 0, size = 1;

    sim_host_begin(sim);
    const struct sim_state *state = sim->state;
    char **lines = ARENA_ARRAY(arena, state->used_nodes, char *);
    for (uint32_t i = TREE_ROOT + 1; i < state->n_nodes; i++) {
        if (!state->nodes[i].used)
            continue;
        lines[n] = line_of(state, i, arena);
        size += strlen(lines[n++]) + 1;
    }
    sim_host_end(sim);
    qsort(lines, n, sizeof(*lines), compare_lines);
    char *text = arena_alloc(arena, size), *end = text;
    for (size_t i = 0; i < n; i++) {
        end = stpcpy(end, lines[i]);
        *end++ = '\n';
    }
    *end = '\0';
    return text;
}

const struct hv_store_ops sim_store_ops = {
    .read = store_read,
    .write = store_write,
    .remove = store_remove,
    .list = store_list,
    .set_access = store_set_access,
    .watch = store_watch,
    .unwatch = store_unwatch,
};
