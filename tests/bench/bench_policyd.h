/* What the files of the benchmark of policyd share. */
#ifndef TESTS_BENCH_BENCH_POLICYD_H
#define TESTS_BENCH_BENCH_POLICYD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/error.h"
#include "base/uuid.h"
#include "wire/wire.h"

#define GUEST_KIB (UINT64_C(4) * 1048576)
#define HOST_KIB (UINT64_C(128) * 1048576)

/* ---- bench_policyd.c ---- */

double seconds(clockid_t clock);
void die(const char *what, const struct vdc_error *err);
/* Of guest number i that `fill` makes, on host i modulo their number. */
void guest_uuid(unsigned i, struct vdc_uuid *ret);
/* What is asked for. */
void define(struct wire_partition_create *ret);

/* ---- bench_policyd_client.c: a client, which waits for each answer ---- */

/* Says hello; -1: nobody answers. */
int client_connect(const char *path);
/* False: the connection ended. */
bool client_send(int fd, enum wire_message_number number, uint32_t id,
                 const void *body);
/* The same; an answer that is an error ends the program, unless it is the one
 * that is expected: that no host has room.  The answer's body, in the arena,
 * if that is not NULL. */
extern bool client_expects_no_room;
struct arena;
bool client_receive(int fd, struct arena *arena, void **ret_body);

/* KiB, of a line of /proc/PID/status. */
unsigned long memory_of(pid_t pid, const char *what);
double cpu_of(pid_t pid);

/* ---- bench_policyd_hosts.c: resourceds that do nothing ---- */

void run_hosts(char **argv);

/* ---- bench_policyd_api.c: what a policyd that serves can do ---- */

void run_restart(char **argv);
void run_api(char **argv);
void run_serve(char **argv);

#endif
