/*
 * policyd, with two hosts, is sent garbage: every message of the table empty,
 * filled at random, and damaged, by one who is nobody here, by a customer's
 * login that may only look, by a customer, and by an operator.  It stays up,
 * answers each request once or ends the connection of who sent what is none,
 * keeps nothing of those who may change nothing, does not grow, and what it
 * has stored at the end it can load.
 *
 * ROUNDS=N sends more, SEED=N others.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/sim/garbage_place.h"
#include "tests/sim/garbage_sender.h"
#include "tests/sim/process.h"

#define ANSWER_TIMEOUT_MS 30000
#define LIST_MS 5000 /* a list takes no longer, whatever else there is */
#define GROWTH_KIB (48 * 1024)

static struct hosts_bed *const hosts = &place.hosts;
static struct garbage *const garbage = &place.garbage;

enum how { EMPTY, FILLED, CHANGED, DAMAGED };

static void fill(const struct wire_struct *s, enum how how, void *ret_body)
{
    switch (how) {
    case EMPTY:
        wire_init(s, ret_body);
        break;
    case FILLED:
        garbage_fill(garbage, s, answers, ret_body);
        break;
    case CHANGED:
    case DAMAGED:
        place_sane(s, ret_body);
        garbage_change(garbage, s, answers, ret_body);
        break;
    }
}

static void send_message(struct sender *a, const struct wire_message *m,
                         enum how how)
{
    void *body = arena_alloc(answers, m->body->size);
    struct vdc_error err;
    uint8_t *bytes;
    size_t size;

    garbage->id = ++a->client.id;
    fill(m->body, how, body);
    if (wire_encode(m->number, garbage->id, body, answers, &bytes, &size,
                    &err))
        return; /* it is too large as a whole */
    if (how == DAMAGED) {
        uint8_t *room = arena_alloc(answers, size + GARBAGE_MORE);
        memcpy(room, bytes, size);
        bytes = room;
        garbage_damage(garbage, bytes, &size);
    }
    sender_send(a, m->name, bytes, size);
}

/* ---- what may not come of it ---- */

static void check_alive(const struct sender *a)
{
    uint64_t since_ms = clock_mono().ms;

    CHECK(!bed_has_ended(hosts->bed.policyd));
    for (size_t i = 0; i < hosts->n; i++)
        CHECK(!bed_has_ended(*hosts_bed_pid(hosts, i)));
    list(&hosts->bed, OPERATOR, "", false);
    CHECK_CODE(0);
    if (clock_mono().ms - since_ms > LIST_MS)
        sender_complain(a, "it takes too long", "partition_list");
}

/* The caller's to free. */
static char *export_store(void)
{
    const struct wire_store_text *piece;
    struct wire_frame frame;
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    struct client c;
    bool ok = client_open(&hosts->bed, &c, OPERATOR) &&
              client_send(&c, WIRE_MSG_store_export, NULL);

    do {
        ok = ok && client_receive(&c, &frame, ANSWER_TIMEOUT_MS) &&
             frame.message->number == WIRE_MSG_store_exported;
        piece = ok ? frame.body : NULL;
        if (piece)
            fwrite(piece->text, 1, piece->n_text, f);
    } while (piece && piece->records == 0);
    CHECK(ok);
    client_close(&c);
    fclose(f);
    return text;
}

/* Whether the record need not stay as it is: who did what is always recorded,
 * that a guest was rebooted is noticed at any time, decisions are kept up to a
 * number in all, and an owner's are its own. */
static bool may_change(const char *owner, const char *line)
{
    if (strstr(line, "\"kind\":\"audit\"") || strstr(line, "\"kind\":\"use\""))
        return true;
    return owner &&
           (strstr(line, owner) || strstr(line, "\"kind\":\"decision\""));
}

/* The next record that may not change, as far as that goes and without the
 * comma that parts it from the one after it; NULL: there is none. */
static char *next_record(const char *owner, char **at)
{
    char *line, *since;

    while ((line = strsep(at, "\n")) && (!*line || may_change(owner, line)))
        continue;
    if (line && line[strlen(line) - 1] == ',')
        line[strlen(line) - 1] = '\0';
    if (line && (since = strstr(line, "\"since_ms\"")))
        *since = '\0';
    return line;
}

/* Takes both. */
static void check_same_store(const char *owner, char *before, char *after)
{
    char *at = before, *at_now = after;
    unsigned n = 0;

    for (;;) {
        char *then = next_record(owner, &at),
             *now = next_record(owner, &at_now);
        if (!then && !now)
            break;
        n++;
        if (then && now && strcmp(then, now) == 0)
            continue;
        printf("    the store has: %s\n    and had:       %s\n",
               now ? now : "no more", then ? then : "no more");
        checks_failed++;
        break;
    }
    CHECK(n >= 4); /* customers and hosts */
    free(before);
    free(after);
}

