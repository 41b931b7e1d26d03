/*
 * Random transactions, many at a time, against a model that does them one by
 * one.  All go over one connection, where answers come in the order in which
 * the transactions ended; each answer must be what the model says when it does
 * them in that order, and in the end the partitions, the database and Xen must
 * be as the model has them.
 *
 * VDC_SEED=N runs with that seed, VDC_TRANSACTIONS=N does so many.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/rd_state.h"
#include "tests/unit/unit.h"

#define N_NAMES 8
#define N_AT_A_TIME 24
#define N_TRANSACTIONS 1500
#define MOST_OPERATIONS 3

/* ---- the model ---- */

struct guest {
    bool exists, running, paused;
    bool ended; /* within a transaction: nothing can follow */
    unsigned name; /* of it: "gN" */
    uint64_t generation;
    uint64_t memory_mib, weight, licences;
};

#define N_GUESTS (N_NAMES * 2)

struct model {
    struct guest guests[N_GUESTS];
};

static struct model model;

static struct guest *by_name(struct model *m, unsigned name)
{
    for (unsigned i = 0; i < N_GUESTS; i++)
        if (m->guests[i].exists && m->guests[i].name == name)
            return &m->guests[i];
    return NULL;
}

static struct guest *free_guest(struct model *m)
{
    for (unsigned i = 0; i < N_GUESTS; i++)
        if (!m->guests[i].exists)
            return &m->guests[i];
    return NULL;
}

static unsigned number(const char *name)
{
    return (unsigned)strtoul(name + 1, NULL, 10);
}

static int do_create(struct model *m, const struct wire_operation *op)
{
    unsigned name = number(op->definition.name);
    struct guest *guest = free_guest(m);

    if (by_name(m, name))
        return VDC_E_EXISTS;
    *guest = (struct guest){
        .exists = true,
        .running = op->start,
        .name = name,
        .memory_mib = 64,
    };
    return 0;
}

static int do_change(struct guest *guest, const struct wire_operation *op)
{
    switch (op->kind) {
    case WIRE_OP_START:
        if (guest->running)
            return VDC_E_WRONG_STATE;
        guest->running = true;
        return 0;
    case WIRE_OP_DESTROY:
        if (op->keep && !guest->running)
            return VDC_E_WRONG_STATE;
        guest->ended = true;
        return 0;
    case WIRE_OP_PAUSE:
    case WIRE_OP_UNPAUSE:
        if (!guest->running)
            return VDC_E_WRONG_STATE;
        guest->paused = op->kind == WIRE_OP_PAUSE;
        return 0;
    case WIRE_OP_MEMORY_SET:
        if (guest->running && guest->paused)
            return VDC_E_WRONG_STATE;
        guest->memory_mib = op->memory.kib / 1024;
        return 0;
    case WIRE_OP_SCHED:
        guest->weight = (uint64_t)op->weight;
        return 0;
    case WIRE_OP_POOL_SET:
        guest->licences = op->amount;
        return 0;
    default:
        return VDC_E_INTERNAL;
    }
}

/* What nothing can follow happens last. */
static void do_ends(struct model *m, const struct wire_transaction *t)
{
    for (uint32_t i = 0; i < t->n_operations; i++) {
        const struct wire_operation *op = &t->operations[i];
        for (unsigned j = 0; op->kind == WIRE_OP_DESTROY && j < N_GUESTS;
             j++) {
            struct guest *guest = &m->guests[j];
            if (!guest->ended || guest->name != number(op->name))
                continue;
            guest->exists = op->keep;
            guest->running = guest->paused = guest->ended = false;
        }
    }
}

static int do_operation(struct model *m, const struct model *before,
                        const struct wire_operation *op, bool *touched)
{
    if (op->kind == WIRE_OP_CREATE) {
        int rc = do_create(m, op);
        if (!rc)
            touched[by_name(m, number(op->definition.name)) - m->guests] =
                true;
        return rc;
    }
    struct guest *guest = by_name(m, number(op->name));
    if (!guest)
        return VDC_E_NOT_FOUND;
    const struct guest *was = &before->guests[guest - m->guests];
    if (op->if_generation && op->if_generation != was->generation)
        return VDC_E_CONFLICT;
    if (guest->ended)
        return VDC_E_BAD_VALUE;
    touched[guest - m->guests] = true;
    if (op->kind == WIRE_OP_RENAME) {
        unsigned to = number(op->new_name);
        struct guest *other = by_name(m, to);
        if (other && other != guest)
            return VDC_E_EXISTS;
        guest->name = to;
        return 0;
    }
    return do_change(guest, op);
}

