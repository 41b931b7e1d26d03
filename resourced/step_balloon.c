/* Steps that change how much memory a running guest has: its balloon, which
 * is the guest's own work and may take long or come to nothing, and the limit
 * of it. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "resourced/host.h"
#include "resourced/step_change.h"

#define POLL_MS 100
/* No kernel that we know lives in less; less is a unit forgotten. */
#define LEAST MEM_MIB(8)
/* How long an undo waits for a guest to come back to what it had; less when it
 * does not move at all. */
#define BACK_WAIT_MS 10000
#define STALL_MS 2000
/* How often a step that is no longer than is_near is wide is looked at. */
#define SMALL_POLLS 10

/* The longest text of an amount. */
#define AMOUNT 32

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t distance(struct mem a, struct mem b)
{
    return a.kib > b.kib ? a.kib - b.kib : b.kib - a.kib;
}

/* Xen counts some pages that no balloon knows of: 1 MiB, or what rounding of
 * large amounts makes. */
static bool is_near(struct mem has, struct mem target)
{
    uint64_t tolerance = target.kib / 1024;

    return distance(has, target) <= (tolerance > 1024 ? tolerance : 1024);
}

static const char *format(struct mem mem, char *buf)
{
    return units_mem_format(mem, buf, AMOUNT);
}

static void set_memory(struct wire_definition *definition, struct mem memory)
{
    /* A definition without a maximum has its memory as that. */
    definition->max_memory = step_max_memory(definition);
    definition->memory = memory;
}

static void set_rows(struct operation *op, struct mem memory)
{
    struct wire_definition *live = step_live(op);
    struct wire_definition *remembered = step_remembered(op);

    if (live)
        set_memory(live, memory);
    if (remembered)
        set_memory(remembered, memory);
}

/* ---- mem-set: checks ---- */

static void check_below_max(const struct operation *op, struct mem max,
                            const char *of, struct reasons *reasons)
{
    char asked[AMOUNT], limit[AMOUNT];

    if (op->request.memory.kib <= max.kib)
        return;
    step_refuse(reasons, VDC_E_BAD_VALUE, "raise that first: xl-vdc mem-max",
                "%s cannot have %s: %s is %s", op->row->name,
                format(op->request.memory, asked), of, format(max, limit));
}

static void check_amount(const struct operation *op, struct reasons *reasons)
{
    const struct wire_definition *live = step_live(op);
    const struct wire_definition *remembered = step_remembered(op);
    char asked[AMOUNT], least[AMOUNT];

    if (op->request.memory.kib < LEAST.kib)
        step_refuse(reasons, VDC_E_BAD_VALUE, NULL,
                    "%s cannot live in %s; the least is %s", op->row->name,
                    format(op->request.memory, asked), format(LEAST, least));
    if (live)
        check_below_max(op, step_max_memory(live), "its maximum", reasons);
    if (remembered &&
        (!live ||
         step_max_memory(live).kib != step_max_memory(remembered).kib))
        check_below_max(op, step_max_memory(remembered),
                        live ? "the maximum in its definition" : "its maximum",
                        reasons);
}

static void memory_set_check(struct operation *op, struct reasons *reasons)
{
    struct hv_domain_info info = { 0 };

    if (!step_check_change(op, reasons))
        return;
    check_amount(op, reasons);
    bool is_there = step_check_info(op, reasons, &info);
    if (op->row->domid != HV_DOMID_NONE && step_is_paused(op, &info))
        step_refuse(reasons, VDC_E_WRONG_STATE, "let it run: xl-vdc unpause",
                    "%s is paused, and can neither give memory nor take it",
                    op->row->name);
    /* What operations before this one in the transaction leave to it. */
    struct mem has = info.current_memory;
    if (is_there && has.kib > op->request.memory.kib)
        op->gives = MEM_KIB(has.kib - op->request.memory.kib);
}

static void memory_set_record(struct operation *op)
{
    set_rows(op, op->request.memory);
}

static bool memory_set_plan(const struct operation *op, char *buf, size_t size)
{
    char amount[AMOUNT];

    snprintf(buf, size, "set the memory of %s to %s%s", op->row->name,
             format(op->request.memory, amount), step_when(op));
    return true;
}

/* ---- mem-set: the guest follows ---- */

