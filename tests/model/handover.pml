/*
 * A running guest goes from one host to another, for spin: the hand-over
 * between two transactions (S at the source, T at the target) and the record
 * of the move (policyd), whatever is lost, late, repeated, or dies.
 *
 * Each actor is one loop of steps; it can die between any two.  A crash takes
 * what is volatile.  Durable are rows, journals, answers to keys and the
 * move's record.  Xen keeps the domains when a daemon dies, and none when its
 * host loses power.
 *
 * The connection of the hosts holds one message each way, as nobody sends a
 * second one before the first was answered.  After a cut what is sent is
 * lost, what is on its way is read or not, and each end notices in its time.
 *
 * An order of policyd that was sent may come again at any time, with nobody
 * waiting for its answer: it was late, or is of a policyd that stood still and
 * does not know that another leads.  Answers are lost; a host answers with an
 * error though it is going to do it, or has done it, or never begins.
 *
 * So many things go wrong in a run (BAD), of all kinds, in any order.
 * Refusals, streams that fail, owners who cancel, and tickets that expire are
 * not counted.  Who is down comes back.
 *
 * Left out: a guest that stops by itself on the way; a third host; what is in
 * the stream; disks that lose what they said to have, also when a write was
 * said to have failed; hosts that never come back.
 *
 * Shown, each by an assertion of its own (ONLY):
 *   TWICE    it never runs on both hosts, nor do two rows own it
 *   RESUMED  the source does not let it run once it may be released
 *   OLD      the target never runs memory that is older than the disks
 *   LOST     its memory is lost only with a host's power, or by Xen's failure
 *   AGAIN    nothing is done twice: released, let run, started anew
 *   END      in the end it runs on one host (or is defined, when its memory
 *            was lost), the one that policyd's book has; nothing is left
 *            prepared or expected, and nobody waits
 * and that no run goes round for ever (-DNP): each has an end, which END is
 * about.
 *
 * Each mutation, given to spin with -D, takes a protection away; then an error
 * must be found, or the model shows nothing (test-handover.sh).
 */
#ifndef BAD
#define BAD 4
#endif

#define TWICE 1
#define RESUMED 2
#define OLD 3
#define LOST 4
#define AGAIN 5
#define END 6
#ifndef ONLY
#define ONLY 0 /* all */
#endif
#define CHECK(what, e) assert((ONLY && ONLY != what) || (e))

/* Mutations of expressions, and of what is in an inline. */
#ifdef NO_EPOCH
#define RISES(seen) true
#define STAYS(seen) true
#else
#define RISES(seen) (seen < EPOCH)
#define STAYS(seen) (seen <= EPOCH) /* it comes back from where it went */
#endif
#ifdef EPOCH_IN_ROWS /* what a host has seen is gone with the row */
#define SEEN(row, epoch) (row -> epoch : 0)
#else
#define SEEN(row, epoch) epoch
#endif
#ifdef KEYS_NOT_CLOSED
#define CLOSE(key) skip
#else
#define CLOSE(key) key = NO
#endif
#ifdef ABANDONED_EARLY
#define EARLY true
#else
#define EARLY false
#endif
#ifdef RECALL_WAITS
#define RECALL_ENDS false
#else
#define RECALL_ENDS true
#endif
#ifdef RECOVERY_WAITS
#define GOES_ON false
#else
#define GOES_ON true
#endif
#ifdef BOOT_BEFORE_RECOVERY
#define NO_ORDER true
#else
#define NO_ORDER false
#endif
#ifdef ANSWERS_DROPPED /* by age */
#define ROW_TELLS false
#else
#define ROW_TELLS true
#endif

/* ---- what is where ---- */

/* A domain in Xen. */
#define NONE 0
#define HELD 1 /* suspended at the source, paused at the target */
#define RUNS 2
byte dom_s = RUNS, dom_t;

/* The guest is defined there.  The highest epoch that the host has seen of
 * it, with or without a row. */
bit row_s = 1, row_t;
byte epoch_s, epoch_t;
#define EPOCH 1 /* of this move; later ones have 2 */

/* Entries of the journals, of S, T, and R: starting anew at the source. */
#define OPEN 1
#define PASSED 2 /* S: it is released; T: it has heard so */
#define PREPARED 3
byte journal_s, journal_t, journal_r;
bit left_s; /* an entry of an S that has ended */

