/*
 * Fifty simulated partitions, up to five hundred channels, opened, ended and
 * killed at random: programs, channelds of guests, the host's channeld and
 * domains.  At the end nothing is left: channels, nodes of xenstore,
 * descriptors, memory.
 *
 *   test_channeld_random [SECONDS [SEED]]; 3 and the time when not said
 */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/channel_bed.h"

#define GUESTS 50
#define CHANNELS 500

static const char rules[] = "s @any @any allow\n";

struct place {
    unsigned guest; /* GUESTS: the host */
    struct bed_program *program;
};

static struct bed *bed;
static struct place places[GUESTS + 1];
static uint64_t state;
static struct {
    unsigned opened, refused, ended, programs, channelds, hosts, domains;
} did;

/* xorshift64*; any state but 0 */
static unsigned draw(unsigned n)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (unsigned)((state * UINT64_C(2685821657736338717)) >> 33) % n;
}

static const char *socket_of(unsigned i)
{
    return i == GUESTS ? bed->socket : bed->guests[i].socket;
}

static void start_program(unsigned i)
{
    places[i].guest = i;
    places[i].program = bed_program(bed, socket_of(i));
    CHECK(places[i].program->ready);
    broker_offer(places[i].program->broker, "s", 0);
}

static void add_guest(unsigned number)
{
    char name[32];

    snprintf(name, sizeof(name), "g%u", number);
    unsigned i = bed_add_guest(bed, number % 2 ? "acme" : "globex", name);
    bed_start_guest(bed, i);
    start_program(i);
}

/* ---- what happens ---- */

static unsigned count_ends(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i <= GUESTS; i++)
        for (unsigned j = 0; j < places[i].program->n_ends; j++)
            n += places[i].program->ends[j]->is_client;
    return n;
}

static void open_one(void)
{
    struct bed_program *client = places[draw(GUESTS + 1)].program;
    unsigned to = draw(GUESTS + 1);
    char domid[16] = "";

    if (to < GUESTS)
        snprintf(domid, sizeof(domid), "%u", bed->guests[to].domid);
    struct bed_end *end = bed_connect(client, "s", domid);
    did.opened += end != NULL;
    did.refused += end == NULL;
    if (end)
        return;
    /* only while something that was killed is not back */
    int code = client->error.code;
    if (code != VDC_E_NO_DAEMON && code != VDC_E_CLOSED &&
        code != VDC_E_NOT_FOUND)
        printf("    refused: %s\n", client->error.text);
    CHECK(code == VDC_E_NO_DAEMON || code == VDC_E_CLOSED ||
          code == VDC_E_NOT_FOUND);
}

static void end_one(void)
{
    struct bed_program *program = places[draw(GUESTS + 1)].program;

    if (program->n_ends == 0)
        return;
    bed_end(program, program->ends[draw(program->n_ends)]);
    did.ended++;
}

static void kill_something(void)
{
    unsigned i = draw(GUESTS), what = draw(100);

    if (what < 70) { /* a program */
        i = draw(GUESTS + 1);
        bed_program_free(places[i].program);
        start_program(i);
        did.programs++;
    } else if (what < 90) {
        bed_stop(&bed->guests[i].pid, SIGKILL);
        bed_start_guest(bed, i);
        did.channelds++;
    } else if (what < 95) {
        bed_stop(&bed->pid, SIGKILL);
        bed_start(bed);
        did.hosts++;
    } else {
        bed_program_free(places[i].program);
        bed_destroy_guest(bed, i);
        did.domains++;
        add_guest(1000 + did.domains);
    }
}

static bool all_ready(void *arg)
{
    for (unsigned i = 0; i <= GUESTS; i++)
        if (!places[i].program->ready)
            return false;
    return true;
}

/* Every guest is reached: its service can be connected to. */
static bool all_reached(void *arg)
{
    for (unsigned i = 0; i < GUESTS; i++) {
        struct bed_end *end;
        char domid[16];
        snprintf(domid, sizeof(domid), "%u", bed->guests[i].domid);
        end = bed_connect(places[GUESTS].program, "s", domid);
        if (!end)
            return false;
        bed_end(places[GUESTS].program, end);
    }
    return true;
}

/* Programs know each channel by its two ends, and so does the broker. */
static bool is_agreed(void *arg)
{
    unsigned *seen = arg;

    *seen = bed_count_channels(places[GUESTS].program);
    return *seen == count_ends();
}

/* Who has a channel that channeld does not know, or the other way round. */
static void print_difference(void)
{
    static uint64_t ids[BED_ENDS_MOST];
    unsigned n = bed_list_channels(places[GUESTS].program, ids, BED_ENDS_MOST);

    if (n > BED_ENDS_MOST)
        n = BED_ENDS_MOST;
    for (unsigned i = 0; i <= GUESTS; i++)
        for (unsigned j = 0; j < places[i].program->n_ends; j++) {
            const struct bed_end *end = places[i].program->ends[j];
            unsigned k = 0;
            while (k < n && ids[k] != end->id)
                k++;
            if (k == n)
                printf("    channel %" PRIu64 ": place %u alone has it, as "
                       "%s%s\n",
                       end->id, i, end->is_client ? "client" : "server",
                       end->is_client && !end->settled ? ", unsettled" : "");
        }
}

