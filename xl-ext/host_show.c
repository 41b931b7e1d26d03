/*
 * host-show: what one host has, a line each; what its CPUs can do is not in
 * host-list's table, as it would fill it.  The command itself is in the table
 * of cmd_host.c.
 */
#include "xl-ext/host_show.h"

#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "base/suggest.h"
#include "xl-ext/client.h"
#include "xl-ext/output.h"

static const struct wire_host *find(const struct command_args *args,
                                    const struct wire_host_list *list)
{
    for (uint32_t i = 0; i < list->n_hosts; i++)
        if (strcmp(list->hosts[i].name, args->arguments[0]) == 0)
            return &list->hosts[i];
    return NULL;
}

static int no_host(const struct command_args *args,
                   const struct wire_host_list *list, struct vdc_error *err)
{
    const char **names =
        ARENA_ARRAY(args->arena, list->n_hosts + 1, const char *);
    for (uint32_t i = 0; i < list->n_hosts; i++)
        names[i] = list->hosts[i].name;
    const char *near =
        suggest_nearest(args->arguments[0], names, list->n_hosts);
    vdc_error_set(err, VDC_E_NOT_FOUND, "no such host: %.63s",
                  args->arguments[0]);
    if (near)
        vdc_error_hint(err, "did you mean %s?",
                       output_clean(args->arena, near));
    else
        vdc_error_hint(err, "'xl-vdc host-list' shows them");
    return VDC_E_NOT_FOUND;
}

void host_name_features(struct arena *arena, struct wire_host *host)
{
    const struct cpu_set cpu = cpu_set_read(host->cpu, host->n_cpu);
    host->cpu_features =
        ARENA_ARRAY(arena, CPU_FEATURES_MAX, const char *);
    host->n_cpu_features = 0;
    for (unsigned i = 0; i < CPU_FEATURES_MAX; i++)
        if (cpu_set_has(&cpu, i) && cpu_feature_name(i))
            host->cpu_features[host->n_cpu_features++] = cpu_feature_name(i);
}

/* In one line, as /proc/cpuinfo has them. */
static void print_host(const struct command_args *args,
                       const struct wire_host *host)
{
    const struct cpu_set cpu = cpu_set_read(host->cpu, host->n_cpu);
    struct wire_host rest = *host;
    char names[CPU_FEATURES_MAX * 20];
    rest.n_cpu = rest.n_cpu_features = 0;
    output_text_struct(&wire_struct_host, &rest, "", args->arena);
    if (!cpu_set_is_empty(&cpu))
        printf("%-20s %s\n", "cpu_features",
               cpu_set_names(&cpu, " ", names, sizeof(names)));
    else if (host->total_memory.kib)
        output_note(args, "its resourced does not say what its CPUs can do");
}

int host_show_run(const struct command_args *args, struct vdc_error *err)
{
    struct wire_empty empty;
    const void *body;
    wire_init(&wire_struct_empty, &empty);
    int rc = client_ask(args, WIRE_MSG_host_list, &empty, &body, err);
    if (rc)
        return rc;
    const struct wire_host *found = find(args, body);
    if (!found)
        return no_host(args, body, err);
    struct wire_host host = *found;
    host_name_features(args->arena, &host);
    switch (args->format) {
    case FORMAT_TEXT:
        print_host(args, &host);
        break;
    case FORMAT_NAME:
        printf("%s\n", output_clean(args->arena, host.name));
        break;
    case FORMAT_JSON:
        output_json_struct(&wire_struct_host, &host);
        break;
    }
    return 0;
}
