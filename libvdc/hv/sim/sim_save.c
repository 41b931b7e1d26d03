/*
 * Saving simulated guests, and letting them run on.
 */
#include "hv/sim/sim_save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hv/sim/sim_guest.h"
#include "hv/sim/sim_op.h"
#include "hv/sim/sim_tree.h"

#define HEAD SIM_SAVE_HEAD
#define LINE_SIZE SIM_SAVE_LINE_SIZE
#define LOOK_MS 100 /* how often it is looked whether a guest suspends */

/* What a guest takes with it. */
struct field {
    size_t offset;
    size_t size;
};

#define FIELD(name)                                                           \
    {                                                                         \
        offsetof(struct sim_slot, name), sizeof(((struct sim_slot *)0)->name) \
    }

static const struct field fields[] = {
    FIELD(type),          FIELD(memory_kib),      FIELD(target_kib),
    FIELD(vcpus),         FIELD(asked_vcpus),     FIELD(max_vcpus),
    FIELD(cpu_ns),        FIELD(balloon),         FIELD(own_reason),
    FIELD(own_after_ms),  FIELD(ignores_detach),  FIELD(ignores_shutdown),
    FIELD(ignores_vcpus), FIELD(ignores_suspend), FIELD(shutdown_ms),
};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

static uint64_t field_read(const struct sim_slot *slot,
                           const struct field *field)
{
    uint64_t wide = 0;
    uint32_t narrow = 0;

    if (field->size == sizeof(narrow)) {
        memcpy(&narrow, (const char *)slot + field->offset, sizeof(narrow));
        return narrow;
    }
    memcpy(&wide, (const char *)slot + field->offset, sizeof(wide));
    return wide;
}

static void field_write(struct sim_slot *slot, const struct field *field,
                        uint64_t wide)
{
    uint32_t narrow = (uint32_t)wide;

    if (field->size == sizeof(narrow))
        memcpy((char *)slot + field->offset, &narrow, sizeof(narrow));
    else
        memcpy((char *)slot + field->offset, &wide, sizeof(wide));
}

static uint32_t checksum(const char *text, size_t len)
{
    uint32_t h = 0x811c9dc5u;

    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)text[i]) * 0x01000193u;
    return h;
}

/* ---- the line ---- */

size_t sim_save_format(const struct sim_slot *slot, char *line)
{
    size_t len = (size_t)sprintf(line, "%s", HEAD);

    for (size_t i = 0; i < N_FIELDS; i++)
        len +=
            (size_t)sprintf(line + len, " %llx",
                            (unsigned long long)field_read(slot, &fields[i]));
    return len + (size_t)sprintf(line + len, " %08x\n", checksum(line, len));
}

/* libxl wants to write and read anywhere in it. */
static int check_file(int fd, struct vdc_error *err)
{
    int flags = fcntl(fd, F_GETFL);
    off_t offset = lseek(fd, 0, SEEK_CUR);

    if (offset < 0 && errno != ESPIPE)
        return vdc_error_errno(err, VDC_E_IO, errno,
                               "the file cannot be used");
    if (offset >= 0 && !(flags & O_APPEND))
        return 0;
    return vdc_error_set(err, VDC_E_UNSUPPORTED,
                         "a domain is saved to and restored from a file that "
                         "can be written anywhere, and no pipe");
}

static int write_all(int fd, const char *text, size_t len,
                     struct vdc_error *err)
{
    while (len > 0) {
        ssize_t r = write(fd, text, len);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return vdc_error_errno(err, VDC_E_IO, r < 0 ? errno : EIO,
                                   "the file cannot be written");
        text += r;
        len -= (size_t)r;
    }
    return 0;
}

static int no_guest(struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_BAD_VALUE,
                         "the file does not hold a saved domain");
}

static int bad_line(const char *why, struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_HYPERVISOR,
                         "libxl: the saved guest cannot be restored: %s", why);
}

/* Without its end; nothing behind it is read. */
static int read_line(int fd, char *line, size_t *ret_len,
                     struct vdc_error *err)
{
    for (size_t len = 0; len < LINE_SIZE; len++) {
        ssize_t r;
        do
            r = read(fd, line + len, 1);
        while (r < 0 && errno == EINTR);
        if (r < 0)
            return bad_line(strerror(errno), err);
        if (r == 0)
            return len < strlen(HEAD) ? no_guest(err)
                                      : bad_line("it is cut off", err);
        if (line[len] == '\n') {
            line[len] = '\0';
            *ret_len = len;
            return 0;
        }
    }
    line[LINE_SIZE - 1] = '\0';
    return strncmp(line, HEAD, strlen(HEAD)) != 0
               ? no_guest(err)
               : bad_line("its line has no end", err);
}

