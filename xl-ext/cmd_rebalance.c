/*
 * rebalance, host-evacuate: plans of moves, and carrying them out.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xl-ext/client.h"
#include "xl-ext/families.h"
#include "xl-ext/moves.h"
#include "xl-ext/operation.h"
#include "xl-ext/output.h"

/* Scores are in these parts of one. */
#define SCORE_ONE 1e8
/* As hbal has it: less than that is what Xen itself takes here and there. */
#define MIN_GAIN 0.01

/* ---- what is asked ---- */

static int take_number(const struct command_args *args, const char *option,
                       uint64_t least, uint64_t most, uint32_t *ret,
                       struct vdc_error *err)
{
    const char *text = command_value(args, option);
    uint64_t n;
    char name[32];
    snprintf(name, sizeof(name), "--%s", option);
    int rc = text ? operation_number(text, name, least, most, &n, err) : 0;

    if (text && !rc)
        *ret = (uint32_t)n;
    return rc;
}

static int take_gain(const struct command_args *args, uint64_t *ret,
                     struct vdc_error *err)
{
    const char *text = command_value(args, "min-gain");
    char *end;

    *ret = (uint64_t)(MIN_GAIN * SCORE_ONE);
    if (!text)
        return 0;
    double gain = strtod(text, &end);
    if (end == text || *end || !(gain >= 0) || gain > 1e6) {
        vdc_error_set(err, VDC_E_BAD_VALUE,
                      "--min-gain: '%.40s' is not a number from 0 on", text);
        vdc_error_hint(err, "it is in the unit of the scores, as 0.01");
        return VDC_E_BAD_VALUE;
    }
    *ret = (uint64_t)(gain * SCORE_ONE + 0.5);
    return 0;
}

static int take_goal(const struct command_args *args,
                     struct wire_move_query *ret, struct vdc_error *err)
{
    const char *text = command_value(args, "goal");

    if (!text || strcmp(text, "even") == 0)
        ret->goal = WIRE_MOVE_EVEN;
    else if (strcmp(text, "pack") == 0)
        ret->goal = WIRE_MOVE_PACK;
    else
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "--goal is even or pack, not '%.40s'", text);
    return 0;
}

/* What both commands have. */
static int take_common(const struct command_args *args,
                       struct wire_move_query *ret, struct vdc_error *err)
{
    int rc;

    wire_init(&wire_struct_move_query, ret);
    ret->dry_run = args->dry_run;
    rc = take_number(args, "parallel", 1, 1000, &ret->parallel, err);
    if (rc)
        return rc;
    return take_number(args, "mib-per-second", 1, 1000000, &ret->mib_per_s,
                       err);
}

static int take_query(const struct command_args *args,
                      struct wire_move_query *ret, struct vdc_error *err)
{
    const char *cool_down = command_value(args, "cool-down");
    int rc = take_common(args, ret, err);

    if (rc ||
        (rc = take_number(args, "max-moves", 1, 1000000, &ret->max_moves,
                          err)) ||
        (rc = take_gain(args, &ret->min_gain, err)) ||
        (rc = take_goal(args, ret, err)))
        return rc;
    if (cool_down) {
        rc = units_duration_parse(cool_down, &ret->cool_down_ms, err);
        if (rc)
            vdc_error_prefix(err, "--cool-down");
    }
    return rc;
}

/* ---- what is answered ---- */

static const char *duration(struct arena *arena, uint64_t ms)
{
    char buf[32];

    return arena_strdup(arena, units_duration_format(ms, buf, sizeof(buf)));
}

static const char *memory(struct arena *arena, struct mem mem)
{
    char buf[32];

    return arena_strdup(arena, units_mem_format(mem, buf, sizeof(buf)));
}

