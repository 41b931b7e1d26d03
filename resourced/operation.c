/* Each operation on a partition, as a transaction of steps. */
#include "resourced/operation.h"

#include <string.h>

#include "base/clock.h"
#include "resourced/domain_config.h"
#include "resourced/host.h"
#include "resourced/step.h"

/* The protocol shows an owner as partition.customer, of at most so many
 * characters. */
#define OWNER_MAX 31

static int wrong_state(struct vdc_error *err, const struct partition *p,
                       const char *what, const char *hint)
{
    vdc_error_set(err, VDC_E_WRONG_STATE, "%s %s", p->row.name, what);
    if (hint)
        vdc_error_hint(err, "%s", hint);
    return VDC_E_WRONG_STATE;
}

static void add_start(struct transaction *t, bool paused)
{
    transaction_add(t, &step_find_room);
    transaction_add(t, &step_build);
    transaction_add(t, &step_publish);
    if (!paused)
        transaction_add(t, &step_unpause);
}

static int create_row(struct host *host,
                      const struct wire_partition_create *request,
                      struct arena *arena, struct partition_row *ret,
                      struct vdc_error *err)
{
    const char *owner = request->owner[0] ? request->owner
                                          : request->customer;

    *ret = (struct partition_row){
        .uuid = request->definition.uuid,
        .owner = owner,
        .name = request->definition.name,
        .xen_name = request->xen_name[0] ? request->xen_name
                                         : request->definition.name,
        .definition = request->definition,
        .domid = HV_DOMID_NONE,
        .created_ms = clock_wall().ms,
        .last_stop = "",
        .host_reserve = request->host_reserve,
        .dom0_keep = request->dom0_keep,
    };
    if (strlen(owner) > OWNER_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "the owner's name is longer than %d characters",
                             OWNER_MAX);
    if (uuid_is_zero(&ret->uuid))
        uuid_random(&ret->uuid);
    ret->definition.uuid = ret->uuid;
    const struct partition *other = registry_by_uuid(&host->partitions,
                                                     &ret->uuid);
    if (other)
        return vdc_error_set(err, VDC_E_EXISTS,
                             "the uuid asked for %s is taken by %s",
                             ret->name, other->row.name);
    definition_choose_macs(&ret->definition, arena);
    return 0;
}

int operation_create(struct host *host,
                     const struct wire_partition_create *request,
                     const struct transaction_ops *ops, void *arg,
                     struct vdc_error *err)
{
    struct arena *arena = arena_new();
    struct partition *partition;
    struct partition_row row;
    struct wire_partition_ref ref;
    struct transaction *t;
    int rc = create_row(host, request, arena, &row, err);

    if (!rc)
        rc = registry_add(&host->partitions, &row, &partition, err);
    arena_free(arena);
    if (rc)
        return rc;
    partition->pending = true;
    wire_init(&wire_struct_partition_ref, &ref);
    ref.paused = request->paused;
    ref.dry_run = request->dry_run;
    ref.host_reserve = request->host_reserve;
    ref.dom0_keep = request->dom0_keep;
    rc = transaction_new(host, partition, TRANSACTION_CREATE, &ref,
                         "a client asked", &t, err);
    if (rc) {
        registry_remove(&host->partitions, partition);
        return rc;
    }
    transaction_add(t, &step_define);
    if (request->start)
        add_start(t, request->paused);
    transaction_run(t, ops, arg);
    return 0;
}

static int start(struct host *host, struct partition *partition,
                 const struct wire_partition_ref *request, const char *reason,
                 bool automatic, const struct transaction_ops *ops, void *arg,
                 struct vdc_error *err)
{
    struct transaction *t;
    int rc = transaction_new(host, partition, TRANSACTION_START, request,
                             reason, &t, err);
    if (rc)
        return rc;
    t->automatic = automatic;
    add_start(t, request->paused);
    transaction_run(t, ops, arg);
    return 0;
}

/* With a transaction under way, what the row says is about to change. */
static int check_domain(const struct partition *p, bool must_have,
                        struct vdc_error *err)
{
    if (p->transaction)
        return 0; /* transaction_new says it better */
    if (!must_have && p->row.preserved)
        return wrong_state(err, p,
                           "has stopped, and its domain is kept for "
                           "inspection",
                           "end that domain first: xl-vdc destroy --keep");
    if (!must_have && partition_has_domain(p))
        return wrong_state(err, p, "is running already", NULL);
    if (must_have && !partition_has_domain(p))
        return wrong_state(err, p, "is not running",
                           "'xl-vdc start' starts it, 'xl-vdc destroy' "
                           "forgets it");
    return 0;
}

int operation_start(struct host *host, struct partition *partition,
                    const struct wire_partition_ref *request,
                    const struct transaction_ops *ops, void *arg,
                    struct vdc_error *err)
{
    int rc = check_domain(partition, false, err);

