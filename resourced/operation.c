/* Each operation as steps: a table. */
#include "resourced/operation.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "resourced/host.h"
#include "resourced/step_change.h"
#include "resourced/step_save.h"

/* The protocol shows an owner as partition.customer, of at most so many
 * characters. */
#define OWNER_MAX 31
/* Of which an operation wants at most TRANSACTION_OPERATION_STEPS. */
#define STEPS_MAX 9

/* Where the partition must be in its life. */
enum where {
    ANYWHERE,   /* the steps say it themselves */
    STOPPED,    /* it has no domain */
    HAS_DOMAIN, /* it has one, be it kept dead */
    RUNS        /* it has one that lives */
};

typedef bool wants_fn(const struct operation *op);

static bool to_start(const struct operation *op)
{
    return op->request.start;
}

static bool to_start_running(const struct operation *op)
{
    return op->request.start && !op->request.paused;
}

static bool to_run(const struct operation *op)
{
    return !op->request.paused;
}

static bool with_domain(const struct operation *op)
{
    return op->row->domid != HV_DOMID_NONE;
}

static bool with_core_dump(const struct operation *op)
{
    return op->core_dump && with_domain(op);
}

static bool to_forget(const struct operation *op)
{
    return !op->request.keep;
}

static bool to_end(const struct operation *op)
{
    return !op->request.resume;
}

static bool to_replace(const struct operation *op)
{
    return op->request.replace;
}

static bool to_forget_saved(const struct operation *op)
{
    return op->request.forget && !op->request.resume;
}

static bool to_consume(const struct operation *op)
{
    return op->request.consume && op->request.file[0] && !op->request.stream;
}

static bool to_run_on(const struct operation *op)
{
    return to_run(op) && to_consume(op);
}

static bool by_stream(const struct operation *op)
{
    return op->request.stream;
}

static bool not_by_stream(const struct operation *op)
{
    return !by_stream(op);
}

static bool to_run_anew(const struct operation *op)
{
    return to_run(op) && !to_consume(op) && !by_stream(op);
}

struct rule {
    enum wire_operation_kind kind;
    enum where where;
    bool own; /* no client may ask for it */
    struct {
        const struct step *step;
        wants_fn *wants; /* NULL: always */
    } steps[STEPS_MAX];
};

