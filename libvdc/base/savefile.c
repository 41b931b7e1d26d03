/* The head of files that `save` writes; for resourced, which writes and reads
 * them, and policyd, which looks whose they are. */
#include "base/savefile.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define FORMAT 1u

static const char magic[16] = "xen-vdc save";

static void put(uint8_t *p, uint64_t value, unsigned n_bytes)
{
    for (unsigned i = 0; i < n_bytes; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *p, unsigned n_bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < n_bytes; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

int savefile_write(int fd, const struct savefile_head *head,
                   struct vdc_error *err)
{
    uint8_t bytes[SAVEFILE_HEAD_SIZE] = { 0 };
    size_t n_written = 0;

    memcpy(bytes, magic, sizeof(magic));
    put(bytes + 16, FORMAT, 4);
    memcpy(bytes + 24, head->uuid.bytes, 16);
    put(bytes + 40, head->saved_ms, 8);
    put(bytes + 48, head->memory_kib, 8);
    while (n_written < sizeof(bytes)) {
        ssize_t r = write(fd, bytes + n_written, sizeof(bytes) - n_written);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return vdc_error_errno(err, VDC_E_IO, errno,
                                   "the file cannot be written");
        n_written += (size_t)r;
    }
    return 0;
}

int savefile_read(int fd, struct savefile_head *ret, struct vdc_error *err)
{
    uint8_t bytes[SAVEFILE_HEAD_SIZE];
    size_t n_read = 0;

    while (n_read < sizeof(bytes)) {
        ssize_t r = read(fd, bytes + n_read, sizeof(bytes) - n_read);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return vdc_error_errno(err, VDC_E_IO, errno,
                                   "the file cannot be read");
        if (r == 0)
            break;
        n_read += (size_t)r;
    }
    if (n_read < sizeof(bytes) || memcmp(bytes, magic, sizeof(magic)) != 0)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "it is not a file that 'xl-vdc save' wrote");
    if (get(bytes + 16, 4) > FORMAT)
        return vdc_error_set(err, VDC_E_STORE_NEWER,
                             "it was saved by a newer version of xen-vdc");
    memcpy(ret->uuid.bytes, bytes + 24, 16);
    ret->saved_ms = get(bytes + 40, 8);
    ret->memory_kib = get(bytes + 48, 8);
    return 0;
}
