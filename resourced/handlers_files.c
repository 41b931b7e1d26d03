/* Files of this host: looked at for a policyd that is not on it; and heads of
 * saved guests, for one that has to know whether two hosts see the same. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/savefile.h"
#include "files/files.h"
#include "resourced/handlers.h"
#include "resourced/host.h"

static struct wire_error *take_reasons(const struct reasons *reasons,
                                       struct arena *arena, uint32_t *ret_n)
{
    struct wire_error *errors =
        ARENA_ARRAY(arena, reasons->n_errors, struct wire_error);

    for (size_t i = 0; i < reasons->n_errors; i++)
        wire_error_fill(&errors[i], &reasons->errors[i]);
    *ret_n = (uint32_t)reasons->n_errors;
    return errors;
}

static void look(struct request *request, const struct wire_files_query *query,
                 const struct wire_files_of *of, struct wire_files_found *ret)
{
    const struct setting_list paths = { query->n_paths, query->paths };
    const struct files files = { &paths, of->customer, query->restricted,
                                 request->arena };
    struct reasons *reasons = ARENA_NEW(request->arena, struct reasons);

    wire_init(&wire_struct_files_found, ret);
    ret->operation = of->operation; /* decoded for us alone */
    files_check_operation(&files, &ret->operation, reasons);
    ret->reasons = take_reasons(reasons, request->arena, &ret->n_reasons);
    ret->more = (uint32_t)reasons->n_more;
    ret->saved = files_measure_saved(&files);
}

void handle_files_look(struct request *request)
{
    const struct wire_files_query *query = request->body;
    struct wire_files_list reply;

    wire_init(&wire_struct_files_list, &reply);
    reply.operations = ARENA_ARRAY(request->arena, query->n_operations,
                                   struct wire_files_found);
    for (uint32_t i = 0; i < query->n_operations; i++)
        look(request, query, &query->operations[i], &reply.operations[i]);
    reply.n_operations = query->n_operations;
    request_answer(request, WIRE_MSG_files_look_reply, &reply);
}

void handler_measure(struct request *request,
                     struct wire_partition_reply *reply)
{
    const struct wire_partition_ref *ref = request->body;
    struct wire_definition *both[2] = { &reply->definition, &reply->live };

    /* the rows themselves stay as they are */
    for (int i = 0; i < 2 && ref->measure; i++) {
        struct wire_definition *d = both[i];
        d->disks = arena_memdup(request->arena, d->disks,
                                d->n_disks * sizeof(*d->disks));
        reply->grown |= files_measure(d);
    }
}

/* ---- heads of saved guests ---- */

static int probe_look(const struct wire_file_probe *probe,
                      struct vdc_error *err)
{
    struct savefile_head head;
    int fd;
    int rc = savefile_open(probe->file, &fd, err);

    if (rc)
        return rc;
    rc = savefile_read(fd, &head, err);
    close(fd);
    if (rc)
        vdc_error_prefix(err, "%s", probe->file);
    else if (!uuid_equal(&head.uuid, &probe->uuid))
        rc = vdc_error_set(err, VDC_E_BAD_VALUE, "%s is another guest's",
                           probe->file);
    return rc;
}

static int write_head(int fd, const struct wire_file_probe *probe,
                      struct vdc_error *err)
{
    const struct savefile_head head = { .uuid = probe->uuid,
                                        .saved_ms = clock_wall().ms };
    int rc = savefile_write(fd, &head, err);

    /* on NFS it is sent then, and may be refused */
    if (close(fd) && !rc)
        rc = vdc_error_errno(err, VDC_E_IO, errno,
                             "the file cannot be written");
    return rc;
}

static int probe_put(const struct wire_file_probe *probe, struct arena *arena,
                     struct vdc_error *err)
{
    int rc = savefile_check_folder(dirname(arena_strdup(arena, probe->file)),
                                   err);
    if (rc)
        return rc;
    int fd = open(probe->file,
                  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return vdc_error_errno(err, VDC_E_IO, errno, "%s cannot be made",
                               probe->file);
    rc = write_head(fd, probe, err);
    if (rc) {
        unlink(probe->file);
        vdc_error_prefix(err, "%s", probe->file);
    }
    return rc;
}

static int probe_remove(const struct wire_file_probe *probe,
                        struct vdc_error *err)
{
    int rc = probe_look(probe, err);

    if (!rc && unlink(probe->file))
        rc = vdc_error_errno(err, VDC_E_IO, errno, "%s cannot be removed",
                             probe->file);
    return rc;
}

/* One that was put, until it is removed or who had it put is gone. */
struct probe_file {
    LIST_ENTRY(probe_file) link;
    const void *session;
    struct vdc_uuid uuid;
    char *path;
};

static void probe_keep(struct request *request)
{
    const struct wire_file_probe *probe = request->body;
    struct probe_file *file = XNEW(struct probe_file);

    file->session = request->connection;
    file->uuid = probe->uuid;
    file->path = xstrdup(probe->file);
    LIST_INSERT_HEAD(&request->host->probes, file, link);
}

static void probe_forget(struct probe_file *file)
{
    LIST_REMOVE(file, link);
    free(file->path);
    free(file);
}

static void probe_removed(struct host *host, const struct vdc_uuid *uuid)
{
    struct probe_file *file;

    LIST_FOREACH (file, &host->probes, link)
        if (uuid_equal(&file->uuid, uuid))
            break;
    if (file)
        probe_forget(file);
}

void handler_drop_probes(struct host *host, const void *session)
{
    struct probe_file *file, *next;

    for (file = LIST_FIRST(&host->probes); file; file = next) {
        struct wire_file_probe probe;
        next = LIST_NEXT(file, link);
        if (file->session != session)
            continue;
        wire_init(&wire_struct_file_probe, &probe);
        probe.file = file->path;
        probe.uuid = file->uuid;
        probe_remove(&probe, NULL);
        probe_forget(file);
    }
}

static int do_probe(const struct wire_file_probe *probe, struct arena *arena,
                    struct vdc_error *err)
{
    if (probe->file[0] != '/')
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "the file must be a path from the root of the "
                             "host: \"%s\"", probe->file);
    switch (probe->action) {
    case WIRE_PROBE_LOOK:
        return probe_look(probe, err);
    case WIRE_PROBE_PUT:
        return probe_put(probe, arena, err);
    case WIRE_PROBE_REMOVE:
        return probe_remove(probe, err);
    }
    return vdc_error_set(err, VDC_E_BAD_VALUE, "no action of file_probe: %d",
                         (int)probe->action);
}

void handle_file_probe(struct request *request)
{
    const struct wire_file_probe *probe = request->body;
    struct wire_empty nothing;
    struct vdc_error err;

    wire_init(&wire_struct_empty, &nothing);
    if (do_probe(probe, request->arena, &err)) {
        request_fail(request, &err);
        return;
    }
    if (probe->action == WIRE_PROBE_PUT)
        probe_keep(request);
    else if (probe->action == WIRE_PROBE_REMOVE)
        probe_removed(request->host, &probe->uuid);
    request_answer(request, WIRE_MSG_ok, &nothing);
}