static const struct rule rules[] = {
    { WIRE_OP_CREATE, ANYWHERE, false,
      { { &step_define, NULL },
        { &step_find_room, to_start },
        { &step_build, to_start },
        { &step_publish, to_start },
        { &step_unpause_new, to_start_running } } },
    { WIRE_OP_START, STOPPED, false,
      { { &step_find_room, NULL },
        { &step_build, not_by_stream },
        { &step_receive, by_stream },
        { &step_publish, NULL },
        { &step_unpause_new, to_run_anew },
        { &step_run_on, to_run_on },
        { &step_drop_file, to_consume },
        { &step_await, by_stream },
        { &step_take_over, by_stream } } },
    { WIRE_OP_SHUTDOWN, RUNS, false, { { &step_ask_shutdown, NULL } } },
    { WIRE_OP_REBOOT, RUNS, false, { { &step_ask_reboot, NULL } } },
    { WIRE_OP_DESTROY, ANYWHERE, false,
      { { &step_end_domain, with_domain }, { &step_forget, to_forget } } },
    { WIRE_OP_RENAME, ANYWHERE, false, { { &step_rename, NULL } } },
    { WIRE_OP_STOP, ANYWHERE, true,
      { { &step_core_dump, with_core_dump },
        { &step_end_domain, with_domain } } },
    { WIRE_OP_RESTART, ANYWHERE, true,
      { { &step_core_dump, with_core_dump },
        { &step_end_domain, with_domain },
        { &step_find_room, NULL },
        { &step_build, NULL },
        { &step_publish, NULL },
        { &step_unpause_new, NULL } } },
    { WIRE_OP_PAUSE, RUNS, false, { { &step_pause, NULL } } },
    { WIRE_OP_UNPAUSE, RUNS, false, { { &step_unpause, NULL } } },
    { WIRE_OP_MEMORY_SET, ANYWHERE, false,
      { { &step_find_room, NULL }, { &step_memory_set, NULL } } },
    { WIRE_OP_MEMORY_MAX, ANYWHERE, false, { { &step_memory_max, NULL } } },
    { WIRE_OP_VCPUS, ANYWHERE, false, { { &step_vcpus, NULL } } },
    { WIRE_OP_PIN, ANYWHERE, false, { { &step_pin, NULL } } },
    { WIRE_OP_SCHED, ANYWHERE, false, { { &step_sched, NULL } } },
    { WIRE_OP_DISK_ATTACH, ANYWHERE, false, { { &step_disk_attach, NULL } } },
    { WIRE_OP_DISK_DETACH, ANYWHERE, false, { { &step_disk_detach, NULL } } },
    { WIRE_OP_NIC_ATTACH, ANYWHERE, false, { { &step_nic_attach, NULL } } },
    { WIRE_OP_NIC_DETACH, ANYWHERE, false, { { &step_nic_detach, NULL } } },
    { WIRE_OP_PCI_ATTACH, ANYWHERE, false, { { &step_pci_attach, NULL } } },
    { WIRE_OP_PCI_DETACH, ANYWHERE, false, { { &step_pci_detach, NULL } } },
    { WIRE_OP_SAVE, RUNS, false,
      { { &step_save, NULL },
        { &step_end_domain, to_end },
        { &step_replace_save, to_replace },
        { &step_forget, to_forget_saved } } },
    { WIRE_OP_POOL_SET, ANYWHERE, false, { { &step_pool_set, NULL } } },
    { WIRE_OP_SEND, RUNS, false,
      { { &step_send, NULL },
        { &step_release, NULL },
        { &step_end_domain, NULL },
        { &step_forget, NULL } } },
};

static const struct rule *rule_of(enum wire_operation_kind kind)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].kind == kind)
            return &rules[i];
    return NULL;
}

bool operation_is_for_clients(enum wire_operation_kind kind)
{
    const struct rule *rule = rule_of(kind);

    return rule && !rule->own;
}

bool operation_changes_row(const struct operation *op)
{
    switch (op->kind) {
    case WIRE_OP_NONE:
    case WIRE_OP_SHUTDOWN:
    case WIRE_OP_REBOOT:
        return false; /* the guest's answer is an event */
    case WIRE_OP_SAVE:
        return !op->request.resume;
    case WIRE_OP_CREATE:
    case WIRE_OP_START:
    case WIRE_OP_DESTROY:
    case WIRE_OP_RENAME:
    case WIRE_OP_STOP:
    case WIRE_OP_RESTART:
    case WIRE_OP_PAUSE:
    case WIRE_OP_UNPAUSE:
    case WIRE_OP_MEMORY_SET:
    case WIRE_OP_MEMORY_MAX:
    case WIRE_OP_VCPUS:
    case WIRE_OP_PIN:
    case WIRE_OP_SCHED:
    case WIRE_OP_DISK_ATTACH:
    case WIRE_OP_DISK_DETACH:
    case WIRE_OP_NIC_ATTACH:
    case WIRE_OP_NIC_DETACH:
    case WIRE_OP_PCI_ATTACH:
    case WIRE_OP_PCI_DETACH:
    case WIRE_OP_POOL_SET:
    case WIRE_OP_SEND:
        break;
    }
    return true;
}

/* ---- its partition ---- */

static int create_partition(struct operation *op, struct partition **ret,
                            struct vdc_error *err)
{
    const struct wire_operation *request = &op->request;
    const struct partition *other =
        registry_by_uuid(&op->host->partitions, &request->definition.uuid);
    const char *owner = request->owner[0] ? request->owner
                                          : request->customer;
    struct partition_row row = {
        .uuid = request->definition.uuid,
        .owner = owner,
        .name = request->definition.name,
        .xen_name = request->xen_name[0] ? request->xen_name
                                         : request->definition.name,
        .definition = request->definition,
        .live = request->definition,
        .domid = HV_DOMID_NONE,
        .boot_id = op->host->boot_id,
        .created_ms = clock_wall().ms,
        .last_stop = "",
        .host_reserve = request->host_reserve,
        .dom0_keep = request->dom0_keep,
    };

