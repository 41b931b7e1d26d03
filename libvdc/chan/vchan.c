/*
 * One end of a stream in libxenvchan's layout, for chan/port when it is asked
 * for it.  Positions are counts of bytes, modulo 2^32.
 *
 * A side asks to be notified by setting a bit in the other's byte, and the
 * other clears it when it notifies: so both bytes are changed by both, with
 * atomic instructions, and anything may be found in them.
 */
#include "chan/vchan.h"

#include <assert.h>
#include <string.h>

#define LOAD(at) __atomic_load_n(at, __ATOMIC_ACQUIRE)
#define LOAD_RELAXED(at) __atomic_load_n(at, __ATOMIC_RELAXED)
#define LOAD_ORDERED(at) __atomic_load_n(at, __ATOMIC_SEQ_CST)
#define STORE(at, value) __atomic_store_n(at, value, __ATOMIC_RELEASE)
#define STORE_RELAXED(at, value) __atomic_store_n(at, value, __ATOMIC_RELAXED)
#define STORE_ORDERED(at, value) __atomic_store_n(at, value, __ATOMIC_SEQ_CST)

/* Notification bits, and values of the life bytes. */
#define WRITTEN 1
#define TAKEN 2
#define GONE 0
#define ALIVE 1
#define NOT_YET 2

struct vchan_shared_ring {
    uint32_t cons, prod;
};

struct vchan_shared {
    struct vchan_shared_ring left, right;
    uint16_t left_order, right_order;
    uint8_t client_life, server_life;
    uint8_t client_notify, server_notify;
    uint32_t refs[];
};

_Static_assert(offsetof(struct vchan_shared, client_life) == 20, "layout");
_Static_assert(offsetof(struct vchan_shared, refs) == 24, "layout");

#define ORDER_SMALL 10
#define ORDER_LARGE 11
#define ORDER_PAGE 12
#define ORDER_MAX 20

/* ---- where things are ---- */

static uint16_t order_of(size_t size)
{
    uint16_t order = ORDER_PAGE;

    while (size > (size_t)1 << order)
        order++;
    return order;
}

static uint32_t pages_of(uint16_t order)
{
    return order < ORDER_PAGE ? 0 : 1u << (order - ORDER_PAGE);
}

/* Where the list of references must end, for a ring of this order. */
static size_t refs_end(uint16_t order)
{
    return order < ORDER_PAGE ? (size_t)1 << order : VCHAN_PAGE;
}

int vchan_plan(size_t left_min, size_t right_min, struct vchan_layout *ret,
               struct vdc_error *err)
{
    const size_t small = 1 << ORDER_SMALL, large = 1 << ORDER_LARGE;

    if (left_min > VCHAN_SIZE_MAX || right_min > VCHAN_SIZE_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "rings of %zu and %zu bytes: libxenvchan's have "
                             "up to %u",
                             left_min, right_min, VCHAN_SIZE_MAX);
    uint16_t left = order_of(left_min), right = order_of(right_min);
    /* One ring of each place in the first page. */
    if (left_min <= small && right_min <= large) {
        left = ORDER_SMALL;
        right = ORDER_LARGE;
    } else if (left_min <= large && right_min <= small) {
        left = ORDER_LARGE;
        right = ORDER_SMALL;
    } else if (left_min <= large) {
        left = ORDER_LARGE;
    } else if (right_min <= large) {
        right = ORDER_LARGE;
    }
    ret->left_order = left;
    ret->right_order = right;
    ret->n_left = pages_of(left);
    ret->n_right = pages_of(right);
    return 0;
}

int vchan_look(const void *page, struct vchan_layout *ret, uint32_t *ret_refs,
               struct vdc_error *err)
{
    const struct vchan_shared *shared = page;
    uint16_t left = LOAD(&shared->left_order);
    uint16_t right = LOAD(&shared->right_order);

    if (left < ORDER_SMALL || left > ORDER_MAX || right < ORDER_SMALL ||
        right > ORDER_MAX || (left == right && left < ORDER_PAGE))
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "no vchan has rings of orders %u and %u", left,
                             right);
    uint32_t n = pages_of(left) + pages_of(right);
    size_t end = offsetof(struct vchan_shared, refs) + n * sizeof(uint32_t);
    if (n && (end > refs_end(left) || end > refs_end(right)))
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "the %u references of a vchan reach into its "
                             "ring",
                             n);
    ret->left_order = left;
    ret->right_order = right;
    ret->n_left = pages_of(left);
    ret->n_right = pages_of(right);
    for (uint32_t i = 0; i < n; i++)
        ret_refs[i] = LOAD_RELAXED(&shared->refs[i]);
    return 0;
}

size_t vchan_life_offset(enum vchan_side side)
{
    return side == VCHAN_SERVER ? offsetof(struct vchan_shared, server_life) :
                                  offsetof(struct vchan_shared, client_life);
}

