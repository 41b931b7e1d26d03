/*
 * Who has surely stopped?  Hosts A, B and C, each with a watchdogd and Xen's
 * timer, a policyd, and a guest of A's; doc/design/016.
 *
 * Time goes in ticks, for all at the same rate (what clocks differ by is in
 * policyd's reserve, which is not modelled).  Within a tick everything may
 * happen in any order, often or never, that a network, a scheduler and a power
 * supply can do.  Constants, in ticks:
 *   HEARD   how long an answer counts, from when it was asked for
 *   TIMER   Xen's timer; W = 2 * TIMER is the watchdog time
 *   D       how long policyd waits, without a break
 * A ping is asked, taken by the other, and answered; each of the three may be
 * late or lost, in either direction.  B and C speak for themselves: what they
 * have heard of A, and whether they answer, is what counts.  That policyd does
 * not hear A itself is not modelled: it may be so at any time.
 *
 * SAFE: the guest never runs on A and elsewhere.
 */
#define HEARD 2
#ifndef TIMER
#define TIMER 3
#endif
#ifdef NO_HALF /* Xen's timer is the watchdog time itself */
#define W TIMER
#else
#define W (2 * TIMER)
#endif
#ifdef SHORT_WAIT /* Xen's timer alone */
#define D TIMER
#else
#define D W
#endif
#define OLD HEARD /* as old as anything that does not count */

#ifdef NEVER_IS_OLD
#define UNKNOWN OLD
#else
#define UNKNOWN 0
#endif

#ifdef ONE_REPORT
#define ENOUGH 1
#else
#define ENOUGH 2 /* a majority of three */
#endif

/* The time, in the ages of what has happened: nothing else is needed. */
#define OLDER(age, most) \
    if :: age < most -> age++ :: else fi

/* A */
bool on = true;          /* A's power, and so its guest's */
bool armed = true;
byte timer = TIMER;      /* until Xen stops A; armed */
byte asked[2];           /* age of the question that B, C answered last */
bool petting;            /* it has looked, and is about to call Xen */
bool runs = true;        /* the guest, on A */
bool knows;              /* A was told, since it was booted, what is its own */

/* The question of A to each that is under way. */
byte going[2];           /* its age; OLD: none */
bool taken[2];           /* the other has it, and its answer is under way */

/* B, C */
byte heard[2];           /* age of the last question of A that came */
bool member_on[2];

/* policyd */
bool counting;           /* without a break */
byte waits;              /* for so long; counting */
bool recorded = true;    /* A is armed, on policyd's disk */
bool fenced;
bool runs_elsewhere;
byte rest;               /* how often things may still go wrong */

#ifndef BAD
#define BAD 2
#endif

#define AGREES(m) (member_on[m] && heard[m] >= OLD)
#define N_AGREE (AGREES(0) + AGREES(1))

/* asked[] < HEARD counts: itself and one other are the majority of three. */
#ifdef ALWAYS_CONNECTED
#define CONNECTED true
#else
#define CONNECTED (asked[0] < HEARD || asked[1] < HEARD)
#endif

inline stop_a() {
    on = false; armed = false; runs = false; petting = false; knows = false;
    going[0] = OLD; going[1] = OLD; taken[0] = false; taken[1] = false;
    asked[0] = OLD; asked[1] = OLD; timer = TIMER
}

inline tick() {
    d_step {
        OLDER(asked[0], OLD);
        OLDER(asked[1], OLD);
        OLDER(going[0], OLD);
        OLDER(going[1], OLD);
        OLDER(heard[0], OLD);
        OLDER(heard[1], OLD);
        if
        :: on && armed && timer > 0 -> timer--
        :: else
        fi;
        if
        :: on && armed && timer == 0 -> stop_a()
        :: else
        fi;
        /* policyd looks at each tick: those who agree now. */
        if
        :: counting && N_AGREE < ENOUGH -> counting = false; waits = 0
        :: counting && N_AGREE >= ENOUGH && waits < D -> waits++
        :: else
        fi
    }
}

#ifdef LISTS
/*
 * The list of members changes.  X is member 0; what holds at a moment is
 * looked at: those who answer X, and by which lists X and policyd count.
 */
#define N 6
#define VERSIONS 3
#define IN(m, list) (((list) >> (m)) & 1)
#define SIZE(l) (IN(0, l) + IN(1, l) + IN(2, l) + IN(3, l) + IN(4, l) + \
                 IN(5, l))
#define MOST(n, l) (2 * (n) > SIZE(l))
byte lists[VERSIONS];
byte has[N]; /* the version that each member has */
byte last;   /* the version that policyd has told last */
byte used;   /* and by which it decides */
hidden byte sum, count;

#define HAS(m, v) (IN(m, count) && has[m] >= v)
/* The majority of the lists v and v - 1 has v. */
inline confirmed(v, yes) {
    count = lists[v];
    sum = HAS(0, v) + HAS(1, v) + HAS(2, v) + HAS(3, v) + HAS(4, v) +
          HAS(5, v);
    yes = MOST(sum, lists[v]);
    count = lists[v - 1];
    sum = HAS(0, v) + HAS(1, v) + HAS(2, v) + HAS(3, v) + HAS(4, v) +
          HAS(5, v);
    yes = yes && MOST(sum, lists[v - 1])
}

#ifdef ANY_VERSION
#define COUNTS(m) true
#else
#define COUNTS(m) (has[m] <= has[0] + 1)
#endif
#define HEARS(m) (IN(m, answers) && IN(m, lists[has[0]]) && COUNTS(m))
#define SILENT(m) (IN(m, lists[used]) && !IN(m, answers))

