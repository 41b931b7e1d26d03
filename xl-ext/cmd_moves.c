/*
 * migrate, moves: guests that go to another host.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "xl-ext/families.h"
#include "xl-ext/guest.h"
#include "xl-ext/moves.h"
#include "xl-ext/output.h"

/* Scores are in these parts of one. */
#define SCORE_ONE 1e8

/* ---- what is printed ---- */

static const char *state_of(const struct wire_move_status *move)
{
    if (move->state == WIRE_MOVE_NOT_BEGUN)
        return "not begun";
    return wire_enum_word(&wire_enum_move_state, (int)move->state);
}

static void print_moves(struct arena *arena,
                        const struct wire_moves_report *report)
{
    static const struct output_column columns[] = {
        { "Guest", ALIGN_LEFT }, { "From", ALIGN_LEFT },
        { "To", ALIGN_LEFT },    { "State", ALIGN_LEFT },
        { "Why", ALIGN_LEFT },
    };
    if (!report->n_moves)
        return;
    struct output_table *table =
        output_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (uint32_t i = 0; i < report->n_moves; i++) {
        const struct wire_move_status *move = &report->moves[i];
        output_table_cell(table, output_clean(arena, move->guest));
        output_table_cell(table, output_clean(arena, move->from));
        output_table_cell(table, output_clean(arena, move->to));
        output_table_cell(table, state_of(move));
        output_table_cell(table,
                          output_clean(arena, *move->error.text
                                                  ? move->error.text
                                                  : move->reason));
    }
    output_table_finish(table);
    for (uint32_t i = 0; i < report->n_moves; i++)
        if (*report->moves[i].error.hint)
            printf("%s: %s\n", output_clean(arena, report->moves[i].guest),
                   output_clean(arena, report->moves[i].error.hint));
}

static void print_sums(struct arena *arena,
                       const struct wire_moves_report *report)
{
    if (!report->run)
        return;
    printf("%s%s%s: ",
           strcmp(report->message, "host_evacuate") == 0 ? "host-evacuate"
                                                         : "rebalance",
           *report->host ? " " : "", output_clean(arena, report->host));
    if (!report->under_way && !report->n_done && !report->n_failed &&
        !report->n_waiting)
        printf("the plan had no moves\n");
    else
        printf("%" PRIu32 " moved, %" PRIu32 " not, %" PRIu32
               " not begun; %s\n",
               report->n_done, report->n_failed, report->n_waiting,
               report->stopping     ? "being stopped"
               : report->under_way ? "under way"
                                   : "ended");
    if (*report->host && !report->under_way)
        printf("%" PRIu32 " guest%s on host %s now\n", report->left,
               report->left == 1 ? " is" : "s are",
               output_clean(arena, report->host));
    printf("score %.8f, %s %.8f\n", (double)report->before / SCORE_ONE,
           report->under_way ? "then" : "now",
           (double)report->after / SCORE_ONE);
}

static void print(const struct command_args *args,
                  const struct wire_moves_report *report)
{
    if (args->format == FORMAT_JSON) {
        output_json_struct(&wire_struct_moves_report, report);
        return;
    }
    if (!report->run && !report->n_moves)
        printf("no moves\n");
    print_moves(args->arena, report);
    print_sums(args->arena, report);
}

/* ---- waiting for the end ---- */

static int outcome(const struct wire_moves_report *report, bool begun,
                   struct vdc_error *err)
{
    if (client_interrupted())
        return vdc_error_set(err, VDC_E_CANCELLED,
                             "stopped: %" PRIu32 " move%s not begun",
                             report->n_waiting,
                             report->n_waiting == 1 ? " was" : "s were");
    for (uint32_t i = 0; report->n_failed && i < report->n_moves; i++) {
        const struct wire_move_status *move = &report->moves[i];
        if ((move->state != WIRE_MOVE_FAILED &&
             move->state != WIRE_MOVE_KEPT) ||
            !move->error.code)
            continue;
        return vdc_error_set(err, -(int)move->error.code,
                             "%" PRIu32 " of the guests could not be moved: "
                             "%.80s: %.300s",
                             report->n_failed, move->guest, move->error.text);
    }
    if (begun && *report->host && report->left)
        return vdc_error_set(err, VDC_E_NO_HOST, "host %.63s is not empty",
                             report->host);
    return 0;
}

int moves_follow(struct client *client, const struct command_args *args,
                 bool begun, struct vdc_error *err)
{
    const struct wire_empty nothing = { 0 };
    const void *body;
    int rc = client_request(client, WIRE_MSG_moves_follow, &nothing, &body,
                            err);

    if (rc)
        return rc;
    print(args, body);
    return outcome(body, begun, err);
}

/* ---- moves ---- */

