/*
 * The host's certificate; see identity.h.
 *
 *   look -> the thread: stat, and read when it is another -> the loop: take
 */
#include "watchdogd/identity.h"

#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/textfile.h"
#include "base/tls_issue.h"

#define FILE_MAX 65536
#define SUBJECT "CN = " /* as tls_issue_grant makes it */

/* What one look has found. */
struct found {
    enum { FOUND_SAME, FOUND_GONE, FOUND_WRONG, FOUND_OTHER } what;
    struct vdc_error err;         /* FOUND_WRONG */
    struct tls *server, *client;  /* FOUND_OTHER */
    char name[VOTE_NAME_SIZE];    /* the same */
};

struct identity_reader {
    struct identity *identity; /* of the loop alone */
    char *path; /* of the certificates and the key, in one file */
    int pipe[2];
    struct event *event;
    bool runs, busy; /* the thread; it is looking: the rest is its own then */
    pthread_t thread;
    sem_t go;
    bool quit;
    struct stat seen;
    struct found found;
};

/* ---- reading ---- */

void identity_host_name(const struct tls_certificate *peer,
                        char ret[VOTE_NAME_SIZE])
{
    const char *name = peer->subject + strlen(SUBJECT);

    ret[0] = '\0';
    if (strcmp(peer->role, "host") == 0 &&
        strncmp(peer->subject, SUBJECT, strlen(SUBJECT)) == 0 &&
        strlen(name) < VOTE_NAME_SIZE)
        snprintf(ret, VOTE_NAME_SIZE, "%s", name);
}

static int read_name(const char *path, char ret[VOTE_NAME_SIZE],
                     struct vdc_error *err)
{
    struct tls_certificate own;
    char *text;
    int rc = textfile_read(path, FILE_MAX, &text, err);

    if (rc)
        return rc;
    rc = tls_certificate_read(text, strlen(text), &own, err);
    tls_issue_free(text);
    if (rc)
        return rc;
    identity_host_name(&own, ret);
    return *ret ? 0 : vdc_error_set(err, VDC_E_BAD_CONFIG,
                                    "%s has no certificate of a host", path);
}

/* By the time of the change of anything, its mode too. */
static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void read_file(const char *path, struct found *ret)
{
    const struct tls_files files = { path, path, path };

    ret->what = FOUND_WRONG;
    if (read_name(path, ret->name, &ret->err) ||
        tls_new_server(&files, TLS_DEMAND, &ret->server, &ret->err))
        return;
    if (tls_new_client(&files, &ret->client, &ret->err)) {
        tls_free(ret->server);
        return;
    }
    ret->what = FOUND_OTHER;
}

/* Takes as long as the disk does. */
static void look(struct identity_reader *r)
{
    struct stat st;

    r->found = (struct found){ .what = FOUND_SAME };
    if (stat(r->path, &st)) {
        r->found.what = FOUND_GONE;
    } else if (!is_same(&st, &r->seen)) {
        r->seen = st;
        read_file(r->path, &r->found);
    }
}

static void *look_when_asked(void *arg)
{
    struct identity_reader *r = arg;

    for (;;) {
        while (sem_wait(&r->go))
            ;
        if (r->quit)
            return NULL;
        look(r);
        while (write(r->pipe[1], "", 1) < 0)
            ;
    }
}

/* ---- taking ---- */

static void take_other(struct identity *identity, const struct found *found)
{
    struct vdc_error err = { 0 };

    if (tls_check_dates(found->client, &err))
        log_warning("%s", err.text);
    tls_free(identity->server);
    tls_free(identity->client);
    identity->server = found->server;
    identity->client = found->client;
    memcpy(identity->name, found->name, sizeof(identity->name));
    log_info("the certificate of this host, '%s', was read", identity->name);
}

static void take(struct identity *identity, const struct found *found)
{
    bool told_gone = identity->told_gone;

    identity->told_gone = found->what == FOUND_GONE;
    switch (found->what) {
    case FOUND_SAME:
        break;
    case FOUND_GONE:
        if (identity->server && !told_gone)
            log_warning("the certificate of this host is gone; watchdogd goes "
                        "on with it until it ends");
        break;
    case FOUND_WRONG:
        log_error("the certificate of this host: %s%s%s", found->err.text,
                  found->err.hint[0] ? "; " : "", found->err.hint);
        break;
    case FOUND_OTHER:
        take_other(identity, found);
        break;
    }
}

static void on_looked(evutil_socket_t fd, short what, void *arg)
{
    struct identity_reader *r = arg;
    char c;

    if (read(fd, &c, 1) != 1)
        return;
    r->busy = false;
    take(r->identity, &r->found);
}

void identity_look(struct identity *identity)
{
    struct identity_reader *r = identity->reader;

    if (r->busy)
        return;
    if (!r->runs)
        r->runs =
            pthread_create(&r->thread, NULL, look_when_asked, r) == 0;
    if (!r->runs) {
        log_limited(VDC_LOG_ERROR, "the certificate of this host",
                    "there is no thread to look at it");
        return;
    }
    r->busy = true;
    sem_post(&r->go);
}

/* ---- begin and end ---- */

void identity_init(struct identity *identity, struct event_base *base,
                   const char *dc_directory)
{
    struct identity_reader *r = XNEW(struct identity_reader);

    *identity = (struct identity){ .reader = r, .name = "" };
    r->identity = identity;
    r->path = xasprintf("%s/host.pem", dc_directory);
    if (pipe2(r->pipe, O_CLOEXEC) || sem_init(&r->go, 0, 0))
        abort();
    r->event = event_new(base, r->pipe[0], EV_READ | EV_PERSIST, on_looked, r);
    if (!r->event || event_add(r->event, NULL))
        abort(); /* out of memory */
    look(r);
    take(identity, &r->found);
    if (!identity->server)
        log_info("this host has not joined a data center yet: `xl-vdc "
                 "dc-join` does that");
}

static void reader_free(struct identity_reader *r)
{
    event_free(r->event);
    if (r->busy) /* it may be so for ever; the thread goes with the process */
        return;
    if (r->runs) {
        r->quit = true;
        sem_post(&r->go);
        pthread_join(r->thread, NULL);
    }
    sem_destroy(&r->go);
    close(r->pipe[0]);
    close(r->pipe[1]);
    free(r->path);
    free(r);
}

void identity_fini(struct identity *identity)
{
    if (identity->reader)
        reader_free(identity->reader);
    tls_free(identity->server);
    tls_free(identity->client);
    *identity = (struct identity){ .name = "" };
}
