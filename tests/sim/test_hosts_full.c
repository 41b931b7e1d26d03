/*
 * Hosts without room: who asks is told so at once, whatever becomes of the
 * host that would be asked what else is wrong with it.
 */
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "tests/sim/hosts_bed.h"
#include "tests/sim/test_hosts.h"

#define CLIENTS 8
#define EACH 16
/* A client's patience is 60 s.  Reports are waited for for 3 s, for those who
 * come first and, again, for those who come meanwhile; and then reasons for
 * 3 s. */
#define LIMIT_MS 20000
/* Less than reports are waited for. */
#define SOON_MS 2900

static struct hosts_bed hosts;

static struct wire_partition_create large(const char *name)
{
    struct wire_partition_create order = guest(&hosts.bed, name);

    order.definition.memory = MEM_MIB(1 << 20);
    return order;
}

/* Returns how many of the answers say that no host has room. */
static unsigned refused(struct client *c)
{
    struct wire_frame frame;
    struct vdc_error err;
    unsigned n = 0;

    for (int i = 0; i < EACH && client_receive(c, &frame, LIMIT_MS); i++) {
        if (frame.message->number != WIRE_MSG_error)
            continue;
        wire_error_take(frame.body, &err);
        n += err.code == VDC_E_NO_HOST || err.code == VDC_E_NO_MEMORY;
    }
    return n;
}

static unsigned ask_many(void)
{
    struct client clients[CLIENTS];
    unsigned n = 0;

    for (int i = 0; i < CLIENTS; i++) {
        CHECK(client_open(&hosts.bed, &clients[i], OPERATOR));
        for (int k = 0; k < EACH; k++) {
            struct wire_partition_create order =
                large(arena_printf(answers, "g%d-%d", i, k));
            CHECK(client_send(&clients[i], WIRE_MSG_partition_create, &order));
        }
    }
    for (int i = 0; i < CLIENTS; i++) {
        n += refused(&clients[i]);
        client_close(&clients[i]);
    }
    return n;
}

/* Nobody has noticed yet that it hangs. */
static void hangs_unnoticed(void)
{
    memset(&hosts, 0, sizeof(hosts));
    hosts.bed.conf = "host_report_interval = \"1h\"\n";
    hosts_bed_start(&hosts, 3);
    CHECK(ask_many() == CLIENTS * EACH);
    kill(hosts.bed.resourced, SIGSTOP);
    uint64_t begin_ms = clock_mono().ms;
    CHECK(ask_many() == CLIENTS * EACH);
    CHECK(clock_mono().ms - begin_ms < LIMIT_MS);
    kill(hosts.bed.resourced, SIGCONT);
    CHECK(ask_many() == CLIENTS * EACH);
    hosts_bed_close(&hosts);
}

/* Nobody waits for one of which it is known. */
static void hangs(void)
{
    struct wire_partition_create order;
    uint64_t least_ms = UINT64_MAX;

    memset(&hosts, 0, sizeof(hosts));
    hosts.bed.conf = "host_report_interval = \"200ms\"\n";
    hosts_bed_start(&hosts, 3);
    kill(hosts.bed.resourced, SIGSTOP);
    CHECK(hosts_bed_wait(&hosts, 2, "up"));
    for (int i = 0; i < 3; i++) {
        uint64_t begin_ms = clock_mono().ms;
        order = large("large");
        CHECK(!create(&hosts.bed, OPERATOR, &order));
        CHECK_CODE(VDC_E_NO_MEMORY);
        uint64_t ms = clock_mono().ms - begin_ms;
        least_ms = ms < least_ms ? ms : least_ms;
    }
    CHECK(least_ms < SOON_MS);
    kill(hosts.bed.resourced, SIGCONT);
    CHECK(hosts_bed_wait(&hosts, 3, "up"));
    hosts_bed_close(&hosts);
}

const struct sim_test tests_hosts_full[] = {
    { "no room, and a host that hangs", hangs_unnoticed },
    { "no room, and a host that is known to hang", hangs },
    { NULL, NULL },
};