/* Stored answers to their keys; one that is closed says NO. */
#define YES 1
#define NO 2
byte key_s, key_t, key_r, key_d;

/* A definition says that it starts with the host; hosts that have booted. */
bit on_boot, booted_s, booted_t;

/* The daemons; orders are taken when recovery has ended. */
bit up_s = 1, up_t = 1;
#define SERVES_S (up_s && !booted_s)
#define SERVES_T (up_t && !booted_t)

/* S, R and T in memory. */
#define IDLE 0
#define S_CONNECTS 1
#define S_OPENED 2
#define S_STREAMS 3
#define S_SUSPENDED 4
#define S_SENT 5
#define S_READY 6
#define S_TELLS 7 /* from here on it is released */
#define S_ENDS 8
#define S_FORGETS 9
#define S_UNDOES 10
#define S_UNDONE 11
#define R_STARTS 12
#define R_COMMITS 13
byte s;
bit recovered_s;

#define T_BUILDS 1
#define T_BUILT 2
#define T_WAITS 3 /* prepared */
#define T_PASSES 4
#define T_STARTS 5
#define T_COMMITS 6
#define T_UNDOES 7
#define T_UNDONE 8
byte t;
bit expected;    /* the ticket is good */
bit keeps_key_t; /* its key has an answer: T is not undone by a crash */

/* The connection: what is on its way. */
#define M_OPEN 1
#define M_END 2
#define M_RELEASE 3
#define M_ACCEPTED 1
#define M_READY 2
byte to_t, to_s;
bit cut, open_s, open_t;

/* policyd's record. */
#define PREPARING 0
#define LEAVING 1
#define ARRIVING 2
#define ABANDONING 3
#define RETURNING 4
#define DEFINING 5
#define DONE 6
#define FAILED 7
#define LATER_S 8 /* other moves of it have ended: it is at the source */
#define LATER_T 9
byte move;
#define AT_TARGET (move == DONE || move == LATER_T)
/* Who leads has asked; it asks whether a no is one (recall, close); told: */
bit asks, confirms;
#define ERROR 3 /* it may be a no, or nothing */
#define BUSY 4  /* to a recall: it waits for a decision */
byte told;
/* Orders that were ever sent, by the move's state, and two recalls. */
bit sent[8];
#define RECALL_S 6
#define RECALL_T 7
#define ASKED(state) (asks && !told && move == state)
#define SAY(answer) told = (who -> answer : told)

/* For the assertions. */
byte n_bad = BAD;
bit power;    /* a host has lost it, or Xen failed with what was released */
bit released; /* it may be, until the source has it anew */
bit passed_once, started_once, anew_once;
bit image_is_new; /* it has not run at the source since */

inline run_s()
{
    CHECK(TWICE, dom_t != RUNS);
    dom_s = RUNS;
    image_is_new = 0
}

inline run_t()
{
    CHECK(TWICE, dom_s != RUNS);
    dom_t = RUNS
}

/* A row of what is released is one to be forgotten. */
inline check_rows()
{
    CHECK(TWICE, !row_s || !row_t || journal_s == PASSED ||
                     (s >= S_TELLS && s <= S_FORGETS))
}

/* ---- the source ---- */

#define FREE_S (SERVES_S && s == IDLE && journal_s == 0 && journal_r == 0)

inline close_s()
{
    open_s = 0;
    to_s = 0;
    cut = 1
}

/* SEND; `who`: its answer is waited for. */
inline take_send(who)
{
    if
    :: key_s == YES -> SAY(YES)
    :: key_s == NO -> SAY(ERROR)
    :: key_s == 0 && row_s && dom_s == RUNS && RISES(SEEN(row_s, epoch_s)) ->
        journal_s = OPEN;
        recovered_s = 0;
        s = S_CONNECTS
    :: else -> SAY(ERROR)
    fi
}

/* After that nothing else comes of the key of S. */
inline take_recall_s(who)
{
    if
    :: key_s == 0 ->
        CLOSE(key_s);
        SAY(NO)
    :: else -> SAY(key_s)
    fi
}