int sim_save_parse(char *line, size_t len, struct sim_slot *ret,
                   struct vdc_error *err)
{
    struct sim_slot slot = { 0 };
    char *p = line + strlen(HEAD), *last = strrchr(line, ' ');
    char sum[16];

    if (strncmp(line, HEAD, strlen(HEAD)) != 0)
        return no_guest(err);
    if (strlen(line) != len || !last || last < p)
        return bad_line("it is damaged", err);
    snprintf(sum, sizeof(sum), " %08x", checksum(line, (size_t)(last - line)));
    if (strcmp(last, sum) != 0)
        return bad_line("its checksum is wrong", err);
    for (size_t i = 0; i < N_FIELDS; i++) {
        unsigned long long n;
        int used;
        if (sscanf(p, " %llx%n", &n, &used) != 1)
            return bad_line("a number is missing", err);
        field_write(&slot, &fields[i], n);
        p += used;
    }
    if (p != last)
        return bad_line("it has too many numbers", err);
    *ret = slot;
    return 0;
}

int sim_save_read(int fd, struct sim_slot *ret, struct vdc_error *err)
{
    char line[LINE_SIZE];
    size_t len;
    int rc = check_file(fd, err);

    if (rc == 0)
        rc = read_line(fd, line, &len, err);
    return rc ? rc : sim_save_parse(line, len, ret, err);
}

int sim_save_check(const struct sim_slot *saved,
                   const struct hv_domain_config *config,
                   struct vdc_error *err)
{
    if (saved->type != (int32_t)config->type)
        return bad_line("it is of another type", err);
    if (saved->memory_kib > config->max_memory.kib)
        return bad_line("it has more memory than the domain may have", err);
    if (saved->max_vcpus != config->max_vcpus)
        return bad_line("it has another number of vCPUs", err);
    return 0;
}

void sim_save_apply(struct sim_state *state, struct sim_slot *slot,
                    const struct sim_slot *saved)
{
    sim_state_undo(state, slot, sizeof(*slot));
    for (size_t i = 0; i < N_FIELDS; i++)
        field_write(slot, &fields[i], field_read(saved, &fields[i]));
}

/* ---- save ---- */

enum { STEP_ASK, STEP_SUSPEND, STEP_WRITE };

static const char *done_to(const struct sim_op *op)
{
    return op->call == SIM_CALL_send ? "sent" : "saved";
}

int sim_save_ask(struct sim *sim, struct sim_op *op, struct vdc_error *err)
{
    struct sim_slot *slot;
    int rc = sim_op_begin(sim, op, &slot, err);

    if (rc)
        return rc;
    if (slot->life != SIM_LIFE_ALIVE || slot->paused || op->domid == 0)
        rc = vdc_error_set(err, VDC_E_WRONG_STATE,
                           "domain %u does not run and cannot be %s",
                           op->domid, done_to(op));
    else
        rc = sim_tree_writef(sim->state, err, "suspend",
                             "/local/domain/%u/control/shutdown", op->domid);
    if (rc) {
        sim_host_abort(sim);
        return rc;
    }
    sim_host_effect_end(sim);
    op->step++;
    op->until_ms = op->due_ms + sim->options.suspend_ms;
    return SIM_AGAIN;
}

static int stopped_meanwhile(const struct sim_op *op, struct vdc_error *err)
{
    return vdc_error_set(err, VDC_E_HYPERVISOR,
                         "libxl: domain %u shut down while it was being %s",
                         op->domid, done_to(op));
}

int sim_save_suspend(struct sim *sim, struct sim_op *op, struct vdc_error *err)
{
    int rc = SIM_AGAIN;

    sim_host_begin(sim);
    struct sim_slot *slot = sim_state_find(sim->state, op->domid);
    bool runs = slot && slot->life == SIM_LIFE_ALIVE;
    bool obeys = runs && sim_guest_listens(slot) && !slot->ignores_suspend;
    bool late = runs && !obeys && op->due_ms >= op->until_ms;
    if (!obeys && !late) {
        sim_host_end(sim);
        if (!runs)
            return slot ? stopped_meanwhile(op, err)
                        : sim_host_no_domain(op->domid, err);
        op->due_ms += LOOK_MS;
        if (op->due_ms > op->until_ms)
            op->due_ms = op->until_ms;
        return SIM_AGAIN;
    }
    sim_host_effect_locked(sim, op->call);
    sim_tree_writef(sim->state, NULL, "", "/local/domain/%u/control/shutdown",
                    op->domid);
    if (obeys)
        sim_guest_stop(sim->state, slot, HV_SHUTDOWN_SUSPEND,
                       sim_host_now_ms(sim));
    else
        rc = vdc_error_set(err, VDC_E_TIMEOUT,
                           "the guest of domain %u does not suspend",
                           op->domid);
    sim_host_effect_end(sim);
    op->step++;
    return rc;
}