static uint8_t *ring_at(void *page, void *pages, uint16_t order)
{
    return order < ORDER_PAGE ? (uint8_t *)page + (1u << order) : pages;
}

static void set_up(struct vchan *vchan, enum vchan_side side, void *page,
                   void *left, void *right, const struct vchan_layout *layout)
{
    uint8_t *to_server = ring_at(page, left, layout->left_order);
    uint8_t *to_client = ring_at(page, right, layout->right_order);
    uint32_t left_size = 1u << layout->left_order;
    uint32_t right_size = 1u << layout->right_order;
    bool server = side == VCHAN_SERVER;

    memset(vchan, 0, sizeof(*vchan));
    vchan->shared = page;
    vchan->side = side;
    vchan->out.data = server ? to_client : to_server;
    vchan->out.size = server ? right_size : left_size;
    vchan->in.data = server ? to_server : to_client;
    vchan->in.size = server ? left_size : right_size;
}

/* The ring that this end writes, and the one that it reads. */
static struct vchan_shared_ring *out_ring(const struct vchan *vchan)
{
    struct vchan_shared *shared = vchan->shared;

    return vchan->side == VCHAN_SERVER ? &shared->right : &shared->left;
}

static struct vchan_shared_ring *in_ring(const struct vchan *vchan)
{
    struct vchan_shared *shared = vchan->shared;

    return vchan->side == VCHAN_SERVER ? &shared->left : &shared->right;
}

void vchan_serve(struct vchan *vchan, void *page, void *left, void *right,
                 const struct vchan_layout *layout, const uint32_t *refs)
{
    struct vchan_shared *shared = page;
    uint32_t n = layout->n_left + layout->n_right;

    assert(n <= VCHAN_REFS_MAX);
    set_up(vchan, VCHAN_SERVER, page, left, right, layout);
    for (uint32_t i = 0; i < n; i++)
        STORE_RELAXED(&shared->refs[i], refs[i]);
    STORE_RELAXED(&shared->left_order, layout->left_order);
    STORE_RELAXED(&shared->right_order, layout->right_order);
    STORE_RELAXED(&shared->client_notify, WRITTEN);
    STORE(&shared->client_life, NOT_YET);
    STORE(&shared->server_life, ALIVE);
}

int vchan_join(struct vchan *vchan, void *page, void *left, void *right,
               const struct vchan_layout *layout, struct vdc_error *err)
{
    struct vchan_shared *shared = page;

    set_up(vchan, VCHAN_CLIENT, page, left, right, layout);
    vchan->broken = true; /* until all is well */
    struct vchan_out *out = &vchan->out;
    struct vchan_in *in = &vchan->in;
    /* A client may follow another. */
    out->prod = LOAD(&shared->left.prod);
    out->cons_seen = LOAD(&shared->left.cons);
    in->cons = LOAD(&shared->right.cons);
    in->prod_seen = LOAD(&shared->right.prod);
    if (out->prod - out->cons_seen > out->size ||
        in->prod_seen - in->cons > in->size)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "the positions of a vchan contradict each other");
    if (LOAD(&shared->server_life) == GONE)
        return vdc_error_set(err, VDC_E_CLOSED, "a vchan's server is gone");
    vchan->broken = false;
    STORE(&shared->client_life, ALIVE);
    STORE_ORDERED(&shared->server_notify, WRITTEN);
    return 0;
}

/* ---- the end ---- */

enum vchan_other vchan_other(const struct vchan *vchan)
{
    const struct vchan_shared *shared = vchan->shared;
    bool server = vchan->side == VCHAN_SERVER;
    uint8_t life = LOAD(server ? &shared->client_life : &shared->server_life);

    if (life == GONE)
        return VCHAN_OTHER_GONE;
    return server && life == NOT_YET ? VCHAN_OTHER_ABSENT : VCHAN_OTHER_OPEN;
}

void vchan_close(struct vchan *vchan)
{
    struct vchan_shared *shared = vchan->shared;

    vchan->closed = true;
    if (vchan->side == VCHAN_SERVER)
        STORE_ORDERED(&shared->server_life, GONE);
    else
        STORE_ORDERED(&shared->client_life, GONE);
}

/* ---- notifications ---- */

/* Whether the other end asked to hear of this; it has then been told. */
static bool must_tell(struct vchan *vchan, uint8_t bit)
{
    uint8_t *asked = vchan->side == VCHAN_SERVER ?
                         &vchan->shared->server_notify :
                         &vchan->shared->client_notify;

    if (!(LOAD_ORDERED(asked) & bit))
        return false;
    return __atomic_fetch_and(asked, (uint8_t)~bit, __ATOMIC_SEQ_CST) & bit;
}

