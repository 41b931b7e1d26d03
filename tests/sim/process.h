/* What a test sees of a daemon from outside. */
#ifndef TESTS_SIM_PROCESS_H
#define TESTS_SIM_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Whether all is built with a sanitizer, under which it takes several times
 * the memory. */
#ifdef __has_feature
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#ifdef __SANITIZE_ADDRESS__
#define WITH_SANITIZER 1
#else
#define WITH_SANITIZER HAS_FEATURE(address_sanitizer)
#endif

/* Open descriptors; 0: there is no such process. */
unsigned process_count_fds(pid_t pid);
/* Memory that it has in the machine's; 0: there is no such process. */
uint64_t process_rss_kib(pid_t pid);
/* Whether a line of this file has the words. */
bool process_logged(const char *path, const char *words);

#endif
