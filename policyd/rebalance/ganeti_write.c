/*
 * Ganeti's text format, written; see ganeti.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "policyd/rebalance/ganeti.h"
#include "policyd/rebalance/ganeti_impl.h"

static void write_line(FILE *out, const struct ganeti_line *line)
{
    for (uint32_t i = 0; i < line->n; i++)
        fprintf(out, "%s%s", i ? "|" : "", line->fields[i]);
    fputc('\n', out);
}

/* What a node's free memory and disk have become, in KiB. */
struct change {
    int64_t memory;
    int64_t disk;
};

static struct change *find_changes(const struct ganeti *ganeti,
                                   const struct placement_view *view)
{
    struct change *changes =
        xzalloc((placement_view_n_hosts(view) + 1) * sizeof(*changes));

    for (uint32_t i = 0; i < placement_view_guests_end(view); i++) {
        const struct placement_guest *guest =
            placement_view_guest(ganeti->view, i);
        const char *status =
            ganeti->instances[i].fields[GANETI_INSTANCE_STATUS];
        uint32_t to = placement_view_guest(view, i)->host;
        int64_t kib =
            guest->spec.n_disks ? (int64_t)guest->spec.disks[0].amount : 0;
        changes[guest->host].disk += kib;
        changes[to].disk -= kib;
        if (!ganeti_is_there(status))
            continue;
        changes[guest->host].memory += (int64_t)guest->spec.memory.kib;
        changes[to].memory -= (int64_t)guest->spec.memory.kib;
    }
    return changes;
}

static char *free_now(struct arena *arena, const char *text, int64_t change)
{
    int64_t kib = (int64_t)strtoull(text, NULL, 10) * 1024 + change;

    return arena_printf(arena, "%lld", (long long)(kib > 0 ? kib / 1024 : 0));
}

static void write_nodes(FILE *out, const struct ganeti *ganeti,
                        const struct placement_view *view)
{
    struct change *changes = find_changes(ganeti, view);
    struct arena *arena = arena_new();

    for (uint32_t i = 0; i < placement_view_n_hosts(view); i++) {
        struct ganeti_line line = ganeti->nodes[i];
        if (!ganeti_is_offline(&line)) {
            char **memory = &line.fields[GANETI_NODE_FREE_MEMORY];
            char **disk = &line.fields[GANETI_NODE_FREE_DISK];
            *memory = free_now(arena, *memory, changes[i].memory);
            *disk = free_now(arena, *disk, changes[i].disk);
        }
        write_line(out, &line);
    }
    arena_free(arena);
    free(changes);
}

static void write_instances(FILE *out, const struct ganeti *ganeti,
                            const struct placement_view *view)
{
    for (uint32_t i = 0; i < placement_view_guests_end(view); i++) {
        const struct placement_guest *guest = placement_view_guest(view, i);
        struct ganeti_line line = ganeti->instances[i];
        line.fields[GANETI_INSTANCE_PRIMARY] =
            ganeti->nodes[guest->host].fields[GANETI_NODE_NAME];
        write_line(out, &line);
    }
}

char *ganeti_write(const struct ganeti *ganeti,
                   const struct placement_view *view)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        abort();
    fputs(ganeti->head, out);
    write_nodes(out, ganeti, view);
    fputc('\n', out);
    write_instances(out, ganeti, view);
    fputc('\n', out);
    fputs(ganeti->tail, out);
    fclose(out);
    return text;
}
