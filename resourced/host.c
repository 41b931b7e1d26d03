/* Opens and closes what resourced has of its host. */
#include "resourced/host.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "resourced/channel_rows.h"
#include "resourced/epoch.h"
#include "resourced/event_log.h"
#include "resourced/image.h"
#include "resourced/lease.h"
#include "resourced/lifecycle.h"
#include "resourced/live.h"
#include "resourced/migrate.h"
#include "resourced/mirror.h"
#include "resourced/rebuild.h"
#include "resourced/resource.h"
#include "resourced/text.h"
#include "resourced/verify.h"
#include "resourced/verify_pages.h"
#include "resourced/waiter.h"

static void find_name(struct host *host)
{
    char name[256] = "localhost";

    if (host->settings->host_name[0]) {
        text_tidy(host->name, sizeof(host->name), host->settings->host_name);
        return;
    }
    gethostname(name, sizeof(name) - 1);
    text_tidy(host->name, sizeof(host->name), name);
}

static int load(struct host *host, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    struct partition_row *rows;
    struct partition *partition;
    size_t n_rows;
    int rc = store_partitions(host->store, arena, &rows, &n_rows, err);

    for (size_t i = 0; !rc && i < n_rows; i++)
        rc = registry_add(&host->partitions, &rows[i], &partition, err);
    arena_free(arena);
    return rc;
}

static int open_hypervisor(struct host *host, struct vdc_error *err)
{
    struct arena *arena = arena_new();
    struct hv_host_info info;
    int rc = hv_open(host->settings->hypervisor, host->base, &host->hv, err);

    if (!rc)
        rc = host->hv->domain->host_info(host->hv, arena, &info, err);
    if (!rc) {
        host->boot_id = info.boot_id;
        log_info("host %s runs %s%s", host->name, info.hypervisor,
                 info.simulated ? ": nothing here is real" : "");
    }
    arena_free(arena);
    return rc;
}

int host_load(struct host *host, struct vdc_error *err)
{
    struct store_options options = {
        .path = host->settings->database,
        .sequence_path = host->settings->sequence,
    };
    int rc = rebuild_finish(options.path, err);

    if (!rc)
        rc = store_open(&options, host->base, &host->store, err);
    if (!rc)
        rc = load(host, err);
    if (!rc)
        rc = event_log_open(host, &host->events, err);
    if (!rc)
        rc = resources_open(host, &host->resources, err);
    if (!rc)
        rc = leases_open(host, &host->leases, err);
    if (!rc)
        rc = epochs_open(host, &host->epochs, err);
    if (rc)
        host_unload(host);
    return rc;
}

void host_unload(struct host *host)
{
    epochs_close(host->epochs);
    host->epochs = NULL;
    leases_close(host->leases);
    host->leases = NULL;
    resources_close(host->resources);
    host->resources = NULL;
    event_log_close(host->events);
    host->events = NULL;
    store_close(host->store);
    host->store = NULL;
    registry_fini(&host->partitions);
}

static void hint_at_rebuild(struct host *host)
{
    const struct resourced_settings *settings = host->settings;
    const char *sequence =
        settings->sequence[0] ? settings->sequence : "nothing";

    if (access(settings->database, F_OK) && errno == ENOENT)
        vdc_error_hint(&host->damage,
                       "put it and its -wal file back, and restart "
                       "resourced; or xl-vdc host-verify --rebuild makes one "
                       "of what runs: guests that do not are not in it. To "
                       "begin with an empty one on purpose: remove "
                       "%.60s and restart resourced", sequence);
    else
        vdc_error_hint(&host->damage,
                       "xl-vdc host-verify --rebuild makes a new one, of what "
                       "is whole of it and of what runs; the damaged file is "
                       "kept. If it is an older copy, put there on purpose: "
                       "remove %.60s and restart resourced", sequence);
}

int host_open(struct event_base *base,
              const struct resourced_settings *settings, struct host **ret,
              struct vdc_error *err)
{
    struct host *host = XNEW(struct host);

    host->base = base;
    host->settings = settings;
    registry_init(&host->partitions);
    TAILQ_INIT(&host->transactions);
    lock_table_init(&host->locks);
    host->waiters = waiters_new(host);
    host->channels = channel_reads_new(host);
    host->migrate = migrate_new(host);
    host->mirror = mirror_new(host);
    host->images = images_new(host);
    find_name(host);
    int rc = open_hypervisor(host, err);
    if (!rc)
        rc = live_open(host, &host->live, err);
    if (!rc)
        rc = host_load(host, &host->damage);
    if (rc && rc == host->damage.code)
        *err = host->damage;
    if (host->damage.code == VDC_E_STORE_CORRUPT) {
        hint_at_rebuild(host);
        rc = 0;
    }
    if (rc) {
        host_close(host);
        return rc;
    }
    *ret = host;
    return 0;
}

void host_close(struct host *host)
{
    if (!host)
        return;
    verify_abandon(host);
    verify_pages_free(host);
    rebuild_abandon(host);
    channel_reads_free(host->channels);
    live_close(host->live);
    mirror_free(host->mirror);
    host->mirror = NULL;
    /* First the hypervisor: nothing calls back after it. */
    hv_close(host->hv);
    lifecycle_end(host);
    migrate_free(host->migrate);
    images_free(host->images);
    transactions_abandon(host);
    waiters_free(host->waiters);
    host_unload(host);
    free(host);
}
