/* For tests of resourced: daemon, client and host. */
#include "tests/sim/rd.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stream.h"
#include "tests/sim/process.h"
#include "tests/unit/unit.h"

#define ANSWER_MS 20000

void rd_sleep(unsigned ms)
{
    struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

    nanosleep(&ts, NULL);
}

const char *rd_path(struct rd *rd, const char *name)
{
    return arena_printf(rd->arena, "%s/%s", rd->dir, name);
}

struct rd *rd_new(const char *options)
{
    struct rd *rd = XNEW(struct rd);
    const char *base = getenv("TMPDIR");

    /* In memory, if there is such a place: what is killed here are processes,
     * not machines, and a disk's fsync is most of the time. */
    if (!base)
        base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(rd->dir, sizeof(rd->dir), "%.40s/rd.XXXXXX", base);
    if (!mkdtemp(rd->dir)) {
        perror(rd->dir);
        exit(99);
    }
    rd->arena = arena_new();
    rd->fd = -1;
    snprintf(rd->spec, sizeof(rd->spec),
             "sim:state=%s/host,check_files=no%s%s%s", rd->dir,
             strstr(options, "create_ms=") ? "" : ",create_ms=10,destroy_ms=2",
             *options ? "," : "", options);
    return rd;
}

void rd_free(struct rd *rd)
{
    rd_disconnect(rd);
    if (rd->pid)
        rd_kill(rd);
    hv_close(rd->hv);
    char *command = xasprintf("rm -rf -- '%s'", rd->dir);
    if (system(command))
        perror(command);
    free(command);
    arena_free(rd->arena);
    free(rd);
}

static void write_settings(struct rd *rd)
{
    FILE *f = fopen(rd_path(rd, "conf"), "w");

    /* Crash points are counted by effects on the host: those of the state in
     * xenstore, which follow a change when the loop turns, are tested apart
     * (test-automation.sh). */
    fprintf(f,
            "xenstore_state = 0\n"
            "database = \"%s/db\"\n"
            "command_address = \"unix:%s/sock\"\n"
            "host_name = \"h1\"\n"
            "dump_dir = \"%s/dump\"\n"
            "sequence = \"%s/sequence\"\n"
            "%s",
            rd->dir, rd->dir, rd->dir, rd->dir,
            rd->settings ? rd->settings : "");
    fclose(f);
}

