/*
 * The road of a change:
 *
 *   key known? (and if nobody knows what came of it, the host is asked) ->
 *   which guests, so which host? -> the host looks at files and policy -> the
 *   host says what the guests have (for what counts in quotas) -> when no host
 *   seems to have room for what is created, all report what they have ->
 *   if a program places, it is asked -> [decided, recorded] -> durable ->
 *   images are brought to the host -> the host does it -> recorded -> durable
 *   -> answered
 *
 * What is in brackets happens in one go, so two requests at a time cannot
 * both take the last of a quota.  What speaks against it is gathered on the
 * way and told all at once before the brackets.  A crash leaves assignments
 * that say what was being done; they are compared with what the host has
 * (reconcile.c).
 */
#include "policyd/change/change.h"

#include <string.h>

#include "policyd/api/operation.h"
#include "policyd/api/partition.h"
#include "policyd/hosts/inventory.h"

bool change_is_single(const struct change *change)
{
    return change->request->message->number != WIRE_MSG_transaction;
}

bool change_creates(const struct change *change)
{
    for (uint32_t i = 0; i < change->n_guests; i++)
        if (change->guests[i].book == CHANGE_CREATES)
            return true;
    return false;
}

int change_service(const struct change *change, struct service **ret,
                   struct vdc_error *err)
{
    return hosts_service(change->request->ops->hosts, change->host, ret, err);
}

void change_refuse(struct change *change, const struct vdc_error *err)
{
    reasons_add(change->reasons, err);
}

void change_refuse_operation(struct change *change, uint32_t i,
                             const struct vdc_error *err)
{
    change->refused[i] = true;
    change_refuse(change, err);
}

/* ---- the end ---- */

void change_fail(struct change *change, const struct vdc_error *err)
{
    keys_end(change->keyed, err);
    request_fail(change->request, err);
}

/* Ends it when its client does not want it any more, or when there is a
 * reason against it; true when it has ended. */
static bool ended(struct change *change, bool look_at_reasons)
{
    struct vdc_error err = { 0 };

    if (!request_is_cancelled(change->request, &err) &&
        !(look_at_reasons && reasons_error(change->reasons, &err)))
        return false;
    change_fail(change, &err);
    return true;
}

/* The names that operations know the guest by. */
static void present(const struct change *change, uint32_t i,
                    struct wire_partition *p)
{
    const struct operations *ops = change->request->ops;
    const struct change_guest *guest = change->guest_of[i];

    partition_present(ops, p);
    if (book_assignment(ops->book, &guest->uuid))
        return;
    p->customer = guest->customer;
    p->name = guest->name;
    if (*guest->host)
        p->host = guest->host;
}

/* The host does not have what was to be destroyed: the same as destroyed. */
static void describe_forgotten(struct change *change)
{
    const struct change_guest *guest = &change->guests[0];
    struct wire_operation_result *result =
        ARENA_NEW(change->request->arena, struct wire_operation_result);

    wire_init(&wire_struct_operation_result, result);
    result->partition.uuid = guest->uuid;
    result->partition.managed = true;
    change->single.partition = result->partition;
    change->reply.results = result;
    change->reply.n_results = 1;
}

/* It has succeeded. */
static void answer(struct change *change)
{
    struct request *request = change->request;
    enum wire_message_number number = WIRE_MSG_transaction_reply;
    const void *body = &change->reply;

    if (change_is_single(change)) {
        number = WIRE_MSG_partition_reply;
        body = &change->single;
    }
    if (change->keyed)
        keys_keep(change->keyed, number, body);
    request->stands = true;
    keys_end(change->keyed, NULL);
    request_reply(request, number, body);
}

