/*
 * The first program of a guest that is moved (rdinit=/bin/ticks): starts
 * /init, the example guest's own, and looks at the time beside it, every
 * 10 ms, and at its own memory.  A line a second on the console:
 *
 *     tick 12 up 3400 mono 14 boot 14 real 14 checked 48 bad 0 wrote 0
 *
 * is the 12th line, 3400 ms after it began, by a clock that stands still with
 * the guest; the longest times between two looks since the line before, in
 * ms, by that clock, by one that counts what it stood still too, and by that
 * of the day; MiB that were looked at, bytes of them that were not what was
 * written there, and MiB that were written anew.  A line that the console
 * does not take at once is dropped, and the next tells for both.
 *
 * On the kernel's command line: ticks.hold=MIB (8), how much memory it holds;
 * ticks.write=KIB (0), how much of it is written each second.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 10
#define LINE_MS 1000
#define MIB ((size_t)1 << 20)
#define PAGE 4096
/* Of what it holds, at each look. */
#define CHECKED_PAGES 4
#define WRITTEN_PAGES 64

static uint64_t clock_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void sleep_ms(unsigned ms)
{
    const struct timespec time = { ms / 1000, (long)(ms % 1000) * 1000000 };

    nanosleep(&time, NULL);
}

/* ---- how long it stood still ---- */

struct gap {
    clockid_t clock;
    uint64_t last_ms, longest_ms;
};

static void gap_look(struct gap *gap)
{
    uint64_t now = clock_ms(gap->clock);

    /* That of the day may go back. */
    if (gap->last_ms && now > gap->last_ms &&
        now - gap->last_ms > gap->longest_ms)
        gap->longest_ms = now - gap->last_ms;
    gap->last_ms = now;
}

/* ---- memory ---- */

struct memory {
    uint64_t *words;
    uint32_t *written; /* of each page: how often */
    size_t n_pages, to_check, to_write;
    uint64_t checked, bad, wrote; /* pages, bytes, pages */
};

static uint64_t word_of(const struct memory *memory, size_t page, size_t i)
{
    uint64_t x = (page << 16) + i + ((uint64_t)memory->written[page] << 40);

    x = (x ^ (x >> 31)) * 0x9e3779b97f4a7c15u;
    return x ^ (x >> 29);
}

static void page_write(struct memory *memory, size_t page)
{
    uint64_t *words = memory->words + page * (PAGE / sizeof(uint64_t));

    memory->written[page]++;
    for (size_t i = 0; i < PAGE / sizeof(uint64_t); i++)
        words[i] = word_of(memory, page, i);
}

static void page_check(struct memory *memory, size_t page)
{
    const uint64_t *words = memory->words + page * (PAGE / sizeof(uint64_t));

    for (size_t i = 0; i < PAGE / sizeof(uint64_t); i++)
        if (words[i] != word_of(memory, page, i))
            memory->bad += sizeof(uint64_t);
}

static bool memory_begin(struct memory *memory, size_t mib)
{
    memory->n_pages = mib * MIB / PAGE;
    memory->words = mmap(NULL, mib * MIB, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memory->written = calloc(memory->n_pages, sizeof(*memory->written));
    if (memory->words == MAP_FAILED || !memory->written)
        return false;
    for (size_t page = 0; page < memory->n_pages; page++)
        page_write(memory, page);
    return true;
}

static void memory_look(struct memory *memory, size_t pages_to_write)
{
    for (size_t i = 0; i < CHECKED_PAGES; i++, memory->checked++) {
        page_check(memory, memory->to_check);
        memory->to_check = (memory->to_check + 1) % memory->n_pages;
    }
    for (size_t i = 0; i < pages_to_write; i++, memory->wrote++) {
        page_write(memory, memory->to_write);
        memory->to_write = (memory->to_write + 1) % memory->n_pages;
    }
}

/* What was missed while it got no time is caught up with slowly. */
static size_t pages_due(const struct memory *memory, uint64_t since_ms,
                        size_t kib_per_s)
{
    uint64_t due = since_ms * kib_per_s * 1024 / 1000 / PAGE;

    due = due > memory->wrote ? due - memory->wrote : 0;
    return due < WRITTEN_PAGES ? due : WRITTEN_PAGES;
}

/* ---- the command line ---- */

static size_t setting(const char *name, size_t usual)
{
    char line[4096] = "", *found;
    int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        ssize_t n = read(fd, line, sizeof(line) - 1);
        line[n > 0 ? n : 0] = '\0';
        close(fd);
    }
    found = strstr(line, name);
    return found ? strtoul(found + strlen(name), NULL, 10) : usual;
}

static int open_console(void)
{
    int fd;

    /* /init mounts what it is in. */
    while ((fd = open("/dev/hvc0", O_WRONLY | O_NONBLOCK | O_NOCTTY |
                                       O_CLOEXEC)) < 0 ||
           access("/proc/cmdline", R_OK) != 0) {
        if (fd >= 0)
            close(fd);
        sleep_ms(100);
    }
    return fd;
}

static void look_for_ever(int console, struct memory *memory, size_t write_kib)
{
    struct gap gaps[] = { { CLOCK_MONOTONIC, 0, 0 },
                          { CLOCK_BOOTTIME, 0, 0 },
                          { CLOCK_REALTIME, 0, 0 } };
    uint64_t begun = clock_ms(CLOCK_MONOTONIC), told = begun;
    unsigned n = 0;

    for (;;) {
        char line[200];
        uint64_t now = clock_ms(CLOCK_MONOTONIC);

        for (size_t i = 0; i < 3; i++)
            gap_look(&gaps[i]);
        memory_look(memory, pages_due(memory, now - begun, write_kib));
        if (now - told >= LINE_MS) {
            int size = snprintf(
                line, sizeof(line),
                "tick %u up %llu mono %llu boot %llu real %llu checked %llu "
                "bad %llu wrote %llu\n",
                n + 1, (unsigned long long)(now - begun),
                (unsigned long long)gaps[0].longest_ms,
                (unsigned long long)gaps[1].longest_ms,
                (unsigned long long)gaps[2].longest_ms,
                (unsigned long long)(memory->checked * PAGE / MIB),
                (unsigned long long)memory->bad,
                (unsigned long long)(memory->wrote * PAGE / MIB));
            if (write(console, line, (size_t)size) == size) {
                n++;
                for (size_t i = 0; i < 3; i++)
                    gaps[i].longest_ms = 0;
            }
            told = now;
        }
        sleep_ms(LOOK_MS);
    }
}

int main(void)
{
    if (fork() != 0) {
        execl("/init", "/init", (char *)NULL);
        perror("/init");
        return 1;
    }
    struct memory memory = { 0 };
    int console = open_console();
    size_t hold = setting("ticks.hold=", 8);
    if (!memory_begin(&memory, hold > 0 ? hold : 1)) {
        dprintf(console, "tick: no memory: %s\n", strerror(errno));
        return 1;
    }
    look_for_ever(console, &memory, setting("ticks.write=", 0));
}