    return rc ? rc
              : start(host, partition, request, "a client asked", false, ops,
                      arg, err);
}

int operation_start_automatic(struct host *host, struct partition *partition,
                              const struct wire_partition_ref *request,
                              const struct transaction_ops *ops, void *arg,
                              struct vdc_error *err)
{
    return start(host, partition, request, "by itself", true, ops, arg, err);
}

static int ask(struct host *host, struct partition *partition,
               const struct wire_partition_ref *request,
               enum transaction_kind kind, const struct step *step,
               const struct transaction_ops *ops, void *arg,
               struct vdc_error *err)
{
    struct transaction *t;
    int rc = check_domain(partition, true, err);

    if (!rc && partition->row.preserved)
        rc = wrong_state(err, partition,
                         "has stopped already, and its domain is kept for "
                         "inspection",
                         "end that domain: xl-vdc destroy --keep");
    if (!rc)
        rc = transaction_new(host, partition, kind, request,
                             "a client asked", &t, err);
    if (rc)
        return rc;
    transaction_add(t, step);
    transaction_run(t, ops, arg);
    return 0;
}

int operation_shutdown(struct host *host, struct partition *partition,
                       const struct wire_partition_ref *request,
                       const struct transaction_ops *ops, void *arg,
                       struct vdc_error *err)
{
    return ask(host, partition, request, TRANSACTION_SHUTDOWN,
               &step_ask_shutdown, ops, arg, err);
}

int operation_reboot(struct host *host, struct partition *partition,
                     const struct wire_partition_ref *request,
                     const struct transaction_ops *ops, void *arg,
                     struct vdc_error *err)
{
    return ask(host, partition, request, TRANSACTION_REBOOT, &step_ask_reboot,
               ops, arg, err);
}

int operation_destroy(struct host *host, struct partition *partition,
                      const struct wire_partition_ref *request,
                      const struct transaction_ops *ops, void *arg,
                      struct vdc_error *err)
{
    struct transaction *t;
    int rc = 0;

    if (request->keep)
        rc = check_domain(partition, true, err);
    if (!rc)
        rc = transaction_new(host, partition, TRANSACTION_DESTROY, request,
                             "a client asked", &t, err);
    if (rc)
        return rc;
    if (partition_has_domain(partition))
        transaction_add(t, &step_end_domain);
    if (!request->keep)
        transaction_add(t, &step_forget);
    transaction_run(t, ops, arg);
    return 0;
}

int operation_rename(struct host *host, struct partition *partition,
                     const struct wire_partition_ref *request,
                     const struct transaction_ops *ops, void *arg,
                     struct vdc_error *err)
{
    struct wire_partition_ref ref = *request;
    struct transaction *t;

    if (!ref.new_name[0])
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "no new name is given for %s",
                             partition->row.name);
    if (!ref.new_xen_name[0])
        ref.new_xen_name = ref.new_name;
    int rc = transaction_new(host, partition, TRANSACTION_RENAME, &ref,
                             "a client asked", &t, err);
    if (rc)
        return rc;
    transaction_add(t, &step_rename);
    transaction_run(t, ops, arg);
    return 0;
}

static int after_stop(struct host *host, struct partition *partition,
                      enum transaction_kind kind,
                      const struct operation_stopped *stopped,
                      struct transaction **ret, struct vdc_error *err)
{
    struct wire_partition_ref ref;
    struct transaction *t;

    wire_init(&wire_struct_partition_ref, &ref);
    ref.host_reserve = partition->row.host_reserve;
    ref.dom0_keep = partition->row.dom0_keep;
    int rc = transaction_new(host, partition, kind, &ref, stopped->reason, &t,
                             err);
    if (rc)
        return rc;
    t->why = stopped->why;
    t->gave_up = stopped->gave_up;
    if (stopped->core_dump)
        transaction_add(t, &step_core_dump);
    if (partition_has_domain(partition))
        transaction_add(t, &step_end_domain);
    else
        t->ended_domain = true; /* before a crash */
    *ret = t;
    return 0;
}

int operation_stop(struct host *host, struct partition *partition,
                   const struct operation_stopped *stopped,
                   const struct transaction_ops *ops, void *arg,
                   struct vdc_error *err)
{
    struct transaction *t;
    int rc = after_stop(host, partition, TRANSACTION_STOP, stopped, &t, err);

    if (rc)
        return rc;
    transaction_run(t, ops, arg);
    return 0;
}

int operation_restart(struct host *host, struct partition *partition,
                      const struct operation_stopped *stopped,
                      const struct transaction_ops *ops, void *arg,
                      struct vdc_error *err)
{
    struct transaction *t;
    int rc =
        after_stop(host, partition, TRANSACTION_RESTART, stopped, &t, err);

    if (rc)
        return rc;
    add_start(t, false);
    transaction_run(t, ops, arg);
    return 0;
}
