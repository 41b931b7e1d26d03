/*
 * Images of a host: what comes in pieces, what is whole, and who may have it.
 * The connections between hosts, and answers to policyd, are stood in for.
 */
#include <event2/event.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "chan/chan.h"
#include "resourced/host.h"
#include "resourced/image_impl.h"
#include "resourced/migrate_impl.h"
#include "resourced/server.h"
#include "tests/unit/unit.h"

#define ABC \
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define OTHER \
    "0000000000000000000000000000000000000000000000000000000000000000"

/* ---- what is stood in for ---- */

static int answered; /* a message's number, or an error's code */
static uint64_t again_ms;

void request_answer(struct request *request, enum wire_message_number number,
                    const void *body)
{
    answered = (int)number;
    if (number == WIRE_MSG_image_kept)
        again_ms = ((const struct wire_image_kept *)body)->again_ms;
}

void request_fail(struct request *request, const struct vdc_error *err)
{
    answered = err->code;
}

void image_fetches_free(struct images *images)
{
}

struct chan {
    const struct chan_ops *ops;
    void *arg;
};

void chan_set_ops(struct chan *chan, const struct chan_ops *ops, void *arg)
{
    chan->ops = ops;
    chan->arg = arg;
}

size_t chan_pending(const struct chan *chan)
{
    return 0;
}

void chan_finish(struct chan *chan)
{
}

static char sent[64];
static size_t n_sent;

void migrate_say(struct chan *chan, enum wire_message_number number,
                 const void *body)
{
    const struct wire_image_chunk *chunk = body;

    CU_ASSERT_EQUAL(number, WIRE_MSG_image_chunk);
    CU_ASSERT_FATAL(n_sent + chunk->n_bytes <= sizeof(sent));
    memcpy(sent + n_sent, chunk->bytes, chunk->n_bytes);
    n_sent += chunk->n_bytes;
}

void migrate_say_failed(struct chan *chan, const struct vdc_error *why)
{
}

struct event *migrate_timer(struct host *host,
                            void (*fn)(int fd, short what, void *arg),
                            void *arg)
{
    return event_new(host->base, -1, 0, fn, arg);
}

void migrate_timer_set(struct event *timer, unsigned ms)
{
    const struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

    event_add(timer, &tv);
}

/* ---- a host ---- */

static struct resourced_settings settings;
static struct host host;
static char dir[64];

static void begin(void)
{
    strcpy(dir, "/tmp/test_image.XXXXXX");
    if (!mkdtemp(dir))
        abort();
    memset(&host, 0, sizeof(host));
    settings.image_dir = dir;
    settings.image_part_keep_ms = 3600000;
    settings.migrate_wait_ms = 60000;
    host.settings = &settings;
    host.base = event_base_new();
    TAILQ_INIT(&host.partitions.all);
    host.images = images_new(&host);
}

static int remove_one(const char *path, const struct stat *st, int flag,
                      struct FTW *ftw)
{
    return remove(path);
}

static void stop(void)
{
    images_free(host.images);
    event_base_free(host.base);
}

