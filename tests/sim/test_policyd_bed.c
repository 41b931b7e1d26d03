/*
 * The bed of the tests of policyd; see test_policyd_bed.h.  Another identity
 * is taken for the moment of connecting, which is when the kernel notes it.
 */
#include "tests/sim/test_policyd_bed.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/stream.h"
#include "tests/sim/test_policyd_etcd.h"

#define ANSWER_TIMEOUT_MS 20000

unsigned checks_failed;
const char *skipped;
struct vdc_error last_error;
struct arena *answers;

void check_code(int code, const char *file, int line)
{
    if (last_error.code == code)
        return;
    printf("    %s:%d: %s expected, got %s: %s\n", file, line,
           vdc_error_name(code), vdc_error_name(last_error.code),
           last_error.text);
    checks_failed++;
}

void check_text(const char *words, const char *file, int line)
{
    if (strstr(last_error.text, words))
        return;
    printf("    %s:%d: '%s' expected in '%s'\n", file, line, words,
           last_error.text);
    checks_failed++;
}

unsigned bed_setting(const char *name, unsigned fallback)
{
    const char *text = getenv(name);

    return text ? (unsigned)strtoul(text, NULL, 10) : fallback;
}

bool need_root(void)
{
    if (geteuid() == 0)
        return true;
    skipped = "needs root, to be other users";
    return false;
}

void sleep_ms(unsigned ms)
{
    usleep(ms * 1000);
}

/* ---- daemons ---- */

const char *bed_path(const struct bed *bed, const char *name)
{
    return arena_printf(answers, "%s/%s", bed->dir, name);
}

void bed_file(const struct bed *bed, const char *name, long size)
{
    int fd = open(bed_path(bed, name), O_CREAT | O_WRONLY, 0644);

    CHECK(fd >= 0 && ftruncate(fd, size) == 0);
    close(fd);
}

void bed_open(struct bed *bed)
{
    umask(022);
    strcpy(bed->dir, "/tmp/xen-vdc-policyd-XXXXXX");
    if (!mkdtemp(bed->dir))
        abort();
    chmod(bed->dir, 0755);
    static const char *const folders[] = { "images", "customers",
                                           "customers/acme",
                                           "customers/globex" };
    for (size_t i = 0; i < 4; i++)
        mkdir(bed_path(bed, folders[i]), 0755);
    bed_file(bed, "images/kernel", 1000);
    bed_file(bed, "secret", 1000);
    bed_file(bed, "customers/globex/kernel", 1000);
}

