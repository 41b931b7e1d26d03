/* See fake_policyd.h. */
#include "tests/unit/xl-ext/fake_policyd.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/stream.h"
#include "base/words.h"

/* Longer than any of it takes on a loaded machine. */
#define PATIENCE_MS 20000

static struct {
    struct arena *arena;
    char dir[64];
    int fd;
    pid_t pid;
    bool deaf;
    struct wire_frame last;
} fake = { .fd = -1, .pid = -1 };

static const char *path(const char *name)
{
    return arena_printf(fake.arena, "%s/%s", fake.dir, name);
}

static void redirect(const char *name, int to)
{
    int fd = open(path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(fd, to);
    close(fd);
}

static void child(const char *line)
{
    const char *top = getenv("TOP_BUILDDIR");
    char **words, **argv;
    size_t n;
    const char *program =
        arena_printf(fake.arena, "%s/xl-ext/xl-vdc", top ? top : ".");
    if (words_split(line, fake.arena, &words, &n, NULL))
        _exit(99);
    argv = ARENA_ARRAY(fake.arena, n + 2, char *);
    argv[0] = arena_strdup(fake.arena, program);
    for (size_t i = 0; i < n; i++)
        argv[i + 1] = words[i];
    setenv("XEN_VDC_SOCKET", path("socket"), 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    setenv("TZ", "UTC", 1);
    /* whoever runs the test may ignore it */
    signal(SIGINT, fake.deaf ? SIG_IGN : SIG_DFL);
    redirect("out", STDOUT_FILENO);
    redirect("err", STDERR_FILENO);
    execv(program, argv);
    _exit(98);
}

static int listen_there(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s",
             path("socket"));
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
        listen(fd, 4))
        return -1;
    return fd;
}

/* Returns the socket that it will find. */
static int run(const char *line)
{
    static const struct timeval patience = { PATIENCE_MS / 1000, 0 };
    arena_free(fake.arena);
    fake.arena = arena_new();
    strcpy(fake.dir, "/tmp/fake_policyd.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(fake.dir));
    int listener = listen_there();
    CU_ASSERT_FATAL(listener >= 0);
    setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &patience,
               sizeof(patience));
    fflush(stdout);
    fake.pid = fork();
    if (fake.pid == 0)
        child(line);
    CU_ASSERT_FATAL(fake.pid > 0);
    return listener;
}

void fake_run(const char *line)
{
    struct wire_hello hello;
    int listener = run(line);
    fake.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    close(listener);
    if (fake.fd < 0)
        printf("    no connection from: %s\n", line);
    CU_ASSERT_FATAL(fake.fd >= 0);
    fake_receive(WIRE_MSG_hello);
    wire_init(&wire_struct_hello, &hello);
    hello.program = "policyd";
    hello.protocol = WIRE_PROTOCOL;
    fake_answer(WIRE_MSG_hello, &hello);
}

void fake_run_deaf(const char *line)
{
    fake.deaf = true;
    fake_run(line);
    fake.deaf = false;
}

/* One that connects nevertheless is told at once that nobody is there. */
void fake_run_alone(const char *line)
{
    close(run(line));
}

static int receive(struct vdc_error *err)
{
    uint8_t *data;
    size_t size;
    int rc = stream_blocking_receive(fake.fd, PATIENCE_MS, &data, &size, err);
    if (rc)
        return rc;
    rc = wire_decode(data, size, fake.arena, &fake.last, err);
    free(data);
    return rc;
}

const void *fake_receive(enum wire_message_number number)
{
    struct vdc_error err = { 0 };
    int rc = receive(&err);
    if (rc)
        printf("    waiting for %s: %s\n",
               wire_message_by_number(number)->name, err.text);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    CU_ASSERT_EQUAL_FATAL(fake.last.message->number, number);
    return fake.last.body;
}

bool fake_is_closed(void)
{
    return receive(NULL) == VDC_E_CLOSED;
}

uint32_t fake_id(void)
{
    return fake.last.id;
}

void fake_answer_to(uint32_t id, enum wire_message_number number,
                    const void *body)
{
    uint8_t *data;
    size_t size;
    struct vdc_error err = { 0 };
    int rc = wire_encode(number, id, body, fake.arena, &data, &size, &err);
    if (rc)
        printf("    %s\n", err.text);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    stream_blocking_send(fake.fd, data, size, NULL);
}

void fake_answer(enum wire_message_number number, const void *body)
{
    fake_answer_to(fake.last.id, number, body);
}

void fake_fail(int code, const char *text, const char *hint)
{
    struct vdc_error err;
    struct wire_error body;
    vdc_error_set(&err, code, "%s", text);
    vdc_error_hint(&err, "%s", hint);
    wire_init(&wire_struct_error, &body);
    wire_error_fill(&body, &err);
    fake_answer(WIRE_MSG_error, &body);
}

struct wire_partition fake_partition(const char *name)
{
    struct wire_partition p;
    wire_init(&wire_struct_partition, &p);
    p.name = name;
    p.customer = "acme";
    p.host = "alpha";
    p.managed = true;
    p.state = WIRE_RUNNING;
    p.domid = 3;
    p.uuid.bytes[0] = 1;
    p.memory = p.max_memory = MEM_MIB(512);
    p.vcpus = 2;
    p.max_vcpus = 4;
    return p;
}

const struct wire_transaction *
fake_transact(const struct wire_partition *partition)
{
    const struct wire_transaction *t = fake_receive(WIRE_MSG_transaction);
    struct wire_operation_result results[16];
    struct wire_transaction_reply reply;
    wire_init(&wire_struct_transaction_reply, &reply);
    for (uint32_t i = 0; i < t->n_operations; i++) {
        wire_init(&wire_struct_operation_result, &results[i]);
        results[i].partition =
            partition ? *partition : fake_partition(t->operations[i].name);
    }
    reply.id = 1;
    reply.results = results;
    reply.n_results = t->n_operations;
    fake_answer(WIRE_MSG_transaction_reply, &reply);
    return t;
}

void fake_signal(int number)
{
    kill(fake.pid, number);
}

static const char *contents(const char *name)
{
    char *text = arena_alloc(fake.arena, 65536);
    int fd = open(path(name), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return "";
    ssize_t n = read(fd, text, 65535);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    return text;
}

bool fake_wait_for(const char *text)
{
    static const struct timespec moment = { 0, 10000000 };
    for (int i = 0; i < 1000; i++) {
        if (strstr(contents("err"), text))
            return true;
        nanosleep(&moment, NULL);
    }
    return false;
}

struct fake_result fake_end(void)
{
    struct fake_result result;
    int status = 0;
    if (fake.fd >= 0)
        close(fake.fd);
    fake.fd = -1;
    while (waitpid(fake.pid, &status, 0) < 0 && errno == EINTR)
        ;
    result.status = WIFEXITED(status) ? WEXITSTATUS(status)
                                      : 1000 + WTERMSIG(status);
    result.out = contents("out");
    result.err = contents("err");
    unlink(path("out"));
    unlink(path("err"));
    unlink(path("socket"));
    rmdir(fake.dir);
    return result;
}
