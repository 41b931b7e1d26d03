/*
 * Programs with channels, for tests; see channel_bed.h.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chan/packet.h"
#include "tests/sim/channel_bed.h"

#define WAIT_MS 20000

/* ---- ends ---- */

static struct bed_end *add(struct bed_program *program,
                           struct broker_channel *channel)
{
    struct bed_end *end = XNEW(struct bed_end);

    end->channel = channel;
    end->id = channel->id;
    end->maker = channel->memory->maker;
    end->is_client = channel->is_client;
    end->n_fds = channel->n_fds;
    for (unsigned i = 0; i < channel->n_fds; i++) {
        end->fds[i] = channel->fds[i];
        channel->fds[i] = -1;
    }
    channel->arg = end;
    if (program->n_ends == BED_ENDS_MOST)
        abort();
    program->ends[program->n_ends++] = end;
    return end;
}

static void forget(struct bed_program *program, struct bed_end *end)
{
    for (unsigned i = 0; i < end->n_fds; i++)
        close(end->fds[i]);
    for (unsigned i = 0; i < program->n_ends; i++)
        if (program->ends[i] == end)
            program->ends[i] = program->ends[--program->n_ends];
    if (program->last == end)
        program->last = NULL;
    free(end);
}

void bed_end(struct bed_program *program, struct bed_end *end)
{
    broker_end(program->broker, end->channel, "the test is done with it");
    forget(program, end);
}

struct bed_end *bed_find(struct bed_program *program, uint64_t id)
{
    for (unsigned i = 0; i < program->n_ends; i++)
        if (program->ends[i]->id == id)
            return program->ends[i];
    return NULL;
}

static bool same_memory(int a, int b)
{
    struct stat sa, sb;
    bool same = false;

    if (fstat(a, &sa) || fstat(b, &sb) || sa.st_ino != sb.st_ino ||
        sa.st_size < 4096)
        return false;
    char *pa = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, a, 0);
    char *pb = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, b, 0);
    if (pa != MAP_FAILED && pb != MAP_FAILED) {
        pa[17]++;
        same = pa[17] == pb[17];
    }
    munmap(pa, 4096);
    munmap(pb, 4096);
    return same;
}

bool bed_is_joined(const struct bed_end *a, const struct bed_end *b)
{
    char byte;

    if (!a || !b || a->n_fds != LINK_FDS || b->n_fds != LINK_FDS ||
        a->maker == b->maker || !same_memory(a->fds[0], b->fds[0]))
        return false;
    return write(a->fds[1], "a", 1) == 1 && read(b->fds[1], &byte, 1) == 1 &&
           byte == 'a' && write(b->fds[1], "b", 1) == 1 &&
           read(a->fds[1], &byte, 1) == 1 && byte == 'b';
}

/* ---- callbacks ---- */

static void on_ready(void *arg)
{
    struct bed_program *program = arg;

    program->ready = true;
}

static void on_lost(void *arg, const struct vdc_error *err)
{
    struct bed_program *program = arg;

    program->ready = false;
    program->lost = true;
    program->error = *err;
}

static void on_refused(void *arg, const char *service,
                       const struct vdc_error *err)
{
    struct bed_program *program = arg;

    program->refusal = *err;
    snprintf(program->refused, sizeof(program->refused), "%s", service);
}

static int on_memory(void *arg, struct broker_channel *channel,
                     struct vdc_error *err)
{
    add(arg, channel);
    return 0;
}

static int on_incoming(void *arg, struct broker_channel *channel,
                       struct vdc_error *err)
{
    struct bed_program *program = arg;

    if (program->refuse)
        return vdc_error_set(err, VDC_E_BUSY, "come back on Monday");
    add(program, channel);
    return 0;
}

static void on_closed(void *arg, struct broker_channel *channel,
                      const char *reason)
{
    struct bed_program *program = arg;
    struct bed_end *end = channel->arg;

    vdc_error_set(&program->error, VDC_E_CLOSED, "%s", reason);
    forget(program, end);
}

static void on_done(void *arg, struct broker_channel *channel,
                    const struct vdc_error *err)
{
    struct bed_program *program = arg;

    program->done = true;
    if (channel) {
        program->last = channel->arg;
        program->last->settled = true;
        return;
    }
    program->error = *err;
    program->last = NULL;
    /* memory that was taken for nothing */
    for (unsigned i = 0; i < program->n_ends; i++) {
        struct bed_end *end = program->ends[i];
        if (end->is_client && !end->settled) {
            forget(program, end);
            break;
        }
    }
}

static const struct broker_ops ops = { on_ready, on_lost, on_refused,
                                       on_incoming, on_closed };
static const struct broker_connect_ops connect_ops = { on_memory, on_done };

/* ---- doing ---- */

struct bed_program *bed_program(struct bed *bed, const char *socket)
{
    struct bed_program *program = XNEW(struct bed_program);

    program->bed = bed;
    program->broker = broker_new(bed->base, socket, &ops, program);
    bed_run(bed, &program->ready, WAIT_MS);
    return program;
}

void bed_program_free(struct bed_program *program)
{
    broker_free(program->broker);
    while (program->n_ends)
        forget(program, program->ends[0]);
    free(program);
}

