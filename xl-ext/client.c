/*
 * Talks to policyd for the commands: greeting, request, progress, answer.
 *
 * Ctrl-C while a change is under way asks policyd to undo it; what comes of
 * that is the answer to the change itself.
 */
#include "xl-ext/client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/page.h"
#include "xl-ext/output.h"
#include "xl-ext/remote.h"
#include "xl-ext/road.h"
#include "xl-ext/token.h"

/* policyd answers a greeting at once or is not well. */
#define HELLO_TIMEOUT_MS 10000

struct client {
    const struct command_args *args;
    struct road *road;
    uint32_t last_id;
    uint32_t request; /* the change under way; 0: none */
    uint32_t cancel;  /* its cancel that was sent; 0: none */
    bool progress_shown;
    client_progress_fn *on_progress; /* NULL: as usual */
    void *progress_arg;
    struct arena *arena; /* of messages */
};

/* ---- interruption ---- */

/*
 * While a change is under way, the first SIGINT or SIGTERM asks policyd to
 * undo it, and the second gives up waiting.  The handler only puts a byte into
 * a pipe that is polled together with the connection, so that none is lost
 * whenever it comes.
 */
static int wake_pipe[2] = { -1, -1 };
static volatile sig_atomic_t n_interrupts;

static const char gave_up_text[] =
    "\nxl-vdc: not waiting any more; what came of it is not known\n"
    "  'xl-vdc list' and 'xl-vdc events' show it\n";

static void on_interrupt(int signal_number)
{
    int saved = errno;
    ssize_t n;
    if (++n_interrupts > 1) {
        n = write(STDERR_FILENO, gave_up_text, sizeof(gave_up_text) - 1);
        _exit(128 + signal_number);
    }
    n = write(wake_pipe[1], "", 1);
    (void)n;
    errno = saved;
}

static const int interrupts[] = { SIGINT, SIGTERM };
#define N_INTERRUPTS (sizeof(interrupts) / sizeof(interrupts[0]))
static struct sigaction before[N_INTERRUPTS];