/* The model's answer; *m changes when it is 0. */
static int do_transaction(struct model *m, const struct wire_transaction *t)
{
    struct model after = *m;
    bool touched[N_GUESTS] = { false };

    for (uint32_t i = 0; i < t->n_operations; i++) {
        int rc = do_operation(&after, m, &t->operations[i], touched);
        if (rc)
            return rc;
    }
    do_ends(&after, t);
    for (unsigned i = 0; i < N_GUESTS; i++)
        if (touched[i])
            after.guests[i].generation =
                m->guests[i].exists ? m->guests[i].generation + 1 : 1;
    *m = after;
    return 0;
}

/* ---- requests ---- */

struct asked {
    uint32_t id; /* 0: this place is free */
    struct rd_transaction t;
    bool cancelled, late;
};

static struct asked asked[N_AT_A_TIME];
static unsigned n_committed, n_refused, n_stopped, n_again, n_failed;

/* The last request with a key, and what it came to. */
static struct {
    struct rd_transaction t;
    unsigned n_used;
    uint64_t id; /* of the transaction; 0: not committed */
    bool stopped; /* its answer may be kept */
} keyed;

static unsigned some(unsigned n)
{
    return (unsigned)rand() % n;
}

static const char *some_name(struct rd *rd)
{
    return arena_printf(rd->arena, "g%u", some(N_NAMES));
}

static void add_some(struct rd *rd, struct rd_transaction *t)
{
    static const enum wire_operation_kind kinds[] = {
        WIRE_OP_START, WIRE_OP_DESTROY, WIRE_OP_RENAME, WIRE_OP_PAUSE,
        WIRE_OP_UNPAUSE, WIRE_OP_MEMORY_SET, WIRE_OP_SCHED, WIRE_OP_POOL_SET
    };
    struct wire_operation *op;

    if (some(4) == 0) {
        op = rd_add_create(rd, t, some_name(rd), some(2));
        op->definition.max_memory = MEM_MIB(256);
        return;
    }
    op = rd_add(t, kinds[some(sizeof(kinds) / sizeof(kinds[0]))],
                some_name(rd));
    op->keep = op->kind == WIRE_OP_DESTROY && some(2);
    op->new_name = "";
    if (op->kind == WIRE_OP_RENAME) {
        op->new_name = some_name(rd);
        op->new_xen_name = arena_printf(rd->arena, "acme.%s", op->new_name);
    }
    if (op->kind == WIRE_OP_MEMORY_SET)
        op->memory = MEM_MIB(32 + some(4) * 32);
    if (op->kind == WIRE_OP_SCHED)
        op->weight = 100 + some(100);
    if (op->kind == WIRE_OP_POOL_SET) {
        op->pool = "licences";
        op->amount = 1 + some(5);
    }
    const struct guest *guest = by_name(&model, number(op->name));
    if (guest && some(5) == 0)
        op->if_generation = guest->generation;
}

/* Mostly what can be, as far as is known now. */
static void add_likely(struct rd *rd, struct rd_transaction *t)
{
    uint32_t at = t->t.n_operations;

    for (unsigned tries = 0; tries < 6; tries++) {
        struct model copy = model;
        t->t.n_operations = at;
        add_some(rd, t);
        struct wire_transaction all = t->t;
        all.operations = t->operations;
        if (do_transaction(&copy, &all) == 0)
            return;
    }
}

static void ask(struct rd *rd, struct asked *place)
{
    memset(place, 0, sizeof(*place));
    if (keyed.n_used && some(12) == 0) {
        place->t = keyed.t;
    } else {
        rd_begin(&place->t);
        for (unsigned n = 1 + some(MOST_OPERATIONS); n > 0; n--)
            add_likely(rd, &place->t);
        if (some(25) == 0) {
            place->t.t.timeout_ms = 1 + some(4);
            place->late = true;
        } else if (!keyed.n_used && some(10) == 0) {
            place->t.t.key = arena_printf(rd->arena, "key%d", rand());
            keyed.t = place->t;
            keyed.id = 0;
            keyed.stopped = false;
        }
    }
    if (place->t.t.key[0])
        keyed.n_used++;
    place->id = rd_send_transaction(rd, &place->t);
    if (!place->t.t.key[0] && some(15) == 0) {
        rd_cancel(rd, place->id);
        place->cancelled = true;
    }
}

/* ---- answers ---- */

static void describe(const struct asked *place)
{
    for (uint32_t i = 0; i < place->t.t.n_operations; i++) {
        const struct wire_operation *op = &place->t.operations[i];
        printf(" %s %s%s%s",
               wire_enum_word(&wire_enum_operation_kind, (int)op->kind),
               op->kind == WIRE_OP_CREATE ? op->definition.name : op->name,
               op->new_name[0] ? " to " : "", op->new_name);
        if (op->if_generation)
            printf(" if %llu", (unsigned long long)op->if_generation);
    }
}

