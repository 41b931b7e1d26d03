/*
 * channeld in a guest: its socket, its programs, and the way to the host.
 */
#include "channeld/guest.h"

#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/daemon.h"
#include "base/log.h"
#include "channeld/guest_impl.h"
#include "channeld/setup.h"

static struct setup setup;
static struct guest *guest;

/* ---- sending ---- */

void guest_tell(struct guest_program *program, enum wire_message_number number,
                uint32_t id, const void *body, struct memory *memory)
{
    struct arena *arena = arena_new();
    uint8_t *data;
    size_t size;

    if (wire_encode(number, id, body, arena, &data, &size, NULL))
        size = 0; /* closes the descriptors, sends nothing */
    packet_send(program->packet, data, size, memory ? memory->fds : NULL,
                memory ? memory->n_fds : 0);
    if (memory) {
        memory->n_fds = 0;
        memory_clear(memory);
    }
    arena_free(arena);
}

void guest_fail(struct guest_program *program, uint32_t id,
                const struct vdc_error *err)
{
    struct wire_error body;

    wire_error_fill(&body, err);
    guest_tell(program, WIRE_MSG_error, id, &body, NULL);
}

int guest_say(struct guest *g, enum wire_message_number number, uint32_t id,
              const void *body, struct memory *memory)
{
    struct arena *arena = arena_new();
    uint8_t *data;
    size_t size;
    int rc = wire_encode(number, id, body, arena, &data, &size, NULL);

    if (rc == 0) {
        rc = uplink_send(g->uplink, data, size, memory ? memory->fds : NULL,
                         memory ? memory->n_fds : 0);
        if (memory)
            memory->n_fds = 0;
    }
    if (memory)
        memory_clear(memory);
    arena_free(arena);
    return rc;
}

void guest_say_error(struct guest *g, uint32_t id, const struct vdc_error *err)
{
    struct wire_error body;

    wire_error_fill(&body, err);
    guest_say(g, WIRE_MSG_error, id, &body, NULL);
}

/* ---- programs ---- */

static void program_free(struct guest_program *program)
{
    TAILQ_REMOVE(&program->guest->programs, program, link);
    program->guest->n_programs--;
    packet_destroy(program->packet);
    free(program);
}

static void on_packet(void *arg, const uint8_t *data, size_t size, int *fds,
                      unsigned n_fds)
{
    /* no program of ours has descriptors to give: they are closed */
    guest_program_said(arg, data, size);
}

static void on_close(void *arg, const struct vdc_error *err)
{
    guest_program_ends(arg);
    program_free(arg);
}

static const struct packet_ops packet_ops = { .on_packet = on_packet,
                                              .on_close = on_close };

static void on_accept(void *arg, int fd, const struct packet_peer *who)
{
    struct guest *g = arg;

    if (g->n_programs >= GUEST_PROGRAMS_MOST) {
        close(fd);
        return;
    }
    struct guest_program *program = XNEW(struct guest_program);
    program->guest = g;
    program->packet = packet_new(g->base, fd, &packet_ops, program);
    TAILQ_INSERT_TAIL(&g->programs, program, link);
    g->n_programs++;
}

/* ---- the host ---- */

static void on_up(void *arg)
{
    log_info("the host's channeld is there");
    guest_host_found(arg);
}

static void on_message(void *arg, const uint8_t *data, size_t size, int *fds,
                       unsigned n_fds)
{
    guest_host_said(arg, data, size, fds, n_fds);
}

static void on_down(void *arg, const struct vdc_error *err)
{
    log_info("the host's channeld has gone: %s", err->text);
    guest_host_lost(arg, err);
}

static const struct uplink_ops uplink_ops = { .on_up = on_up,
                                              .on_message = on_message,
                                              .on_down = on_down };

/* ---- begin and end ---- */

static void guest_free(struct guest *g)
{
    struct vdc_error err = { 0 };

    if (!g)
        return;
    packet_listener_destroy(g->listener);
    vdc_error_set(&err, VDC_E_CLOSED, "channeld ends");
    uplink_free(g->uplink);
    g->uplink = NULL;
    guest_host_lost(g, &err);
    while (!TAILQ_EMPTY(&g->programs)) {
        struct guest_program *program = TAILQ_FIRST(&g->programs);
        guest_program_ends(program);
        program_free(program);
    }
    free(g);
}

static int guest_new(struct event_base *base, struct guest **ret,
                     struct vdc_error *err)
{
    struct guest *g = XNEW(struct guest);

    g->base = base;
    TAILQ_INIT(&g->programs);
    TAILQ_INIT(&g->offers);
    TAILQ_INIT(&g->forwards);
    TAILQ_INIT(&g->incoming);
    TAILQ_INIT(&g->channels);
    int rc = packet_listen(base, setup.socket, 0600, on_accept, g,
                           &g->listener, err);
    if (rc == 0)
        rc = uplink_new(base, setup.control, &uplink_ops, g, &g->uplink, err);
    if (rc) {
        guest_free(g);
        return rc;
    }
    *ret = g;
    return 0;
}

static int start(struct event_base *base, struct arena *arena,
                 struct vdc_error *err)
{
    return guest_new(base, &guest, err);
}

static void stop(void)
{
    guest_free(guest);
}

int guest_main(int argc, char **argv)
{
    const struct daemon daemon = {
        .name = "channeld",
        .text = "The broker of memory channels, in a guest.",
        .config_path = SYSCONFDIR "/xen-vdc/channeld.conf",
        .settings = setup_rows,
        .n_settings = setup_n_rows,
        .settings_base = &setup,
        .start = start,
        .stop = stop,
    };

    return daemon_main(&daemon, argc, argv);
}