static void ask(struct vchan *vchan, uint8_t bit)
{
    uint8_t *asked = vchan->side == VCHAN_SERVER ?
                         &vchan->shared->client_notify :
                         &vchan->shared->server_notify;

    __atomic_fetch_or(asked, bit, __ATOMIC_SEQ_CST);
}

/* ---- bytes ---- */

static bool is_broken(const struct vchan *vchan)
{
    return LOAD_RELAXED(&vchan->broken);
}

static int break_stream(struct vchan *vchan)
{
    STORE_RELAXED(&vchan->broken, true);
    return VDC_E_PROTOCOL;
}

static uint32_t room(const struct vchan_out *out)
{
    return out->size - (out->prod - out->cons_seen);
}

/* The other end's position, which goes on within what was written. */
static bool accept_cons(struct vchan_out *out, uint32_t cons)
{
    if (out->prod - cons > out->prod - out->cons_seen)
        return false;
    out->cons_seen = cons;
    return true;
}

static bool accept_prod(struct vchan_in *in, uint32_t prod)
{
    uint32_t seen = in->prod_seen - in->cons, now = prod - in->cons;

    if (now > in->size || now < seen)
        return false;
    in->prod_seen = prod;
    return true;
}

static uint32_t least(uint32_t a, size_t b)
{
    return b < a ? (uint32_t)b : a;
}

int vchan_write(struct vchan *vchan, const void *data, size_t size,
                size_t *ret_size, bool *ret_notify)
{
    struct vchan_out *out = &vchan->out;
    struct vchan_shared_ring *ring = out_ring(vchan);

    assert(size > 0);
    if (is_broken(vchan))
        return VDC_E_PROTOCOL;
    if (vchan->closed || vchan_other(vchan) == VCHAN_OTHER_GONE)
        return VDC_E_CLOSED;
    if (room(out) < size && !accept_cons(out, LOAD(&ring->cons)))
        return break_stream(vchan);
    uint32_t n = least(room(out), size);
    if (!n)
        return VDC_E_BUSY;
    uint32_t at = out->prod & (out->size - 1);
    uint32_t first = least(n, out->size - at);
    memcpy(out->data + at, data, first);
    memcpy(out->data, (const uint8_t *)data + first, n - first);
    out->prod += n;
    STORE_ORDERED(&ring->prod, out->prod);
    *ret_size = n;
    *ret_notify = must_tell(vchan, WRITTEN);
    return 0;
}

static int look_for_more(struct vchan *vchan)
{
    struct vchan_in *in = &vchan->in;
    uint32_t *prod = &in_ring(vchan)->prod;

    if (!accept_prod(in, LOAD(prod)))
        return break_stream(vchan);
    if (in->prod_seen != in->cons)
        return 0;
    if (!vchan->closed && vchan_other(vchan) != VCHAN_OTHER_GONE)
        return VDC_E_BUSY;
    /* It may have written between the look and its end. */
    if (!accept_prod(in, LOAD(prod)))
        return break_stream(vchan);
    return in->prod_seen != in->cons ? 0 : VDC_E_CLOSED;
}

int vchan_read(struct vchan *vchan, void *data, size_t size, size_t *ret_size,
               bool *ret_notify)
{
    struct vchan_in *in = &vchan->in;

    assert(size > 0);
    if (is_broken(vchan))
        return VDC_E_PROTOCOL;
    if (in->prod_seen - in->cons < size) {
        int rc = look_for_more(vchan);
        if (rc)
            return rc;
    }
    uint32_t n = least(in->prod_seen - in->cons, size);
    uint32_t at = in->cons & (in->size - 1);
    uint32_t first = least(n, in->size - at);
    memcpy(data, in->data + at, first);
    memcpy((uint8_t *)data + first, in->data, n - first);
    in->cons += n;
    STORE_ORDERED(&in_ring(vchan)->cons, in->cons);
    *ret_size = n;
    *ret_notify = must_tell(vchan, TAKEN);
    return 0;
}

/* ---- before sleeping ---- */

bool vchan_want_data(struct vchan *vchan)
{
    struct vchan_in *in = &vchan->in;

    if (is_broken(vchan) || in->prod_seen != in->cons)
        return true;
    ask(vchan, WRITTEN);
    if (!accept_prod(in, LOAD_ORDERED(&in_ring(vchan)->prod))) {
        break_stream(vchan);
        return true;
    }
    return in->prod_seen != in->cons || vchan_other(vchan) == VCHAN_OTHER_GONE;
}

bool vchan_want_room(struct vchan *vchan, size_t size)
{
    struct vchan_out *out = &vchan->out;

    if (is_broken(vchan) || size > out->size || room(out) >= size)
        return true;
    ask(vchan, TAKEN);
    if (!accept_cons(out, LOAD_ORDERED(&out_ring(vchan)->cons))) {
        break_stream(vchan);
        return true;
    }
    return room(out) >= size || vchan_other(vchan) == VCHAN_OTHER_GONE;
}
