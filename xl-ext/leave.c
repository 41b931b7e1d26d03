/*
 * This machine leaves a data center; see join.h.
 *
 * policyd is asked as the host that this machine's certificate says.  When it
 * has answered that the host is none any more, that certificate is good for
 * nothing, and the files go.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/textfile.h"
#include "xl-ext/client.h"
#include "xl-ext/join.h"
#include "xl-ext/output.h"
#include "xl-ext/road.h"

#define ASK_AGAIN_MS 1000

static int forget(const struct command_args *args, const char *pem_path,
                  const char *key_path, struct vdc_error *err)
{
    if (unlink(pem_path) && errno != ENOENT) {
        vdc_error_errno(err, VDC_E_IO, errno, "%s", pem_path);
        vdc_error_hint(err, "this machine is no host any more, and the file "
                            "is good for nothing: remove it");
        return VDC_E_IO;
    }
    unlink(key_path);
    return 0;
}

/* One question, and as often as it has guests that are being moved. */
static int ask(const struct command_args *args, const char *socket,
               const struct wire_dc_left **ret, struct vdc_error *err)
{
    const struct timespec pause = { ASK_AGAIN_MS / 1000,
                                    ASK_AGAIN_MS % 1000 * 1000000L };
    struct command_args there = *args;
    struct wire_dc_leave order;
    uint32_t told = UINT32_MAX;

    there.socket = socket;
    wire_init(&wire_struct_dc_leave, &order);
    order.evacuate = command_given(args, "evacuate");
    order.dry_run = args->dry_run;
    for (;;) {
        const void *body = NULL;
        int rc = client_ask(&there, WIRE_MSG_dc_leave, &order, &body, err);
        if (rc)
            return rc;
        *ret = body;
        if ((*ret)->left || args->dry_run)
            return 0;
        if ((*ret)->guests != told)
            output_note(args, "%u guests are still here", (*ret)->guests);
        told = (*ret)->guests;
        order.run = (*ret)->run;
        nanosleep(&pause, NULL);
    }
}

static void tell(const struct command_args *args,
                 const struct wire_dc_left *left)
{
    const char *host = output_clean(args->arena, left->host);

    if (args->format == FORMAT_JSON)
        output_json_struct(&wire_struct_dc_left, left);
    else if (!args->quiet && args->dry_run)
        printf("%s: could leave; nothing was done\n", host);
    else if (!args->quiet && !*host)
        printf("this machine was no host any more; its files are removed\n");
    else if (!args->quiet)
        printf("%s: has left\n", host);
}

int leave_run(const struct command_args *args, struct vdc_error *err)
{
    const char *given = command_value(args, "directory");
    const char *directory = given ? given : JOIN_DIRECTORY;
    const char *pem = arena_printf(args->arena, "%s/host.pem", directory);
    const char *key = arena_printf(args->arena, "%s/host.key", directory);
    const struct wire_dc_left *left = NULL;
    int fd = -1, rc;

    if (access(pem, F_OK)) {
        vdc_error_set(err, VDC_E_WRONG_STATE,
                      "this machine has not joined a data center: %s is not "
                      "there", pem);
        vdc_error_hint(err, "--directory says where its files are");
        return VDC_E_WRONG_STATE;
    }
    rc = textfile_lock_directory(directory, &fd, err);
    if (!rc)
        rc = ask(args, arena_printf(args->arena, ROAD_JOIN "%s@%s", pem,
                                    args->arguments[0]), &left, err);
    if (!rc && left->left)
        rc = forget(args, pem, key, err);
    if (!rc)
        tell(args, left);
    if (fd >= 0)
        close(fd);
    return rc;
}
