/* Real etcds for tests. */
#include "tests/etcd_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"

/* There is no test without it. */
static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "etcd of this test: %s\n", what);
    abort();
}

struct member {
    pid_t pid; /* 0: it does not run */
    int port, peer_port;
    char *endpoint, *folder;
};

struct etcd_server {
    size_t n;
    struct member members[ETCD_MEMBERS_MAX];
    const char *endpoints[ETCD_MEMBERS_MAX];
    char folder[64];
    char *cluster;
    const char *options;
    bool https;
};

const char *etcd_server_missing(void)
{
    const char *path = getenv("PATH");

    for (const char *p = path ? path : ""; *p;) {
        size_t len = strcspn(p, ":");
        char *file = xasprintf("%.*s/etcd", (int)len, p);
        bool found = access(file, X_OK) == 0;
        free(file);
        if (found)
            return NULL;
        p += len + (p[len] == ':');
    }
    return "etcd is not installed (Debian: etcd-server)";
}

/* One that was free a moment ago. */
static int free_port(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
        getsockname(fd, (struct sockaddr *)&at, &size))
        must(false, "no port");
    close(fd);
    return ntohs(at.sin_port);
}

static void exec_etcd(const struct etcd_server *s, size_t i)
{
    const struct member *m = &s->members[i];
    char *peer = xasprintf("http://127.0.0.1:%d", m->peer_port);
    char *name = xasprintf("m%zu", i), *log = xasprintf("%s.log", m->folder);
    char *more = xstrdup(s->options);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    const char *args[40] = {
        "etcd",
        "--logger=zap",
        "--name",
        name,
        "--data-dir",
        m->folder,
        "--listen-client-urls",
        m->endpoint,
        "--advertise-client-urls",
        m->endpoint,
        "--listen-peer-urls",
        peer,
        "--initial-advertise-peer-urls",
        peer,
        "--initial-cluster",
        s->cluster,
    };
    size_t n = 16;

    for (char *p = strtok(more, " "); p && n < 39; p = strtok(NULL, " "))
        args[n++] = p;
    if (fd < 0)
        _exit(1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(fd, 1);
    dup2(fd, 2);
    execvp("etcd", (char **)(uintptr_t)args);
    _exit(1);
}

static void begin(struct etcd_server *s, size_t i)
{
    pid_t pid = fork();

    must(pid >= 0, "fork");
    if (pid == 0)
        exec_etcd(s, i);
    s->members[i].pid = pid;
}

/* ---- asking ---- */

static int connect_to(int port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port) };
    struct timeval tv = { 2, 0 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool ask(int port, const char *path, const char *json)
{
    int fd = connect_to(port);
    char answer[64] = { 0 };
    char *text = xasprintf("POST /v3/%s HTTP/1.0\r\nContent-Length: %zu\r\n"
                           "Connection: close\r\n\r\n%s",
                           path, strlen(json), json);

    bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0 &&
              recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL) > 12 &&
              strncmp(answer + 8, " 200", 4) == 0;
    free(text);
    if (fd >= 0)
        close(fd);
    return ok;
}

bool etcd_server_ask(const struct etcd_server *server, const char *path,
                     const char *json)
{
    return ask(server->members[0].port, path, json);
}

/* Whether it answers; of HTTPS, whether it can be connected to. */
static bool answers(const struct etcd_server *s, const struct member *m)
{
    if (!s->https)
        return ask(m->port, "kv/range", "{\"key\":\"AA==\"}");
    int fd = connect_to(m->port);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void wait_for(const struct etcd_server *s, const struct member *m)
{
    uint64_t until = clock_mono().ms + 60000;

    while (!answers(s, m)) {
        must(clock_mono().ms <= until, "it does not answer");
        poll(NULL, 0, 50);
    }
}

/* ---- members ---- */

static void reap(struct member *m)
{
    int status;

    if (m->pid)
        while (waitpid(m->pid, &status, 0) < 0)
            ;
    m->pid = 0;
}

void etcd_server_kill(struct etcd_server *server, size_t member)
{
    struct member *m = &server->members[member];

    if (m->pid)
        kill(m->pid, SIGKILL);
    reap(m);
}

void etcd_server_start(struct etcd_server *server, size_t member, bool wait)
{
    begin(server, member);
    if (wait)
        wait_for(server, &server->members[member]);
}

void etcd_server_stop(struct etcd_server *server, size_t member)
{
    kill(server->members[member].pid, SIGSTOP);
    waitpid(server->members[member].pid, NULL, WUNTRACED);
}

void etcd_server_continue(struct etcd_server *server, size_t member)
{
    kill(server->members[member].pid, SIGCONT);
}

void etcd_server_forget(struct etcd_server *server, size_t member)
{
    char *command = xasprintf("rm -rf '%s'", server->members[member].folder);

    must(system(command) == 0, command);
    free(command);
}

const char *const *etcd_server_endpoints(const struct etcd_server *server)
{
    return server->endpoints;
}

const char *etcd_server_folder(const struct etcd_server *server, size_t member)
{
    return server->members[member].folder;
}

static void add_member(struct etcd_server *s, size_t i)
{
    struct member *m = &s->members[i];

    m->port = free_port();
    m->peer_port = free_port();
    m->endpoint =
        xasprintf("http%s://127.0.0.1:%d", s->https ? "s" : "", m->port);
    m->folder = xasprintf("%s/m%zu", s->folder, i);
    s->endpoints[i] = m->endpoint;
    char *longer =
        xasprintf("%s%sm%zu=http://127.0.0.1:%d", s->cluster ? s->cluster : "",
                  s->cluster ? "," : "", i, m->peer_port);
    free(s->cluster);
    s->cluster = longer;
}

struct etcd_server *etcd_server_new(size_t n, const char *options)
{
    struct etcd_server *s = XNEW(struct etcd_server);

    must(n >= 1 && n <= ETCD_MEMBERS_MAX, "so many members");
    s->n = n;
    s->options = options ? options : "";
    s->https = strstr(s->options, "-tls") || strstr(s->options, "--cert-file");
    strcpy(s->folder, "/tmp/xen-vdc-etcd-XXXXXX");
    must(mkdtemp(s->folder), "no folder in /tmp");
    for (size_t i = 0; i < n; i++)
        add_member(s, i);
    for (size_t i = 0; i < n; i++)
        begin(s, i);
    for (size_t i = 0; i < n; i++)
        wait_for(s, &s->members[i]);
    return s;
}

void etcd_server_free(struct etcd_server *server)
{
    if (!server)
        return;
    for (size_t i = 0; i < server->n; i++) {
        etcd_server_kill(server, i);
        free(server->members[i].endpoint);
        free(server->members[i].folder);
    }
    char *command = xasprintf("rm -rf '%s'", server->folder);
    if (system(command)) /* perhaps after the last test */
        printf("%s is left behind\n", server->folder);
    free(command);
    free(server->cluster);
    free(server);
}