/* CREATE and START, anew; it may not, for want of memory. */
inline take_return(who)
{
    if
    :: key_r != 0 -> SAY(key_r)
    :: key_r == 0 && !row_s && STAYS(SEEN(row_s, epoch_s)) ->
        if
        :: journal_r = OPEN;
            recovered_s = 0;
            s = R_STARTS
        :: key_r = NO;
            SAY(NO)
        fi
    :: else /* it comes late */
    fi
}

/* CREATE. */
inline take_define(who)
{
    if
    :: key_d == 0 && !row_s && STAYS(SEEN(row_s, epoch_s)) ->
        row_s = 1;
        epoch_s = EPOCH;
        released = 0;
        key_d = YES
    :: else
    fi;
    check_rows();
    SAY(YES)
}

active proctype source()
{
end:
    do
    :: d_step { FREE_S && ASKED(LEAVING) && !confirms -> take_send(1) }
    :: d_step { FREE_S && ASKED(LEAVING) && confirms -> take_recall_s(1) }
    :: atomic { FREE_S && ASKED(RETURNING) -> take_return(1) }
    :: d_step { FREE_S && ASKED(DEFINING) -> take_define(1) }

    /* S */
    :: d_step { s == S_CONNECTS && up_t && !open_t ->
        cut = 0;
        open_s = 1;
        open_t = 1;
        to_t = M_OPEN;
        to_s = 0;
        s = S_OPENED }
    :: d_step { s == S_OPENED && to_s == M_ACCEPTED ->
        to_s = 0;
        s = S_STREAMS }
    :: d_step { s == S_STREAMS ->
        dom_s = HELD;
        image_is_new = 1;
        s = S_SUSPENDED }
    :: d_step { s == S_SUSPENDED ->
        to_t = (cut -> to_t : M_END);
        s = S_SENT }
    :: d_step { s == S_SENT && to_s == M_READY ->
        to_s = 0;
        s = S_READY }
    :: d_step { s == S_READY ->
        CHECK(AGAIN, !passed_once);
        passed_once = 1;
#ifndef PASSED_NOT_DURABLE
        journal_s = PASSED;
#endif
        released = 1;
        s = S_TELLS }
    /* A lost connection is no failure of this step. */
    :: d_step { s == S_TELLS ->
        to_t = (open_s && !cut -> M_RELEASE : to_t);
        s = S_ENDS }
#ifdef RESUME_AFTER_RELEASE
    :: d_step { s == S_ENDS && open_s && cut ->
        journal_s = OPEN;
        close_s();
        s = S_UNDOES }
#endif
    :: d_step { s == S_ENDS ->
        dom_s = NONE;
        s = S_FORGETS }
    :: d_step { s == S_FORGETS ->
        row_s = 0;
        epoch_s = EPOCH;
        journal_s = 0;
        key_s = YES;
        close_s();
        s = IDLE }
    /* A step fails, or the connection; it is cancelled, or out of time; the
     * journal is refused. */
    :: d_step { s >= S_CONNECTS && s <= S_READY ->
        close_s();
        s = S_UNDOES }
    :: d_step { s == S_UNDOES ->
        if
        :: dom_s == HELD ->
            CHECK(RESUMED, !released);
            run_s()
        :: else
        fi;
        s = S_UNDONE }
    :: d_step { s == S_UNDONE ->
        journal_s = 0;
        epoch_s = EPOCH;
        key_s = (recovered_s -> key_s : NO);
        s = IDLE }
#ifdef UNDO_NOT_WRITTEN
    :: d_step { s == S_UNDONE && n_bad ->
        n_bad--;
        left_s = 1;
        journal_s = 0;
        s = IDLE }
#endif

    /* R */
    :: d_step { s == R_STARTS ->
        CHECK(AGAIN, !anew_once);
        CHECK(RESUMED, dom_t == NONE && !row_t && !journal_t);
        anew_once = 1;
        released = 0;
        run_s();
        s = R_COMMITS }
    :: d_step { s == R_COMMITS ->
        row_s = 1;
        epoch_s = EPOCH;
        check_rows();
        journal_r = 0;
#ifdef RETURNED_UNKEYED
        row_s = 0;
#else
        key_r = YES;
#endif
        s = IDLE }

    /* It begins: recovery first, then who starts with the host. */
    :: d_step { !up_s ->
        up_s = 1;
        recovered_s = 1;
        if
        :: left_s && dom_s == HELD ->
            CHECK(RESUMED, !released);
            run_s()
        :: else
        fi;
        left_s = 0;
        if
        :: journal_r == OPEN ->
            dom_s = NONE;
            anew_once = 0;
            released = 1;
            journal_r = 0
        :: else
        fi;
        if
        :: journal_s == OPEN -> s = S_UNDOES
        :: journal_s == PASSED -> s = S_TELLS
        :: else
        fi }
    :: d_step { up_s && booted_s && (s == IDLE || NO_ORDER) ->
        booted_s = 0;
        if
        :: row_s && on_boot && dom_s == NONE ->
            CHECK(RESUMED, !released);
            run_s()
        :: else
        fi }
    od
}

