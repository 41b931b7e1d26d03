/*
 * Talks to policyd for the commands: greeting, request, progress, answer.
 *
 * Ctrl-C while a change is under way cannot take it back, as policyd goes on
 * with it; the user is told so and how to look.
 */
#include "xl-ext/client.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/stream.h"
#include "xl-ext/output.h"

/* policyd answers a greeting at once or is not well. */
#define HELLO_TIMEOUT_MS 10000

struct client {
    const struct command_args *args;
    int fd;
    uint32_t last_id;
    bool progress_shown;
};

/* ---- interruption ---- */

static const char interrupted_text[] =
    "\nxl-vdc: interrupted; what was asked for goes on\n"
    "  'xl-vdc list' and 'xl-vdc events' show what became of it\n";

static void on_interrupt(int signal_number)
{
    ssize_t n = write(STDERR_FILENO, interrupted_text,
                      sizeof(interrupted_text) - 1);
    (void)n;
    _exit(128 + signal_number);
}

static void catch_interrupts(void (*handler)(int))
{
    struct sigaction action = { .sa_handler = handler };
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* ---- connection ---- */

static int explain_connect(const struct command_args *args, int rc,
                           struct vdc_error *err)
{
    char why[sizeof(err->text)] = "";
    if (err)
        memcpy(why, err->text, sizeof(why));
    if (rc == VDC_E_DENIED) {
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
    int rc = client_send(client, WIRE_MSG_hello, &hello, err);
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
    rc = vdc_error_set(err, VDC_E_PROTOCOL,
                       "what answers at %s does not speak protocol %d",
                       client->args->socket, WIRE_PROTOCOL);
    vdc_error_hint(err, "xl-vdc %s and policyd must be of versions that go "
                        "together", PACKAGE_VERSION);
    return rc;
}

int client_open(const struct command_args *args, struct client **ret,
                struct vdc_error *err)
{
    int fd;
    int rc = stream_blocking_connect(args->socket, &fd, err);
    if (rc)
        return explain_connect(args, rc, err);
    struct client *client = XNEW(struct client);
    client->args = args;
    client->fd = fd;
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
    close(client->fd);
    free(client);
}

int client_fd(const struct client *client)
{
    return client->fd;
}

/* ---- messages ---- */

static void show_progress(struct client *client,
                          const struct wire_progress *progress)
{
    const struct command_args *args = client->args;
    if (args->quiet || args->format == FORMAT_JSON || !isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "\r\033[K[%u/%u] %s", progress->step, progress->n_steps,
            output_clean(args->arena, progress->text));
    fflush(stderr);
    client->progress_shown = true;
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
    int rc = wire_encode(number, ++client->last_id, body, client->args->arena,
                         &data, &size, err);
    if (rc == 0)
        rc = stream_blocking_send(client->fd, data, size, err);
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

int client_receive(struct client *client, int timeout_ms, struct arena *arena,
                   struct wire_frame *ret, struct vdc_error *err)
{
    for (;;) {
        uint8_t *data;
        size_t size;
        int rc = stream_blocking_receive(client->fd, timeout_ms, &data, &size,
                                         err);
        if (rc)
            return explain_closed(rc, err);
        rc = wire_decode(data, size, arena, ret, err);
        free(data);
        if (rc)
            return rc;
        if (ret->message->number == WIRE_MSG_progress) {
            show_progress(client, ret->body);
            continue;
        }
        clear_progress(client);
        if (ret->message->number != WIRE_MSG_error)
            return 0;
        struct vdc_error theirs;
        wire_error_take(ret->body, &theirs);
        if (err)
            *err = theirs;
        return theirs.code;
    }
}

int client_request(struct client *client, enum wire_message_number number,
                   const void *body, const void **ret_body,
                   struct vdc_error *err)
{
    bool changes = (client->args->command->flags & COMMAND_CHANGES) &&
        !client->args->dry_run;
    struct wire_frame frame;
    int rc = client_send(client, number, body, err);
    if (rc)
        return rc;
    if (changes)
        catch_interrupts(on_interrupt);
    rc = client_receive(client, -1, client->args->arena, &frame, err);
    if (changes)
        catch_interrupts(SIG_DFL);
    clear_progress(client);
    if (rc)
        return rc;
    const struct wire_message *asked = wire_message_by_number(number);
    if (strcmp(frame.message->name, asked->reply) ||
        frame.id != client->last_id)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "policyd answered %s with %s", asked->name,
                             frame.message->name);
    if (ret_body)
        *ret_body = frame.body;
    return 0;
}