/* What the guest has given is nobody else's before that is committed. */
static void note_progress(struct operation *op, struct mem has)
{
    struct mem asked = op->request.memory;

    if (asked.kib < op->got.kib) {
        op->gives = MEM_KIB(less(has.kib, asked.kib));
        op->kept = MEM_KIB(less(op->got.kib, has.kib));
    }
}

static int target_as_before(struct operation *op, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    uint32_t domid = step_old_domid(op);

    if (domid == HV_DOMID_NONE)
        return 0;
    int rc = hv->domain->set_memory_target(hv, domid, step_before(op)->memory,
                                           err);
    return rc == VDC_E_NOT_FOUND ? 0 : rc;
}

/* It fails, and leaves nothing behind. */
static void give_up(struct operation *op, const struct vdc_error *err)
{
    struct vdc_error back_err;

    if (target_as_before(op, &back_err))
        log_warning("the balloon of %s keeps its new target: %s",
                    op->row->name, back_err.text);
    transaction_step_ended(op->t, err->code, err);
}

/* What the guest did, in words: op->got is what it had. */
static void describe(const struct operation *op, struct mem has, char *buf,
                     size_t size)
{
    struct mem asked = op->request.memory, had = op->got;
    bool grows = asked.kib > had.kib;
    struct mem of = MEM_KIB(distance(asked, had));
    struct mem moved =
        MEM_KIB(grows ? less(has.kib, had.kib) : less(had.kib, has.kib));
    char part[AMOUNT], whole[AMOUNT], now[AMOUNT];

    snprintf(buf, size, "%.63s %s %s of %s and has %s", op->row->name,
             grows ? "took" : "gave", format(moved, part), format(of, whole),
             format(has, now));
}

static const char *advice(const struct operation *op, struct mem has)
{
    if (distance(has, op->got) < 1024)
        return "is it still booting, or its kernel without a balloon driver? "
               "try again later, or give it other memory from its next start "
               "on: xl-vdc shutdown, mem-set, start";
    if (op->request.memory.kib > op->got.kib)
        return "try again, or give it longer: --deadline; a guest may be "
               "unable to use more than it was started with";
    return "the guest may be slow, or need the rest itself: try again, or "
           "give it longer: --deadline";
}

static void keep_partly(struct operation *op, struct mem has)
{
    struct hv *hv = op->host->hv;
    struct mem most = step_max_memory(step_definition(op));
    struct mem target = has.kib < most.kib ? has : most;
    struct vdc_error err;

    /* Nobody is to rely on what it may do later. */
    if (hv->domain->set_memory_target(hv, step_domid(op), target, &err)) {
        give_up(op, &err);
        return;
    }
    op->partial = true;
    describe(op, has, op->text, sizeof(op->text));
    snprintf(op->hint, sizeof(op->hint), "%s", advice(op, has));
    op->promised = false;
    op->need = MEM_KIB(less(has.kib, op->had.kib));
    op->gives = MEM_KIB(0);
    set_rows(op, target);
    transaction_step_ended(op->t, 0, NULL);
}

static void fell_short(struct operation *op, struct mem has)
{
    struct vdc_error err;
    char text[256];

    if (op->request.partial) {
        keep_partly(op, has);
        return;
    }
    describe(op, has, text, sizeof(text));
    vdc_error_set(&err, VDC_E_TIMEOUT, "%s: too little, and undone", text);
    vdc_error_hint(&err, "%s", advice(op, has));
    give_up(op, &err);
}

/* A small step, near from the start: to be seen it must be waited for. */
static bool may_move(struct operation *op, struct mem has)
{
    return has.kib == op->got.kib && has.kib != op->request.memory.kib &&
           clock_mono().ms < op->waits_until_ms && op->state++ < SMALL_POLLS;
}