/* ---- the target ---- */

/* It has taken what was under way to its end, or to where it waits. */
#define FREE_T (SERVES_T && t < T_PASSES)
/* The row says so, too, when the answer has been dropped. */
#define COMMITTED (key_t == YES || (row_t && ROW_TELLS))

inline close_t()
{
    open_t = 0;
    to_t = 0;
    cut = 1
}

inline undo_t(keep)
{
    close_t();
    keeps_key_t = keep;
    t = T_UNDOES
}

/* It may not, for want of memory. */
inline take_expect(who)
{
    if
    :: COMMITTED || t != IDLE -> SAY(YES)
    :: !COMMITTED && t == IDLE && key_t == 0 &&
            RISES(SEEN(row_t, epoch_t)) ->
        expected = 1;
        SAY(YES)
    :: !COMMITTED && t == IDLE -> SAY(NO)
    fi
}

/* If its domain is gone it is no, or it is started anew here. */
inline release_t()
{
    if
    :: t = T_PASSES
    :: dom_t == NONE -> undo_t(1)
    fi
}

inline take_released(who)
{
    if
    :: COMMITTED -> SAY(YES)
    :: !COMMITTED && t == T_WAITS -> release_t()
    :: else ->
        CLOSE(key_t);
        expected = 0;
        SAY(ERROR)
    fi
}

inline take_abandoned(who)
{
    expected = 0;
    if
    :: COMMITTED -> SAY(ERROR)
    :: !COMMITTED && t != IDLE ->
        undo_t(1);
        told = (who && EARLY -> YES : told)
    :: else ->
        CLOSE(key_t);
        SAY(YES)
    fi
}

inline take_recall_t(who)
{
    if
    :: COMMITTED -> SAY(YES)
    :: !COMMITTED && t == T_WAITS -> SAY(BUSY)
    :: else ->
        CLOSE(key_t);
        expected = 0;
        SAY(NO)
    fi
}

active proctype target()
{
end:
    do
    :: atomic { SERVES_T && ASKED(PREPARING) -> take_expect(1) }
    :: atomic { FREE_T && ASKED(ARRIVING) && !confirms -> take_released(1) }
    :: d_step { FREE_T && ASKED(ABANDONING) -> take_abandoned(1) }
    :: d_step { FREE_T && ASKED(ARRIVING) && confirms &&
                (t == IDLE || RECALL_ENDS) -> take_recall_t(1) }
    :: d_step { expected -> expected = 0 } /* after a minute */

    /* T */
    :: d_step { open_t && to_t == M_OPEN && expected && t == IDLE ->
        to_t = 0;
        expected = 0;
        journal_t = OPEN;
        to_s = (cut -> to_s : M_ACCEPTED);
        t = T_BUILDS }
    /* not expected, no memory; or the journal is refused */
    :: d_step { open_t && to_t == M_OPEN -> expected = 0; close_t() }
    :: d_step { t == T_BUILDS && to_t == M_END ->
        to_t = 0;
        dom_t = HELD;
        t = T_BUILT }
    :: d_step { t == T_BUILT ->
#ifndef PREPARED_NOT_DURABLE
        journal_t = PREPARED;
#endif
        to_s = (open_t && !cut -> M_READY : to_s);
#ifdef RELEASE_NOT_AWAITED
        t = T_STARTS }
#else
        t = T_WAITS }
