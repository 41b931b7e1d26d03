/*
 * For tests of channeld: the real daemon on a simulated host, real channelds
 * of guests, and programs that speak with them, all in one event loop.
 */
#ifndef TESTS_SIM_CHANNEL_BED_H
#define TESTS_SIM_CHANNEL_BED_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/clock.h"
#include "chan/broker.h"
#include "hv/hv.h"

#define BED_GUESTS_MOST 64

extern unsigned checks_done, checks_failed;

#define CHECK(condition)                                               \
    do {                                                               \
        checks_done++;                                                 \
        if (!(condition)) {                                            \
            printf("    %s:%d: %s\n", __FILE__, __LINE__, #condition); \
            checks_failed++;                                           \
        }                                                              \
    } while (0)
/* That text has these words; says what it has instead. */
#define CHECK_HAS(text, words) check_has(text, words, __FILE__, __LINE__)
void check_has(const char *text, const char *words, const char *file,
               int line);

struct bed_guest {
    uint32_t domid; /* 0: there is none */
    char owner[32], name[32];
    char socket[128];
    pid_t pid; /* of its channeld; 0: it does not run */
};

struct bed {
    char dir[64];
    struct event_base *base;
    struct hv *hv; /* the host from outside */
    pid_t pid;     /* of channeld; 0: it does not run */
    char socket[128], guests_socket[128];
    struct bed_guest guests[BED_GUESTS_MOST];
    unsigned n_guests;
};

/* ---- tests ---- */

struct bed_test {
    const char *name;
    void (*run)(void);
};

/* Runs those whose names have argv[1], if there is one; for main to return. */
int bed_main(const struct bed_test *tests, size_t n_tests, int argc,
             char **argv);

/* ---- the host and its guests ---- */

/* rules: text of the rules' file; conf: more lines of channeld.conf. */
struct bed *bed_new(const char *rules, const char *conf);
/* Ends all, removes the folder. */
void bed_free(struct bed *bed);
const char *bed_path(const struct bed *bed, const char *name);
void bed_write(const struct bed *bed, const char *name, const char *text);

/* Until it listens. */
void bed_start(struct bed *bed);
/* Signal, and until it has ended: exit status, or 128 + signal. */
int bed_stop(pid_t *pid, int signal_number);
/* A partition, as resourced publishes it; its number in `guests`. */
unsigned bed_add_guest(struct bed *bed, const char *owner, const char *name);
void bed_start_guest(struct bed *bed, unsigned i);
/* As Xen and resourced end it. */
void bed_destroy_guest(struct bed *bed, unsigned i);
/* The whole of xenstore. */
const char *bed_store(struct bed *bed, struct arena *arena);

/* Turns the loop until *done, or for some times as long (times
 * VDC_TIME_FACTOR); returns *done. */
bool bed_run(struct bed *bed, const bool *done, unsigned timeout_ms);
void bed_pause(struct bed *bed, unsigned ms);
/* $VDC_TIME_FACTOR, or 1: how much slower programs are than usual. */
unsigned bed_time_factor(void);
/* The same until a function says so. */
typedef bool bed_until_fn(void *arg);
bool bed_until(struct bed *bed, bed_until_fn *fn, void *arg,
               unsigned timeout_ms);

unsigned bed_count_fds(pid_t pid);
/* channeld's, when it has been as many for a while: what was closed at the
 * other end is seen to be. */
unsigned bed_fds_at_rest(struct bed *bed);
/* Resident memory, KiB. */
unsigned long bed_memory(pid_t pid);
bool bed_logged(const struct bed *bed, const char *words);

/* ---- programs ---- */

struct bed_end {
    struct broker_channel *channel; /* NULL: it is over */
    uint64_t id;
    bool maker, is_client;
    bool settled; /* the other end has agreed */
    int fds[LINK_FDS_MAX];
    unsigned n_fds;
    char reason[256]; /* of its end */
};

#define BED_ENDS_MOST 1024

struct bed_program {
    struct bed *bed;
    struct broker *broker;
    bool ready, lost, refuse;
    struct vdc_error error;   /* the last */
    char refused[64];         /* service that it may not offer */
    struct vdc_error refusal; /* and why */
    struct bed_end *ends[BED_ENDS_MOST];
    unsigned n_ends;
    bool done;            /* the last connect */
    struct bed_end *last; /* what it gave; NULL: error says why */
};

/* socket: of which channeld.  Waits until it is ready. */
struct bed_program *bed_program(struct bed *bed, const char *socket);
void bed_program_free(struct bed_program *program);
/* Offers, and waits until it is taken (or not: false, see refusal). */
bool bed_offer(struct bed_program *program, const char *service);
/* Connects and waits: the end, or NULL with `error`. */
struct bed_end *bed_connect(struct bed_program *program, const char *service,
                            const char *to);
/* Only begins. */
void bed_connect_begin(struct bed_program *program,
                       const struct wire_channel_connect *connect);
/* Of the program, by the channel's number; NULL: none that lives. */
struct bed_end *bed_find(struct bed_program *program, uint64_t id);
void bed_end(struct bed_program *program, struct bed_end *end);
/* Both ends have one memory and wake each other, and have a life line. */
bool bed_is_joined(const struct bed_end *a, const struct bed_end *b);
/* A request, waited for: 0 with the answer in the arena, or the error. */
int bed_ask(struct bed_program *program, enum wire_message_number number,
            const void *body, struct arena *arena, const void **ret);
/* How many channels this program sees. */
unsigned bed_count_channels(struct bed_program *program);
/* The same, with the numbers of the first `most`. */
unsigned bed_list_channels(struct bed_program *program, uint64_t *ret_ids,
                           unsigned most);

/* ---- without the library ---- */

/* A connection that says what it likes: greeted as this program. */
int raw_open(const char *socket, const char *program);
void raw_say(int fd, enum wire_message_number number, uint32_t id,
             const void *body);
/* The next message into the arena; its descriptors are closed.  0, or the
 * error of the message, or of the connection. */
int raw_hear(int fd, int timeout_ms, struct arena *arena,
             struct wire_frame *ret, struct vdc_error *err);

#endif
