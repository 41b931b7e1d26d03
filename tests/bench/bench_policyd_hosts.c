/*
 * Hosts for the benchmark of policyd: at each host's socket answers what
 * policyd takes for its resourced.  It says what a host has and which guests,
 * and that each guest that it is asked for runs, at once: so what is measured
 * is policyd.
 *
 *   bench_policyd hosts DIR FROM TO HOSTS GUESTS
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "chan/chan.h"
#include "tests/bench/bench_policyd.h"

struct fake {
    unsigned number;
    unsigned n_created;
    struct chan *chan;
};

static unsigned n_hosts, n_guests;

static void answer(struct fake *fake, enum wire_message_number number,
                   uint32_t id, const void *body, struct arena *arena)
{
    struct vdc_error err = { 0 };
    uint8_t *frame;
    size_t size;

    if (wire_encode(number, id, body, arena, &frame, &size, &err))
        die("an answer of a host", &err);
    chan_send(fake->chan, frame, size);
}

static void tell_hello(struct fake *fake, uint32_t id, struct arena *arena)
{
    struct wire_hello hello;

    wire_init(&wire_struct_hello, &hello);
    hello.program = "resourced";
    hello.version = "bench";
    hello.protocol = WIRE_PROTOCOL;
    answer(fake, WIRE_MSG_hello, id, &hello, arena);
}

static void tell_host(struct fake *fake, uint32_t id, struct arena *arena)
{
    uint64_t created = fake->n_created * GUEST_KIB;
    struct wire_resource_total total;
    struct wire_host_list list;
    struct wire_host host;

    wire_init(&wire_struct_host_list, &list);
    wire_init(&wire_struct_host, &host);
    wire_init(&wire_struct_resource_total, &total);
    total.kind = WIRE_RESOURCE_PCI;
    host.name = "bench";
    host.hypervisor = "none";
    host.simulated = true;
    host.state = "up";
    host.total_memory = MEM_KIB(HOST_KIB);
    host.free_memory =
        MEM_KIB(created < HOST_KIB / 2 ? HOST_KIB / 2 - created : 0);
    host.pcpus = 64;
    host.capabilities = "hvm hap";
    host.scheduler = "credit2";
    host.boot_id = 1000 + fake->number;
    host.totals = &total;
    host.n_totals = 1;
    list.hosts = &host;
    list.n_hosts = 1;
    answer(fake, WIRE_MSG_host_list_reply, id, &list, arena);
}

static void fill_guest(struct wire_partition *ret, const struct vdc_uuid *uuid,
                       const char *customer, const char *name)
{
    wire_init(&wire_struct_partition, ret);
    ret->uuid = *uuid;
    ret->customer = customer;
    ret->name = ret->xen_name = name;
    ret->managed = true;
    ret->state = WIRE_RUNNING;
    ret->domid = 1;
    ret->memory = ret->max_memory = MEM_KIB(GUEST_KIB);
    ret->vcpus = ret->max_vcpus = 2;
    ret->created_ms = ret->started_ms = 1;
}

static void tell_guests(struct fake *fake, uint32_t id, struct arena *arena)
{
    struct wire_partition_list list;

    wire_init(&wire_struct_partition_list, &list);
    list.partitions =
        ARENA_ARRAY(arena, n_guests / n_hosts + 1, struct wire_partition);
    for (unsigned i = fake->number; i < n_guests; i += n_hosts) {
        struct vdc_uuid uuid;
        guest_uuid(i, &uuid);
        fill_guest(&list.partitions[list.n_partitions++], &uuid, "",
                   arena_printf(arena, "guest%u", i));
    }
    answer(fake, WIRE_MSG_partition_list_reply, id, &list, arena);
}

static void create(struct fake *fake, uint32_t id,
                   const struct wire_partition_create *order,
                   struct arena *arena)
{
    struct wire_partition_reply reply;

    fake->n_created++;
    wire_init(&wire_struct_partition_reply, &reply);
    fill_guest(&reply.partition, &order->definition.uuid, order->owner,
               order->definition.name);
    reply.partition.started_ms = clock_wall().ms;
    answer(fake, WIRE_MSG_partition_reply, id, &reply, arena);
}

/* Nothing but what policyd knows itself is wrong with what is tried. */
static void try(struct fake *fake, uint32_t id, struct arena *arena)
{
    struct wire_transaction_reply reply;

    wire_init(&wire_struct_transaction_reply, &reply);
    answer(fake, WIRE_MSG_transaction_reply, id, &reply, arena);
}

static void on_message(void *arg, const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct wire_lease_list leases;
    struct vdc_error err = { 0 };
    struct wire_frame frame;

    if (wire_decode(data, size, arena, &frame, &err))
        die("a request to a host", &err);
    if (frame.message->number == WIRE_MSG_hello)
        tell_hello(arg, frame.id, arena);
    if (frame.message->number == WIRE_MSG_host_show)
        tell_host(arg, frame.id, arena);
    if (frame.message->number == WIRE_MSG_partition_list)
        tell_guests(arg, frame.id, arena);
    if (frame.message->number == WIRE_MSG_partition_create)
        create(arg, frame.id, frame.body, arena);
    if (frame.message->number == WIRE_MSG_transaction)
        try(arg, frame.id, arena);
    wire_init(&wire_struct_lease_list, &leases);
    if (frame.message->number == WIRE_MSG_lease_list)
        answer(arg, WIRE_MSG_lease_list_reply, frame.id, &leases, arena);
    /* events are followed, and none happens */
    arena_free(arena);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    struct fake *fake = arg;

    chan_destroy(fake->chan);
    fake->chan = NULL;
}

static const struct chan_ops chan_ops = { .on_message = on_message,
                                          .on_close = on_close };

static void accepted(void *arg, struct chan *chan)
{
    struct fake *fake = arg;

    chan_destroy(fake->chan);
    fake->chan = chan;
    fake->n_created = 0;
    chan_set_ops(chan, &chan_ops, fake);
}

void run_hosts(char **argv)
{
    struct event_base *base = event_base_new();
    unsigned from = (unsigned)atoi(argv[1]), to = (unsigned)atoi(argv[2]);

    n_hosts = (unsigned)atoi(argv[3]);
    n_guests = (unsigned)atoi(argv[4]);
    for (unsigned i = from; i < to; i++) {
        struct fake *fake = XNEW(struct fake);
        struct chan_listener *listener;
        struct vdc_error err = { 0 };
        char address[128];
        fake->number = i;
        snprintf(address, sizeof(address), "unix:%s/h%05u", argv[0], i);
        if (chan_listen(base, address, NULL, accepted, fake, &listener, &err))
            die(address, &err);
    }
    event_base_dispatch(base);
}