active proctype changes() {
    byte m, answers;
    bool yes;

    d_step { lists[0] = 7 } /* X and two others */
end:
    do
    :: atomic { /* each may have what was told, later or never */
        select (m : 0 .. 5);
        if :: has[m] < last -> has[m] = last :: else fi }
    :: atomic { last < VERSIONS - 1 && used == last ->
        select (m : 1 .. 5);
        lists[last + 1] = lists[last] ^ (1 << m);
#ifdef TWO_AT_ONCE
        select (m : 1 .. 5);
        lists[last + 1] = lists[last + 1] ^ (1 << m);
#endif
        if :: SIZE(lists[last + 1]) >= 3 -> last++
           :: else -> lists[last + 1] = 0 fi }
    :: atomic { used < last ->
#ifdef UNCONFIRMED
        yes = true;
#else
        confirmed(used + 1, yes);
#endif
        if :: yes -> used++ :: else fi }
    :: atomic { select (answers : 0 .. 31); answers = answers << 1;
        sum = 1 + HEARS(1) + HEARS(2) + HEARS(3) + HEARS(4) + HEARS(5);
        count = SILENT(1) + SILENT(2) + SILENT(3) + SILENT(4) + SILENT(5);
        assert(!(MOST(sum, lists[has[0]]) && MOST(count, lists[used])));
        answers = 0; m = 0; yes = false }
    od
}
#else
active proctype world() {
    byte m;

    d_step {
        going[0] = OLD; going[1] = OLD;
        member_on[0] = true; member_on[1] = true;
        rest = BAD
    }
end:
    do
    :: tick()

    /* ---- A asks, B and C answer ---- */
    :: atomic { on && going[0] == OLD && !taken[0] -> going[0] = 0 }
    :: atomic { on && going[1] == OLD && !taken[1] -> going[1] = 0 }
    :: atomic { going[0] < OLD && !taken[0] && member_on[0] ->
        taken[0] = true; heard[0] = 0 }
    :: atomic { going[1] < OLD && !taken[1] && member_on[1] ->
        taken[1] = true; heard[1] = 0 }
    :: atomic { taken[0] && on ->
#ifdef FROM_ANSWER /* the age is counted from when the answer came */
        asked[0] = 0;
#else
        asked[0] = going[0];
#endif
        taken[0] = false; going[0] = OLD }
    :: atomic { taken[1] && on ->
#ifdef FROM_ANSWER
        asked[1] = 0;
#else
        asked[1] = going[1];
#endif
        taken[1] = false; going[1] = OLD }
    /* lost, the question or the answer */
    :: atomic { going[0] < OLD -> going[0] = OLD; taken[0] = false }
    :: atomic { going[1] < OLD -> going[1] = OLD; taken[1] = false }

    /* ---- A's watchdogd: it looks, may stand still, and calls Xen ---- */
    :: atomic { on && armed && !petting && CONNECTED -> petting = true }
    :: atomic { on && petting -> timer = TIMER; petting = false }
    /* killed, and begun anew: it has heard nobody, and the slot is the same */
    :: atomic { on && rest > 0 -> rest--; petting = false;
        asked[0] = OLD; asked[1] = OLD;
        going[0] = OLD; going[1] = OLD; taken[0] = false; taken[1] = false;
#ifdef PET_AT_START
        if :: armed -> timer = TIMER :: else fi
#endif
        }

    /* ---- it leaves ---- */
#ifdef LEAVES_ALONE /* without policyd's word */
    :: atomic { on && armed && rest > 0 -> rest--; armed = false }
#else
    :: atomic { on && armed && rest > 0 && !fenced -> rest--;
        recorded = false; counting = false; waits = 0;
        if :: armed = false :: skip fi } /* the word may be lost */
#endif
    /* armed again; policyd is told, and records it, or does not yet */
    :: atomic { on && !armed && CONNECTED && !petting ->
        armed = true; timer = TIMER }
    :: atomic { on && armed && !recorded && !fenced -> recorded = true }

    /* ---- power ---- */
    :: atomic { on && rest > 0 -> rest--; stop_a() }
    :: atomic { !on -> on = true } /* it boots; nothing runs yet */
#ifdef BOOT_BEFORE_WORD /* it begins its guests by itself */
    :: atomic { on && !runs -> runs = true }
#else
    /* policyd hears it, records that it is not armed any more, and tells it
     * what is its own */
    :: atomic { on && !knows && !fenced -> knows = true; counting = false;
        waits = 0;
#ifndef BOOT_STILL_ARMED
        recorded = false
#endif
        }
    :: atomic { on && knows && !runs -> runs = true }
#endif

    /* ---- B and C ---- */
    :: atomic { rest > 0 && member_on[0] -> rest--; member_on[0] = false }
    :: atomic { rest > 0 && member_on[1] -> rest--; member_on[1] = false }
    /* begun anew it does not know, as long as its answer of before may count,
     * whether it has heard A */
    :: atomic { !member_on[0] -> member_on[0] = true; heard[0] = UNKNOWN }
    :: atomic { !member_on[1] -> member_on[1] = true; heard[1] = UNKNOWN }

    /* ---- policyd ---- */
    :: atomic { !counting && !fenced && N_AGREE >= ENOUGH &&
#ifndef UNARMED_TOO
        recorded
#else
        true
#endif
        -> counting = true; waits = 0 }
    :: atomic { counting && waits >= D && N_AGREE >= ENOUGH && !fenced ->
        fenced = true; counting = false }
    :: atomic { fenced && !runs_elsewhere -> runs_elsewhere = true }
    /* another leads: it counts anew */
    :: atomic { rest > 0 && counting -> rest--;
#ifndef COUNT_KEPT
        counting = false; waits = 0
#else
        waits = D
#endif
        }
    od
}

active proctype observer() {
end:
    atomic { runs && runs_elsewhere -> assert(false) }
}
#endif