static void print_moves(struct arena *arena, const struct wire_move_plan *plan)
{
    static const struct output_column columns[] = {
        { "Wave", ALIGN_RIGHT },  { "Guest", ALIGN_LEFT },
        { "From", ALIGN_LEFT },   { "To", ALIGN_LEFT },
        { "Gain", ALIGN_RIGHT },  { "Copies", ALIGN_RIGHT },
        { "Takes", ALIGN_RIGHT }, { "Why", ALIGN_LEFT },
    };
    if (!plan->n_moves)
        return;
    printf("\n");
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (uint32_t i = 0; i < plan->n_moves; i++) {
        const struct wire_move *move = &plan->moves[i];
        output_table_printf(table, "%" PRIu32, move->wave);
        output_table_cell(table, output_clean(arena, move->guest));
        output_table_cell(table, output_clean(arena, move->from));
        output_table_cell(table, output_clean(arena, move->to));
        output_table_printf(table, "%.4f", (double)move->gain / SCORE_ONE);
        output_table_cell(table, memory(arena, move->memory));
        /* Without a rate there is no estimate. */
        output_table_cell(table, move->time_ms
                                     ? duration(arena, move->time_ms)
                                     : "-");
        output_table_cell(table, output_clean(arena, move->reason));
    }
    output_table_finish(table);
    if (plan->n_moves < plan->of_moves)
        printf("%" PRIu32 " of %" PRIu32 " moves\n", plan->n_moves,
               plan->of_moves);
}

static void print_sums(struct arena *arena, const struct wire_move_plan *plan)
{
    printf("score %.8f, then %.8f; %" PRIu32 " of %" PRIu32
           " hosts with guests, then %" PRIu32 "\n",
           (double)plan->before / SCORE_ONE, (double)plan->after / SCORE_ONE,
           plan->used_before, plan->of_hosts, plan->used_after);
    if (!plan->of_moves)
        return;
    printf("%" PRIu32 " move%s in %" PRIu32 " wave%s, %s to copy",
           plan->of_moves, plan->of_moves == 1 ? "" : "s", plan->waves,
           plan->waves == 1 ? "" : "s", memory(arena, plan->memory));
    printf(plan->time_ms ? ", about %s\n" : "\n",
           duration(arena, plan->time_ms));
}

static void print_stuck(struct arena *arena, const struct wire_move_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_stuck; i++) {
        const struct wire_move_stuck *stuck = &plan->stuck[i];
        printf("%s cannot go: %s\n", output_clean(arena, stuck->guest),
               output_clean(arena, stuck->error.text));
        if (*stuck->error.hint)
            printf("    %s\n", output_clean(arena, stuck->error.hint));
    }
    for (uint32_t i = 0; i < plan->n_backups; i++) {
        const struct wire_move_backup *backup = &plan->backups[i];
        if (*backup->backup)
            printf("%s gets host %s as its backup\n",
                   output_clean(arena, backup->guest),
                   output_clean(arena, backup->backup));
        else
            printf("%s is left without a backup\n",
                   output_clean(arena, backup->guest));
    }
}

static void print(const struct command_args *args,
                  const struct wire_move_plan *plan)
{
    if (!plan->of_moves && !plan->of_stuck)
        printf("no moves\n");
    print_sums(args->arena, plan);
    print_moves(args->arena, plan);
    print_stuck(args->arena, plan);
    fflush(stdout);
}

/* The plan, and, unless it was only to be shown, what comes of it. */
static int ask(const struct command_args *args,
               enum wire_message_number number,
               const struct wire_move_query *query, struct vdc_error *err)
{
    const struct wire_move_plan *plan;
    struct client *client = NULL;
    const void *body;
    int rc = client_open(args, &client, err);

    if (!rc)
        rc = client_request(client, number, query, &body, err);
    if (rc) {
        client_close(client);
        return rc;
    }
    plan = body;
    bool follows = plan->run && !command_given(args, "no-wait");
    if (args->format != FORMAT_JSON)
        print(args, plan);
    else if (!follows)
        output_json_struct(&wire_struct_move_plan, plan);
    if (follows)
        rc = moves_follow(client, args, true, err);
    client_close(client);
    return rc;
}

static int run_rebalance(const struct command_args *args,
                         struct vdc_error *err)
{
    struct wire_move_query query;
    int rc = take_query(args, &query, err);

    return rc ? rc : ask(args, WIRE_MSG_rebalance, &query, err);
}

