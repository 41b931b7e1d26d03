/* Daemons from outside; see process.h. */
#include "tests/sim/process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

unsigned process_count_fds(pid_t pid)
{
    char path[64];
    unsigned n = 0;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

uint64_t process_rss_kib(pid_t pid)
{
    char path[64];
    unsigned long size = 0, rss = 0;

    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    if (fscanf(f, "%lu %lu", &size, &rss) != 2)
        rss = 0;
    fclose(f);
    return (uint64_t)rss * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

bool process_logged(const char *path, const char *words)
{
    FILE *f = fopen(path, "r");
    char line[4096];
    bool found = false;

    while (f && !found && fgets(line, sizeof(line), f))
        found = strstr(line, words) != NULL;
    if (f)
        fclose(f);
    return found;
}
