/*
 * dc-status: one screen that says whether the data center is well, for
 * operators and for what watches it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "xl-ext/client.h"
#include "xl-ext/families.h"
#include "xl-ext/output.h"

/* Of each, as one screen has no more room. */
#define PROBLEMS_SHOWN 20
#define ERRORS_SHOWN 5
#define CERTIFICATES_SHOWN 4

static const char *time_text(struct arena *arena, uint64_t ms)
{
    char buf[32];

    return arena_strdup(arena, clock_wall_format((struct wall){ ms }, buf,
                                                 sizeof(buf)));
}

static const char *mem_text(struct arena *arena, struct mem mem)
{
    char buf[32];

    return arena_strdup(arena, units_mem_format(mem, buf, sizeof(buf)));
}

static void print_problems(struct arena *arena,
                           const struct wire_dc_status *status)
{
    if (status->well) {
        printf("all is well\n\n");
        return;
    }
    printf("%" PRIu32 " problem%s:\n", status->of_problems,
           status->of_problems == 1 ? "" : "s");
    for (uint32_t i = 0; i < status->n_problems && i < PROBLEMS_SHOWN; i++) {
        const struct wire_dc_problem *p = &status->problems[i];
        printf("  %s%s%s: %s\n", output_clean(arena, p->kind),
               *p->name ? " " : "", output_clean(arena, p->name),
               output_clean(arena, p->text));
        if (*p->hint)
            printf("      %s\n", output_clean(arena, p->hint));
    }
    if (status->of_problems > PROBLEMS_SHOWN)
        printf("  and %" PRIu32 " more\n",
               status->of_problems - PROBLEMS_SHOWN);
    printf("\n");
}

/* "3: 2 up, 1 down" */
static void print_counts(const char *title,
                         const struct wire_state_count *counts, uint32_t n)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum += counts[i].n;
    printf("%-14s%" PRIu64, title, sum);
    for (uint32_t i = 0; i < n; i++)
        printf("%s%" PRIu32 " %s", i ? ", " : ": ", counts[i].n,
               counts[i].state);
    printf("\n");
}

static void print_room(struct arena *arena,
                       const struct wire_dc_status *status)
{
    printf("%-14s%s, %s available for guests\n", "Memory",
           mem_text(arena, status->total_memory),
           mem_text(arena, status->available_memory));
    printf("%-14s%" PRIu64 ", %" PRIu64 " vCPUs run\n", "CPUs",
           status->pcpus, status->vcpus);
    printf("%-14s", "Backups");
    if (!status->protected)
        printf("no protected guest runs\n");
    else if (!status->without_backup)
        printf("kept: all %" PRIu32 " protected guests have room elsewhere\n",
               status->protected);
    else
        printf("not kept: %" PRIu32 " of %" PRIu32
               " protected guests have no room elsewhere\n",
               status->without_backup, status->protected);
}

static void print_work(struct arena *arena,
                       const struct wire_dc_status *status)
{
    const struct wire_moves_report *plan = &status->plan;

    printf("%-14s%" PRIu64 " under way\n", "Requests", status->requests);
    printf("%-14s%" PRIu32 " under way", "Moves", status->moves);
    if (plan->run)
        printf("; %s %s: %" PRIu32 " moved, %" PRIu32 " not, %" PRIu32
               " to go%s",
               strcmp(plan->message, "host_evacuate") == 0 ? "host-evacuate"
                                                           : "rebalance",
               output_clean(arena, plan->host), plan->n_done, plan->n_failed,
               plan->n_waiting, plan->stopping ? ", being stopped" : "");
    printf("\n");
}

static void print_certificates(struct arena *arena,
                               const struct wire_dc_status *status)
{
    uint32_t n = status->n_certificates;

    for (uint32_t i = 0; i < n && i < CERTIFICATES_SHOWN; i++)
        printf("%-14s%s: good until %s\n", i ? "" : "Certificates",
               output_clean(arena, status->certificates[i].name),
               time_text(arena, status->certificates[i].to_ms));
}

static void print_errors(struct arena *arena,
                         const struct wire_dc_status *status)
{
    if (!status->n_errors)
        return;
    printf("\nWhat failed last:\n");
    for (uint32_t i = 0; i < status->n_errors && i < ERRORS_SHOWN; i++) {
        const struct wire_audit *e = &status->errors[i];
        printf("  %s  %s  %s: %s\n", time_text(arena, e->time_ms),
               output_clean(arena, e->action), output_clean(arena, e->who),
               output_clean(arena, e->detail));
    }
}

static void print_status(struct arena *arena,
                         const struct wire_dc_status *status)
{
    print_problems(arena, status);
    printf("%-14s%s (policyd %s), since %s\n", "Leader",
           output_clean(arena, status->leader),
           output_clean(arena, status->version),
           time_text(arena, status->since_ms));
    printf("%-14s%s: %s\n", "Store", output_clean(arena, status->store),
           *status->store_error ? output_clean(arena, status->store_error)
                                : "answers");
    print_counts("Hosts", status->hosts, status->n_hosts);
    print_counts("Guests", status->guests, status->n_guests);
    print_room(arena, status);
    print_work(arena, status);
    print_certificates(arena, status);
    print_errors(arena, status);
}

static int run_status(const struct command_args *args, struct vdc_error *err)
{
    const struct wire_empty nothing = { 0 };
    const struct wire_dc_status *status;
    const void *body;
    int rc = client_ask(args, WIRE_MSG_dc_status, &nothing, &body, err);

    if (rc)
        return rc;
    status = body;
    if (args->format == FORMAT_JSON)
        output_json_struct(&wire_struct_dc_status, status);
    else if (!args->quiet)
        print_status(args->arena, status);
    /* what is wrong has been said */
    return status->well ? 0 : VDC_E_UNWELL;
}

static const struct command_example status_examples[] = {
    { "xl-vdc dc-status", "Is all well?" },
    { "xl-vdc dc-status -q || mail -s trouble root </dev/null",
      "From cron: says nothing, the exit status tells." },
    { NULL, NULL }
};

static const struct command status_commands[] = {
    { "dc-status", NULL, "", 0, 0, COMMAND_READS | COMMAND_OPERATOR,
      COMPLETE_NOTHING, NULL, "Show how the data center is",
      "What is wrong comes first, with what to do about it: the data "
      "center's store that does not answer; hosts that are down, though they "
      "are not in maintenance, whose database is damaged, or that were "
      "entered twice; guests that their host does not know any more; guests "
      "that stand in a file after their move failed; protected guests for "
      "which no other host has room; certificates that expire within 30 days. "
      "Then who leads and what there is, and the last requests that failed "
      "for something that is the provider's, since policyd was started.\n\n"
      "The exit status is 0 when all is well, 14 when something is wrong, 7 "
      "when policyd cannot be reached. Every host is asked anew; one that "
      "hangs is waited for 3 seconds.",
      status_examples, run_status },
};

const struct command_family family_status = {
    "The data center", status_commands,
    sizeof(status_commands) / sizeof(status_commands[0])
};