static bool wrong(const struct asked *place, const char *what, int is,
                  int should)
{
    printf("\n    %s (%s, not %s):", what, vdc_error_name(is),
           vdc_error_name(should));
    describe(place);
    CU_FAIL("see above");
    return false;
}

static bool check_result(const struct asked *place,
                         const struct wire_operation_result *result)
{
    const struct wire_partition *p = &result->partition;
    const struct guest *guest = by_name(&model, number(p->name));

    if (!guest)
        return true; /* destroyed */
    enum wire_partition_state state = !guest->running ? WIRE_STOPPED
                                      : guest->paused ? WIRE_PAUSED
                                                      : WIRE_RUNNING;
    if (p->generation != guest->generation || p->state != state)
        return wrong(place, "not as the model has it", 0, 0);
    return true;
}

static bool committed(struct asked *place,
                      const struct wire_transaction_reply *reply)
{
    struct wire_transaction t = place->t.t;
    bool ok = true;

    t.operations = place->t.operations;
    if (reply->again) {
        n_again++;
        return reply->id == keyed.id || wrong(place, "another answer", 0, 0);
    }
    int rc = do_transaction(&model, &t);
    if (rc)
        return wrong(place, "done", 0, rc);
    n_committed++;
    if (t.key[0])
        keyed.id = reply->id;
    bool gone = false;
    for (uint32_t i = 0; i < t.n_operations; i++)
        gone = gone || t.operations[i].kind == WIRE_OP_DESTROY;
    for (uint32_t i = 0; !gone && i < reply->n_results; i++)
        ok = check_result(place, &reply->results[i]) && ok;
    return ok;
}

static bool refused(struct asked *place, const struct vdc_error *err)
{
    struct wire_transaction t = place->t.t;
    struct model copy = model;

    t.operations = place->t.operations;
    if (err->code == VDC_E_CANCELLED || err->code == VDC_E_TIMEOUT) {
        n_stopped++;
        return place->cancelled || place->late ||
               wrong(place, "stopped", err->code, 0);
    }
    if (strstr(err->text, "simulated fault")) {
        n_failed++;
        keyed.stopped = keyed.stopped || t.key[0];
        return true;
    }
    n_refused++;
    int rc = do_transaction(&copy, &t);
    if (!rc || (t.n_operations == 1 && rc != err->code)) {
        printf("\n    %s", err->text);
        return wrong(place, "refused", err->code, rc);
    }
    return true;
}

static bool take_answer(struct rd *rd)
{
    struct wire_frame frame;
    struct vdc_error err;

    if (!rd_receive(rd, &frame, 20000)) {
        CU_FAIL("no answer");
        return false;
    }
    for (unsigned i = 0; i < N_AT_A_TIME; i++) {
        struct asked *place = &asked[i];
        if (place->id != frame.id)
            continue;
        place->id = 0;
        keyed.n_used -= place->t.t.key[0] != '\0';
        if (frame.message->number != WIRE_MSG_error)
            return committed(place, frame.body);
        wire_error_take(frame.body, &err);
        return refused(place, &err);
    }
    CU_FAIL("an answer to nothing");
    return false;
}

/* ---- in the end ---- */

static void check_partition(struct rd *rd, const struct guest *guest)
{
    const char *name = arena_printf(rd->arena, "g%u", guest->name);
    struct wire_partition_ref ref;
    const void *body = NULL;

    wire_init(&wire_struct_partition_ref, &ref);
    ref.customer = "acme";
    ref.name = name;
    CU_ASSERT_EQUAL_FATAL(
        rd_call(rd, WIRE_MSG_partition_show, &ref, &body, NULL), 0);
    const struct wire_partition_reply *reply = body;
    const struct wire_definition *d = &reply->definition;
    CU_ASSERT_EQUAL(reply->partition.generation, guest->generation);
    CU_ASSERT_EQUAL(reply->partition.domid != 0, guest->running);
    CU_ASSERT_EQUAL(reply->partition.state == WIRE_PAUSED, guest->paused);
    CU_ASSERT_EQUAL(d->memory.kib, guest->memory_mib * 1024);
    CU_ASSERT_EQUAL(d->cpu_weight, guest->weight);
    CU_ASSERT_EQUAL(d->n_pools ? d->pools[0].amount : 0, guest->licences);
    if (!guest->running)
        return;
    struct hv *hv = rd_host(rd);
    struct mem target = { 0 };
    struct hv_sched sched = { 0 };
    uint32_t domid = reply->partition.domid;
    CU_ASSERT_EQUAL(hv->domain->memory_target(hv, domid, &target, NULL), 0);
    CU_ASSERT_EQUAL(target.kib, guest->memory_mib * 1024);
    CU_ASSERT_EQUAL(hv->domain->sched(hv, domid, &sched, NULL), 0);
    CU_ASSERT_EQUAL(sched.weight, guest->weight ? guest->weight : 256);
}

