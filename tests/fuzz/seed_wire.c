/* Writes one filled message of each number into the folder given: the seeds
 * from which fuzz_wire starts. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/wire/fill.h"
#include "wire/wire.h"

static int write_seed(const char *folder, const struct wire_message *m)
{
    struct arena *arena = arena_new();
    uint64_t seed = m->number;
    uint8_t *bytes;
    size_t size;
    void *body = arena_alloc(arena, m->body->size);
    char *path = arena_printf(arena, "%s/%s", folder, m->name);
    int rc = -1;

    fill_struct(m->body, body, arena, &seed);
    FILE *f = fopen(path, "w");
    if (f && !wire_encode(m->number, 1, body, arena, &bytes, &size, NULL) &&
        fwrite(bytes, 1, size, f) == size)
        rc = 0;
    if (f && fclose(f))
        rc = -1;
    if (rc)
        perror(path);
    arena_free(arena);
    return rc;
}

int main(int argc, char **argv)
{
    size_t n;
    const struct wire_message *messages = wire_messages(&n);

    if (argc != 2) {
        fprintf(stderr, "usage: seed_wire FOLDER\n");
        return 2;
    }
    for (size_t i = 0; i < n; i++)
        if (write_seed(argv[1], &messages[i]))
            return 1;
    printf("%zu seeds\n", n);
    return 0;
}