pid_t bed_spawn(const struct bed *bed, const char *program, const char *conf)
{
    const char *top = getenv("TOP_BUILDDIR");
    const char *path =
        arena_printf(answers, "%s/%s/%s", top ? top : ".", program, program);
    const char *log = bed_path(bed, "log");
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing outlives the test */
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    if (bed->fault && strcmp(program, "resourced") == 0)
        setenv("VDC_SIM_FAULT", bed->fault, 1);
    if (bed->file_limit && strcmp(program, "policyd") == 0) {
        struct rlimit limit = { bed->file_limit, bed->file_limit };
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    execl(path, program, "--config", conf, "--log-level", "debug",
          (char *)NULL);
    _exit(127);
}

void bed_start_resourced(struct bed *bed)
{
    const char *conf = bed_path(bed, "resourced.conf");
    FILE *f = fopen(conf, "w");

    fprintf(f,
            "database = \"%s/resourced.db\"\n"
            "sequence = \"%s/resourced.sequence\"\n"
            "command_address = \"memory:%s/command.sock\"\n"
            "hypervisor = \"sim:state=%s/host,memory=4G,dom0_memory=1G%s%s\"\n"
            "restart_min_interval = \"0\"\n"
            "host_name = \"h1\"\n",
            bed->dir, bed->dir, bed->dir, bed->dir, bed->sim ? "," : "",
            bed->sim ? bed->sim : "");
    fclose(f);
    bed->resourced = bed_spawn(bed, "resourced", conf);
    bed->fault = NULL;
}

void bed_start_policyd(struct bed *bed)
{
    const char *conf = bed_path(bed, "policyd.conf");
    FILE *f = fopen(conf, "w");

    fprintf(f,
            "socket = \"%s/policyd.sock\"\n"
            "database = \"%s/policyd.db\"\n"
            "placement = \"%s/placement.conf\"\n"
            "dc_directory = \"%s/dc\"\n"
            "command_address = \"memory:%s/command.sock\"\n"
            "channel_socket = \"\"\n"
            "host_name = \"h1\"\n"
            "operators = [ \"%u\" ]\n"
            "customer_paths = [ \"%s/images\", \"%s/customers/%%c\" ]\n"
            "%s%s",
            bed->dir, bed->dir, bed->dir, bed->dir, bed->dir,
            (unsigned)geteuid(),
            bed->dir, bed->dir, etcd_is_used(bed) ? etcd_conf(bed) : "",
            bed->conf ? bed->conf : "");
    fclose(f);
    bed->policyd = bed_spawn(bed, "policyd", conf);
    bed->file_limit = 0;
}

bool bed_wait_joined(const struct bed *bed, bool joined)
{
    for (int i = 0; i < 400; i++) {
        const struct wire_version *v =
            ask(bed, OPERATOR, WIRE_MSG_version, NULL);
        if (v && (*v->resourced != '\0') == joined)
            return true;
        sleep_ms(25);
    }
    printf("    the daemons do not %s each other; log:\n",
           joined ? "find" : "lose");
    fflush(stdout);
    if (system(arena_printf(answers, "tail -n 20 %s/log", bed->dir)))
        perror("tail");
    checks_failed++;
    return false;
}

void bed_start(struct bed *bed)
{
    bed_start_resourced(bed);
    bed_start_policyd(bed);
    bed_wait_joined(bed, true);
}

int bed_wait(pid_t *pid)
{
    int status = 0;

    if (!*pid)
        return 0;
    waitpid(*pid, &status, 0);
    *pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool bed_has_ended(pid_t pid)
{
    siginfo_t info = { 0 };

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) ||
           info.si_pid != 0;
}

void bed_kill(pid_t *pid, int sig)
{
    if (!*pid)
        return;
    kill(*pid, sig);
    bed_wait(pid);
}

void bed_close(struct bed *bed)
{
    if (bed->policyd) {
        kill(bed->policyd, SIGTERM);
        CHECK(bed_wait(&bed->policyd) == 0);
    }
    bed_kill(&bed->resourced, SIGTERM);
    if (checks_failed || getenv("KEEP_BED"))
        printf("    kept: %s\n", bed->dir);
    else if (system(arena_printf(answers, "rm -rf %s", bed->dir)))
        perror("rm");
}

bool bed_logged(const struct bed *bed, const char *words)
{
    return system(arena_printf(answers, "grep -q -- '%s' %s/log", words,
                               bed->dir)) == 0;
}

void bed_customers(const struct bed *bed)
{
    static const char *const names[] = { "acme", "globex" };
    static const char *const users[] = { "54001", "54002" };

    for (size_t i = 0; i < 2; i++) {
        struct wire_customer_create c;
        const char *user[] = { users[i] };
        wire_init(&wire_struct_customer_create, &c);
        c.name = names[i];
        c.users = user;
        c.n_users = 1;
        c.quota = (struct wire_quota){ 1024 * 1024, 8, 1024 * 1024, 8, 0 };
        CHECK(ask(bed, OPERATOR, WIRE_MSG_customer_create, &c));
        CHECK_CODE(0);
    }
}

/* ---- clients ---- */

bool client_open_raw(const struct bed *bed, struct client *c, uid_t uid)
{
    *c = (struct client){ .fd = -1, .id = 1 };
    if (uid != OPERATOR && seteuid(uid))
        abort();
    int rc = stream_blocking_connect(bed_path(bed, "policyd.sock"), &c->fd,
                                     &last_error);
    if (uid != OPERATOR && seteuid(0))
        abort();
    return rc == 0;
}

bool client_send(struct client *c, enum wire_message_number number,
                 const void *body)
{
    static const struct wire_empty empty;
    uint8_t *frame;
    size_t size;

    if (wire_encode(number, ++c->id, body ? body : &empty, answers, &frame,
                    &size, &last_error))
        return false;
    return stream_blocking_send(c->fd, frame, size, &last_error) == 0;
}

bool client_receive(struct client *c, struct wire_frame *ret, int timeout_ms)
{
    uint8_t *frame;
    size_t size;

    if (stream_blocking_receive(c->fd, timeout_ms, &frame, &size, &last_error))
        return false;
    int rc = wire_decode(frame, size, answers, ret, &last_error);
    free(frame);
    return rc == 0;
}

const void *client_wait(struct client *c)
{
    struct wire_frame frame;

    for (;;) {
        if (!client_receive(c, &frame, ANSWER_TIMEOUT_MS))
            return NULL;
        if (frame.message->number == WIRE_MSG_progress) {
            c->n_progress++;
        } else if (frame.message->number == WIRE_MSG_event) {
            c->n_events++;
            if (c->on_event)
                c->on_event(frame.body);
        } else {
            break;
        }
    }
    memset(&last_error, 0, sizeof(last_error));
    if (frame.message->number != WIRE_MSG_error)
        return frame.body;
    wire_error_take(frame.body, &last_error);
    return NULL;
}

const void *client_call(struct client *c, enum wire_message_number number,
                        const void *body)
{
    return client_send(c, number, body) ? client_wait(c) : NULL;
}

bool client_open(const struct bed *bed, struct client *c, uid_t uid)
{
    const struct wire_hello hello = { .program = "test",
                                      .version = "1",
                                      .protocol = WIRE_PROTOCOL };

    return client_open_raw(bed, c, uid) &&
           client_call(c, WIRE_MSG_hello, &hello);
}

void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

const void *ask(const struct bed *bed, uid_t uid,
                enum wire_message_number number, const void *body)
{
    struct client c;
    const void *answer = NULL;

    if (client_open(bed, &c, uid))
        answer = client_call(&c, number, body);
    client_close(&c);
    return answer;
}

/* ---- common requests ---- */

struct wire_partition_create guest(const struct bed *bed, const char *name)
{
    struct wire_partition_create order;

    wire_init(&wire_struct_partition_create, &order);
    order.start = true;
    order.definition.name = name;
    order.definition.kernel = bed_path(bed, "images/kernel");
    order.definition.memory = MEM_MIB(64);
    order.definition.on_reboot = WIRE_RESTART;
    return order;
}

const struct wire_partition_reply *
create(const struct bed *bed, uid_t uid,
       const struct wire_partition_create *order)
{
    return ask(bed, uid, WIRE_MSG_partition_create, order);
}

struct wire_partition_ref ref(const char *customer, const char *name)
{
    struct wire_partition_ref r;

    wire_init(&wire_struct_partition_ref, &r);
    r.customer = customer;
    r.name = name;
    return r;
}

const struct wire_partition_reply *act(const struct bed *bed, uid_t uid,
                                       enum wire_message_number number,
                                       const struct wire_partition_ref *r)
{
    return ask(bed, uid, number, r);
}

const struct wire_partition_list *list(const struct bed *bed, uid_t uid,
                                       const char *customer, bool foreign)
{
    static const struct wire_partition_list none;
    struct wire_partition_query query;

    wire_init(&wire_struct_partition_query, &query);
    query.customer = customer;
    query.foreign = foreign;
    const void *answer = ask(bed, uid, WIRE_MSG_partition_list, &query);
    return answer ? answer : &none;
}

const struct wire_partition *find(const struct wire_partition_list *l,
                                  const char *customer, const char *name)
{
    for (uint32_t i = 0; i < l->n_partitions; i++)
        if (strcmp(l->partitions[i].customer, customer) == 0 &&
            strcmp(l->partitions[i].name, name) == 0)
            return &l->partitions[i];
    return NULL;
}

const struct wire_usage *usage(const struct bed *bed, const char *customer)
{
    static const struct wire_usage none;
    struct wire_customer_ref r;

    wire_init(&wire_struct_customer_ref, &r);
    r.name = customer;
    const struct wire_customer_list *l =
        ask(bed, OPERATOR, WIRE_MSG_customer_list, &r);
    return l && l->n_customers == 1 ? &l->customers[0].usage : &none;
}

struct wire_operation operation(enum wire_operation_kind kind,
                                const char *customer, const char *name)
{
    struct wire_operation op;

    wire_init(&wire_struct_operation, &op);
    op.kind = kind;
    op.customer = customer;
    op.name = name;
    return op;
}

struct wire_operation creation(const struct bed *bed, const char *customer,
                               const char *name)
{
    struct wire_operation op = operation(WIRE_OP_CREATE, customer, "");

    op.definition = guest(bed, name).definition;
    return op;
}

const struct wire_transaction_reply *
transact(const struct bed *bed, uid_t uid, struct wire_operation *operations,
         uint32_t n)
{
    struct wire_transaction t;

    wire_init(&wire_struct_transaction, &t);
    t.operations = operations;
    t.n_operations = n;
    return ask(bed, uid, WIRE_MSG_transaction, &t);
}

void bed_with_web(struct bed *bed)
{
    bed_open(bed);
    bed_start(bed);
    bed_customers(bed);
    struct wire_operation make = creation(bed, "acme", "web");
    CHECK(transact(bed, OPERATOR, &make, 1));
}

struct wire_lease lease(const char *owner, unsigned mib)
{
    struct wire_lease l;

    wire_init(&wire_struct_lease, &l);
    l.owner = owner;
    l.memory = MEM_MIB(mib);
    l.expires_ms = 60000;
    return l;
}

const struct wire_lease *make_lease(const struct bed *bed, uid_t uid,
                                    const struct wire_lease *l)
{
    const struct wire_lease_list *made =
        ask(bed, uid, WIRE_MSG_lease_create, l);

    return made && made->n_leases == 1 ? &made->leases[0] : NULL;
}

const struct wire_lease_list *lease_list(const struct bed *bed, uid_t uid,
                                         const char *owner)
{
    static const struct wire_lease_list none;
    struct wire_lease_ref r;

    wire_init(&wire_struct_lease_ref, &r);
    r.owner = owner;
    const void *answer = ask(bed, uid, WIRE_MSG_lease_list, &r);
    return answer ? answer : &none;
}

/* ---- all tests of a program ---- */

static void run_test(const struct sim_test *t)
{
    answers = arena_new();
    checks_failed = 0;
    skipped = NULL;
    t->run();
    arena_free(answers);
    printf("%s: %s%s%s\n", t->name,
           checks_failed ? "FAILED"
           : skipped     ? "skipped"
                         : "passed",
           skipped ? ": " : "", skipped ? skipped : "");
    fflush(stdout);
}

int sim_tests_run(const struct sim_test *const *lists, size_t n_lists,
                  int argc, char **argv)
{
    unsigned n_passed = 0, n_failed = 0, n_skipped = 0;

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < n_lists; i++) {
        for (const struct sim_test *t = lists[i]; t->name; t++) {
            if (argc > 1 && !strstr(t->name, argv[1]))
                continue;
            run_test(t);
            if (checks_failed)
                n_failed++;
            else if (skipped)
                n_skipped++;
            else
                n_passed++;
        }
    }
    printf("%u passed, %u failed", n_passed, n_failed);
    if (n_skipped)
        printf(", %u skipped", n_skipped);
    printf("\n");
    return n_failed || n_passed + n_skipped == 0;
}