#endif
    :: d_step { t == T_WAITS && to_t == M_RELEASE ->
        to_t = 0;
        t = T_PASSES }
    :: d_step { t == T_PASSES ->
        journal_t = PASSED;
        t = T_STARTS }
    :: d_step { t == T_STARTS ->
        if
        :: dom_t == HELD ->
            CHECK(AGAIN, !started_once);
            CHECK(OLD, image_is_new);
            started_once = 1;
            run_t()
        :: else
        fi;
        t = T_COMMITS }
    /* Xen cannot let it run. */
    :: d_step { t == T_STARTS && n_bad ->
        n_bad--;
        power = 1;
        undo_t(1) }
    :: d_step { t == T_COMMITS ->
        booted_t = (dom_t == NONE -> 1 : booted_t);
        row_t = 1;
        epoch_t = EPOCH;
        check_rows();
        journal_t = 0;
        key_t = YES;
        close_t();
        t = IDLE }
    :: d_step { t == T_UNDOES ->
        dom_t = NONE;
        t = T_UNDONE }
    :: d_step { t == T_UNDONE ->
        journal_t = 0;
        key_t = (keeps_key_t -> NO : key_t);
        told = (ASKED(ABANDONING) && keeps_key_t -> YES : told);
        t = IDLE }
    /* A step fails, or the connection; the journal is refused. */
    :: d_step { t == T_BUILDS || t == T_BUILT -> undo_t(1) }
    :: d_step { open_t && cut && t == T_WAITS ->
#ifdef PREPARED_NOT_HELD
        undo_t(1)
#else
        close_t()
#endif
        }
#ifdef COMMIT_UNDONE
    :: d_step { t == T_COMMITS && n_bad -> n_bad--; undo_t(1) }
#endif
#ifdef UNDO_NOT_WRITTEN
    :: d_step { t == T_UNDONE && n_bad ->
        n_bad--;
        told = (ASKED(ABANDONING) -> YES : told);
        t = IDLE }
#endif

    /* It begins: what waits for nothing any more need not wait. */
    :: atomic { !up_t ->
        up_t = 1;
        if
        :: journal_t == OPEN -> undo_t(0)
        :: journal_t == PREPARED -> t = T_WAITS
        :: journal_t == PREPARED && dom_t == NONE -> undo_t(0)
        :: journal_t == PASSED -> t = T_STARTS
        :: else
        fi }
    :: d_step { up_t && booted_t &&
                (t == IDLE || (t == T_WAITS && GOES_ON)) ->
        booted_t = 0;
        if
        :: row_t && on_boot && dom_t == NONE -> run_t()
        :: else
        fi }
    od
}

/* ---- policyd ---- */

inline forget_answer()
{
    asks = 0;
    confirms = 0;
    told = 0
}

inline next(state)
{
    move = state;
    forget_answer()
}

inline confirm(recall)
{
    told = 0;
    confirms = 1;
    sent[recall] = 1
}

active proctype leader()
{
end:
    do
    :: d_step { move < DONE && !asks ->
        asks = 1;
        sent[move] = 1 }
    :: d_step { move == PREPARING && told == YES -> next(LEAVING) }
    :: d_step { move == PREPARING && told == NO -> next(FAILED) }

    :: d_step { move == LEAVING && told == YES -> next(ARRIVING) }
    :: d_step { move == LEAVING && told == NO -> next(ABANDONING) }
    :: d_step { move == LEAVING && told == ERROR ->
#if defined(RELEASED_UNHEARD)
        next(ARRIVING)
#elif defined(SEND_NOT_CONFIRMED)
        next(ABANDONING)
#else
        confirm(RECALL_S)
#endif
        }

    :: d_step { move == ARRIVING && told == YES -> next(DONE) }
    :: d_step { move == ARRIVING && told == NO ->
        CHECK(LOST, power);
        next(RETURNING) }
    :: d_step { move == ARRIVING && told == BUSY ->
#ifdef SHOWN_IS_YES
        next(DONE)
#else
        forget_answer()
#endif
        }
    :: d_step { move == ARRIVING && told == ERROR ->
#ifdef RELEASED_NOT_CONFIRMED
        next(RETURNING)
#else
        confirm(RECALL_T)
#endif
        }
#ifdef UNSENT_IS_NO
    :: d_step { move == ARRIVING && !up_t -> next(RETURNING) }
#endif

    :: d_step { move == ABANDONING && told == YES -> next(FAILED) }
    :: d_step { move == RETURNING && told == YES -> next(FAILED) }
    :: d_step { move == RETURNING && told == NO -> next(DEFINING) }
    :: d_step { move == DEFINING && told == YES -> next(FAILED) }
    od
}

