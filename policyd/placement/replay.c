/*
 * Decisions from text, made again; see replay.h.  Reading them is in
 * replay_read.c.
 */
#include "policyd/placement/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "policyd/placement/replay_impl.h"
#include "policyd/placement/view_impl.h"

/* ---- making the view ---- */

/* The same numbers mean the same again: what is not known takes its place. */
static struct placement_names *make_names(const struct placement_replay *r)
{
    struct placement_names *names = placement_names_new();
    char unknown[16];
    uint32_t n = r->n_texts;

    while (n > 1 && !r->texts[n - 1])
        n--;
    for (uint32_t i = 1; i < n; i++) {
        snprintf(unknown, sizeof(unknown), "\001%u", i);
        placement_names_add(names, r->texts[i] ? r->texts[i] : unknown);
    }
    return names;
}

static void restore_host(const struct placement_replay *replay, uint32_t at,
                         struct placement_view *view)
{
    const struct fact *fact = &replay->facts[at];
    const struct count *groups = fact->company[GROUPS];
    const struct count *alone = fact->company[ALONE];
    const struct count *backs = fact->company[BACKS];
    uint32_t percent = view->overcommit_percent;

    view->hosts[at] = fact->host;
    view->uses[at] = fact->use;
    view->uses[at].first_guest = view->uses[at].first_backed = PLACEMENT_NONE;
    view->n_present += fact->host.name != 0;
    if (fact->host.name)
        view->uses[at].vcpus_most =
            percent ? (uint64_t)fact->host.pcpus * percent / 100 : UINT64_MAX;
    for (uint32_t i = 0; i < fact->n_company[GROUPS]; i++) {
        int64_t n = (int64_t)groups[i].n;
        placement_counts_add(&view->counts, PLACEMENT_COUNT_GROUP_HOST,
                             groups[i].number, at, n);
        placement_counts_add(&view->counts, PLACEMENT_COUNT_GROUP,
                             groups[i].number, 0, n);
        if (fact->host.domain)
            placement_counts_add(&view->counts, PLACEMENT_COUNT_GROUP_DOMAIN,
                                 groups[i].number, fact->host.domain, n);
    }
    for (uint32_t i = 0; i < fact->n_company[ALONE]; i++)
        placement_counts_add(&view->counts, PLACEMENT_COUNT_CUSTOMER_HOST,
                             alone[i].number, at, (int64_t)alone[i].n);
    for (uint32_t i = 0; i < fact->n_company[BACKS]; i++)
        placement_counts_add(&view->counts, PLACEMENT_COUNT_BACKUP, at,
                             backs[i].number, (int64_t)backs[i].n);
}

static void restore_rules(const struct placement_replay *replay,
                          struct placement_view *view)
{
    view->n_rules = replay->n_rules;
    view->rules = xzalloc((replay->n_rules + 1) * sizeof(*view->rules));
    for (uint32_t i = 0; i < replay->n_rules; i++) {
        view->rules[i] = XNEW(struct placement_rule);
        *view->rules[i] = replay->rules[i];
    }
    placement_view_order_rules(view);
    for (uint32_t i = 0; i < replay->n_promises; i++)
        placement_view_put_promise(view, &replay->promises[i], NULL);
}

static struct placement_view *make_view(const struct placement_replay *replay,
                                        struct placement_names *names)
{
    struct placement_view *view = placement_view_new(names);
    uint32_t n = replay->n_facts;

    view->overcommit_percent = replay->overcommit_percent;
    view->n_hosts = n;
    view->hosts_max = n ? n : 1;
    view->hosts = xzalloc(view->hosts_max * sizeof(*view->hosts));
    view->uses = xzalloc(view->hosts_max * sizeof(*view->uses));
    for (uint32_t i = 0; i < n; i++)
        if (replay->facts[i].host.name)
            restore_host(replay, i, view);
        else
            view->hosts[i].state = PLACEMENT_DOWN;
    for (uint32_t i = 0; i < n; i++)
        if (view->hosts[i].name)
            placement_view_name_host(view, view->hosts[i].name, i);
    restore_rules(replay, view);
    view->version = replay->version;
    view->all_changed = view->version;
    return view;
}

/* ---- the whole ---- */

struct placement_replay *placement_replay_new(void)
{
    struct placement_replay *replay = XNEW(struct placement_replay);

    replay->arena = arena_new();
    return replay;
}

void placement_replay_forget_view(struct placement_replay *replay)
{
    placement_view_free(replay->view);
    placement_names_free(replay->names);
    replay->view = NULL;
    replay->names = NULL;
}

void placement_replay_free(struct placement_replay *replay)
{
    if (!replay)
        return;
    placement_replay_forget_view(replay);
    free(replay->facts);
    free(replay->texts);
    free(replay->rules);
    arena_free(replay->arena);
    free(replay);
}

const struct placement_view *
placement_replay_view(struct placement_replay *replay)
{
    if (!replay->view) {
        replay->names = make_names(replay);
        replay->view = make_view(replay, replay->names);
    }
    return replay->view;
}

const struct placement_record *
placement_replay_record(const struct placement_replay *replay)
{
    return &replay->record;
}

bool placement_replay_run(struct placement_replay *replay,
                          struct placement_decision *ret)
{
    const struct placement_record *record = &replay->record;
    const struct placement_view *view = placement_replay_view(replay);
    int rc = placement_choose(view, &record->request, &record->policy, ret,
                              NULL);
    bool same = rc == record->decision.rc &&
                placement_record_is_same(ret, &record->decision);

    if (same && replay->hosts) {
        struct json_out *out = json_out_new(false);
        placement_record_hosts(view, &record->request, &record->policy, out);
        same = strcmp(json_out_text(out, NULL), replay->hosts) == 0;
        json_out_free(out);
    }
    return same;
}