static int run_evacuate(const struct command_args *args, struct vdc_error *err)
{
    struct wire_move_query query;
    int rc = take_common(args, &query, err);

    query.host = args->arguments[0];
    if (rc == 0 && (!*query.host || strlen(query.host) > 63))
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "'%.70s' cannot be the name of a host", query.host);
    return rc ? rc : ask(args, WIRE_MSG_host_evacuate, &query, err);
}

/* ---- the table ---- */

#define PLAN_OPTIONS                                                         \
    { 'p', "parallel", "K", COMPLETE_NOTHING,                                \
      "So many guests at a time; 1 when nothing is said" },                  \
        { 'w', "no-wait", NULL, COMPLETE_NOTHING,                            \
          "Begin the moves, and do not wait for their end: see moves" },     \
    {                                                                        \
        'r', "mib-per-second", "N", COMPLETE_NOTHING,                        \
            "Estimate times by so many MiB that one move copies in a second" \
    }

static const struct command_option rebalance_options[] = {
    PLAN_OPTIONS,
    { 'm', "max-moves", "N", COMPLETE_NOTHING, "No more moves than that" },
    { 'g', "min-gain", "X", COMPLETE_NOTHING,
      "Only moves by which the score falls so much; 0.01 when nothing is "
      "said" },
    { 'c', "cool-down", "TIME", COMPLETE_NOTHING,
      "Leave alone guests that came to their host less than this ago" },
    { 'G', "goal", "GOAL", COMPLETE_NOTHING,
      "even: all hosts alike, when nothing is said; pack: empty hosts" },
    { 0 }
};
static const struct command_option evacuate_options[] = { PLAN_OPTIONS,
                                                          { 0 } };

static const struct command_example rebalance_examples[] = {
    { "xl-vdc rebalance --dry-run",
      "Which guests to move so that the hosts are used alike." },
    { "xl-vdc rebalance --goal pack --max-moves 20 --parallel 4",
      "Move guests so that hosts become empty, four at a time." },
    { NULL, NULL }
};
static const struct command_example evacuate_examples[] = {
    { "xl-vdc host-evacuate alpha --dry-run",
      "Where the guests of alpha could go, and which could not." },
    { "xl-vdc host-evacuate alpha --parallel 2",
      "Have them go, two at a time." },
    { NULL, NULL }
};

static const struct command rebalance_commands[] = {
    { "rebalance", NULL, "", 0, 0, COMMAND_CHANGES | COMMAND_OPERATOR,
      COMPLETE_NOTHING, rebalance_options,
      "Move guests so that hosts are used better",
      "Shows moves in an order in which every constraint holds at each, in "
      "waves of those that can be done at once: for each how much the score "
      "falls by it, how much memory is copied, and why. The score is that of "
      "Ganeti's hbal; lower is better. A plan that is carried out as a whole "
      "leaves nothing to plan.\n\n"
      "Then, unless --dry-run is given, the guests are moved, as migrate does "
      "it: one that runs stands still meanwhile. A move that a constraint "
      "forbids when its turn comes is planned anew. When all is done it "
      "prints what came of each, and the score.\n\n"
      "Ctrl-C begins no more moves, and waits for those under way; a second "
      "one leaves them, as a lost connection does: policyd goes on, also "
      "after a restart. moves shows how far it is.",
      rebalance_examples, run_rebalance },
    { "host-evacuate", NULL, "HOST", 1, 1, COMMAND_CHANGES | COMMAND_OPERATOR,
      COMPLETE_HOSTS, evacuate_options,
      "Have a host's guests go elsewhere",
      "Shows for each guest of the host where it can stay, so that each is "
      "moved once; which guests cannot go, why, and what would help; and "
      "which guests elsewhere need another backup. What only a guest's domain "
      "file asks for is looked at when its turn comes, as in rebalance.\n\n"
      "Then, unless --dry-run is given, the host gets no guests any more "
      "(state draining), and its guests are moved, as rebalance does it. When "
      "it is empty its state is maintenance; `host-set HOST --state up` ends "
      "that, and rebalance gives it guests again. It is an error when "
      "guests are left on it.",
      evacuate_examples, run_evacuate },
};

const struct command_family family_rebalance = {
    "Plans of moves", rebalance_commands,
    sizeof(rebalance_commands) / sizeof(rebalance_commands[0])
};
