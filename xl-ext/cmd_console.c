/*
 * console: bytes between this terminal and a guest's console, through
 * policyd.
 *
 * On a terminal every key goes to the guest, Ctrl-C too; Ctrl-] leaves.  In a
 * pipe the input is sent as it is; its end leaves too, as with xl.
 */
#include "xl-ext/console.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "xl-ext/families.h"
#include "xl-ext/guest.h"
#include "xl-ext/output.h"

#define ESCAPE 0x1d /* Ctrl-] */
#define INPUT_MAX 4096
#define FRAME_TIMEOUT_MS 10000

/* ---- the terminal ---- */

static struct termios saved_terminal;
static volatile sig_atomic_t terminal_is_raw;

/* Called from a signal handler too: tcsetattr is allowed there. */
static void terminal_restore(void)
{
    if (terminal_is_raw)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved_terminal);
    terminal_is_raw = 0;
}

static void on_end(int signal_number)
{
    terminal_restore();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void terminal_make_raw(void)
{
    static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved_terminal))
        return;
    struct sigaction action = { .sa_handler = on_end };
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        sigaction(ends[i], &action, NULL);
    atexit(terminal_restore);
    terminal_is_raw = 1;
    struct termios raw = saved_terminal;
    cfmakeraw(&raw);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
}

/* ---- the bytes ---- */

struct console {
    const struct command_args *args;
    struct client *client;
    bool read_only;
    bool left; /* by the user */
};

static int write_all(const uint8_t *data, size_t size, struct vdc_error *err)
{
    while (size) {
        ssize_t n = write(STDOUT_FILENO, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return vdc_error_errno(err, VDC_E_IO, errno,
                                   "the console's output cannot be written");
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

static int forward_input(struct console *c, struct vdc_error *err)
{
    uint8_t input[INPUT_MAX];
    ssize_t n = read(STDIN_FILENO, input, sizeof(input));
    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 0
            : vdc_error_errno(err, VDC_E_IO, errno,
                              "the console's input cannot be read");
    if (n == 0) {
        c->left = true;
        return 0;
    }
    size_t size = (size_t)n;
    const uint8_t *escape = memchr(input, ESCAPE, size);
    if (escape) {
        size = (size_t)(escape - input);
        c->left = true;
    }
    if (size == 0)
        return 0;
    struct wire_console_data data;
    wire_init(&wire_struct_console_data, &data);
    data.data = input;
    data.n_data = (uint32_t)size;
    return client_send(c->client, WIRE_MSG_console_data, &data, err);
}

static int forward_output(struct console *c, struct vdc_error *err)
{
    struct wire_frame frame;
    struct arena *arena = arena_new();
    int rc = client_receive(c->client, FRAME_TIMEOUT_MS, arena, &frame, err);
    if (rc == 0 && frame.message->number != WIRE_MSG_console_data)
        rc = vdc_error_set(err, VDC_E_PROTOCOL,
                           "policyd sent %s instead of the console's output",
                           frame.message->name);
    if (rc == 0) {
        const struct wire_console_data *data = frame.body;
        rc = write_all(data->data, data->n_data, err);
    }
    arena_free(arena);
    return rc;
}

/* Until the user leaves (0) or the other end closes (VDC_E_CLOSED). */
static int forward(struct console *c, struct vdc_error *err)
{
    int input = c->read_only ? -1 : STDIN_FILENO, rc = 0;
    while (rc == 0 && !c->left) {
        bool printed, typed;
        rc = client_wait(c->client, input, &printed, &typed, err);
        if (rc == 0 && printed)
            rc = forward_output(c, err);
        if (rc == 0 && typed)
            rc = forward_input(c, err);
    }
    return rc;
}

int console_run(const struct command_args *args,
                const struct wire_partition_ref *ref, const char *name,
                bool read_only, struct vdc_error *err)
{
    struct console c = { .args = args, .read_only = read_only };
    int rc = client_open(args, &c.client, err);
    if (rc)
        return rc;
    rc = client_request(c.client, WIRE_MSG_console_attach, ref, NULL, err);
    if (rc == 0) {
        bool terminal = isatty(STDIN_FILENO) && !read_only;
        if (terminal) {
            output_note(args, "console of %s; Ctrl-] leaves it", name);
            terminal_make_raw();
        }
        rc = forward(&c, err);
        terminal_restore();
        if (terminal)
            fputs("\n", stderr);
        if (rc == VDC_E_CLOSED)
            output_note(args, "the console of %s was closed", name);
        /* A guest that ends is no error of the console. */
        if (rc == VDC_E_CLOSED)
            rc = 0;
    }
    client_close(c.client);
    return rc;
}

static int run_console(const struct command_args *args, struct vdc_error *err)
{
    struct wire_partition_ref ref;
    int rc = guest_ref(args, args->arguments[0], &ref, err);
    if (rc)
        return rc;
    return console_run(args, &ref, args->arguments[0],
                       command_given(args, "read-only"), err);
}

static const struct command_option console_options[] = {
    GUEST_CUSTOMER_OPTION,
    { 'r', "read-only", NULL, COMPLETE_NOTHING,
      "Type nothing, and show what the guest prints until its console is "
      "closed" },
    { 0 }
};

static const struct command_example console_examples[] = {
    { "xl-vdc console web", "Sit at the guest's console; Ctrl-] leaves." },
    { "xl-vdc console --read-only web >web.log",
      "Write down what the guest prints, until it stops." },
    { "(echo uptime; sleep 1) | xl-vdc console web",
      "Type a line, and leave after a second." },
    { NULL, NULL }
};

static const struct command console_commands[] = {
    { "console", NULL, "GUEST", 1, 1, 0, COMPLETE_GUESTS, console_options,
      "Connect to a guest's console",
      "On a terminal every key goes to the guest, and Ctrl-] leaves. In a "
      "pipe the input is sent as it is, and its end leaves.\n"
      "\n"
      "The bytes are the guest's and are printed as they are.",
      console_examples, run_console },
};

const struct command_family family_console = {
    "Consoles", console_commands,
    sizeof(console_commands) / sizeof(console_commands[0])
};