/* What whoever started us wants to be ignored stays so. */
static int interrupts_begin(struct vdc_error *err)
{
    struct sigaction action = { .sa_handler = on_interrupt };
    if (wake_pipe[0] < 0 && pipe2(wake_pipe, O_CLOEXEC | O_NONBLOCK))
        return vdc_error_errno(err, VDC_E_IO, errno, "no pipe to be had");
    sigemptyset(&action.sa_mask);
    /* two at once must not run into each other */
    for (size_t i = 0; i < N_INTERRUPTS; i++)
        sigaddset(&action.sa_mask, interrupts[i]);
    for (size_t i = 0; i < N_INTERRUPTS; i++) {
        sigaction(interrupts[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN)
            sigaction(interrupts[i], &action, NULL);
    }
    return 0;
}

static void interrupts_end(void)
{
    for (size_t i = 0; i < N_INTERRUPTS; i++)
        sigaction(interrupts[i], &before[i], NULL);
}

bool client_interrupted(void)
{
    return n_interrupts > 0;
}

/* ---- connection ---- */

static const char guest_hint[] =
    "on the host channeld and policyd must run, and the rules of channels "
    "must allow 'policy'; if this is the host, 'systemctl start "
    "xen-vdc-policyd'";

static const char away_hint[] =
    "does policyd's domain run ('xl list')? resourced starts it by itself, "
    "and channeld must run; of a policyd on the host: 'systemctl start "
    "xen-vdc-policyd'";

static int explain_connect(const struct command_args *args, int rc,
                           struct vdc_error *err)
{
    char why[sizeof(err->text)] = "";
    if (err)
        memcpy(why, err->text, sizeof(why));
    if (road_is_join(args->socket))
        return rc; /* it says what there is to be said */
    if (road_is_tls(args->socket)) {
        if (rc == VDC_E_NO_DAEMON)
            vdc_error_hint(err, "is it running, with a tls_address? "
                                "-H and $" REMOTE_HOST_ENV " name it");
    } else if (road_is_channel(args->socket) && !road_is_guest(args->socket)) {
        vdc_error_hint(err, "%s", away_hint);
        vdc_error_prefix(err, "cannot reach policyd at %s", args->socket);
        /* that nobody offers it is no word about what was asked for */
        if (rc == VDC_E_NOT_FOUND)
            rc = VDC_E_NO_DAEMON;
        if (err)
            err->code = rc;
    } else if (road_is_channel(args->socket)) {
        if (err && !err->hint[0])
            vdc_error_hint(err, "%s", guest_hint);
        vdc_error_prefix(err, "cannot reach policyd from inside a guest");
    } else if (rc == VDC_E_DENIED) {
        vdc_error_set(err, rc, "no permission to talk to policyd at %s",
                      args->socket);
        vdc_error_hint(err, "ask the operator to name your account with "
                            "'xl-vdc customer-create NAME --user YOU'");
    } else if (rc == VDC_E_NO_DAEMON) {
        vdc_error_set(err, rc, "cannot reach policyd at %s", args->socket);
        vdc_error_hint(err, "is it running? 'systemctl status "
                            "xen-vdc-policyd', and 'systemctl start "
                            "xen-vdc-policyd'; xl-vdc runs on the host, or "
                            "--socket names another socket");
    } else {
        vdc_error_set(err, rc, "cannot talk to policyd at %s: %s",
                      args->socket, why);
    }
    return rc;
}

static int greet(struct client *client, struct vdc_error *err)
{
    struct wire_hello hello;
    wire_init(&wire_struct_hello, &hello);
    hello.program = "xl-vdc";
    hello.version = PACKAGE_VERSION;
    hello.protocol = WIRE_PROTOCOL;
    /* who joins is nobody yet */
    int rc = road_is_join(client->args->socket)
        ? 0
        : token_from_environment(client->args->arena, &hello.token, err);
    if (rc)
        return rc;
    hello.guest = client->args->as_guest;
    rc = client_send(client, WIRE_MSG_hello, &hello, err);
    struct wire_frame frame;
    if (rc == 0)
        rc = client_receive(client, HELLO_TIMEOUT_MS, client->args->arena,
                            &frame, err);
    if (rc == VDC_E_TIMEOUT) {
        vdc_error_set(err, rc, "policyd at %s does not answer",
                      client->args->socket);
        vdc_error_hint(err, "'journalctl -u xen-vdc-policyd' may say why");
    }
    if (rc)
        return rc;
    const struct wire_hello *theirs = frame.body;
    if (frame.message->number == WIRE_MSG_hello &&
        theirs->protocol == WIRE_PROTOCOL)
        return 0;
    if (frame.message->number != WIRE_MSG_hello)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "what answers at %s does not say hello",
                             client->args->socket);
    vdc_error_set(err, VDC_E_PROTOCOL,
                  "%s %s at %s speaks protocol %u, xl-vdc %s speaks protocol "
                  "%d", output_clean(client->args->arena, theirs->program),
                  output_clean(client->args->arena, theirs->version),
                  client->args->socket, theirs->protocol, PACKAGE_VERSION,
                  WIRE_PROTOCOL);
    vdc_error_hint(err, "install the same version of both");
    return VDC_E_PROTOCOL;
}

int client_open(const struct command_args *args, struct client **ret,
                struct vdc_error *err)
{
    struct road *road;
    int rc = road_open(args->socket, &road, err);
    if (rc)
        return explain_connect(args, rc, err);
    struct client *client = XNEW(struct client);
    client->args = args;
    client->arena = args->arena;
    client->road = road;
    rc = greet(client, err);
    if (rc) {
        client_close(client);
        return rc;
    }
    *ret = client;
    return 0;
}

void client_close(struct client *client)
{
    if (!client)
        return;
    road_close(client->road);
    free(client);
}

