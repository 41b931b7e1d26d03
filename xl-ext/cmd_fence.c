/*
 * host-fenced: a host is off for sure, and its protected guests are started
 * elsewhere.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "xl-ext/client.h"
#include "xl-ext/families.h"
#include "xl-ext/output.h"

static void print(const struct command_args *args,
                  const struct wire_fence_plan *plan)
{
    struct arena *arena = args->arena;
    uint32_t n_started = 0;

    for (uint32_t i = 0; i < plan->n_guests; i++) {
        const struct wire_fence_guest *g = &plan->guests[i];
        n_started += *g->to != '\0';
        if (*g->to)
            printf("%s: is started on host %s\n",
                   output_clean(arena, g->guest), output_clean(arena, g->to));
        else
            printf("%s: is not started: %s\n", output_clean(arena, g->guest),
                   output_clean(arena, g->why));
    }
    if (plan->of_guests > plan->n_guests)
        printf("and %" PRIu32 " more\n", plan->of_guests - plan->n_guests);
    printf("%s: %" PRIu32 " of %" PRIu32 " guests that ran there %s "
           "elsewhere\n", output_clean(arena, plan->host), n_started,
           plan->of_guests,
           plan->dry_run ? "would be started" : "are started");
}

static int run_fenced(const struct command_args *args, struct vdc_error *err)
{
    struct wire_fence_order order;
    struct client *client = NULL;
    const void *body;
    int rc = 0;

    wire_init(&wire_struct_fence_order, &order);
    order.host = args->arguments[0];
    order.dry_run = args->dry_run;
    if (!*order.host || strlen(order.host) > 63)
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "'%.70s' cannot be the name of a host", order.host);
    if (!rc)
        rc = client_open(args, &client, err);
    if (!rc)
        rc = client_request(client, WIRE_MSG_host_fenced, &order, &body, err);
    if (!rc && args->format == FORMAT_JSON)
        output_json_struct(&wire_struct_fence_plan, body);
    else if (!rc)
        print(args, body);
    client_close(client);
    return rc;
}

static const struct command_example fenced_examples[] = {
    { "xl-vdc host-fenced beta --dry-run",
      "Which guests of beta would be started, and where." },
    { "xl-vdc host-fenced beta", "beta is switched off: start them." },
    { NULL, NULL }
};

static const struct command fence_commands[] = {
    { "host-fenced", NULL, "HOST", 1, 1, COMMAND_CHANGES | COMMAND_OPERATOR,
      COMPLETE_HOSTS, NULL, "Say that a host is off, and have its guests back",
      "For a host that does not answer and that you know to be off, as you "
      "have pulled its plug or had its management controller switch it off. "
      "Its protected guests (vdc_protected) are started anew on other hosts, "
      "those with the highest vdc_restart_priority first; it prints where "
      "each of its guests goes, or why it does not. Who finds no room is "
      "tried again until the host is back. Guests that are not protected, or "
      "have disks or devices of that host only, wait for it.\n\n"
      "IF THE HOST IS NOT OFF, a guest runs twice, and its disks are lost: "
      "policyd can see that a host does not answer it, not why. A host that "
      "answers is refused.\n\n"
      "When the host is back it forgets the guests that were started "
      "elsewhere, before it starts any other of its protected guests.",
      fenced_examples, run_fenced },
};

const struct command_family family_fence = {
    "Hosts that are off", fence_commands,
    sizeof(fence_commands) / sizeof(fence_commands[0])
};
