/*
 * The terminal of `top`; see screen.h.
 */
#include "xl-ext/screen.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* Another buffer than what was printed before, without a cursor. */
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"

static struct termios before;
static volatile sig_atomic_t begun;

/* May be called from a handler. */
static void restore(void)
{
    if (!begun)
        return;
    begun = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    if (write(STDOUT_FILENO, LEAVE, strlen(LEAVE)) < 0)
        return; /* then nobody looks at it any more */
}

static void on_deadly(int number)
{
    restore();
    signal(number, SIG_DFL);
    raise(number);
}

/* Only to wake who waits for a key. */
static void on_size(int number)
{
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action = { .sa_handler = handler };

    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

static void enter(void)
{
    struct termios raw = before;

    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    begun = 1;
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    printf(ENTER);
    fflush(stdout);
}

/* Stopped by Ctrl-Z the terminal is the shell's. */
static void on_stop(int number)
{
    restore();
    raise(SIGSTOP);
    tcgetattr(STDIN_FILENO, &before);
    if (write(STDOUT_FILENO, ENTER, strlen(ENTER)) < 0)
        return;
    struct termios raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    begun = 1;
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

bool screen_begin(void)
{
    static const int deadly[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGSEGV,
                                  SIGABRT };

    if (!isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &before))
        return false;
    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
        handle(deadly[i], on_deadly);
    handle(SIGTSTP, on_stop);
    handle(SIGWINCH, on_size);
    enter();
    return true;
}

void screen_end(void)
{
    fflush(stdout);
    restore();
}

void screen_size(unsigned *ret_lines, unsigned *ret_columns)
{
    struct winsize size = { 0 };

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row)
        size = (struct winsize){ .ws_row = 24, .ws_col = 80 };
    *ret_lines = size.ws_row;
    *ret_columns = size.ws_col ? size.ws_col : 80;
}

void screen_clear(void)
{
    printf("\033[H\033[J");
}

int screen_key(unsigned ms)
{
    struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
    unsigned char key;

    if (poll(&in, 1, (int)ms) != 1)
        return -1;
    return read(STDIN_FILENO, &key, 1) == 1 && key ? key : 0;
}