int client_wait(struct client *client, int other, bool *ret_here,
                bool *ret_other, struct vdc_error *err)
{
    return road_wait(client->road, other, ret_here, ret_other, err);
}

/* ---- messages ---- */

static void show_progress(struct client *client,
                          const struct wire_progress *progress)
{
    const struct command_args *args = client->args;
    if (client->on_progress &&
        client->on_progress(client->progress_arg, progress,
                            &client->progress_shown))
        return;
    if (args->quiet || args->format == FORMAT_JSON || !isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "\r\033[K[%u/%u] %s", progress->step, progress->n_steps,
            output_clean(args->arena, progress->text));
    fflush(stderr);
    client->progress_shown = true;
}

void client_set_arena(struct client *client, struct arena *arena)
{
    client->arena = arena ? arena : client->args->arena;
}

void client_on_progress(struct client *client, client_progress_fn *fn,
                        void *arg)
{
    client->on_progress = fn;
    client->progress_arg = arg;
}

static void clear_progress(struct client *client)
{
    if (client->progress_shown)
        fputs("\r\033[K", stderr);
    client->progress_shown = false;
}

int client_send(struct client *client, enum wire_message_number number,
                const void *body, struct vdc_error *err)
{
    uint8_t *data;
    size_t size;
    int rc = wire_encode(number, ++client->last_id, body, client->arena,
                         &data, &size, err);
    if (rc == 0)
        rc = road_send(client->road, data, size, err);
    return rc;
}

static int explain_closed(int rc, struct vdc_error *err)
{
    if (rc != VDC_E_CLOSED)
        return rc;
    vdc_error_set(err, rc, "policyd closed the connection");
    vdc_error_hint(err, "if it was restarted, 'xl-vdc list' shows what "
                        "became of what was asked for");
    return rc;
}

/* The next message.  Progress is shown; while a change is under way it is
 * returned too, so that an interruption is seen between two of them. */
static int receive(struct client *client, int timeout_ms, struct arena *arena,
                   struct wire_frame *ret, struct vdc_error *err)
{
    for (;;) {
        uint8_t *data;
        size_t size;
        int rc = road_receive(client->road, timeout_ms, &data, &size, err);
        if (rc)
            return explain_closed(rc, err);
        rc = wire_decode(data, size, arena, ret, err);
        free(data);
        if (rc)
            return rc;
        if (ret->message->number != WIRE_MSG_progress) {
            clear_progress(client);
            return 0;
        }
        show_progress(client, ret->body);
        if (client->request)
            return 0;
    }
}

static int take_error(const struct wire_frame *frame, struct vdc_error *err)
{
    struct vdc_error theirs;
    wire_error_take(frame->body, &theirs);
    if (err)
        *err = theirs;
    return theirs.code;
}

int client_receive(struct client *client, int timeout_ms, struct arena *arena,
                   struct wire_frame *ret, struct vdc_error *err)
{
    int rc = receive(client, timeout_ms, arena, ret, err);
    if (rc)
        return rc;
    return ret->message->number == WIRE_MSG_error ? take_error(ret, err) : 0;
}

/* ---- a request, and Ctrl-C while it is under way ---- */

static void note(struct client *client, const char *text)
{
    clear_progress(client);
    output_note(client->args, "%s", text);
}

static int send_cancel(struct client *client, struct vdc_error *err)
{
    struct wire_cancel cancel;
    char byte;
    while (read(wake_pipe[0], &byte, 1) > 0)
        ;
    if (client->cancel)
        return 0;
    note(client, "cancelling ...; Ctrl-C again stops waiting for it");
    wire_init(&wire_struct_cancel, &cancel);
    cancel.request = client->request;
    int rc = client_send(client, WIRE_MSG_cancel, &cancel, err);
    client->cancel = client->last_id;
    /* What policyd said before it closed may still be there to be read. */
    return rc == VDC_E_CLOSED ? 0 : rc;
}

