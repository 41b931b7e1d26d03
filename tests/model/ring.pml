/*
 * The protocol of one ring (doc/channel-layout.md), for spin: one writer, one
 * reader, each of which may sleep, pause and die at any step.
 *
 * Memory is as on x86: the stores of each side go through a buffer and reach
 * memory later, in their order; loads see memory.  No side ever loads what it
 * has stored itself, so a load never has to look into a buffer.  A fence
 * waits until the buffer is empty.  (Stores past the caches, which ring_copy.c
 * may use for frames, keep no order, but are over before the position is
 * stored: there is a fence between.)
 *
 * Left out: frames are all of one size, so there are no headers and no pads,
 * and room is counted in frames; positions are modulo 8 instead of 2^32, and
 * after a few frames the writer finishes; the ends are honest; the other ring
 * of the channel is the same again.  The descriptor that wakes a side is a bit
 * that stays until it is taken.  Orders weaker than x86's are not modelled:
 * ring.c's release and acquire, and ThreadSanitizer, are for those.
 *
 * Shown, by assertions, and by there being no state in which nobody can go on
 * and somebody is not done:
 *   - the reader gets each frame once, in order, whole: none is overwritten;
 *   - no wake-up is lost: a side may pause until the other has done all there
 *     is to do, which would last for ever if that one slept;
 *   - death is noticed: the other side ends, and has read all that was
 *     published before.
 *
 * Each mutation below, given to spin with -D, takes one thing away; then an
 * error must be found, or the model shows nothing (test-ring-model.sh).
 */
#define SIZE 2    /* frames in the ring */
#define MODULUS 8 /* of positions */
#define FIRST 6   /* position, so that they go over the modulus */
#ifndef N_FRAMES
#define N_FRAMES 5 /* sent at most */
#endif
#define SUB(a, b) (((a) + MODULUS - (b)) % MODULUS)
#define ADD(a, b) (((a) + (b)) % MODULUS)

/* Places in memory; slots follow. */
#define HEAD 0
#define STATE 1
#define WANT_ROOM 2
#define TAIL 3
#define WANT_MESSAGE 4
#define SLOT 5
byte memory[7];

#define NOTHING 255 /* in a slot: no frame's position */

#define OPEN 0
#define FINISHED 1

chan writer_stores = [4] of { byte, byte };
chan reader_stores = [2] of { byte, byte };
bool writer_woken, reader_woken;
bool writer_lives = true, reader_lives = true; /* as the kernel says */
bool kill_writer, kill_reader;
bool begun;

/* For the assertions and pauses only: what each side has done by its own
 * reckoning. */
byte published = FIRST, taken = FIRST;
bool writer_asleep, writer_ended;
byte room_asked;

active proctype writer_buffer()
{
    byte place, value;
end:
    do
    :: atomic { writer_stores?place, value -> memory[place] = value }
    od
}

active proctype reader_buffer()
{
    byte place, value;
end:
    do
    :: atomic { reader_stores?place, value -> memory[place] = value }
    od
}

#ifdef NO_FENCE_WRITER
#define WRITER_FENCE skip
#else
#define WRITER_FENCE empty(writer_stores)
#endif
#ifdef NO_FENCE_READER
#define READER_FENCE skip
#else
#define READER_FENCE empty(reader_stores)
#endif
#ifdef NO_FENCE_SLEEPER
#define SLEEPER_FENCE(stores) skip
#else
#define SLEEPER_FENCE(stores) empty(stores)
#endif

#ifdef OFF_BY_ONE
#define PASSED(asked, from, to) (SUB(SUB(to, asked), 2) < SUB(to, from))
#else
#define PASSED(asked, from, to) (SUB(SUB(to, asked), 1) < SUB(to, from))
#endif

#define FREE(head, tail) (SIZE - SUB(head, tail))

