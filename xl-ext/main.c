/*
 * xl-vdc: the command line for customers and operators, in xl's habits.
 */
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "xl-ext/command.h"
#include "xl-ext/generate.h"
#include "xl-ext/output.h"

/* `xl-vdc ... | head`: as other programs it dies of it, without words. */
static void end_if_unread(void)
{
    struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

    if (poll(&out, 1, 0) != 1 || !(out.revents & (POLLERR | POLLHUP)))
        return;
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
}

/* A full disk must not look like success. */
static int finish_output(const struct command_args *args, int rc,
                         struct vdc_error *err)
{
    if (rc == VDC_E_IO && !err->text[0])
        end_if_unread();
    if (fflush(stdout) == 0 && !ferror(stdout))
        return rc;
    if (rc == 0) {
        end_if_unread();
        rc = vdc_error_set(err, VDC_E_IO, "the output could not be written");
        output_error(args, err);
    }
    return rc;
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    /* Writing to a policyd that went away is an error, not a death. */
    signal(SIGPIPE, SIG_IGN);
    if (argc == 2 && generate_is_request(argv[1]))
        return generate_run(argv[1]);

    struct arena *arena = arena_new();
    struct command_args args;
    struct vdc_error err = { 0 };
    int rc = command_parse(argc - 1, argv + 1, arena, &args, &err);
    if (rc == 0)
        rc = args.command->run(&args, &err);
    /* A command that has explained its errors itself leaves no text. */
    if (rc && err.text[0])
        output_error(&args, &err);
    rc = finish_output(&args, rc, &err);
    int status = vdc_error_exit_status(rc);
    arena_free(arena);
    return status;
}