static void end(void)
{
    stop();
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* As after a kill: nothing is known but what is in the directory. */
static void again(void)
{
    stop();
    host.base = event_base_new();
    host.images = images_new(&host);
}

static struct {
    bool told, whole;
    uint64_t done;
    int code;
} last;

static void written(void *arg, uint64_t done, bool whole,
                    const struct vdc_error *err)
{
    last.told = true;
    last.done = done;
    last.whole = whole;
    last.code = err ? err->code : 0;
}

static int put_part(const char *digest, const struct vdc_uuid *part,
                    uint64_t size, uint64_t offset, const char *bytes)
{
    struct image_writer *w = image_writer(host.images, digest, part, size);
    struct vdc_error err;

    last.told = false;
    if (image_write(w, offset, bytes, strlen(bytes), written, NULL, &err))
        return err.code;
    while (!last.told)
        event_base_loop(host.base, EVLOOP_ONCE);
    return last.code;
}

static int put(const char *digest, uint64_t size, uint64_t offset,
               const char *bytes)
{
    return put_part(digest, NULL, size, offset, bytes);
}

static struct image_looked seen;
static bool looked;

static void on_looked(void *arg, const struct image_looked *result,
                      const struct vdc_error *err)
{
    looked = true;
    seen = *result;
}

static void look(bool verify)
{
    looked = false;
    image_look(host.images, ABC, verify, on_looked, NULL);
    while (!looked)
        event_base_loop(host.base, EVLOOP_ONCE);
}

static bool is_there(const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

static void spoil(const char *name, const char *bytes)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    chmod(path, 0600);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    CU_ASSERT_EQUAL(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
    close(fd);
}

static void take_away(const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    CU_ASSERT_EQUAL(unlink(path), 0);
}

/* ---- writing ---- */

static void test_pieces(void)
{
    begin();
    CU_ASSERT_EQUAL(put(ABC, 3, 0, ""), 0);
    CU_ASSERT_EQUAL(last.done, 0);
    CU_ASSERT_EQUAL(put(ABC, 3, 0, "a"), 0);
    CU_ASSERT_EQUAL(last.done, 1);
    CU_ASSERT(!last.whole);
    CU_ASSERT(!is_there(ABC));
    /* one that was sent twice, one that was lost, and too much */
    CU_ASSERT_EQUAL(put(ABC, 3, 0, "a"), VDC_E_CONFLICT);
    CU_ASSERT_EQUAL(put(ABC, 3, 2, "c"), VDC_E_CONFLICT);
    CU_ASSERT_EQUAL(put(ABC, 3, 1, "bcd"), VDC_E_CONFLICT);
    again();
    CU_ASSERT_EQUAL(put(ABC, 3, 0, ""), 0);
    CU_ASSERT_EQUAL(last.done, 1);
    CU_ASSERT_EQUAL(put(ABC, 3, 1, "bc"), 0);
    CU_ASSERT(last.whole);
    CU_ASSERT(is_there(ABC));
    CU_ASSERT(!is_there(ABC ".part"));
    end();
}

/* Whoever has sent all of it and was not told is told when it asks again; to
 * others, what is there is nothing. */
static void test_lost_answer(void)
{
    const struct vdc_uuid mine = { { 1 } }, other = { { 2 } };

    begin();
    CU_ASSERT_EQUAL(put_part(ABC, &mine, 3, 0, "abc"), 0);
    CU_ASSERT(last.whole);
    again();
    CU_ASSERT_EQUAL(put_part(ABC, &other, 3, 0, ""), 0);
    CU_ASSERT(!last.whole);
    CU_ASSERT_EQUAL(last.done, 0);
    CU_ASSERT_EQUAL(put_part(ABC, &mine, 3, 0, ""), 0);
    CU_ASSERT(last.whole);
    CU_ASSERT_EQUAL(last.done, 3);
    CU_ASSERT_EQUAL(put_part(ABC, &mine, 3, 1, "bc"), 0);
    CU_ASSERT(last.whole);
    /* it was damaged meanwhile: it is sent again, and mended */
    spoil(ABC, "abX");
    CU_ASSERT_EQUAL(put_part(ABC, &mine, 3, 0, ""), 0);
    CU_ASSERT(!last.whole);
    CU_ASSERT_EQUAL(last.done, 0);
    CU_ASSERT_EQUAL(put_part(ABC, &mine, 3, 0, "abc"), 0);
    CU_ASSERT(last.whole);
    look(true);
    CU_ASSERT(seen.whole);
    /* or removed */
    take_away(ABC);
    CU_ASSERT_EQUAL(put_part(ABC, &mine, 3, 0, ""), 0);
    CU_ASSERT(!last.whole);
    /* nothing is left of an upload that is dropped */
    CU_ASSERT(image_writer_remove(host.images, ABC, &mine));
    CU_ASSERT(image_writer_remove(host.images, ABC, &other));
    CU_ASSERT_EQUAL(rmdir(dir), 0);
    end();
}

static void test_wrong_digest(void)
{
    begin();
    CU_ASSERT_EQUAL(put(ABC, 3, 0, "abd"), VDC_E_BAD_VALUE);
    CU_ASSERT(!is_there(ABC));
    CU_ASSERT(!is_there(ABC ".part"));
    CU_ASSERT_EQUAL(put(ABC, 3, 0, "abc"), 0);
    CU_ASSERT(last.whole);
    end();
}

/* A part that was damaged, or is longer than the whole, from before. */
static void test_damaged_part(void)
{
    begin();
    spoil(ABC ".part", "X");
    CU_ASSERT_EQUAL(put(ABC, 3, 1, "bc"), VDC_E_BAD_VALUE);
    CU_ASSERT(!is_there(ABC));
    spoil(ABC ".part", "longer");
    CU_ASSERT_EQUAL(put(ABC, 3, 0, "abc"), 0);
    CU_ASSERT(last.whole);
    end();
}

static void test_one_at_a_time(void)
{
    struct image_writer *w;
    struct vdc_error err;

    begin();
    w = image_writer(host.images, ABC, NULL, 3);
    CU_ASSERT_EQUAL(image_write(w, 0, "a", 1, written, NULL, &err), 0);
    CU_ASSERT_EQUAL(put(ABC, 3, 0, "a"), VDC_E_BUSY);
    end(); /* which waits for the thread */
}

/* What was there before stays, and it goes on from there. */
static void test_no_room(void)
{
    const struct rlimit none = { 2, RLIM_INFINITY };
    struct rlimit before;

    begin();
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    CU_ASSERT_EQUAL(put(ABC, 3, 0, "a"), 0);
    setrlimit(RLIMIT_FSIZE, &none);
    CU_ASSERT_EQUAL(put(ABC, 3, 1, "bc"), VDC_E_IO);
    setrlimit(RLIMIT_FSIZE, &before);
    CU_ASSERT(is_there(ABC ".part"));
    CU_ASSERT_EQUAL(put(ABC, 3, 0, ""), 0);
    CU_ASSERT_EQUAL(last.done, 1);
    CU_ASSERT_EQUAL(put(ABC, 3, 1, "bc"), 0);
    CU_ASSERT(last.whole);
    end();
}

static void test_directory(void)
{
    begin();
    chmod(dir, 0755);
    CU_ASSERT_EQUAL(put(ABC, 3, 0, "abc"), VDC_E_DENIED);
    chmod(dir, 0700);
    CU_ASSERT_EQUAL(put(ABC, 3, 0, "abc"), 0);
    end();
}

/* ---- looking ---- */

static void test_damage(void)
{
    begin();
    look(false);
    CU_ASSERT(!seen.whole);
    CU_ASSERT(!seen.damaged);
    put(ABC, 3, 0, "abc");
    look(false);
    CU_ASSERT(seen.whole);
    spoil(ABC, "abX"); /* which the file system tells */
    look(false);
    CU_ASSERT(!seen.whole);
    CU_ASSERT(seen.damaged);
    CU_ASSERT(!is_there(ABC));
    CU_ASSERT(is_there(ABC ".damaged"));
    look(true);
    CU_ASSERT(!seen.damaged);
    /* one that somebody has put there */
    spoil(ABC, "abY");
    again();
    look(false);
    CU_ASSERT(seen.damaged);
    spoil(ABC, "abc");
    look(false);
    CU_ASSERT(seen.whole);
    end();
}

static void test_paths(void)
{
    struct arena *arena = arena_new();
    char path[256];

    begin();
    snprintf(path, sizeof(path), "%s/" ABC, dir);
    CU_ASSERT_STRING_EQUAL(image_path(&host, "image:web@" ABC, arena), path);
    CU_ASSERT_STRING_EQUAL(image_path(&host, "/boot/x", arena), "/boot/x");
    CU_ASSERT_STRING_EQUAL(image_path(&host, "image:web", arena),
                           "image:web");
    arena_free(arena);
    end();
}

/* ---- to another host ---- */

static uint8_t ticket[32], theirs[32];

static void allow(void)
{
    struct wire_image_serve serve;
    struct request request = { .host = &host, .body = &serve };

    memset(ticket, 7, sizeof(ticket));
    memset(theirs, 9, sizeof(theirs));
    wire_init(&wire_struct_image_serve, &serve);
    serve.digest = ABC;
    serve.ticket = ticket;
    serve.fingerprint = theirs;
    serve.n_ticket = serve.n_fingerprint = 32;
    answered = 0;
    image_handle_serve(&request);
    while (!answered)
        event_base_loop(host.base, EVLOOP_ONCE);
}

static int give(struct chan *chan, const uint8_t *whose, uint8_t first,
                const char *digest, uint64_t offset)
{
    struct wire_image_get get;
    struct vdc_error err;
    uint8_t shown[32];

    memcpy(shown, ticket, sizeof(shown));
    shown[0] = first;
    wire_init(&wire_struct_image_get, &get);
    get.ticket = shown;
    get.n_ticket = sizeof(shown);
    get.digest = digest;
    get.offset = offset;
    return images_give(host.images, chan, "beta", whose, &get, &err);
}

static void test_tickets(void)
{
    uint8_t another[32] = { 1 };
    struct chan chan;

    begin();
    allow();
    CU_ASSERT_EQUAL(answered, VDC_E_NOT_FOUND);
    put(ABC, 3, 0, "abc");
    CU_ASSERT(!images_allow(host.images, theirs));
    allow();
    CU_ASSERT_EQUAL(answered, WIRE_MSG_ok);
    CU_ASSERT(images_allow(host.images, theirs));
    CU_ASSERT(!images_allow(host.images, another));
    CU_ASSERT_EQUAL(give(&chan, another, 7, ABC, 0), VDC_E_DENIED);
    CU_ASSERT_EQUAL(give(&chan, theirs, 8, ABC, 0), VDC_E_DENIED);
    CU_ASSERT_EQUAL(give(&chan, theirs, 7, OTHER, 0), VDC_E_DENIED);
    n_sent = 0;
    CU_ASSERT_EQUAL(give(&chan, theirs, 7, ABC, 1), 0);
    while (n_sent < 2)
        event_base_loop(host.base, EVLOOP_ONCE);
    CU_ASSERT_NSTRING_EQUAL(sent, "bc", 2);
    CU_ASSERT_EQUAL(give(&chan, theirs, 7, ABC, 0), VDC_E_DENIED);
    allow();
    CU_ASSERT_EQUAL(give(&chan, theirs, 7, ABC, 4), VDC_E_IO);
    end();
}

/* What is not on the list goes when it is old, unless a guest needs it. */
static void test_keep(void)
{
    static const char *const none[] = { OTHER };
    struct wire_image_keep keep;
    struct arena *arena = arena_new();
    struct request request = { .host = &host, .arena = arena, .body = &keep };
    struct partition guest = { 0 };

    begin();
    wire_init(&wire_struct_image_keep, &keep);
    keep.digests = (const char **)none;
    keep.n_digests = 1;
    put(ABC, 3, 0, "abc");
    image_handle_keep(&request);
    CU_ASSERT(is_there(ABC));
    /* too young: it says when it is not */
    CU_ASSERT(again_ms > 3500000);
    CU_ASSERT(again_ms <= 3601000);
    settings.image_part_keep_ms = 0;
    sleep(2);
    wire_init(&wire_struct_definition, &guest.row.definition);
    wire_init(&wire_struct_definition, &guest.row.live);
    guest.row.definition.kernel = "image:web@" ABC;
    TAILQ_INSERT_TAIL(&host.partitions.all, &guest, in_all);
    image_handle_keep(&request);
    CU_ASSERT(is_there(ABC));
    CU_ASSERT_EQUAL(again_ms, 3600000);
    TAILQ_REMOVE(&host.partitions.all, &guest, in_all);
    keep.n_digests = 0; /* that there is none at all is a list, too */
    image_handle_keep(&request);
    CU_ASSERT(!is_there(ABC));
    CU_ASSERT_EQUAL(again_ms, 0);
    CU_ASSERT_EQUAL(answered, WIRE_MSG_image_kept);
    arena_free(arena);
    end();
}

static void tell(struct arena *arena, const char *digest)
{
    struct wire_image_keep keep;
    struct request request = { .host = &host, .arena = arena, .body = &keep };

    wire_init(&wire_struct_image_keep, &keep);
    keep.digests = &digest;
    keep.n_digests = 1;
    again_ms = 1;
    image_handle_keep(&request);
}

/* Even an old one stays for as long as a new one, since it was first heard
 * that no image names it: the store may be another than it should. */
static void test_named_again(void)
{
    const struct timespec old[] = { { 1000, 0 }, { 1000, 0 } };
    struct arena *arena = arena_new();
    char path[256];

    begin();
    put(ABC, 3, 0, "abc");
    snprintf(path, sizeof(path), "%s/" ABC, dir);
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path, old, 0), 0);
    settings.image_part_keep_ms = 1000;
    tell(arena, OTHER);
    CU_ASSERT(is_there(ABC));
    CU_ASSERT(again_ms > 0);
    CU_ASSERT(again_ms <= 1000);
    usleep(1100000);
    tell(arena, ABC); /* which begins anew */
    CU_ASSERT_EQUAL(again_ms, 0);
    tell(arena, OTHER);
    CU_ASSERT(is_there(ABC));
    usleep(1100000);
    tell(arena, OTHER);
    CU_ASSERT(!is_there(ABC));
    CU_ASSERT_EQUAL(again_ms, 0);
    arena_free(arena);
    end();
}

static const struct unit_test tests[] = {
    { "pieces", test_pieces },
    { "an answer that was lost", test_lost_answer },
    { "another digest", test_wrong_digest },
    { "a part that was damaged", test_damaged_part },
    { "one at a time", test_one_at_a_time },
    { "no room", test_no_room },
    { "a directory that others may use", test_directory },
    { "damage", test_damage },
    { "paths", test_paths },
    { "tickets", test_tickets },
    { "which are kept", test_keep },
    { "one that is named again", test_named_again },
};
UNIT_MAIN("resourced/image", tests)