/* Until the connection has something to say. */
static int wait_or_cancel(struct client *client, struct vdc_error *err)
{
    for (;;) {
        bool here, interrupted;
        int rc = road_wait(client->road, wake_pipe[0], &here, &interrupted,
                           err);
        if (rc == 0 && interrupted)
            rc = send_cancel(client, err);
        if (rc || here)
            return rc;
    }
}

/* The answer to the request, as opposed to one to its cancel. */
static int await_answer(struct client *client, struct wire_frame *ret,
                        struct vdc_error *err)
{
    for (;;) {
        int rc = wait_or_cancel(client, err);
        if (rc == 0)
            rc = receive(client, -1, client->arena, ret, err);
        if (rc || (ret->id != client->cancel &&
                   ret->message->number != WIRE_MSG_progress))
            return rc;
        if (ret->id == client->cancel &&
            ret->message->number == WIRE_MSG_error)
            note(client, "it cannot be cancelled and goes on");
    }
}

static int answer_to_change(struct client *client,
                            enum wire_message_number number, uint32_t id,
                            struct wire_frame *ret, struct vdc_error *err)
{
    client->request = id;
    client->cancel = 0;
    int rc = await_answer(client, ret, err);
    /* of a plan the rest is cancelled, which its report says */
    if (rc == 0 && client->cancel && ret->message->number != WIRE_MSG_error &&
        number != WIRE_MSG_moves_follow)
        note(client, "it was too late to cancel: it is done");
    client->request = 0;
    return rc;
}

/* Looking is never undone, whatever command does it. */
static bool is_look(enum wire_message_number number)
{
    return number == WIRE_MSG_partition_list ||
        number == WIRE_MSG_partition_show ||
        number == WIRE_MSG_device_list || number == WIRE_MSG_customer_list ||
        number == WIRE_MSG_lease_list;
}

int client_request(struct client *client, enum wire_message_number number,
                   const void *body, const void **ret_body,
                   struct vdc_error *err)
{
    bool changes = (client->args->command->flags &
                    (COMMAND_CHANGES | COMMAND_ACTS)) &&
        !client->args->dry_run && !is_look(number);
    struct wire_frame frame;
    int rc = changes ? interrupts_begin(err) : 0;
    if (rc)
        return rc;
    rc = client_send(client, number, body, err);
    uint32_t id = client->last_id;
    if (rc == 0)
        rc = changes ? answer_to_change(client, number, id, &frame, err)
                     : receive(client, -1, client->arena, &frame, err);
    if (changes)
        interrupts_end();
    clear_progress(client);
    if (rc)
        return rc;
    const struct wire_message *asked = wire_message_by_number(number);
    if (frame.id == id && frame.message->number == WIRE_MSG_error)
        return take_error(&frame, err);
    if (strcmp(frame.message->name, asked->reply) || frame.id != id)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "policyd answered %s with %s", asked->name,
                             frame.message->name);
    if (ret_body)
        *ret_body = frame.body;
    return 0;
}

int client_list(struct client *client, enum wire_message_number number,
                const void *query, const void **ret_body,
                struct vdc_error *err)
{
    struct wire_pages pages;
    int rc = 0;
    wire_pages_init(&pages, number, query, client->args->arena);
    while (rc == 0 && pages.more) {
        const void *body;
        rc = client_request(client, number, pages.query, &body, err);
        if (rc == 0)
            rc = wire_pages_add(&pages, body, err);
    }
    if (rc == 0)
        *ret_body = pages.list;
    return rc;
}

int client_ask(const struct command_args *args,
               enum wire_message_number number, const void *body,
               const void **ret_body, struct vdc_error *err)
{
    struct client *client;
    int rc = client_open(args, &client, err);
    if (rc)
        return rc;
    rc = wire_has_pages(wire_message_by_number(number))
        ? client_list(client, number, body, ret_body, err)
        : client_request(client, number, body, ret_body, err);
    client_close(client);
    return rc;
}
