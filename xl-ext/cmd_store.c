/* store-export: all that policyd must not forget, in a file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xl-ext/client.h"
#include "xl-ext/families.h"
#include "xl-ext/output.h"

/* Until the last piece. */
static int copy(struct client *client, FILE *f, const char *name,
                uint64_t *ret_records, struct vdc_error *err)
{
    int rc = 0;

    for (bool more = true; rc == 0 && more;) {
        struct arena *arena = arena_new();
        struct wire_frame frame;
        rc = client_receive(client, -1, arena, &frame, err);
        if (rc == 0 && frame.message->number != WIRE_MSG_store_exported)
            rc = vdc_error_set(err, VDC_E_PROTOCOL, "'%s' was not expected",
                               frame.message->name);
        if (rc == 0) {
            const struct wire_store_text *piece = frame.body;
            errno = 0;
            if (fwrite(piece->text, 1, piece->n_text, f) != piece->n_text)
                rc = vdc_error_errno(err, VDC_E_IO, errno, "%s", name);
            *ret_records = piece->records;
            more = piece->records == 0;
        }
        arena_free(arena);
    }
    return rc;
}

static int ask(const struct command_args *args, FILE *f, const char *name,
               uint64_t *ret_records, struct vdc_error *err)
{
    struct wire_empty empty;
    struct client *client;
    int rc = client_open(args, &client, err);

    if (rc)
        return rc;
    wire_init(&wire_struct_empty, &empty);
    rc = client_send(client, WIRE_MSG_store_export, &empty, err);
    if (rc == 0)
        rc = copy(client, f, name, ret_records, err);
    client_close(client);
    errno = 0;
    if (rc == 0 && (fflush(f) || ferror(f)))
        rc = vdc_error_errno(err, VDC_E_IO, errno, "%s", name);
    return rc;
}

/* An older file stays until the new one is whole. */
static int export_to(const struct command_args *args, const char *file,
                     struct vdc_error *err)
{
    const char *temporary = arena_printf(args->arena, "%s.new", file);
    mode_t mask = umask(0077);
    FILE *f = fopen(temporary, "we");
    uint64_t n = 0;
    int rc;

    umask(mask);
    if (!f)
        return vdc_error_errno(err, VDC_E_IO, errno, "%s", temporary);
    rc = ask(args, f, temporary, &n, err);
    errno = 0;
    if (rc == 0 && fsync(fileno(f)))
        rc = vdc_error_errno(err, VDC_E_IO, errno, "%s", temporary);
    fclose(f);
    if (rc == 0 && rename(temporary, file))
        rc = vdc_error_errno(err, VDC_E_IO, errno, "%s", file);
    if (rc)
        unlink(temporary);
    else if (!args->quiet)
        printf("%llu records are in %s\n", (unsigned long long)n, file);
    return rc;
}

static int run_export(const struct command_args *args, struct vdc_error *err)
{
    uint64_t n;

    if (args->n_arguments && strcmp(args->arguments[0], "-") != 0)
        return export_to(args, args->arguments[0], err);
    return ask(args, stdout, "standard output", &n, err);
}

static const struct command_example export_examples[] = {
    { "xl-vdc store-export /root/store.json",
      "A copy of all that policyd must not forget, to be put back with "
      "`policyd --replace-store=/root/store.json`." },
    { NULL, NULL }
};

static const struct command store_commands[] = {
    { "store-export", NULL, "[FILE]", 0, 1, COMMAND_READS | COMMAND_OPERATOR,
      COMPLETE_FILES, NULL, "Write the whole data center's store as JSON",
      "Customers, where guests are assigned, answers to requests with keys, "
      "and the record of changes, of one moment, a record a line; without "
      "FILE, or with -, to the standard output. policyd(8) says how such a "
      "file is imported, and how one store is moved to another.",
      export_examples, run_export },
};

const struct command_family family_store = {
    "The store", store_commands,
    sizeof(store_commands) / sizeof(store_commands[0])
};