/* ---- the attack ---- */

static struct sender attackers[] = {
    { .name = "nobody",
      .uid = NOBODY_UID,
      .bed = &place.hosts.bed,
      .denied = true },
    { .name = "read-only", .uid = READER_UID, .bed = &place.hosts.bed },
    { .name = "customer",
      .uid = ACME_UID,
      .bed = &place.hosts.bed,
      .owns = "acme" },
    { .name = "operator", .uid = OPERATOR, .bed = &place.hosts.bed },
};
#define N_ATTACKERS (sizeof(attackers) / sizeof(attackers[0]))

/* All messages once; `answers` are its own. */
static void send_all(struct sender *a, enum how how)
{
    struct arena *outer = answers;
    size_t n;
    const struct wire_message *messages = wire_messages(&n);

    answers = arena_new();
    for (size_t i = 0; i < n; i++)
        if (how != DAMAGED || garbage_draw(garbage, 2))
            send_message(a, &messages[i], how);
    sender_settle(a);
    check_alive(a);
    arena_free(answers);
    answers = outer;
}

static void attack(struct sender *a, unsigned rounds)
{
    char *before = a->uid == OPERATOR ? NULL : export_store();
    uint64_t since_ms = clock_mono().ms;

    memset(&a->sum, 0, sizeof(a->sum));
    sender_send_first(a);
    send_all(a, EMPTY);
    for (unsigned i = 0; i < rounds && !checks_failed; i++) {
        send_all(a, FILLED);
        send_all(a, CHANGED);
        send_all(a, DAMAGED);
        if (a->uid == OPERATOR)
            place_mend();
    }
    sender_disconnect(a);
    if (before)
        check_same_store(a->owns, before, export_store());
    printf("    %s: %u messages in %llu ms, %u answers, %u of them errors, "
           "%u connections ended\n",
           a->name, a->sum.sent,
           (unsigned long long)(clock_mono().ms - since_ms), a->sum.answered,
           a->sum.errors, a->sum.ended);
    CHECK(a->sum.answered > 0 && a->sum.ended > 0);
    CHECK(a->denied ? a->sum.errors == a->sum.answered
                    : a->sum.errors < a->sum.answered);
}

/* Descriptors when those that were closed are seen to be. */
static unsigned count_fds(unsigned most)
{
    unsigned n = 0;

    for (int i = 0; i < 100; i++) {
        n = process_count_fds(hosts->bed.policyd);
        if (n <= most)
            break;
        sleep_ms(50);
    }
    return n;
}

/* What is stored at the end is loaded, and is the same then. */
static void check_restart(void)
{
    char *before = export_store();

    kill(hosts->bed.policyd, SIGTERM);
    CHECK(bed_wait(&hosts->bed.policyd) == 0);
    bed_start_policyd(&hosts->bed);
    if (bed_wait_joined(&hosts->bed, true))
        check_same_store(NULL, before, export_store());
    else
        free(before);
}

static void send_garbage(void)
{
    unsigned rounds = bed_setting("ROUNDS", 20);
    uint64_t first_kib;

    if (!need_root())
        return;
    place_open(bed_setting("SEED", 4711));
    unsigned n_fds = process_count_fds(hosts->bed.policyd);
    for (size_t i = 0; i < N_ATTACKERS && !checks_failed; i++)
        attack(&attackers[i], rounds);
    place_mend();
    first_kib = process_rss_kib(hosts->bed.policyd);
    for (size_t i = 0; i < N_ATTACKERS && !checks_failed; i++)
        attack(&attackers[i], rounds);
    place_mend();
    uint64_t last_kib = process_rss_kib(hosts->bed.policyd);
    printf("    policyd has %llu KiB, and the same again makes it %llu\n",
           (unsigned long long)first_kib, (unsigned long long)last_kib);
    CHECK(WITH_SANITIZER || last_kib < first_kib + GROWTH_KIB);
    CHECK(count_fds(n_fds) <= n_fds);
    check_restart();
    hosts_bed_close(hosts);
}

int main(int argc, char **argv)
{
    static const struct sim_test tests[] = {
        { "garbage", send_garbage },
        { NULL, NULL },
    };
    const struct sim_test *const all[] = { tests };

    return sim_tests_run(all, 1, argc, argv);
}