    if (strlen(owner) > OWNER_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "the owner's name is longer than %d characters",
                             OWNER_MAX);
    if (other)
        return vdc_error_set(err, VDC_E_EXISTS,
                             "the uuid asked for %s is taken by %s", row.name,
                             other->row.name);
    int rc = registry_add(&op->host->partitions, &row, ret, err);
    if (!rc)
        (*ret)->pending = true;
    return rc;
}

static bool is_meant(const struct wire_operation *request,
                     const struct partition_row *row)
{
    if (!uuid_is_zero(&request->uuid))
        return uuid_equal(&request->uuid, &row->uuid);
    return strcmp(request->name, row->name) == 0 &&
           strcmp(request->customer, row->owner) == 0;
}

/* Those that the operations before it have made or renamed come first. */
static struct partition *find(const struct operation *op)
{
    const struct registry *registry = &op->host->partitions;
    const struct wire_operation *request = &op->request;

    for (size_t i = (size_t)(op - op->t->operations); i > 0; i--) {
        const struct operation *before = &op->t->operations[i - 1];
        if (before->partition && is_meant(request, before->row))
            return before->partition;
    }
    struct partition *partition =
        uuid_is_zero(&request->uuid)
            ? registry_by_name(registry, request->customer, request->name)
            : registry_by_uuid(registry, &request->uuid);
    /* One that has just lost that name to an operation before is not meant. */
    const struct operation *renamed =
        transaction_operation_on(op->t, partition);
    return renamed && !is_meant(request, renamed->row) ? NULL : partition;
}

static int take_row(struct operation *op, struct vdc_error *err)
{
    const struct partition_row *from = &op->partition->row;
    struct arena *arena = op->t->arena;

    for (struct operation *before = op->t->operations; before < op; before++)
        if (before->partition == op->partition) {
            op->row = before->row;
            return 0;
        }
    struct partition_row *row = ARENA_NEW(arena, struct partition_row);
    *row = *from;
    wire_init(&wire_struct_definition, &row->definition);
    wire_init(&wire_struct_definition, &row->live);
    int rc = wire_struct_copy(&wire_struct_definition, &from->definition,
                              arena, &row->definition, err);
    if (!rc)
        rc = wire_struct_copy(&wire_struct_definition, &from->live, arena,
                              &row->live, err);
    op->row = row;
    return rc;
}

int operation_find(struct operation *op, struct vdc_error *err)
{
    struct partition *partition = NULL;
    char uuid[UUID_TEXT_SIZE];
    int rc = 0;

    if (op->kind == WIRE_OP_CREATE)
        rc = create_partition(op, &partition, err);
    else
        partition = find(op);
    if (!rc && !partition)
        rc = vdc_error_set(err, VDC_E_NOT_FOUND, "no such guest: %s",
                           op->request.name[0]
                               ? op->request.name
                               : uuid_format(&op->request.uuid, uuid));
    if (rc)
        return rc;
    op->partition = partition;
    partition->transaction = op->t;
    rc = take_row(op, err);
    if (!op->t->own || op->t->recovered)
        op->old_domid = partition->row.domid;
    return rc;
}

/* ---- its steps ---- */

static void wrong_state(const struct operation *op, struct reasons *reasons,
                        const char *what, const char *hint)
{
    struct vdc_error err;

    vdc_error_set(&err, VDC_E_WRONG_STATE, "%s %s", op->row->name, what);
    if (hint)
        vdc_error_hint(&err, "%s", hint);
    reasons_add(reasons, &err);
}

static bool check_where(const struct operation *op, enum where where,
                        struct reasons *reasons)
{
    const struct partition_row *row = op->row;
    bool has_domain = row->domid != HV_DOMID_NONE;