static uint64_t licences(struct rd *rd)
{
    struct wire_resource_query query;
    const void *body = NULL;
    uint64_t sum = 0;

    wire_init(&wire_struct_resource_query, &query);
    query.kind = WIRE_RESOURCE_POOL;
    CU_ASSERT_EQUAL_FATAL(
        rd_call(rd, WIRE_MSG_resource_list, &query, &body, NULL), 0);
    const struct wire_resource_list *list = body;
    for (uint32_t i = 0; i < list->n_resources; i++)
        sum += list->resources[i].amount;
    return sum;
}

static void check_all(struct rd *rd)
{
    unsigned n = 0, n_running = 0;
    uint64_t n_licences = 0;

    for (unsigned i = 0; i < N_GUESTS; i++) {
        const struct guest *guest = &model.guests[i];
        if (!guest->exists)
            continue;
        check_partition(rd, guest);
        n++;
        n_running += guest->running;
        n_licences += guest->licences;
    }
    CU_ASSERT_EQUAL(rd_list(rd, true)->n_partitions, n + 1);
    CU_ASSERT_EQUAL(rd_domains(rd), n_running);
    CU_ASSERT_EQUAL(licences(rd), n_licences);
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);

    return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static const char *some_faults(struct rd *rd)
{
    const char *all = "";

    for (unsigned i = 0; i < 20; i++)
        all = arena_printf(rd->arena, "%s%sfail:create:%u", all,
                           i ? ";" : "", 3 + i * 11);
    return all;
}

static void run_with(unsigned seed)
{
    struct rd *rd = rd_new("create_ms=3,destroy_ms=2,op_ms=1,jitter=90,"
                           "balloon=64G,memory=32G");
    unsigned n = from_environment("VDC_TRANSACTIONS", N_TRANSACTIONS);
    bool ok = true;

    srand(seed);
    memset(&model, 0, sizeof(model));
    memset(asked, 0, sizeof(asked));
    memset(&keyed, 0, sizeof(keyed));
    n_committed = n_refused = n_stopped = n_again = n_failed = 0;
    rd->settings = "pools = [ \"licences=1000\" ]\n";
    rd->fault = some_faults(rd);
    CU_ASSERT_FATAL(rd_start(rd));
    uint64_t free_kib = rd_free_kib(rd);
    const char *store = rd_store_dump(rd);
    for (unsigned sent = 0, answered = 0; ok && answered < n; answered++) {
        for (unsigned i = 0; i < N_AT_A_TIME && sent < n; i++)
            if (!asked[i].id) {
                ask(rd, &asked[i]);
                sent++;
            }
        ok = take_answer(rd);
    }
    if (!ok && getenv("VDC_KEEP") &&
        system(arena_printf(rd->arena, "cp %s/log /tmp/rd-random.log",
                            rd->dir)))
        perror("cp");
    CU_ASSERT_FATAL(ok);
    check_all(rd);
    rd_kill(rd);
    CU_ASSERT_EQUAL(rd_journal_rows(rd), 0);
    CU_ASSERT_FATAL(rd_start(rd));
    check_all(rd);
    for (unsigned i = 0; i < N_GUESTS; i++)
        if (model.guests[i].exists)
            CU_ASSERT_EQUAL(rd_destroy(rd, arena_printf(rd->arena, "g%u",
                                                        model.guests[i].name),
                                       false), 0);
    CU_ASSERT_EQUAL(rd_free_kib(rd), free_kib);
    CU_ASSERT_STRING_EQUAL(rd_store_dump(rd), store);
    printf("\n    seed %u: %u committed, %u refused, %u cancelled or late, "
           "%u failed, %u asked again", seed, n_committed, n_refused,
           n_stopped, n_failed, n_again);
    CU_ASSERT(n_committed > n / 20);
    CU_ASSERT(n_stopped > 0);
    rd_free(rd);
}

static void test_random(void)
{
    unsigned seed = from_environment("VDC_SEED", 0);

    if (seed) {
        run_with(seed);
        return;
    }
    for (seed = 1; seed <= 3; seed++)
        run_with(seed);
}

static const struct unit_test tests[] = {
    { "as if one after the other", test_random },
};

UNIT_MAIN("resourced: random transactions", tests)