static int run_moves(const struct command_args *args, struct vdc_error *err)
{
    const struct wire_empty nothing = { 0 };
    bool stop = command_given(args, "stop");
    struct client *client;
    const void *body;
    int rc = client_open(args, &client, err);

    if (rc)
        return rc;
    if (stop || !command_given(args, "follow"))
        rc = client_request(client,
                            stop ? WIRE_MSG_moves_stop : WIRE_MSG_moves_list,
                            &nothing, &body, err);
    if (!rc && command_given(args, "follow"))
        rc = moves_follow(client, args, false, err);
    else if (!rc)
        print(args, body);
    client_close(client);
    return rc;
}

/* ---- migrate ---- */

static int run_migrate(const struct command_args *args, struct vdc_error *err)
{
    struct wire_partition_ref ref;
    struct wire_migrate query;
    const struct wire_moves_report *report;
    const void *body;
    int rc = guest_ref(args, args->arguments[0], &ref, err);

    wire_init(&wire_struct_migrate, &query);
    query.customer = ref.customer;
    query.name = ref.name;
    query.uuid = ref.uuid;
    query.host = args->arguments[1];
    query.dry_run = args->dry_run;
    query.live = command_given(args, "live");
    if (!rc && (!*query.host || strlen(query.host) > 63))
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "'%.70s' cannot be the name of a host", query.host);
    if (rc)
        return rc;
    if (!query.live && !args->dry_run)
        output_note(args, "if %s runs it stands still until it is there",
                    args->arguments[0]);
    rc = client_ask(args, WIRE_MSG_partition_migrate, &query, &body, err);
    if (rc)
        return rc;
    report = body;
    if (args->format == FORMAT_JSON) {
        output_json_struct(&wire_struct_moves_report, report);
        return 0;
    }
    for (uint32_t i = 0; i < report->n_moves; i++)
        printf("%s: %s from host %s to %s\n",
               output_clean(args->arena, report->moves[i].guest),
               args->dry_run ? "would be moved" : "moved",
               output_clean(args->arena, report->moves[i].from),
               output_clean(args->arena, report->moves[i].to));
    return 0;
}

/* ---- the table ---- */

static const struct command_option migrate_options[] = {
    GUEST_CUSTOMER_OPTION,
    { 'l', "live", NULL, COMPLETE_NOTHING,
      "It runs on meanwhile; refused, as that is not possible yet" },
    { 0 }
};
static const struct command_option moves_options[] = {
    { 'f', "follow", NULL, COMPLETE_NOTHING,
      "Wait for the end of the plan; Ctrl-C stops it" },
    { 's', "stop", NULL, COMPLETE_NOTHING,
      "Begin no more moves; those under way come to their end" },
    { 0 }
};

static const struct command_example migrate_examples[] = {
    { "xl-vdc migrate acme.web beta", "Move the guest to host beta." },
    { NULL, NULL }
};
static const struct command_example moves_examples[] = {
    { "xl-vdc moves", "What is under way, and how the last plan ended." },
    { "xl-vdc moves --stop", "Begin no more." },
    { NULL, NULL }
};

static const struct command moves_commands[] = {
    { "migrate", NULL, "GUEST HOST", 2, 2,
      COMMAND_CHANGES | COMMAND_OPERATOR, COMPLETE_GUESTS, migrate_options,
      "Move a guest to another host",
      "A guest that runs is suspended, written to a file in the directory "
      "that policyd.conf calls move_directory, and goes on from it on the "
      "other host; one that does not run is remembered there. If the other "
      "host cannot have it, it goes on where it was. It keeps its UUID, "
      "names, devices and customer.\n\n"
      "Every constraint of its place must hold there. Disks that it may write "
      "to must be under shared_paths of policyd.conf. What was changed with "
      "--live-only is as after a restart, and connections of memory channels "
      "are gone. Ctrl-C has it stay, if its host has not saved it yet.",
      migrate_examples, run_migrate, COMPLETE_HOSTS },
    { "moves", NULL, "", 0, 0, COMMAND_ACTS | COMMAND_OPERATOR,
      COMPLETE_NOTHING, moves_options,
      "Show guests that are being moved",
      "Those that are on their way, whoever asked; those whose move failed "
      "so that what they were doing is in a file, with what to do about it; "
      "and of the plan of rebalance or host-evacuate that is carried out, or "
      "was last since policyd was started, every guest. Those whose turn had "
      "not come when a plan was stopped, or ended, were not begun: they are "
      "where they were. A plan without moves counts, and is said to be one.",
      moves_examples, run_moves },
};

const struct command_family family_moves = {
    "Moves", moves_commands, sizeof(moves_commands) / sizeof(moves_commands[0])
};
