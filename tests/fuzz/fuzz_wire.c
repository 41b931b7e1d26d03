/*
 * Fuzz target: any bytes as a message.  What decodes must encode to something
 * that decodes to the same.  With libFuzzer (configure --enable-fuzz
 * CC=clang), or as a plain program over the files given.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct wire_frame frame, again;
    struct vdc_error err;
    uint8_t *bytes, *bytes_again;
    size_t n, n_again;

    if (wire_decode(data, size, arena, &frame, &err) == 0) {
        int rc = wire_encode(frame.message->number, frame.id, frame.body,
                             arena, &bytes, &n, &err);
        assert(rc == 0);
        rc = wire_decode(bytes, n, arena, &again, &err);
        assert(rc == 0);
        rc = wire_encode(again.message->number, again.id, again.body, arena,
                         &bytes_again, &n_again, &err);
        assert(rc == 0 && n == n_again && !memcmp(bytes, bytes_again, n));
    }
    arena_free(arena);
    return 0;
}