static void memory_set_poll(int fd, short what, void *arg)
{
    struct operation *op = arg;
    struct hv_domain_info info;
    struct vdc_error err;

    int rc = step_info(op, step_domid(op), &info, &err);
    if (!rc && (info.shutdown || info.dying))
        rc = VDC_E_NOT_FOUND;
    if (rc == VDC_E_NOT_FOUND)
        rc = vdc_error_set(&err, VDC_E_WRONG_STATE,
                           "%s has stopped meanwhile", op->row->name);
    if (!rc && op->t->stop)
        rc = vdc_error_set(&err, op->t->stop, "%s",
                           vdc_error_text(op->t->stop));
    if (rc) {
        give_up(op, &err);
        return;
    }
    note_progress(op, info.current_memory);
    if (is_near(info.current_memory, op->request.memory) &&
        !may_move(op, info.current_memory)) {
        op->gives = MEM_KIB(0);
        set_rows(op, op->request.memory);
        transaction_step_ended(op->t, 0, NULL);
    } else if (clock_mono().ms < op->waits_until_ms) {
        transaction_wait(op, POLL_MS, memory_set_poll);
    } else {
        fell_short(op, info.current_memory);
    }
}

static void memory_set_cancel(struct operation *op)
{
    transaction_wait(op, 0, memory_set_poll);
}

static int memory_set_apply(struct operation *op, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    uint32_t domid = step_domid(op);
    struct hv_domain_info info;

    if (domid == HV_DOMID_NONE)
        return STEP_DONE;
    int rc = step_info(op, domid, &info, err);
    if (!rc && op->need.kib)
        memory_unlock(op);
    if (!rc)
        rc = hv->domain->set_memory_target(hv, domid, op->request.memory, err);
    if (rc)
        return rc;
    op->got = info.current_memory;
    note_progress(op, info.current_memory);
    op->waits_until_ms =
        step_wait_until(op, op->host->settings->balloon_wait_ms);
    transaction_wait(op, 0, memory_set_poll);
    return STEP_LATER;
}

/* ---- mem-set: the way back ---- */

/* How much of its memory from before the guest lacks still; meanwhile that is
 * nobody else's.  One that cannot take any lacks nothing. */
static struct mem lacks(struct operation *op)
{
    struct mem before = step_before(op)->memory;
    uint32_t domid = step_old_domid(op);
    struct hv_domain_info info;

    op->kept = MEM_KIB(0);
    if (domid == HV_DOMID_NONE || step_info(op, domid, &info, NULL) ||
        info.shutdown || info.dying || info.paused ||
        is_near(info.current_memory, before))
        return op->kept;
    op->kept = MEM_KIB(less(before.kib, info.current_memory.kib));
    return op->kept;
}

static void tell_lack(struct operation *op, struct mem lack)
{
    struct vdc_error *err = &op->t->err;
    char rest[AMOUNT], whole[AMOUNT], before[sizeof(err->text)];

    log_warning("%s lacks %s of its %s still, which it gave for what is "
                "undone", op->row->name, format(lack, rest),
                format(step_before(op)->memory, whole));
    snprintf(before, sizeof(before), "%s", err->text);
    snprintf(err->text, sizeof(err->text), "%.300s; %.63s lacks %s of its %s "
             "still", before, op->row->name, rest, whole);
}

/* As long as it takes back something. */
static void memory_back_poll(int fd, short what, void *arg)
{
    struct operation *op = arg;
    struct mem before = op->got, lack = lacks(op);

    op->state = lack.kib < before.kib ? 0 : op->state + POLL_MS;
    op->got = lack;
    if (lack.kib && op->state < STALL_MS &&
        clock_mono().ms < op->waits_until_ms) {
        transaction_wait(op, POLL_MS, memory_back_poll);
        return;
    }
    if (lack.kib)
        tell_lack(op, lack);
    transaction_step_ended(op->t, 0, NULL);
}

/* The guest is asked for what it had.  What it gave is kept for it until it
 * has taken that back, or does not. */
static int memory_set_undo(struct operation *op, struct vdc_error *err)
{
    op->promised = false;
    op->gives = MEM_KIB(0);
    op->state = 0;
    int rc = target_as_before(op, err);
    if (rc)
        return rc;
    op->got = lacks(op);
    if (!op->got.kib)
        return STEP_DONE;
    op->waits_until_ms = clock_mono().ms + BACK_WAIT_MS;
    transaction_wait(op, POLL_MS, memory_back_poll);
    return STEP_LATER;
}

const struct step step_memory_set = {
    .name = "memory-set",
    .doing = "waiting for the guest's balloon",
    .check = memory_set_check,
    .record = memory_set_record,
    .plan = memory_set_plan,
    .apply = memory_set_apply,
    .undo = memory_set_undo,
    .halves = true,
    .cancel = memory_set_cancel,
};