active proctype writer()
{
    byte head = FIRST, told = FIRST, tail, asked, need, n_left = N_FRAMES;
    begun;
    {
        do
        :: n_left > 0 -> /* send one or two frames, visible together */
            if
            :: need = 1
            :: n_left > 1 -> need = 2
            fi;
            n_left = n_left - need;
            do
            :: tail = memory[TAIL];
                if
                :: !reader_lives -> goto over
                :: else
                fi;
#ifdef NO_ROOM_CHECK
                break;
#endif
                if
                :: FREE(head, tail) >= need -> break
                :: else
                fi;
#ifdef ACKNOWLEDGE_LATE
                skip;
#else
                /* Taken before the looks that count. */
                writer_woken = false;
#endif
                writer_stores!WANT_ROOM, SUB(ADD(head, need), SIZE + 1);
                SLEEPER_FENCE(writer_stores);
#ifndef NO_RECHECK
                tail = memory[TAIL];
                if
                :: FREE(head, tail) >= need || !reader_lives
                :: else
#else
                if
                :: true
#endif
                    atomic { writer_asleep = true; room_asked = need };
#ifdef ACKNOWLEDGE_LATE
                    writer_woken = false;
#endif
                    atomic { writer_woken -> writer_asleep = false };
                fi
            od;
            do
            :: need > 0 ->
                atomic {
                    writer_stores!SLOT + head % SIZE, head;
                    head = ADD(head, 1);
                    need--
                }
            :: else -> break
            od;
            atomic { writer_stores!HEAD, head; published = head };
            WRITER_FENCE;
            asked = memory[WANT_MESSAGE];
            if
            :: PASSED(asked, told, head) -> reader_woken = true
            :: else
            fi;
            told = head;
            if /* lines of room that it knows of are stored to */
            :: skip
#ifdef CLAIM_UNREAD
            :: true ->
#else
            :: FREE(head, tail) >= 1 ->
#endif
                writer_stores!SLOT + head % SIZE, NOTHING
            fi;
            d_step { asked = 0; tail = 0 }
        :: skip; /* a pause, until all is read */
            (taken == published || !reader_lives)
        :: /* finish */
            writer_stores!STATE, FINISHED;
            empty(writer_stores);
            reader_woken = true;
            break
        od;
over:
        writer_ended = true
    } unless { kill_writer };
    if
    :: kill_writer ->
        /* The kernel: what was stored is in memory before it goes on. */
        empty(writer_stores);
        atomic { writer_lives = false; writer_asleep = false };
#ifndef NO_DEATH_EVENT
        reader_woken = true
#endif
    :: else
    fi;
    writer_ended = true
}

/* Whether the writer sleeps though there is the room that it wants. */
#define STARVED (writer_asleep && !writer_woken && \
                 FREE(memory[HEAD], memory[TAIL]) >= room_asked)

active proctype reader()
{
    byte head, tail = FIRST, told = FIRST, asked;
    bool ended;
    begun;
    {
        skip;
again:
        reader_woken = false;
look:
        head = memory[HEAD];
        if
        :: head == tail ->
            ended = (memory[STATE] == FINISHED);
            ended = ended || !writer_lives;
            if
            :: ended ->
                ended = false;
#ifndef NO_SECOND_LOOK
                head = memory[HEAD];
#endif
                if
                :: head == tail -> goto over
                :: else
                fi
            :: else
            fi
        :: else
        fi;
        assert(SUB(head, tail) <= SIZE);
        do
        :: head != tail ->
#ifdef GIVE_BACK_EARLY
            memory[TAIL] = ADD(tail, 1);
#endif
            assert(memory[SLOT + tail % SIZE] == tail);
            atomic { tail = ADD(tail, 1); taken = tail };
            if
            :: break /* and give back before it takes more */
            :: skip
            fi
        :: else -> break
        od;
        if
        :: told != tail ->
            reader_stores!TAIL, tail;
            READER_FENCE;
            asked = memory[WANT_ROOM];
            if
            :: PASSED(asked, told, tail) -> writer_woken = true
            :: else
            fi;
            d_step { told = tail; asked = 0 }
        :: else
        fi;
        if
        :: skip; /* a pause, until the writer does not sleep for nothing */
            (!STARVED)
        :: skip
        fi;
        if
        :: head != tail -> goto look
        :: else
        fi;
        reader_stores!WANT_MESSAGE, tail;
        SLEEPER_FENCE(reader_stores);
#ifndef NO_RECHECK
        head = memory[HEAD];
        if
        :: head != tail -> goto look
        :: else
        fi;
        if
        :: memory[STATE] == FINISHED || !writer_lives -> goto look
        :: else
        fi;
#endif
#ifdef ACKNOWLEDGE_LATE
        reader_woken = false;
#endif
        reader_woken;
        goto again;
over:
        assert(tail == published)
    } unless { kill_reader };
    if
    :: kill_reader ->
        empty(reader_stores);
        reader_lives = false;
#ifndef NO_DEATH_EVENT
        writer_woken = true
#endif
    :: else -> /* closes */
        reader_lives = false;
        writer_woken = true
    fi
}

/* Death may come at any step, or never. */
active proctype reaper()
{
    d_step {
        memory[HEAD] = FIRST;
        memory[TAIL] = FIRST;
        memory[WANT_ROOM] = FIRST;
        memory[WANT_MESSAGE] = FIRST;
        begun = true
    }
#ifdef DEATH
    if
    :: kill_writer = true
    :: kill_reader = true
    :: atomic { kill_writer = true; kill_reader = true }
    fi
#endif
}
