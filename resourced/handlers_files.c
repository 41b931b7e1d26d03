/* Files of this host, looked at for a policyd that is not on it. */
#include "files/files.h"
#include "resourced/handlers.h"

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
