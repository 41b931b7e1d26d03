/*
 * For tests of policyd: real policyd and real resourced on a simulated host,
 * in a folder of their own, and clients that speak to policyd as any user.
 */
#ifndef TESTS_SIM_TEST_POLICYD_BED_H
#define TESTS_SIM_TEST_POLICYD_BED_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/arena.h"
#include "wire/wire.h"

/* ---- results ---- */

extern unsigned checks_failed; /* in this test */
extern const char *skipped;    /* why this test cannot run here */

#define CHECK(condition)                                               \
    do {                                                               \
        if (!(condition)) {                                            \
            printf("    %s:%d: %s\n", __FILE__, __LINE__, #condition); \
            checks_failed++;                                           \
        }                                                              \
    } while (0)
/* The last answer's code; prints what came instead. */
#define CHECK_CODE(code) check_code(code, __FILE__, __LINE__)
#define CHECK_TEXT(words) check_text(words, __FILE__, __LINE__)

void check_code(int code, const char *file, int line);
void check_text(const char *words, const char *file, int line);
/* A number of the environment. */
unsigned bed_setting(const char *name, unsigned fallback);
/* For what only root can test; false, and the test counts as skipped. */
bool need_root(void);

/* ---- daemons ---- */

#define OPERATOR ((uid_t)-1) /* who runs the test */
/* Users of the two customers; no accounts are needed. */
#define ACME_UID 54001
#define GLOBEX_UID 54002
#define NOBODY_UID 54003

struct bed {
    char dir[64];
    const char *sim;          /* more options of the simulator */
    const char *fault;        /* VDC_SIM_FAULT of resourced's next start */
    const char *conf;         /* more lines for policyd.conf */
    bool etcd;                /* the store is there: test_policyd_etcd.h */
    uint64_t file_limit;      /* of policyd's next start; 0: none */
    pid_t resourced, policyd; /* 0: does not run */
};

void bed_open(struct bed *bed);
/* Stops both in good order, checks how they ended, removes the folder. */
void bed_close(struct bed *bed);
const char *bed_path(const struct bed *bed, const char *name);
/* Both, and waits until they know each other. */
void bed_start(struct bed *bed);
void bed_start_policyd(struct bed *bed);
void bed_start_resourced(struct bed *bed);
/* A daemon with settings of its own; its log is the bed's. */
pid_t bed_spawn(const struct bed *bed, const char *program, const char *conf);
/* Waits until policyd reaches resourced (or until it does not). */
bool bed_wait_joined(const struct bed *bed, bool joined);
void bed_kill(pid_t *pid, int sig);
/* Waits for its end: the exit status, or 128 + signal. */
int bed_wait(pid_t *pid);
bool bed_has_ended(pid_t pid); /* without waiting */
bool bed_logged(const struct bed *bed, const char *words);
void bed_file(const struct bed *bed, const char *name, long size);
void sleep_ms(unsigned ms);
/* Customers acme (1 GiB, 8 vcpus, 1 GiB disk, 8 guests) and globex. */
void bed_customers(const struct bed *bed);

/* ---- clients ---- */

struct client {
    int fd;
    uint32_t id;
    unsigned n_progress, n_events;
    void (*on_event)(const struct wire_event *event);
};

extern struct vdc_error last_error; /* of the last call; code 0: none */
extern struct arena *answers;       /* freed after each test */

bool client_open_raw(const struct bed *bed, struct client *c, uid_t uid);
bool client_open(const struct bed *bed, struct client *c, uid_t uid);
void client_close(struct client *c);
bool client_send(struct client *c, enum wire_message_number number,
                 const void *body);
/* The next message; false: closed, or nothing in time. */
bool client_receive(struct client *c, struct wire_frame *ret, int timeout_ms);
/* Until the answer; NULL: an error, in last_error. */
const void *client_wait(struct client *c);
const void *client_call(struct client *c, enum wire_message_number number,
                        const void *body);
/* A connection of its own for one request. */
const void *ask(const struct bed *bed, uid_t uid,
                enum wire_message_number number, const void *body);

/* ---- common requests ---- */

/* 64 MiB, 1 vcpu, the kernel that every customer may use. */
struct wire_partition_create guest(const struct bed *bed, const char *name);
const struct wire_partition_reply *
create(const struct bed *bed, uid_t uid,
       const struct wire_partition_create *order);
struct wire_partition_ref ref(const char *customer, const char *name);
const struct wire_partition_reply *act(const struct bed *bed, uid_t uid,
                                       enum wire_message_number number,
                                       const struct wire_partition_ref *r);
const struct wire_partition_list *list(const struct bed *bed, uid_t uid,
                                       const char *customer, bool foreign);
const struct wire_partition *find(const struct wire_partition_list *l,
                                  const char *customer, const char *name);
struct wire_operation operation(enum wire_operation_kind kind,
                                const char *customer, const char *name);
/* create, of what guest() makes; not started */
struct wire_operation creation(const struct bed *bed, const char *customer,
                               const char *name);
const struct wire_transaction_reply *
transact(const struct bed *bed, uid_t uid, struct wire_operation *operations,
         uint32_t n);
/* A new bed, both daemons, bed_customers, and acme's guest "web" of that. */
void bed_with_web(struct bed *bed);
struct wire_lease lease(const char *owner, unsigned mib);
/* The first of the answer, or NULL. */
const struct wire_lease *make_lease(const struct bed *bed, uid_t uid,
                                    const struct wire_lease *l);
const struct wire_lease_list *lease_list(const struct bed *bed, uid_t uid,
                                         const char *owner);
const struct wire_usage *usage(const struct bed *bed, const char *customer);

/* ---- tests, by file ---- */

struct sim_test {
    const char *name;
    void (*run)(void);
};

/* Runs those of the lists whose names have argv[1], if there is one; for
 * main to return. */
int sim_tests_run(const struct sim_test *const *lists, size_t n_lists,
                  int argc, char **argv);

extern const struct sim_test tests_requests[], tests_isolation[],
    tests_failures[], tests_streams[], tests_changes[], tests_deaths[],
    tests_leases[], tests_keys[], tests_pages[], tests_etcd[],
    tests_transfer[], tests_customers[];

#endif