static void run_daemon(struct rd *rd, const char *program, const char *conf,
                       const char *log)
{
    /* No daemon outlives the test. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    if (rd->fault)
        setenv("VDC_SIM_FAULT", rd->fault, 1);
    if (rd->file_limit) {
        struct rlimit limit = { rd->file_limit, rd->file_limit };
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    execl(program, program, "--foreground", "--config", conf, "--hv", rd->spec,
          "--log-level", rd->log_level ? rd->log_level : "debug",
          (char *)NULL);
    _exit(127);
}

void rd_spawn(struct rd *rd)
{
    const char *top = getenv("TOP_BUILDDIR");
    const char *program = arena_printf(rd->arena, "%s/resourced/resourced",
                                       top ? top : ".");
    const char *conf = rd_path(rd, "conf"), *log = rd_path(rd, "log");

    write_settings(rd);
    fflush(NULL);
    rd->pid = fork();
    if (rd->pid == 0)
        run_daemon(rd, program, conf, log);
    rd->fault = NULL;
}

static bool has_ended(struct rd *rd)
{
    siginfo_t info = { 0 };

    return waitid(P_PID, (id_t)rd->pid, &info, WEXITED | WNOHANG | WNOWAIT) ||
           info.si_pid != 0;
}

bool rd_connect(struct rd *rd)
{
    struct wire_hello hello;

    rd_disconnect(rd);
    if (stream_blocking_connect(rd_path(rd, "sock"), &rd->fd, NULL))
        return false;
    wire_init(&wire_struct_hello, &hello);
    hello.program = "test";
    hello.version = "1";
    hello.protocol = WIRE_PROTOCOL;
    return rd_call(rd, WIRE_MSG_hello, &hello, NULL, NULL) == 0;
}

bool rd_start(struct rd *rd)
{
    uint64_t until = clock_mono().ms + ANSWER_MS * unit_time_factor();

    rd_spawn(rd);
    while (clock_mono().ms < until) {
        if (rd_connect(rd))
            return true;
        rd_disconnect(rd);
        if (has_ended(rd))
            return false;
        rd_sleep(1);
    }
    return false;
}

void rd_disconnect(struct rd *rd)
{
    if (rd->fd >= 0)
        close(rd->fd);
    rd->fd = -1;
}

void rd_signal(struct rd *rd, int signal_number)
{
    kill(rd->pid, signal_number);
}

int rd_wait(struct rd *rd)
{
    int status = 0;

    waitpid(rd->pid, &status, 0);
    rd->pid = 0;
    rd_disconnect(rd);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void rd_kill(struct rd *rd)
{
    if (!rd->pid)
        return;
    rd_signal(rd, SIGKILL);
    rd_wait(rd);
}

unsigned rd_descriptors(struct rd *rd)
{
    return process_count_fds(rd->pid);
}

bool rd_logged(struct rd *rd, const char *words)
{
    return process_logged(rd_path(rd, "log"), words);
}

/* ---- the client ---- */

uint32_t rd_send(struct rd *rd, enum wire_message_number number,
                 const void *body)
{
    struct vdc_error err;
    uint8_t *frame;
    size_t size;

    if (rd->fd < 0 || wire_encode(number, ++rd->id, body, rd->arena, &frame,
                                  &size, &err) ||
        stream_blocking_send(rd->fd, frame, size, NULL))
        return 0;
    rd->n_progress = 0;
    return rd->id;
}

bool rd_receive(struct rd *rd, struct wire_frame *ret, int timeout_ms)
{
    struct vdc_error err;
    uint8_t *frame;
    size_t size;

    while (rd->fd >= 0) {
        if (stream_blocking_receive(rd->fd, timeout_ms, &frame, &size, &err))
            return false;
        int rc = wire_decode(frame, size, rd->arena, ret, &err);
        free(frame);
        if (rc) {
            CU_FAIL("a message cannot be decoded");
            return false;
        }
        if (ret->message->number != WIRE_MSG_progress)
            return true;
        rd->n_progress++;
        if (rd->cancel_at && rd->n_progress == rd->cancel_at) {
            rd->cancel_at = 0;
            rd_cancel(rd, ret->id);
        }
    }
    return false;
}

int rd_call(struct rd *rd, enum wire_message_number number, const void *body,
            const void **ret_body, struct vdc_error *err)
{
    struct wire_frame frame;
    struct vdc_error error = { 0 };
    uint32_t id = rd_send(rd, number, body);

    if (!id)
        return VDC_E_CLOSED;
    if (!rd_receive(rd, &frame, ANSWER_MS * (int)unit_time_factor()))
        return VDC_E_CLOSED;
    CU_ASSERT_EQUAL(frame.id, id);
    if (frame.message->number == WIRE_MSG_error) {
        wire_error_take(frame.body, &error);
        if (err)
            *err = error;
        return error.code;
    }
    const struct wire_message *asked = wire_message_by_number(number);
    CU_ASSERT_STRING_EQUAL(frame.message->name, asked->reply);
    if (ret_body)
        *ret_body = frame.body;
    return 0;
}

void rd_definition(struct wire_definition *ret, const char *name,
                   const char *cmdline)
{
    wire_init(&wire_struct_definition, ret);
    ret->name = name;
    ret->kernel = "/bin/sh";
    ret->cmdline = cmdline;
    ret->memory = ret->max_memory = MEM_MIB(64);
    ret->vcpus = ret->max_vcpus = 1;
    ret->on_reboot = WIRE_RESTART;
}

int rd_create(struct rd *rd, const struct wire_definition *definition,
              bool start, struct vdc_error *err)
{
    struct wire_partition_create create;

    wire_init(&wire_struct_partition_create, &create);
    create.definition = *definition;
    create.start = start;
    create.owner = "acme";
    create.xen_name = arena_printf(rd->arena, "acme.%s", definition->name);
    return rd_call(rd, WIRE_MSG_partition_create, &create, NULL, err);
}

int rd_create_simple(struct rd *rd, const char *name, const char *cmdline)
{
    struct wire_definition definition;

    rd_definition(&definition, name, cmdline);
    return rd_create(rd, &definition, true, NULL);
}

int rd_do(struct rd *rd, enum wire_message_number number, const char *name,
          struct vdc_error *err)
{
    struct wire_partition_ref ref;

    wire_init(&wire_struct_partition_ref, &ref);
    ref.customer = "acme";
    ref.name = name;
    return rd_call(rd, number, &ref, NULL, err);
}

int rd_destroy(struct rd *rd, const char *name, bool keep)
{
    struct wire_partition_ref ref;

    wire_init(&wire_struct_partition_ref, &ref);
    ref.customer = "acme";
    ref.name = name;
    ref.keep = keep;
    return rd_call(rd, WIRE_MSG_partition_destroy, &ref, NULL, NULL);
}

int rd_shutdown_wait(struct rd *rd, enum wire_message_number number,
                     const char *name, uint64_t timeout_ms,
                     struct vdc_error *err)
{
    struct wire_partition_ref ref;

    wire_init(&wire_struct_partition_ref, &ref);
    ref.customer = "acme";
    ref.name = name;
    ref.wait = true;
    ref.timeout_ms = timeout_ms;
    return rd_call(rd, number, &ref, NULL, err);
}

const struct wire_partition *rd_show(struct rd *rd, const char *name)
{
    struct wire_partition_ref ref;
    const void *body;

    wire_init(&wire_struct_partition_ref, &ref);
    ref.customer = "acme";
    ref.name = name;
    if (rd_call(rd, WIRE_MSG_partition_show, &ref, &body, NULL))
        return NULL;
    return &((const struct wire_partition_reply *)body)->partition;
}

const struct wire_partition_list *rd_list(struct rd *rd, bool foreign)
{
    struct wire_partition_query query;
    const void *body;

    wire_init(&wire_struct_partition_query, &query);
    query.foreign = foreign;
    if (rd_call(rd, WIRE_MSG_partition_list, &query, &body, NULL))
        return NULL;
    return body;
}

bool rd_wait_state(struct rd *rd, const char *name,
                   enum wire_partition_state state, unsigned timeout_ms)
{
    uint64_t until = clock_mono().ms + timeout_ms * unit_time_factor();

    do {
        const struct wire_partition *p = rd_show(rd, name);
        if (p && p->state == state)
            return true;
        rd_sleep(10);
    } while (clock_mono().ms < until);
    return false;
}

unsigned rd_events(struct rd *rd, enum wire_event_kind kind, const char *name,
                   const char *words)
{
    struct wire_events_query query;
    struct wire_frame frame;
    unsigned n = 0;

    wire_init(&wire_struct_events_query, &query);
    rd_send(rd, WIRE_MSG_events, &query);
    while (rd_receive(rd, &frame, ANSWER_MS * (int)unit_time_factor())) {
        if (frame.message->number != WIRE_MSG_event)
            break;
        const struct wire_event *event = frame.body;
        n += event->kind == kind && strcmp(event->name, name) == 0 &&
             strstr(event->text, words);
    }
    return n;
}

/* ---- transactions ---- */

void rd_begin(struct rd_transaction *ret)
{
    memset(ret, 0, sizeof(*ret));
    wire_init(&wire_struct_transaction, &ret->t);
    ret->t.owner = "acme";
}

struct wire_operation *rd_add(struct rd_transaction *t,
                              enum wire_operation_kind kind, const char *name)
{
    struct wire_operation *op = &t->operations[t->t.n_operations++];

    wire_init(&wire_struct_operation, op);
    op->kind = kind;
    op->customer = "acme";
    op->name = name;
    return op;
}

struct wire_operation *rd_add_create(struct rd *rd, struct rd_transaction *t,
                                     const char *name, bool start)
{
    struct wire_operation *op = rd_add(t, WIRE_OP_CREATE, "");

    rd_definition(&op->definition, name, "");
    op->owner = "acme";
    op->xen_name = arena_printf(rd->arena, "acme.%s", name);
    op->start = start;
    return op;
}

uint32_t rd_send_transaction(struct rd *rd, const struct rd_transaction *t)
{
    struct wire_transaction with = t->t;

    with.operations = (struct wire_operation *)t->operations;
    return rd_send(rd, WIRE_MSG_transaction, &with);
}

int rd_answer(struct rd *rd, uint32_t id, const void **ret_body,
              struct vdc_error *err)
{
    struct wire_frame frame;
    struct vdc_error error = { 0 };

    if (!id || !rd_receive(rd, &frame, ANSWER_MS * (int)unit_time_factor()))
        return VDC_E_CLOSED;
    CU_ASSERT_EQUAL(frame.id, id);
    if (frame.message->number == WIRE_MSG_error) {
        wire_error_take(frame.body, &error);
        if (err)
            *err = error;
        return error.code;
    }
    if (ret_body)
        *ret_body = frame.body;
    return 0;
}

int rd_transact(struct rd *rd, const struct rd_transaction *t,
                const struct wire_transaction_reply **ret,
                struct vdc_error *err)
{
    const void *body;
    int rc = rd_answer(rd, rd_send_transaction(rd, t), &body, err);

    if (!rc && ret)
        *ret = body;
    return rc;
}

void rd_cancel(struct rd *rd, uint32_t id)
{
    struct wire_cancel cancel;

    wire_init(&wire_struct_cancel, &cancel);
    cancel.request = id;
    unsigned n_progress = rd->n_progress;
    rd_send(rd, WIRE_MSG_cancel, &cancel);
    rd->n_progress = n_progress;
}

/* ---- the host from outside ---- */

struct hv *rd_host(struct rd *rd)
{
    struct vdc_error err;

    if (!rd->hv && hv_sim_open(rd->spec + strlen("sim:"), NULL, &rd->hv,
                               &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(99);
    }
    return rd->hv;
}

unsigned rd_domains(struct rd *rd)
{
    struct hv *hv = rd_host(rd);
    struct hv_domain_info *domains;
    size_t n = 0;

    CU_ASSERT_EQUAL(hv->domain->list(hv, rd->arena, &domains, &n, NULL), 0);
    return (unsigned)n - 1;
}

uint64_t rd_free_kib(struct rd *rd)
{
    struct hv *hv = rd_host(rd);
    struct hv_host_info info = { 0 };

    CU_ASSERT_EQUAL(hv->domain->host_info(hv, rd->arena, &info, NULL), 0);
    return info.free_memory.kib;
}

const char *rd_store_dump(struct rd *rd)
{
    static const char own[] = "/tool/xen-vdc";
    const char *dump = hv_sim_store_dump(rd_host(rd), rd->arena);
    char *kept = arena_strdup(rd->arena, dump), *to = kept;

    while (*dump) {
        size_t len = strcspn(dump, "\n");
        bool partition =
            strncmp(dump, "/tool/xen-vdc/partition/", 24) == 0;
        bool skip = strncmp(dump, own, sizeof(own) - 1) == 0 && !partition;
        len += dump[len] == '\n';
        if (!skip) {
            memcpy(to, dump, len);
            to += len;
        }
        dump += len;
    }
    *to = '\0';
    return kept;
}

long rd_sql(struct rd *rd, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *stmt = NULL;
    long n = -1;

    if (sqlite3_open(rd_path(rd, "db"), &db) == SQLITE_OK &&
        sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK) {
        int r = sqlite3_step(stmt);
        n = r == SQLITE_ROW ? (long)sqlite3_column_int64(stmt, 0) : 0;
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return n;
}

/* As STORE_NUMBERS_ID. */
#define NUMBERS_ID "9223372036854775807"

long rd_journal_rows(struct rd *rd)
{
    return rd_sql(rd, "SELECT count(*) FROM journal WHERE id <> " NUMBERS_ID);
}

long rd_changes(struct rd *rd)
{
    return rd_sql(rd, "SELECT passed FROM journal WHERE id = " NUMBERS_ID);
}
