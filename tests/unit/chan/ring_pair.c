/* Both ends of a channel in one process, for the tests of the ring. */
#include "tests/unit/chan/ring_pair.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *guarded_memory(size_t size, void **ret_map, size_t *ret_map_size)
{
    size_t all = size + 2 * RING_PAGE;
    uint8_t *map = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                        0);

    if (map == MAP_FAILED ||
        mprotect(map + RING_PAGE, size, PROT_READ | PROT_WRITE)) {
        perror("mmap");
        exit(1);
    }
    *ret_map = map;
    *ret_map_size = all;
    return map + RING_PAGE;
}

struct ring_shared *pair_shared(struct ring_pair *pair)
{
    return (struct ring_shared *)(void *)pair->memory;
}

void pair_remake(struct ring_pair *pair, uint32_t position)
{
    struct ring_shared *shared = pair_shared(pair);
    struct vdc_error err;

    memset(pair->memory, 0, RING_PAGE);
    int rc = ring_make(&pair->maker, pair->memory, pair->size, pair->m,
                       pair->t, &err);
    assert(rc == 0);
    for (int i = 0; i < 2; i++) {
        shared->side[i].head = shared->side[i].tail = position;
        shared->side[i].want_message = shared->side[i].want_room = position;
    }
    rc = ring_attach(&pair->maker, RING_MAKER, pair->memory, pair->size,
                     pair->m, pair->t, &err);
    assert(rc == 0);
    rc = ring_take(&pair->taker, pair->memory, pair->size, pair->m, pair->t,
                   &err);
    assert(rc == 0);
    (void)rc;
}

void pair_make(struct ring_pair *pair, uint32_t m, uint32_t t,
               uint32_t position)
{
    pair->m = m;
    pair->t = t;
    pair->size = ring_memory(m, t);
    pair->memory = guarded_memory(pair->size, &pair->map, &pair->map_size);
    pair_remake(pair, position);
}

void pair_free(struct ring_pair *pair)
{
    munmap(pair->map, pair->map_size);
}

void seed_fill(uint8_t *to, uint32_t size, uint32_t seed)
{
    for (uint32_t i = 0; i < size; i++)
        to[i] = (uint8_t)(seed * 31 + i * 7 + (i >> 8));
}

bool seed_matches(const uint8_t *data, uint32_t size, uint32_t seed)
{
    uint32_t wrong = 0;

    for (uint32_t i = 0; i < size; i++)
        wrong |= (uint8_t)(seed * 31 + i * 7 + (i >> 8)) ^ data[i];
    return !wrong;
}

int pair_send(struct ring *ring, uint32_t size, uint32_t seed, bool more,
              bool *ret_notify)
{
    uint8_t *to;
    int rc = ring_reserve(ring, size, &to);

    if (rc)
        return rc;
    seed_fill(to, size, seed);
    ring_commit(ring, size, (uint16_t)seed, more);
    bool notify = ring_publish(ring);
    if (ret_notify)
        *ret_notify = notify;
    return 0;
}

bool pair_receive(struct ring *ring, uint32_t size, uint32_t seed, bool more,
                  bool *ret_notify)
{
    struct ring_message message;

    if (ring_peek(ring, &message) || message.size != size ||
        message.type != (uint16_t)seed || message.more != more ||
        !seed_matches(message.data, size, seed))
        return false;
    ring_release(ring);
    bool notify = ring_give_back(ring);
    if (ret_notify)
        *ret_notify = notify;
    return true;
}

uint32_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 16);
}
