/*
 * Whether a host is off for sure; see decide.h.
 */
#include "policyd/fence/decide.h"

#include "wire/fence.h"

uint64_t fence_wait_ms(const struct fence_view *view, uint32_t member)
{
    return view->members[member].watchdog_ms + FENCE_HEARD_MS +
           2 * view->beat_ms;
}

static bool is_heard(const struct fence_view *view, uint32_t member)
{
    for (uint32_t i = 0; i < view->n; i++)
        if (i != member && view->heard[i * view->n + member])
            return true;
    return false;
}

static uint32_t count_telling(const struct fence_view *view, uint32_t member)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < view->n; i++)
        n += i != member && view->members[i].tells;
    return n;
}

/* FENCE_WAITING: all holds now. */
static enum fence_verdict look(const struct fence_view *view, uint32_t member)
{
    const struct fence_seen *m = &view->members[member];

    if (m->answers || m->tells)
        return FENCE_ANSWERS;
    if (view->n < FENCE_MEMBERS_MIN)
        return FENCE_FEW;
    if (!view->settled)
        return FENCE_UNSETTLED;
    if (!m->armed || !m->watchdog_ms)
        return FENCE_UNARMED;
    if (is_heard(view, member))
        return FENCE_HEARD;
    if (count_telling(view, member) < FENCE_MAJORITY(view->n))
        return FENCE_NO_MAJORITY;
    return FENCE_WAITING;
}

enum fence_verdict fence_judge(const struct fence_view *view, uint32_t member,
                               struct fence_count *count)
{
    enum fence_verdict now = look(view, member);
    /* nobody knows what was in between */
    bool is_break = count->counting && (view->now_ms < count->last_ms ||
                                        view->now_ms - count->last_ms >
                                            2 * view->beat_ms);

    if (now != FENCE_WAITING) {
        count->counting = false;
    } else if (!count->counting || is_break) {
        count->counting = true;
        count->since_ms = view->now_ms;
    } else if (view->now_ms - count->since_ms >= fence_wait_ms(view, member)) {
        now = FENCE_OFF;
    }
    count->last_ms = view->now_ms;
    return now;
}

const char *fence_verdict_text(enum fence_verdict verdict)
{
    switch (verdict) {
    case FENCE_ANSWERS:
        return "it answers";
    case FENCE_FEW:
        return "fewer than 3 hosts take part in fencing";
    case FENCE_UNSETTLED:
        return "which hosts take part in fencing is being changed";
    case FENCE_UNARMED:
        return "it has no watchdog that is armed";
    case FENCE_NO_MAJORITY:
        return "no majority of the hosts tells policyd";
    case FENCE_HEARD:
        return "another host hears it";
    case FENCE_WAITING:
        return "no host hears it, and its watchdog has not run out yet";
    case FENCE_OFF:
        return "no host heard it until its watchdog had run out";
    }
    return "";
}