bool sim_save_is_suspended(const struct sim_slot *slot)
{
    return slot->life == SIM_LIFE_SHUTDOWN &&
           slot->shutdown_reason == HV_SHUTDOWN_SUSPEND;
}

int sim_save_copy(struct sim *sim, const struct sim_op *op, bool suspended,
                  struct sim_slot *ret, struct vdc_error *err)
{
    sim_host_begin(sim);
    uint64_t now_ms = sim_host_now_ms(sim);
    const struct sim_slot *slot = sim_state_find(sim->state, op->domid);
    bool is_there = slot && (suspended ? sim_save_is_suspended(slot)
                                       : slot->life == SIM_LIFE_ALIVE);
    if (is_there)
        *ret = *slot;
    sim_host_end(sim);
    if (!is_there)
        return slot ? stopped_meanwhile(op, err)
                    : sim_host_no_domain(op->domid, err);
    /* What it will do by itself, from when it runs on. */
    if (ret->own_due_ms != SIM_NEVER)
        ret->own_after_ms =
            ret->own_due_ms > now_ms ? ret->own_due_ms - now_ms : 0;
    return 0;
}

void sim_save_run_on(struct sim *sim, const struct sim_op *op)
{
    sim_host_begin(sim);
    struct sim_slot *slot = sim_state_find(sim->state, op->domid);
    if (!slot || !sim_save_is_suspended(slot)) {
        sim_host_end(sim);
        return;
    }
    sim_host_effect_locked(sim, op->call);
    sim_guest_resume(sim->state, slot, sim_host_now_ms(sim));
    sim_host_effect_end(sim);
}

static int write_guest(struct sim *sim, struct sim_op *op,
                       struct vdc_error *err)
{
    struct sim_slot guest;
    char line[LINE_SIZE];
    int rc = sim_save_copy(sim, op, true, &guest, err);

    if (rc)
        return rc;
    rc = write_all(op->fd, line, sim_save_format(&guest, line), err);
    if (rc)
        sim_save_run_on(sim, op);
    return rc;
}

static int save_run(struct sim *sim, struct sim_op *op, struct vdc_error *err)
{
    int rc;

    switch (op->step) {
    case STEP_ASK:
        rc = check_file(op->fd, err);
        return rc ? rc : sim_save_ask(sim, op, err);
    case STEP_SUSPEND:
        rc = sim_save_suspend(sim, op, err);
        if (op->step == STEP_WRITE)
            op->due_ms += op->latency_ms;
        return rc;
    default:
        return write_guest(sim, op, err);
    }
}

int sim_save_start(struct hv *hv, uint32_t domid, int fd, hv_done_fn *done,
                   void *arg, struct vdc_error *err)
{
    struct sim_op *op;
    int rc = sim_op_start_steps(hv, SIM_CALL_save, domid,
                                sim_host_of(hv)->options.save_ms, save_run,
                                done, arg, &op, err);

    if (rc == 0)
        op->fd = fd;
    return rc;
}

/* ---- resume ---- */

static int resume_run(struct sim *sim, struct sim_op *op,
                      struct vdc_error *err)
{
    struct sim_slot *slot;
    int rc = sim_op_begin(sim, op, &slot, err);

    if (rc)
        return rc;
    if (!sim_save_is_suspended(slot)) {
        sim_host_abort(sim);
        return vdc_error_set(err, VDC_E_WRONG_STATE,
                             "domain %u is not suspended", op->domid);
    }
    sim_guest_resume(sim->state, slot, sim_host_now_ms(sim));
    sim_host_effect_end(sim);
    return 0;
}

int sim_save_resume(struct hv *hv, uint32_t domid, hv_done_fn *done, void *arg,
                    struct vdc_error *err)
{
    struct sim_op *op;

    return sim_op_start(hv, SIM_CALL_resume, domid, resume_run, done, arg, &op,
                        err);
}
