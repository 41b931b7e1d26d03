/*
 * An iallocator of one shot, as hail is: reads Ganeti's input file, places,
 * and prints the answer.  What is measured beside hail on the same file.
 *
 *   iallocator FILE
 */
#include <stdio.h>
#include <stdlib.h>

#include "policyd/policies/iallocator.h"

#define SIZE_MAX_MIB 16

static char *read_file(const char *path, size_t *ret_size)
{
    const size_t most = (size_t)SIZE_MAX_MIB << 20;
    FILE *f = fopen(path, "r");
    char *text = xzalloc(most);

    if (!f) {
        fprintf(stderr, "iallocator: %s cannot be read\n", path);
        exit(1);
    }
    *ret_size = fread(text, 1, most, f);
    fclose(f);
    return text;
}

int main(int argc, char **argv)
{
    struct iallocator_input input;
    struct placement_decision decision;
    struct vdc_error err = { 0 };
    struct json_out *out = json_out_new(false);
    char reason[PLACEMENT_REASON_MAX + 1];
    const char *host = NULL;
    size_t size, len;

    if (argc != 2) {
        fprintf(stderr, "usage: iallocator FILE\n");
        return 2;
    }
    char *text = read_file(argv[1], &size);
    if (iallocator_read_input(text, size, &input, &err)) {
        fprintf(stderr, "iallocator: %s\n", err.text);
        return 1;
    }
    const struct placement_policy *policy = placement_policy_find("spread");
    if (!placement_choose(input.view, &input.request, policy, &decision,
                          &err)) {
        host = placement_view_text(
            input.view,
            placement_view_host(input.view, decision.winner.host)->name);
        placement_reason(input.view, &input.request, policy, &decision, reason,
                         sizeof(reason));
    }
    iallocator_write_answer(host, host ? reason : err.text, out);
    printf("%s\n", json_out_text(out, &len));
    json_out_free(out);
    iallocator_fini_input(&input);
    free(text);
    return 0;
}
