/*
 * moves: guests that go to another host.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "xl-ext/families.h"
#include "xl-ext/moves.h"
#include "xl-ext/output.h"

/* Scores are in these parts of one. */
#define SCORE_ONE 1e8

/* ---- what is printed ---- */

static const char *state_of(struct arena *arena,
                            const struct wire_move_status *move)
{
    if (move->state == WIRE_MOVE_NOT_BEGUN)
        return "not begun";
    if (move->of_kib)
        return arena_printf(arena, "leaving, %" PRIu64 " of %" PRIu64 " MiB",
                            move->sent_kib / 1024, move->of_kib / 1024);
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
        output_table_cell(table, state_of(arena, move));
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

/* ---- the table ---- */

static const struct command_option moves_options[] = {
    { 'f', "follow", NULL, COMPLETE_NOTHING,
      "Wait for the end of the plan; Ctrl-C stops it" },
    { 's', "stop", NULL, COMPLETE_NOTHING,
      "Begin no more moves; those under way come to their end" },
    { 0 }
};

static const struct command_example migrate_examples[] = {
    { "xl-vdc migrate acme.web beta", "Move the guest to host beta." },
    { "xl-vdc migrate --live --bandwidth 50 --progress acme.web beta",
      "Only if it runs on meanwhile; 50 MiB a second; say how far it is." },
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
      "Between two hosts that have joined (dc-join) a guest that runs is sent "
      "over a connection of the two. A PVH guest runs on while its memory is "
      "copied, and stands still for a moment at the end; a PV guest stands "
      "still until all of it is there. Between other hosts a guest that runs "
      "is suspended, written to a file in the directory that policyd.conf "
      "calls move_directory, and goes on from it on the other host. One that "
      "does not run is remembered there. Which of these it is, and for about "
      "how long, is said before it begins; --dry-run says it, too.\n\n"
      "If the other host cannot have it, it goes on where it was. It keeps "
      "its UUID, names, devices and customer. Only when its host has let go "
      "of it and the other host loses its power just then, what it was doing "
      "is lost: it is started anew where it was, and the command says so.\n\n"
      "All that is in the way is said at once, before anything is touched: "
      "every constraint of its place must hold there, disks that it may write "
      "to must be under shared_paths of policyd.conf, and the other host's "
      "CPUs must have what it has found in those of its host. What was "
      "changed with --live-only is as after a restart, and connections of "
      "memory channels are gone. Ctrl-C has it stay, if its host has not let "
      "go of it yet.",
      migrate_examples, migrate_run, COMPLETE_HOSTS },
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
