/* Tests of watchdogd/identity.c: certificates that are replaced, go, and are
 * on a disk that stands still. */
#include "watchdogd/identity.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/textfile.h"
#include "base/tls_issue.h"
#include "tests/unit/unit.h"

#define DAY_MS UINT64_C(86400000)

static char folder[64], *path, *other_path;
static struct event_base *base;
static struct identity identity;

/* A host's certificate, its key, and that of who vouches for it. */
static void put(const char *name)
{
    uint64_t now = clock_wall().ms;
    const struct tls_issue_for whom = { name, "host", now - DAY_MS,
                                        now + DAY_MS };
    char *ca_key, *ca_own, *ca, *key, *request, *own, *all;

    CU_ASSERT_EQUAL_FATAL(tls_issue_key(&ca_key, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tls_issue_authority(ca_key, "test", now - DAY_MS,
                                              now + DAY_MS, &ca_own, NULL),
                          0);
    ca = xasprintf("%s%s", ca_own, ca_key);
    CU_ASSERT_EQUAL_FATAL(tls_issue_key(&key, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tls_issue_request(key, &request, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tls_issue_grant(ca, request, &whom, &own, NULL), 0);
    all = xasprintf("%s%s%s", own, key, ca_own);
    CU_ASSERT_EQUAL_FATAL(textfile_write(path, 0600, all, NULL), 0);
    tls_issue_free(ca_key);
    tls_issue_free(ca);
    tls_issue_free(key);
    tls_issue_free(all);
    free(ca_own);
    free(request);
    free(own);
}

static void begin(const char *name)
{
    strcpy(folder, "/tmp/xen-vdc-identity-XXXXXX");
    if (!mkdtemp(folder))
        abort();
    path = xasprintf("%s/host.pem", folder);
    other_path = xasprintf("%s/other", folder);
    base = event_base_new();
    if (name)
        put(name);
    identity_init(&identity, base, folder);
}

static void end(void)
{
    identity_fini(&identity);
    event_base_free(base);
    unlink(path);
    unlink(other_path);
    rmdir(folder);
    free(path);
    free(other_path);
}

static void nothing(evutil_socket_t fd, short what, void *arg)
{
}

static void go_on(unsigned ms)
{
    const struct timeval tv = { 0, ms * 1000 };

    event_base_once(base, -1, EV_TIMEOUT, nothing, NULL, &tv);
    event_base_loop(base, EVLOOP_ONCE);
}

/* As the beat does, until it has this name, or for some seconds. */
static bool becomes(const char *name)
{
    for (unsigned i = 0; i < 100 * unit_time_factor(); i++) {
        if (strcmp(identity.name, name) == 0)
            return true;
        identity_look(&identity);
        go_on(50);
    }
    return false;
}

static void replaced(void)
{
    begin("alpha");
    CU_ASSERT_STRING_EQUAL(identity.name, "alpha");
    CU_ASSERT_PTR_NOT_NULL(identity.server);
    const struct tls *before = identity.client;
    identity_look(&identity);
    go_on(200);
    CU_ASSERT_PTR_EQUAL(identity.client, before); /* it is the same */
    put("beta");
    CU_ASSERT(becomes("beta"));
    CU_ASSERT_EQUAL(textfile_write(path, 0600, "nonsense", NULL), 0);
    for (int i = 0; i < 4; i++) {
        identity_look(&identity);
        go_on(100);
    }
    CU_ASSERT_STRING_EQUAL(identity.name, "beta");
    CU_ASSERT_PTR_NOT_NULL(identity.client);
    unlink(path);
    for (unsigned i = 0;
         i < 40 * unit_time_factor() && !identity.told_gone; i++) {
        identity_look(&identity);
        go_on(50);
    }
    CU_ASSERT(identity.told_gone);
    CU_ASSERT_PTR_NOT_NULL(identity.client);
    end();
}

static void joins_later(void)
{
    begin(NULL);
    CU_ASSERT_PTR_NULL(identity.server);
    put("gamma");
    CU_ASSERT(becomes("gamma"));
    CU_ASSERT_PTR_NOT_NULL(identity.server);
    end();
}

/* Who opens a pipe that nobody writes to waits, as for a disk. */
static void disk_stands_still(void)
{
    uint64_t began_ms = clock_mono().ms;
    int fd = -1;

    begin("alpha");
    CU_ASSERT_EQUAL_FATAL(mkfifo(other_path, 0600), 0);
    CU_ASSERT_EQUAL_FATAL(rename(other_path, path), 0);
    for (int i = 0; i < 5; i++) {
        identity_look(&identity);
        go_on(50);
    }
    CU_ASSERT(clock_mono().ms - began_ms < 5000 * unit_time_factor());
    CU_ASSERT_STRING_EQUAL(identity.name, "alpha");
    CU_ASSERT_PTR_NOT_NULL(identity.client);
    /* it goes on, with nothing in the file */
    for (unsigned i = 0; i < 100 * unit_time_factor() && fd < 0; i++) {
        fd = open(path, O_WRONLY | O_NONBLOCK);
        if (fd < 0)
            usleep(20000);
    }
    CU_ASSERT_FATAL(fd >= 0);
    close(fd);
    unlink(path);
    put("beta");
    CU_ASSERT(becomes("beta"));
    end();
}

/* It ends though its disk stands still. */
static void ends(void)
{
    begin("alpha");
    CU_ASSERT_EQUAL_FATAL(mkfifo(other_path, 0600), 0);
    CU_ASSERT_EQUAL_FATAL(rename(other_path, path), 0);
    identity_look(&identity);
    end();
    CU_ASSERT_STRING_EQUAL(identity.name, "");
}

static const struct unit_test tests[] = {
    { "one that is replaced, wrong or gone", replaced },
    { "a host that joins later", joins_later },
    { "a disk that stands still", disk_stands_still },
    { "the end, while it does", ends },
};

UNIT_MAIN("watchdogd/identity", tests)
