/* A client of the benchmark of policyd, which waits for each answer. */
#ifndef TESTS_BENCH_BENCH_POLICYD_H
#define TESTS_BENCH_BENCH_POLICYD_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/wire.h"

/* Says hello; -1: nobody answers. */
int client_connect(const char *path);
/* False: the connection ended. */
bool client_send(int fd, enum wire_message_number number, uint32_t id,
                 const void *body);
/* The same; an answer that is an error ends the program. */
bool client_receive(int fd);

#endif
