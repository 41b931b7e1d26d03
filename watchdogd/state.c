/* The file of what must outlive a reboot; see state.h. */
#include "watchdogd/state.h"

#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/textfile.h"

#define STATE_MAX \
    (VOTE_MEMBERS_MAX * (VOTE_NAME_SIZE + VOTE_ADDRESS_SIZE + 16))

struct state_saver {
    char *path;
    state_done_fn *done;
    void *arg;
    int pipe[2];
    struct event *event;
    pthread_t thread;
    bool busy, by_thread;
    char *text; /* that is being written */
    int rc;
    struct vdc_error err;
};

static int damaged(const char *path, struct vdc_error *err)
{
    vdc_error_set(err, VDC_E_BAD_CONFIG, "%s is damaged", path);
    vdc_error_hint(err, "remove it; policyd tells the list of members again");
    return VDC_E_BAD_CONFIG;
}

static bool read_line(char *line, struct vote *vote, uint64_t *promised_ms)
{
    struct vote_member member = { "" };
    int end = 0;

    if (sscanf(line, "promised %" SCNu64 "%n", promised_ms, &end) == 1 ||
        sscanf(line, "version %" SCNu64 "%n", &vote->version, &end) == 1)
        return end > 0 && line[end] == '\0';
    if (sscanf(line, "member %63s %255s%n", member.name, member.address,
               &end) != 2 || line[end] || vote->n_members >= VOTE_MEMBERS_MAX)
        return false;
    vote->members = xrealloc(vote->members,
                             (vote->n_members + 1) * sizeof(member));
    vote->members[vote->n_members++] = member;
    return true;
}

int state_read(const char *path, struct vote *ret_vote,
               uint64_t *ret_promised_ms, struct vdc_error *err)
{
    const struct vote none = { 0 };
    struct vote vote = { 0 };
    uint64_t promised_ms = 0;
    char *text, *rest, *line;
    int rc = textfile_read(path, STATE_MAX, &text, err);

    if (rc == VDC_E_NO_FILE) {
        *ret_vote = vote;
        *ret_promised_ms = 0;
        return 0;
    }
    if (rc)
        return rc;
    rest = text;
    while ((line = strsep(&rest, "\n")))
        if (*line && !read_line(line, &vote, &promised_ms))
            rc = damaged(path, err);
    vote_sort(&vote);
    if (rc == 0 && vote_check(&none, &vote, NULL))
        rc = damaged(path, err);
    free(text);
    if (rc) {
        vote_fini(&vote);
        return rc;
    }
    *ret_vote = vote;
    *ret_promised_ms = promised_ms;
    return 0;
}

static void *write_it(void *arg)
{
    struct state_saver *saver = arg;

    saver->rc = textfile_write(saver->path, 0600, saver->text, &saver->err);
    while (write(saver->pipe[1], "", 1) < 0)
        ;
    return NULL;
}

static void on_written(evutil_socket_t fd, short what, void *arg)
{
    struct state_saver *saver = arg;
    char c;

    if (read(fd, &c, 1) != 1)
        return;
    if (saver->by_thread)
        pthread_join(saver->thread, NULL);
    saver->busy = false;
    free(saver->text);
    saver->text = NULL;
    saver->done(saver->arg, saver->rc, &saver->err);
}

struct state_saver *state_saver_new(struct event_base *base, const char *path,
                                    state_done_fn *done, void *arg)
{
    struct state_saver *saver = XNEW(struct state_saver);

    saver->path = xstrdup(path);
    saver->done = done;
    saver->arg = arg;
    if (pipe2(saver->pipe, O_CLOEXEC))
        abort();
    saver->event = event_new(base, saver->pipe[0], EV_READ | EV_PERSIST,
                             on_written, saver);
    if (!saver->event || event_add(saver->event, NULL))
        abort(); /* out of memory */
    return saver;
}

void state_saver_free(struct state_saver *saver)
{
    if (!saver)
        return;
    if (saver->busy && saver->by_thread)
        pthread_join(saver->thread, NULL);
    event_free(saver->event);
    close(saver->pipe[0]);
    close(saver->pipe[1]);
    free(saver->text);
    free(saver->path);
    free(saver);
}

bool state_saver_is_busy(const struct state_saver *saver)
{
    return saver->busy;
}

bool state_save(struct state_saver *saver, const struct vote *vote,
                uint64_t promised_ms)
{
    size_t size;
    FILE *f;

    if (saver->busy)
        return false;
    f = open_memstream(&saver->text, &size);
    if (!f)
        abort(); /* out of memory */
    fprintf(f, "promised %" PRIu64 "\nversion %" PRIu64 "\n", promised_ms,
            vote->version);
    for (size_t i = 0; i < vote->n_members; i++)
        fprintf(f, "member %s %s\n", vote->members[i].name,
                vote->members[i].address);
    fclose(f);
    saver->err = (struct vdc_error){ 0 };
    saver->busy = true;
    saver->by_thread =
        pthread_create(&saver->thread, NULL, write_it, saver) == 0;
    if (!saver->by_thread) /* rather late than not at all */
        write_it(saver);
    return true;
}