struct answer {
    bool done;
    struct arena *arena;
    const void *body;
    struct vdc_error err;
};

static void on_answer(void *arg, const struct wire_frame *frame,
                      const struct vdc_error *err)
{
    struct answer *answer = arg;

    answer->done = true;
    if (err) {
        answer->err = *err;
        return;
    }
    void *copy = arena_alloc(answer->arena, frame->message->body->size);
    if (wire_struct_copy(frame->message->body, frame->body, answer->arena,
                         copy, NULL) == 0)
        answer->body = copy;
}

int bed_ask(struct bed_program *program, enum wire_message_number number,
            const void *body, struct arena *arena, const void **ret)
{
    struct answer answer = { .arena = arena };

    broker_ask(program->broker, number, body, on_answer, &answer);
    if (!bed_run(program->bed, &answer.done, WAIT_MS)) {
        printf("    no answer\n");
        abort();
    }
    program->error = answer.err;
    if (ret)
        *ret = answer.body;
    return answer.err.code;
}

bool bed_offer(struct bed_program *program, const char *service)
{
    struct arena *arena = arena_new();
    struct wire_channel_offer body;

    wire_init(&wire_struct_channel_offer, &body);
    body.service = service;
    program->refused[0] = '\0';
    broker_offer(program->broker, service, 0);
    /* an answer to something later says that this one was answered */
    struct wire_channel_query query;
    wire_init(&wire_struct_channel_query, &query);
    query.id = UINT64_MAX;
    bed_ask(program, WIRE_MSG_channel_list, &query, arena, NULL);
    arena_free(arena);
    if (strcmp(program->refused, service) == 0) {
        broker_withdraw(program->broker, service);
        return false;
    }
    return true;
}

void bed_connect_begin(struct bed_program *program,
                       const struct wire_channel_connect *connect)
{
    program->done = false;
    program->last = NULL;
    broker_connect(program->broker, connect, &connect_ops, program);
}

struct bed_end *bed_connect(struct bed_program *program, const char *service,
                            const char *to)
{
    struct wire_channel_connect connect;

    wire_init(&wire_struct_channel_connect, &connect);
    connect.service = service;
    connect.to = to;
    connect.to_server = connect.to_client = MEM_KIB(4);
    bed_connect_begin(program, &connect);
    bed_run(program->bed, &program->done, WAIT_MS);
    return program->last;
}

unsigned bed_list_channels(struct bed_program *program, uint64_t *ret_ids,
                           unsigned most)
{
    struct arena *arena = arena_new();
    struct wire_channel_query query;
    const struct wire_channel_list *list;
    unsigned n = 0;

    wire_init(&wire_struct_channel_query, &query);
    do {
        const void *body;
        if (bed_ask(program, WIRE_MSG_channel_list, &query, arena, &body))
            break;
        list = body;
        for (uint32_t i = 0; i < list->n_channels && n + i < most; i++)
            ret_ids[n + i] = list->channels[i].id;
        n += list->n_channels;
        if (list->n_channels)
            query.after = list->channels[list->n_channels - 1].id;
    } while (list->more);
    arena_free(arena);
    return n;
}

unsigned bed_count_channels(struct bed_program *program)
{
    return bed_list_channels(program, NULL, 0);
}

/* ---- without the library ---- */

void raw_say(int fd, enum wire_message_number number, uint32_t id,
             const void *body)
{
    struct arena *arena = arena_new();
    uint8_t *data;
    size_t size;

    if (wire_encode(number, id, body, arena, &data, &size, NULL) ||
        packet_blocking_send(fd, data, size, NULL, 0, NULL))
        printf("    a message could not be sent\n");
    arena_free(arena);
}

int raw_hear(int fd, int timeout_ms, struct arena *arena,
             struct wire_frame *ret, struct vdc_error *err)
{
    uint8_t *buf = arena_alloc(arena, PACKET_SIZE_MAX);
    int fds[PACKET_FDS_MAX];
    unsigned n_fds = 0;
    size_t size;
    int rc =
        packet_blocking_receive(fd, timeout_ms, buf, &size, fds, &n_fds, err);

    for (unsigned i = 0; i < n_fds; i++)
        close(fds[i]);
    if (rc == 0)
        rc = wire_decode(buf, size, arena, ret, err);
    if (rc || ret->message->number != WIRE_MSG_error)
        return rc;
    wire_error_take(ret->body, err);
    return err->code;
}

int raw_open(const char *socket, const char *program)
{
    struct arena *arena = arena_new();
    struct vdc_error err = { 0 };
    struct wire_hello hello;
    struct wire_frame frame;
    int fd;

    if (packet_connect(socket, &fd, &err)) {
        printf("    %s\n", err.text);
        return -1;
    }
    wire_init(&wire_struct_hello, &hello);
    hello.program = program;
    hello.protocol = WIRE_PROTOCOL;
    raw_say(fd, WIRE_MSG_hello, 1, &hello);
    if (raw_hear(fd, WAIT_MS, arena, &frame, &err)) {
        close(fd);
        fd = -1;
    }
    arena_free(arena);
    return fd;
}
