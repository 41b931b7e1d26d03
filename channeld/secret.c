/*
 * Secrets of the ends of channels; see secret.h.
 */
#include "channeld/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"

/* ---- the hash ---- */

static uint64_t load(const uint8_t *p, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)p[i] << 8 * i;
    return value;
}

static uint64_t turn(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static void mix(uint64_t v[4], unsigned rounds)
{
    while (rounds--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = turn(v[1], 13) ^ v[0];
        v[3] = turn(v[3], 16) ^ v[2];
        v[0] = turn(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = turn(v[1], 17) ^ v[2];
        v[3] = turn(v[3], 21) ^ v[0];
        v[2] = turn(v[2], 32);
    }
}

uint64_t secret_hash(const struct secret_key *key, const uint8_t *data,
                     size_t size)
{
    uint64_t k0 = load(key->bytes, 8), k1 = load(key->bytes + 8, 8);
    uint64_t v[4] = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
                      k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573 };

    for (size_t at = 0; at <= size; at += 8) {
        size_t left = size - at;
        uint64_t word = load(data + at, left < 8 ? left : 8);
        if (left < 8)
            word |= (uint64_t)size << 56;
        v[3] ^= word;
        mix(v, 2);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    mix(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- what goes into it ---- */

struct text {
    uint8_t bytes[256];
    size_t size;
};

static void add(struct text *text, const void *data, size_t size)
{
    memcpy(text->bytes + text->size, data, size);
    text->size += size;
}

static void add_number(struct text *text, uint64_t value)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    add(text, bytes, sizeof(bytes));
}

static void add_party(struct text *text, const struct party *party)
{
    add_number(text, party->domid);
    add(text, party->partition.bytes, sizeof(party->partition.bytes));
}

uint64_t secret_of(const struct secret_key *key, const struct channel *channel,
                   enum registry_side side)
{
    const struct party *own = &channel->party[side];
    struct text text = { .size = 0 };
    char service[sizeof(channel->service)] = "";

    PARTY_COPY(service, channel->service);
    add_number(&text, channel->id);
    add_number(&text, side);
    add_party(&text, own);
    add_number(&text, own->uid);
    add_number(&text, own->pid);
    /* which program the other is, an end may not know */
    add_party(&text, &channel->party[!side]);
    add(&text, service, sizeof(service));
    add_number(&text, channel->to_server.kib);
    add_number(&text, channel->to_client.kib);
    add_number(&text, channel->layout);
    add_number(&text, channel->opened_ms);
    uint64_t secret = secret_hash(key, text.bytes, text.size);
    return secret ? secret : 1;
}

/* ---- the key ---- */

static int failed(const char *path, struct vdc_error *err)
{
    int rc = vdc_error_errno(err, VDC_E_IO, errno,
                             "the key of channels' secrets in %s", path);
    vdc_error_hint(err, "its directory must exist and be writable for "
                        "channeld");
    return rc;
}

static int write_key(const char *path, const struct secret_key *key,
                     struct vdc_error *err)
{
    char *new = xasprintf("%s.new", path);
    int fd, rc = 0;

    unlink(new); /* whatever it was, this one is ours alone */
    fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, key, sizeof(*key)) != sizeof(*key) || fsync(fd) ||
        rename(new, path))
        rc = failed(path, err);
    if (fd >= 0)
        close(fd);
    free(new);
    return rc;
}

int secret_key_open(const char *path, struct secret_key *ret,
                    struct vdc_error *err)
{
    struct secret_key key;
    uint8_t bytes[SECRET_KEY_SIZE + 1];
    ssize_t r = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno != ENOENT)
        return failed(path, err);
    if (fd >= 0) {
        r = read(fd, bytes, sizeof(bytes));
        close(fd);
        if (r != SECRET_KEY_SIZE)
            log_warning("%s is no key; channels from before end", path);
    }
    if (r == SECRET_KEY_SIZE) {
        memcpy(ret->bytes, bytes, SECRET_KEY_SIZE);
        return 0;
    }
    if (getrandom(&key, sizeof(key), 0) != sizeof(key))
        return failed(path, err);
    int rc = write_key(path, &key, err);
    if (rc == 0)
        *ret = key;
    return rc;
}