/* ---- mem-max ---- */

static void check_above(const struct operation *op, struct mem least,
                        const char *what, struct reasons *reasons)
{
    char asked[AMOUNT], has[AMOUNT];

    if (op->request.memory.kib < least.kib)
        step_refuse(reasons, VDC_E_BAD_VALUE,
                    "lower that first: xl-vdc mem-set",
                    "the maximum of %s cannot be %s: %s %s", op->row->name,
                    format(op->request.memory, asked), what,
                    format(least, has));
}

static void memory_max_check(struct operation *op, struct reasons *reasons)
{
    struct hv_domain_info info;

    if (!step_check_change(op, reasons))
        return;
    const struct wire_definition *live = step_live(op);
    const struct wire_definition *remembered = step_remembered(op);
    char most[AMOUNT];

    if (op->request.memory.kib > MEM_MAX_KIB)
        step_refuse(reasons, VDC_E_BAD_VALUE, NULL,
                    "the maximum of %s cannot be more than %s", op->row->name,
                    format(MEM_KIB(MEM_MAX_KIB), most));
    if (live)
        check_above(op, live->memory, "it is to have", reasons);
    /* Pages that its balloon does not know of are Xen's matter. */
    if (step_check_info(op, reasons, &info) && live &&
        !is_near(info.current_memory, live->memory))
        check_above(op, info.current_memory, "it has", reasons);
    if (remembered && (!live || remembered->memory.kib != live->memory.kib))
        check_above(op, remembered->memory, "it is to start with", reasons);
}

static void memory_max_record(struct operation *op)
{
    struct wire_definition *live = step_live(op);
    struct wire_definition *remembered = step_remembered(op);

    if (live)
        live->max_memory = op->request.memory;
    if (remembered)
        remembered->max_memory = op->request.memory;
}

static bool memory_max_plan(const struct operation *op, char *buf, size_t size)
{
    char amount[AMOUNT];

    snprintf(buf, size, "let the memory of %s grow to %s%s", op->row->name,
             format(op->request.memory, amount), step_when(op));
    return true;
}

static int memory_max_apply(struct operation *op, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    uint32_t domid = step_domid(op);

    if (domid == HV_DOMID_NONE)
        return STEP_DONE;
    return hv->domain->set_max_memory(hv, domid, op->request.memory, err);
}

static int max_as_before(struct operation *op, struct vdc_error *err)
{
    struct hv *hv = op->host->hv;
    uint32_t domid = step_old_domid(op);

    if (domid == HV_DOMID_NONE)
        return 0;
    int rc = hv->domain->set_max_memory(
        hv, domid, step_max_memory(step_before(op)), err);
    return rc == VDC_E_NOT_FOUND ? 0 : rc;
}

/* A guest that had grown meanwhile is coming back below its old limit, or it
 * does not: then Xen lets it have what it has, until it stops. */
static void memory_max_poll(int fd, short what, void *arg)
{
    struct operation *op = arg;
    struct vdc_error err;
    int rc = max_as_before(op, &err);

    if (rc == VDC_E_BAD_VALUE && clock_mono().ms < op->waits_until_ms) {
        transaction_wait(op, POLL_MS, memory_max_poll);
        return;
    }
    if (rc == VDC_E_BAD_VALUE) {
        log_warning("the memory of %s keeps its new limit: %s", op->row->name,
                    err.text);
        rc = 0;
    }
    transaction_step_ended(op->t, rc, &err);
}

static int memory_max_undo(struct operation *op, struct vdc_error *err)
{
    int rc = max_as_before(op, err);

    if (rc != VDC_E_BAD_VALUE)
        return rc;
    op->waits_until_ms = clock_mono().ms + BACK_WAIT_MS;
    transaction_wait(op, POLL_MS, memory_max_poll);
    return STEP_LATER;
}

const struct step step_memory_max = {
    .name = "memory-max",
    .doing = "setting the limit of its memory",
    .check = memory_max_check,
    .record = memory_max_record,
    .plan = memory_max_plan,
    .apply = memory_max_apply,
    .undo = memory_max_undo,
    .halves = true,
};
