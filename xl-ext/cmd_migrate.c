/*
 * migrate: a guest goes to another host.  Its row is in cmd_moves.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/units.h"
#include "xl-ext/guest.h"
#include "xl-ext/moves.h"
#include "xl-ext/output.h"

/* --progress, not on a terminal: a line so often. */
#define LINE_MS 1000

const struct command_option migrate_options[] = {
    GUEST_CUSTOMER_OPTION,
    { 'l', "live", NULL, COMPLETE_NOTHING,
      "It runs on while its memory is copied; refused, with the reason, if "
      "it cannot" },
    { 'b', "bandwidth", "MIB", COMPLETE_NOTHING,
      "At most so many MiB a second are copied, 1 at least (with a unit: "
      "1G)" },
    { 'p', "progress", NULL, COMPLETE_NOTHING,
      "Say how far it is, also when that is not a terminal" },
    { 0 }
};

/* ---- how far it is ---- */

struct watch {
    const struct command_args *args;
    bool lines; /* not a terminal, and asked for all the same */
    uint64_t told_ms;
};

static const char *how_far(struct arena *arena,
                           const struct wire_progress *progress)
{
    uint64_t sent = progress->sent_kib, of = progress->of_kib;
    uint64_t seconds = progress->elapsed_ms / 1000;
    const char *text = arena_printf(arena,
                                    "copied %" PRIu64 " of %" PRIu64 " MiB",
                                    sent / 1024, of / 1024);

    if (progress->elapsed_ms < 200 || !sent)
        return text;
    uint64_t kib_per_s = sent * 1000 / progress->elapsed_ms;
    text = arena_printf(arena, "%s in %" PRIu64 " s, %.1f MiB/s", text,
                        seconds, (double)kib_per_s / 1024);
    if (sent >= of)
        return arena_printf(arena, "%s, once more what changed meanwhile",
                            text);
    if (!kib_per_s)
        return text;
    return arena_printf(arena, "%s, about %" PRIu64 " s left", text,
                        (of - sent + kib_per_s - 1) / kib_per_s);
}

static bool show(void *arg, const struct wire_progress *progress, bool *shown)
{
    struct watch *watch = arg;
    const struct command_args *args = watch->args;
    const char *text = output_clean(args->arena, progress->text);

    if (args->quiet || (args->format == FORMAT_JSON && !watch->lines))
        return true;
    if (*shown)
        fputs("\r\033[K", stderr);
    *shown = false;
    if (!progress->n_steps && !progress->of_kib) {
        fprintf(stderr, "xl-vdc: %s %s\n",
                output_clean(args->arena, args->arguments[0]), text);
        return true;
    }
    if (progress->of_kib)
        text = how_far(args->arena, progress);
    if (!watch->lines && isatty(STDERR_FILENO)) {
        fputs(text, stderr);
        *shown = true;
    } else if (watch->lines &&
               (!watch->told_ms ||
                clock_mono().ms - watch->told_ms >= LINE_MS)) {
        watch->told_ms = clock_mono().ms;
        fprintf(stderr, "xl-vdc: %s\n", text);
    }
    fflush(stderr);
    return true;
}

/* ---- the request ---- */

static int read_query(const struct command_args *args,
                      struct wire_migrate *query, struct vdc_error *err)
{
    const char *bandwidth = command_value(args, "bandwidth");
    struct wire_partition_ref ref;
    struct mem most = { 0 };
    int rc = guest_ref(args, args->arguments[0], &ref, err);

    wire_init(&wire_struct_migrate, query);
    query->customer = ref.customer;
    query->name = ref.name;
    query->uuid = ref.uuid;
    query->host = args->arguments[1];
    query->dry_run = args->dry_run;
    query->live = command_given(args, "live");
    if (!rc && (!*query->host || strlen(query->host) > 63))
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "'%.70s' cannot be the name of a host",
                           query->host);
    if (!rc && bandwidth) {
        rc = units_mem_parse(bandwidth, 1024, &most, err);
        if (!rc && !most.kib)
            rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                               "'%.70s' is no bandwidth: nothing would be "
                               "copied", bandwidth);
        else if (!rc && most.kib < 1024)
            rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                               "'%.70s' is too little: at least 1 MiB/s",
                               bandwidth);
        if (rc)
            vdc_error_prefix(err, "--bandwidth");
    }
    query->kib_per_s = most.kib;
    return rc;
}

static void print(const struct command_args *args,
                  const struct wire_move_status *move)
{
    printf("%s: %s from host %s to %s", output_clean(args->arena, move->guest),
           args->dry_run ? "would be moved" : "moved",
           output_clean(args->arena, move->from),
           output_clean(args->arena, move->to));
    if (args->dry_run && *move->reason)
        printf("; it %s", output_clean(args->arena, move->reason));
    putchar('\n');
}

int migrate_run(const struct command_args *args, struct vdc_error *err)
{
    struct watch watch = { args, command_given(args, "progress") &&
                                     !isatty(STDERR_FILENO), 0 };
    const struct wire_moves_report *report;
    struct wire_migrate query;
    struct client *client;
    const void *body;
    int rc = read_query(args, &query, err);

    if (!rc)
        rc = client_open(args, &client, err);
    if (rc)
        return rc;
    if (!args->dry_run)
        client_on_progress(client, show, &watch);
    rc = client_request(client, WIRE_MSG_partition_migrate, &query, &body,
                        err);
    client_close(client);
    if (rc)
        return rc;
    report = body;
    if (args->format == FORMAT_JSON) {
        output_json_struct(&wire_struct_moves_report, report);
        return 0;
    }
    for (uint32_t i = 0; i < report->n_moves; i++)
        print(args, &report->moves[i]);
    return 0;
}