/* ---- what goes wrong ---- */

inline crash_s()
{
    n_bad--;
    up_s = 0;
    s = IDLE;
    close_s()
}

inline crash_t()
{
    n_bad--;
    up_t = 0;
    t = IDLE;
    expected = 0;
    close_t()
}

/* An order that was sent comes, and nobody hears the answer. */
inline come_late()
{
    if
    :: sent[PREPARING] && SERVES_T -> take_expect(0)
    :: sent[LEAVING] && FREE_S -> take_send(0)
    :: sent[ARRIVING] && FREE_T -> take_released(0)
    :: sent[ABANDONING] && FREE_T -> take_abandoned(0)
    :: sent[RETURNING] && FREE_S -> take_return(0)
    :: sent[DEFINING] && FREE_S -> take_define(0)
    :: sent[RECALL_S] && FREE_S -> take_recall_s(0)
    :: sent[RECALL_T] && FREE_T && t == IDLE -> take_recall_t(0)
    fi
}

#define ALL_IDLE                                                           \
    (SERVES_S && SERVES_T && s == IDLE && t == IDLE && !journal_s &&       \
     !journal_r && !journal_t && !open_s && !open_t && !expected)

inline drop_answers()
{
    key_s = 0;
    key_t = 0;
    key_r = 0;
    key_d = 0
}

/* Other moves of it have come and gone, and the answers of this one with
 * them. */
inline move_on(to_target)
{
    move = (to_target -> LATER_T : LATER_S);
    row_t = to_target;
    row_s = !to_target;
    dom_t = (to_target -> RUNS : NONE);
    dom_s = (to_target -> NONE : RUNS);
    epoch_s = EPOCH + 1;
    epoch_t = EPOCH + 1;
    released = to_target;
    passed_once = 0;
    started_once = 0;
    anew_once = 0;
#ifndef ANSWERS_KEPT
    drop_answers();
#endif
    image_is_new = 0
}

active proctype world()
{
    if
    :: on_boot = 1
    :: on_boot = 0
    fi;
end:
    do
    :: d_step { n_bad && up_s -> crash_s() }
    :: d_step { n_bad && up_t -> crash_t() }
    :: d_step { n_bad && up_s ->
        crash_s();
        power = 1;
        dom_s = NONE;
        booted_s = 1 }
    :: d_step { n_bad && up_t ->
        crash_t();
        power = 1;
        dom_t = NONE;
        booted_t = 1 }
    :: d_step { n_bad && (open_s || open_t) && !cut -> n_bad--; cut = 1 }
    /* policyd dies; another leads; an answer is lost */
    :: d_step { n_bad && asks -> n_bad--; forget_answer() }
    /* a host answers before it knows */
    :: d_step { n_bad && !confirms && (ASKED(LEAVING) || ASKED(ARRIVING)) ->
        n_bad--;
        told = ERROR }
#ifdef ALIKE_IS_CONFIRMED /* an error that is no answer to the key, twice */
    :: d_step { n_bad && confirms && ASKED(LEAVING) -> n_bad--; told = NO }
#endif
    :: atomic { n_bad -> n_bad--; come_late() }
    :: d_step { move >= DONE && move <= FAILED && ALL_IDLE -> move_on(0) }
    :: d_step { move >= DONE && move <= FAILED && ALL_IDLE -> move_on(1) }
#ifdef ANSWERS_DROPPED
    :: d_step { n_bad -> n_bad--; drop_answers() }
#endif
#ifdef CLOSED_DROPPED /* by age, when no transaction has left an epoch */
    :: d_step { move == FAILED && ALL_IDLE && key_s == NO -> drop_answers() }
#endif
    :: d_step { n_bad -> n_bad = 0 }
    :: timeout ->
        CHECK(END, move >= DONE && up_s && up_t && ALL_IDLE);
        CHECK(END, row_s == !AT_TARGET && row_t == AT_TARGET);
        CHECK(END, dom_s == NONE || (dom_s == RUNS && row_s));
        CHECK(END, dom_t == NONE || (dom_t == RUNS && row_t));
        CHECK(END, dom_s == RUNS || dom_t == RUNS || power);
        break
    od
}