    if (where == ANYWHERE)
        return true;
    if (where == STOPPED && row->preserved)
        wrong_state(op, reasons,
                    "has stopped, and its domain is kept for inspection",
                    "end that domain first: xl-vdc destroy --keep");
    else if (where == STOPPED && has_domain)
        wrong_state(op, reasons, "is running already", NULL);
    else if (where != STOPPED && !has_domain)
        wrong_state(op, reasons, "is not running",
                    "'xl-vdc start' starts it, 'xl-vdc destroy' forgets it");
    else if (where == RUNS && row->preserved)
        wrong_state(op, reasons,
                    "has stopped already, and its domain is kept for "
                    "inspection",
                    "end that domain: xl-vdc destroy --keep");
    else
        return true;
    return false;
}

/* What cannot be undone comes last: nothing can follow it. */
static bool check_order(const struct operation *op,
                        const struct step_list *finals,
                        struct reasons *reasons)
{
    struct vdc_error err;

    for (size_t i = 0; i < finals->n_runs; i++) {
        const struct operation *before = finals->runs[i].op;
        if (before == op || before->partition != op->partition)
            continue;
        vdc_error_set(
            &err, VDC_E_BAD_VALUE,
            "%s: %s cannot come after %s in one transaction", op->row->name,
            wire_enum_word(&wire_enum_operation_kind, (int)op->kind),
            wire_enum_word(&wire_enum_operation_kind, (int)before->kind));
        vdc_error_hint(&err, "there is no way back from that; make it a "
                             "transaction of its own");
        reasons_add(reasons, &err);
        return false;
    }
    return true;
}

static bool check_domain(const struct operation *op, struct reasons *reasons)
{
    /* After a crash what the journal says is ended in any case. */
    if (!op->t->own || op->t->recovered ||
        op->old_domid == op->partition->row.domid)
        return true;
    wrong_state(op, reasons, "has another domain now", NULL);
    return false;
}

static void add(struct operation *op, const struct step *step,
                struct step_list *list)
{
    assert(list->n_runs < TRANSACTION_STEPS_MAX);
    list->runs[list->n_runs++] =
        (struct step_run){ .step = step, .op = op };
}

/* It was found stopped, and is not to be: it would be so elsewhere. */
static void check_leaves(const struct operation *op, struct reasons *reasons)
{
    if (op->kind == WIRE_OP_DESTROY && op->request.forget &&
        op->partition->boot_waits)
        step_refuse(reasons, VDC_E_BUSY, "try again when it runs",
                    "%s is about to be started, as its host has booted",
                    op->row->name);
}

void operation_plan(struct operation *op, bool checks, struct step_list *steps,
                    struct step_list *finals, struct reasons *reasons)
{
    const struct rule *rule = rule_of(op->kind);
    size_t n_before = reasons->n_errors + reasons->n_more;
    bool wanted[STEPS_MAX] = { false };

    if (checks && (!check_where(op, op->kind == WIRE_OP_DESTROY &&
                                            op->request.keep
                                        ? HAS_DOMAIN
                                        : rule->where,
                                reasons) ||
                   !check_order(op, finals, reasons) ||
                   !check_domain(op, reasons)))
        return;
    if (checks)
        check_leaves(op, reasons);
    if (checks && op->kind == WIRE_OP_SAVE)
        step_save_settle(op);
    for (size_t i = 0; i < STEPS_MAX && rule->steps[i].step; i++)
        wanted[i] = !rule->steps[i].wants || rule->steps[i].wants(op);
    for (size_t i = 0; i < STEPS_MAX; i++) {
        const struct step *step = rule->steps[i].step;
        if (!wanted[i])
            continue;
        if (checks && step->check)
            step->check(op, reasons);
        /* Further checks are of the row as it would be. */
        if (step->record && reasons->n_errors + reasons->n_more == n_before)
            step->record(op);
        /* A restart goes forward from its end on. */
        bool last = step->final && op->kind != WIRE_OP_RESTART;
        add(op, step, last ? finals : steps);
    }
    if ((op->kind == WIRE_OP_DESTROY && !op->request.keep) ||
        (op->kind == WIRE_OP_SAVE && to_forget_saved(op)) ||
        op->kind == WIRE_OP_SEND)
        op->forgets = true;
}