/* ---- before and after ---- */

struct use {
    unsigned fds, guest_fds;
    unsigned long memory;
    char *store;
};

static struct use measure(struct arena *arena)
{
    struct use use = { .fds = bed_count_fds(bed->pid),
                       .memory = bed_memory(bed->pid),
                       .store = arena_strdup(arena, bed_store(bed, arena)) };

    for (unsigned i = 0; i < GUESTS; i++)
        use.guest_fds += bed_count_fds(bed->guests[i].pid);
    return use;
}

/* When descriptors have been as many for a while: what was closed is seen to
 * be. */
static struct use measure_at_rest(struct arena *arena)
{
    struct use use = measure(arena), before;

    for (unsigned same = 0, i = 0; same < 3 && i < 100; i++) {
        before = use;
        bed_pause(bed, 200);
        use = measure(arena);
        same = use.fds == before.fds && use.guest_fds == before.guest_fds
                   ? same + 1
                   : 0;
    }
    return use;
}

static unsigned count_lines(const char *text)
{
    unsigned n = 0;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static void end_all(void)
{
    for (unsigned i = 0; i <= GUESTS; i++)
        while (places[i].program->n_ends)
            bed_end(places[i].program, places[i].program->ends[0]);
}

static void play(unsigned seconds)
{
    uint64_t until = clock_mono().ms + seconds * UINT64_C(1000);

    /* a busy machine gets more time, but not without end */
    while (clock_mono().ms < until ||
           (seconds && did.programs + did.channelds + did.hosts < 5 &&
            clock_mono().ms < until + seconds * UINT64_C(9000))) {
        unsigned what = draw(1000), n = count_ends();
        if (what < 5)
            kill_something();
        else if (n < CHANNELS && what < (n < CHANNELS / 2 ? 900u : 600u))
            open_one();
        else
            end_one();
    }
}

static void compare(const struct use *before, const struct use *after)
{
    printf("    %u opened, %u refused, %u ended; killed: %u programs, %u "
           "guests' channelds, %u times the host's, %u domains\n",
           did.opened, did.refused, did.ended, did.programs, did.channelds,
           did.hosts, did.domains);
    printf("    descriptors of channeld %u -> %u, of the guests' %u -> %u; "
           "nodes of xenstore %u -> %u; memory %lu -> %lu KiB\n",
           before->fds, after->fds, before->guest_fds, after->guest_fds,
           count_lines(before->store), count_lines(after->store),
           before->memory, after->memory);
    CHECK(after->fds == before->fds);
    CHECK(after->guest_fds == before->guest_fds);
    CHECK(count_lines(after->store) == count_lines(before->store));
    CHECK(after->memory < before->memory + 4096);
    CHECK(did.opened > 100);
    CHECK(did.programs + did.channelds + did.hosts + did.domains > 3);
}

int main(int argc, char **argv)
{
    unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 3, seen = 0;
    struct arena *arena = arena_new();

    state = argc > 2 ? strtoull(argv[2], NULL, 10) : clock_wall().ms;
    signal(SIGPIPE, SIG_IGN);
    printf("    seed %" PRIu64 "\n", state);
    bed = bed_new(rules, "partition_channels = 900\n"
                         "customer_channels = 0\n");
    bed_start(bed);
    for (unsigned i = 0; i < GUESTS; i++)
        add_guest(i);
    start_program(GUESTS);
    play(seconds ? 1 : 0); /* so that memory is what it stays */
    end_all();
    CHECK(bed_until(bed, all_reached, NULL, 20000));
    CHECK(bed_until(bed, is_agreed, &seen, 20000));
    struct use before = measure_at_rest(arena);
    play(seconds);
    printf("    %u channels at the end\n", count_ends());
    CHECK(bed_until(bed, all_ready, NULL, 20000));
    /* those that were half there when channelds were killed are over soon */
    CHECK(bed_until(bed, is_agreed, &seen, 40000));
    if (seen != count_ends()) {
        printf("    channeld knows %u, programs have %u\n", seen,
               count_ends());
        print_difference();
    }
    CHECK(bed_until(bed, all_reached, NULL, 20000));
    end_all();
    CHECK(bed_until(bed, is_agreed, &seen, 20000));
    CHECK(seen == 0);
    struct use after = measure_at_rest(arena);
    compare(&before, &after);
    for (unsigned i = 0; i <= GUESTS; i++)
        bed_program_free(places[i].program);
    bed_free(bed);
    arena_free(arena);
    printf("%u passed, %u failed\n", checks_done - checks_failed,
           checks_failed);
    return checks_failed ? 1 : 0;
}