static void settled(struct change *change)
{
    struct wire_transaction_reply *reply = &change->reply;

    if (change->why.code) {
        change_fail(change, &change->why);
        return;
    }
    for (uint32_t i = 0;
         i < reply->n_results && i < change->order.n_operations; i++) {
        inventory_partition(change->request->ops->inventory,
                            &reply->results[i].partition);
        present(change, i, &reply->results[i].partition);
    }
    if (change_is_single(change)) {
        inventory_partition(change->request->ops->inventory,
                            &change->single.partition);
        present(change, 0, &change->single.partition);
        change->single.reason =
            change->request->auth.role == W_OPERATOR ? change->place_reason
                                                     : change->place_brief;
    }
    answer(change);
}

/* The host does not know what is to be forgotten: that is as good. */
static bool is_forgotten(const struct change *change)
{
    return change->why.code == VDC_E_NOT_FOUND &&
           change->order.n_operations == 1 &&
           change->guests[0].book == CHANGE_FORGETS &&
           uuid_is_zero(&change->order.lease) && !change->order.dry_run;
}

/* The answer to a single request that went as a transaction. */
static void take_result(struct change *change)
{
    const struct wire_transaction_reply *reply = &change->reply;

    if (!reply->n_results)
        return;
    change->single.partition = reply->results[0].partition;
    change->single.plan = reply->plan;
    change->single.n_plan = reply->n_plan;
}

static void settle(struct change *change)
{
    change_settle(change, settled);
}

static void go_on(struct change *change);

/* Its report was older than what it had; or it is not there any more. */
static bool has_no_room(const struct vdc_error *err)
{
    return err->code == VDC_E_NO_MEMORY || err->code == VDC_E_NO_DAEMON;
}

/* The host has done it, or said why not; or it could not be asked. */
static void sent(struct change *change)
{
    if (has_no_room(&change->why) && change_place_again(change)) {
        go_on(change);
        return;
    }
    if (is_forgotten(change)) {
        memset(&change->why, 0, sizeof(change->why));
        describe_forgotten(change);
    }
    if (!change->why.code && change_is_single(change) &&
        change->as_transaction)
        take_result(change);
    if (change->why.code == VDC_E_NOT_FOUND)
        change_explain_missing(change, settle);
    else
        settle(change);
}

/* Its images are there, or cannot be brought. */
static void brought(struct change *change)
{
    if (!change->why.code)
        change_send(change, sent);
    else if (has_no_room(&change->why) && change_place_again(change))
        go_on(change);
    else
        settle(change);
}

static void forward(struct change *change)
{
    if (!change_bring(change, brought))
        change_send(change, sent);
}

/* Nothing is asked of the host before it is durable that it was asked. */
static void recorded(void *arg, const struct vdc_error *why)
{
    struct change *change = arg;

    if (why->code) {
        change->why = *why;
        change_unrecord(change);
        change_settle(change, settled);
    } else if (request_is_cancelled(change->request, &change->why)) {
        change_settle(change, settled);
    } else {
        forward(change);
    }
}

static void go_on(struct change *change)
{
    if (!book_wait(change->request->ops->book, recorded, change))
        forward(change);
}

static void refused(struct change *change)
{
    ended(change, true);
}

static void decide(struct change *change)
{
    struct vdc_error err = { 0 };

    /* what was asked before took time */
    if (operations_check_still(change->request, &err) ||
        (change_creates(change) &&
         hosts_check_some_up(change->request->ops->hosts, change->host,
                             &err))) {
        change_consulted(change);
        change_fail(change, &err);
        return;
    }
    if (!request_is_cancelled(change->request, NULL))
        change_decide(change);
    change_consulted(change);
    if (ended(change, false))
        return;
    if (change->reasons->n_errors || change->order.dry_run)
        change_unplace(change);
    if (change->reasons->n_errors) {
        change_ask_reasons(change, refused);
        return;
    }
    if (change_record(change, &change->why))
        change_settle(change, settled);
    else
        go_on(change);
}

static void consult(void *arg)
{
    change_consult(arg, decide);
}

/* ---- what the guests have ---- */

static void measure(struct change *change);
static void examine(struct change *change);

