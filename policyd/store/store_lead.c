/* Who leads; see store_lead.h. */
#include "policyd/store/store_lead.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "policyd/store/store_impl.h"

/* Others may be trying at the same moment. */
#define ATTEMPTS 5

struct store_lead {
    struct store *store;
    struct store_lead_notify notify;
    char *name;
    char *other;   /* NULL: we lead, or do not know yet */
    uint64_t seen; /* the key's revision */
    struct kv_lease *lease;
    struct kv_watch *watch;
    uint64_t lease_id;
    bool leads;
    struct vdc_error err; /* of what is waited for */
    uint64_t revision;
    bool ended;
};

/* ---- the lease ---- */

static void granted(void *arg, uint64_t id)
{
    struct store_lead *lead = arg;

    lead->lease_id = id;
    lead->ended = true;
}

static void lease_ended(void *arg, const struct vdc_error *why)
{
    struct store_lead *lead = arg;

    if (lead->leads) {
        lead->notify.lost(lead->notify.arg, why);
        return;
    }
    lead->err = *why;
    lead->ended = true;
}

/* Another may lead that can reach etcd, and order what we do not know of: so
 * hosts are asked for nothing but looks (store_check_leads), until etcd says
 * whether our lease has ended. */
static void lease_doubtful(void *arg, const struct vdc_error *why)
{
    struct store_lead *lead = arg;

    store_set_doubt(lead->store, true);
    log_warning("%s: whether this policyd leads still is not known; what only "
                "looks goes on", why->text);
}

static void lease_sure(void *arg)
{
    struct store_lead *lead = arg;

    store_set_doubt(lead->store, false);
    log_info("etcd answers: this policyd has led all the time, and leads");
}

static int wait_for(struct store_lead *lead, struct vdc_error *err)
{
    int rc = store_run(lead->store, &lead->ended, err);

    if (rc)
        return rc;
    lead->ended = false;
    if (lead->err.code && err)
        *err = lead->err;
    return lead->err.code;
}

static int take_lease(struct store_lead *lead, uint64_t ttl_ms,
                      struct vdc_error *err)
{
    const struct kv_lease_notify notify = {
        .granted = granted,
        .ended = lease_ended,
        .doubtful = lease_doubtful,
        .sure = lease_sure,
        .arg = lead,
    };

    lead->lease = kv_lease_new(store_kv(lead->store), ttl_ms, &notify);
    return wait_for(lead, err);
}

/* ---- the key ---- */

static void ended(void *arg, uint64_t revision, const struct vdc_error *err)
{
    struct store_lead *lead = arg;

    lead->err = *err;
    lead->revision = revision;
    lead->ended = true;
}

static void found(void *arg, const struct kv_pair *pair)
{
    struct store_lead *lead = arg;

    if (strcmp(pair->key, STORE_LEADER) != 0)
        return;
    lead->seen = pair->modified;
    lead->other =
        xasprintf("%.*s", (int)pair->size, (const char *)pair->value);
}

static int look(struct store_lead *lead, struct vdc_error *err)
{
    lead->seen = 0;
    free(lead->other);
    lead->other = NULL;
    kv_read(store_kv(lead->store), STORE_LEADER, found, ended, lead);
    return wait_for(lead, err);
}

/* VDC_E_CONFLICT: another was faster. */
static int take_key(struct store_lead *lead, struct vdc_error *err)
{
    const struct kv_compare same = { .kind = KV_MODIFIED_IS,
                                     .key = STORE_LEADER,
                                     .revision = lead->seen };
    const struct kv_change change = { .kind = KV_PUT,
                                      .key = STORE_LEADER,
                                      .value = (const uint8_t *)lead->name,
                                      .size = strlen(lead->name),
                                      .lease = lead->lease_id };

    kv_commit(store_kv(lead->store), &same, 1, &change, 1, ended, lead);
    return wait_for(lead, err);
}

static int try_to_lead(struct store_lead *lead, uint64_t ttl_ms,
                       struct vdc_error *err)
{
    int rc = VDC_E_CONFLICT;

    for (int i = 0; i < ATTEMPTS && rc == VDC_E_CONFLICT; i++) {
        rc = look(lead, err);
        if (rc)
            return rc;
        if (lead->other && strcmp(lead->other, lead->name) != 0)
            return 0;
        /* a store that does not answer has said so by now */
        rc = lead->lease ? 0 : take_lease(lead, ttl_ms, err);
        if (!rc)
            rc = take_key(lead, err);
    }
    lead->leads = !rc;
    return rc;
}

/* ---- who does not lead ---- */

static void changed(void *arg, const struct kv_pair *pair)
{
    struct store_lead *lead = arg;

    if (!pair->value && strcmp(pair->key, STORE_LEADER) == 0)
        lead->notify.vacant(lead->notify.arg);
}

static void told(void *arg, uint64_t revision)
{
}

static void watch_lost(void *arg)
{
    struct store_lead *lead = arg;

    lead->notify.vacant(lead->notify.arg); /* whoever starts anew looks */
}

static void stand_by(struct store_lead *lead)
{
    const struct kv_watcher watcher = { changed, told, watch_lost, lead };

    kv_lease_free(lead->lease);
    lead->lease = NULL;
    lead->watch = kv_watch_new(store_kv(lead->store), STORE_LEADER,
                               lead->revision, &watcher);
}

/* ---- beginning and end ---- */

int store_lead_new(struct store *store, const char *name, uint64_t ttl_ms,
                   const struct store_lead_notify *notify,
                   struct store_lead **ret, struct vdc_error *err)
{
    struct store_lead *lead = XNEW(struct store_lead);
    int rc = 0;

    lead->store = store;
    lead->notify = *notify;
    lead->name = xstrdup(name);
    lead->leads = !store_is_shared(store);
    if (!lead->leads) {
        rc = try_to_lead(lead, ttl_ms, err);
        if (!rc && !lead->leads)
            stand_by(lead);
    }
    if (rc) {
        store_lead_free(lead);
        return rc;
    }
    *ret = lead;
    return 0;
}

const char *store_lead_other(const struct store_lead *lead)
{
    return lead->leads ? NULL : lead->other;
}

void store_lead_free(struct store_lead *lead)
{
    if (!lead)
        return;
    kv_watch_free(lead->watch);
    kv_lease_free(lead->lease);
    free(lead->name);
    free(lead->other);
    free(lead);
}
