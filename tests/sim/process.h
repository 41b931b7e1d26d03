/* What a test sees of a daemon from outside. */
#ifndef TESTS_SIM_PROCESS_H
#define TESTS_SIM_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* Open descriptors; 0: there is no such process. */
unsigned process_count_fds(pid_t pid);
/* Whether a line of this file has the words. */
bool process_logged(const char *path, const char *words);

#endif