static void measured(void *arg, const void *answer,
                     const struct vdc_error *why)
{
    struct change *change = arg;
    struct change_guest *guest = &change->guests[change->at++];
    const struct service_measured *measured = answer;
    struct vdc_error err = { 0 };

    if (why && why->code == VDC_E_NOT_FOUND) {
        partition_missing(guest->name, guest->host, &err);
        guest->refused = true;
        change_refuse(change, &err);
    } else if (why || effect_init(&guest->effect, measured->shown,
                                  change->request->arena, &err)) {
        change_fail(change, why ? why : &err);
        return;
    } else {
        guest->grown = measured->grown;
    }
    measure(change);
}

static void measure(struct change *change)
{
    struct service *service;
    struct vdc_error err = { 0 };

    if (ended(change, false))
        return;
    for (; change->at < change->n_guests; change->at++) {
        const struct change_guest *guest = &change->guests[change->at];
        if (guest->book == CHANGE_CREATES || !(guest->counts || guest->starts))
            continue;
        if (change_service(change, &service, &err) ||
            service_measure(service, &guest->uuid, measured, change, &err))
            change_fail(change, &err);
        return;
    }
    /* nobody is refused by an old report */
    if (change_creates(change) && !change_has_place(change))
        hosts_refresh(change->request->ops->hosts, consult, change);
    else
        consult(change);
}

/* ---- what the host says of files ---- */

static void examined(void *arg, const void *answer,
                     const struct vdc_error *why)
{
    struct change *change = arg;
    const struct service_examined *found = answer;
    struct vdc_error err = { 0 };

    if (change_turns_back(change, why || found->reasons->n_errors)) {
        examine(change);
        return;
    }
    if (why || wire_struct_copy(&wire_struct_transaction, found->order,
                                change->request->arena, &change->order,
                                &err)) {
        change_fail(change, why ? why : &err);
        return;
    }
    for (size_t i = 0; i < found->reasons->n_errors; i++)
        change_refuse(change, &found->reasons->errors[i]);
    for (uint32_t i = 0; i < change->order.n_operations; i++)
        change->refused[i] |= found->refused[i];
    if (ended(change, false))
        return;
    change->at = 0;
    measure(change);
}

static void examine(struct change *change)
{
    struct request *request = change->request;
    const char *customers[CHANGE_OPERATIONS_MAX];
    struct service *service;
    struct vdc_error err = { 0 };

    change_route(change);
    int rc = change_service(change, &service, &err);
    if (!rc && !*service_version(service))
        rc = service_down_error(service, &err);
    /* without the host there is no more to be found out */
    if (ended(change, rc != 0))
        return;
    for (uint32_t i = 0; i < change->order.n_operations; i++)
        customers[i] =
            change->guest_of[i] ? change->guest_of[i]->customer : "";
    if (!rc)
        rc = service_examine(service, &change->order, customers,
                             request->auth.role != W_OPERATOR, examined,
                             change, &err);
    if (rc)
        change_fail(change, &err);
}

/* ---- what is asked ---- */

static enum wire_operation_kind kind_of(enum wire_message_number number)
{
    return number == WIRE_MSG_partition_create     ? WIRE_OP_CREATE
           : number == WIRE_MSG_partition_start    ? WIRE_OP_START
           : number == WIRE_MSG_partition_shutdown ? WIRE_OP_SHUTDOWN
           : number == WIRE_MSG_partition_reboot   ? WIRE_OP_REBOOT
           : number == WIRE_MSG_partition_destroy  ? WIRE_OP_DESTROY
                                                   : WIRE_OP_RENAME;
}

/* A single request as a transaction. */
static void take_single(struct change *change)
{
    struct request *request = change->request;
    struct wire_transaction *order = &change->order;
    struct wire_operation *op =
        ARENA_NEW(request->arena, struct wire_operation);

    wire_init(&wire_struct_transaction, order);
    wire_init(&wire_struct_operation, op);
    order->operations = op;
    order->n_operations = 1;
    op->kind = kind_of(request->message->number);
    if (op->kind == WIRE_OP_CREATE) {
        const struct wire_partition_create *asked = request->body;
        order->key = asked->key;
        order->dry_run = asked->dry_run;
        order->lease = asked->lease;
        order->timeout_ms = asked->timeout_ms;
        op->customer = asked->customer;
        op->definition = asked->definition;
        op->start = asked->start;
        op->paused = asked->paused;
    } else {
        const struct wire_partition_ref *asked = request->body;
        order->key = asked->key;
        order->dry_run = asked->dry_run;
        order->lease = asked->lease;
        order->timeout_ms = asked->timeout_ms;
        op->customer = asked->customer;
        op->name = asked->name;
        op->uuid = asked->uuid;
        op->if_generation = asked->if_generation;
        op->keep = asked->keep;
        op->paused = asked->paused;
        op->new_name = asked->new_name;
    }
}

/* Keys of a guest are its own: its customer's are none of its business. */
static const char *owner_of(const struct request *request)
{
    const struct auth *auth = &request->auth;
    char uuid[UUID_TEXT_SIZE];

    if (auth->role == W_GUEST)
        return arena_strdup(request->arena, uuid_format(&auth->guest, uuid));
    return auth->role == W_CUSTOMER ? auth->customer : NAMES_PROVIDER;
}

static void look(struct change *change)
{
    struct request *request = change->request;
    struct vdc_error err = { 0 };

    for (uint32_t i = 0; i < change->order.n_operations; i++) {
        operation_clean(&change->order.operations[i]);
        change->refused[i] =
            operation_check(&change->order.operations[i], request->auth.role,
                            change->reasons);
    }
    if (change->order.n_operations == 0) {
        vdc_error_set(&err, VDC_E_BAD_VALUE, "a transaction of no operations");
        change_refuse(change, &err);
    }
    change_find(change, examine);
}

/* What the host has answered before it was noted here; or nothing, and it is
 * done now. */
static void recalled(struct change *change)
{
    const struct operations *ops = change->request->ops;
    struct wire_transaction_reply *reply = &change->reply;

    if (!change->known) {
        look(change);
        return;
    }
    for (uint32_t i = 0; i < reply->n_results; i++)
        partition_present(ops, &reply->results[i].partition);
    take_result(change);
    if (reply->n_results) {
        const struct assignment *a =
            book_assignment(ops->book, &change->single.partition.uuid);
        change->single.again = reply->again = true;
        if (a && change->request->auth.role == W_OPERATOR &&
            change->request->message->number == WIRE_MSG_partition_create)
            change->single.reason = a->reason;
    }
    answer(change);
}

void change_begin(struct request *request)
{
    struct change *change = ARENA_NEW(request->arena, struct change);
    struct vdc_error err = { 0 };

    change->request = request;
    wire_init(&wire_struct_transaction_reply, &change->reply);
    wire_init(&wire_struct_partition_reply, &change->single);
    change->owner = owner_of(request);
    if (change_is_single(change))
        take_single(change);
    else
        change->order = *(const struct wire_transaction *)request->body;
    change->guests = ARENA_ARRAY(
        request->arena, change->order.n_operations, struct change_guest);
    change->reasons = reasons_new(request->arena);
    change->order.owner = change->owner;
    change->order.recall = change->order.close = false;
    change->order.stage = WIRE_STAGE_NOW;
    if (change->order.dry_run)
        change->order.key = "";
    if (*change->order.key) {
        struct keyed *keyed;
        if (keys_begin(request, change->owner, change->order.key, &keyed,
                       &err)) {
            request_fail(request, &err);
            return;
        }
        if (!keyed)
            return; /* answered, or waits for the first */
        change->keyed = keyed;
    }
    if (change->keyed && keys_is_open(change->keyed))
        change_recall(change, recalled);
    else
        look(change);
}
