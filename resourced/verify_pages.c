/* The differences that the last verify found, and pages of them. */
#include "resourced/verify_pages.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "resourced/host.h"
#include "wire/page.h"

struct verify_pages {
    uint64_t id; /* of this verify */
    struct arena *arena;
    struct wire_verify_reply reply;
};

void verify_pages_free(struct host *host)
{
    if (!host->found)
        return;
    arena_free(host->found->arena);
    free(host->found);
    host->found = NULL;
}

static void keep(struct host *host, const struct wire_verify_reply *reply)
{
    struct verify_pages *found = XNEW(struct verify_pages);
    uint32_t n = reply->n_differences;

    found->id = clock_wall().ms;
    found->arena = arena_new();
    found->reply = *reply;
    found->reply.host = host->name;
    found->reply.kept = arena_strdup(found->arena, reply->kept);
    found->reply.differences =
        ARENA_ARRAY(found->arena, n, struct wire_difference);
    found->reply.n_differences = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct vdc_error err;
        if (wire_struct_copy(
                &wire_struct_difference, &reply->differences[i],
                found->arena,
                &found->reply.differences[found->reply.n_differences], &err))
            log_error("a difference cannot be told: %s", err.text);
        else
            found->reply.n_differences++;
    }
    host->found = found;
}

/* A place is "ID.N": which verify, and how many were told of it. */
static void cut(const struct verify_pages *found, uint32_t at,
                struct arena *arena, struct wire_verify_reply *ret)
{
    uint32_t left = found->reply.n_differences - at;

    *ret = found->reply;
    ret->differences += at;
    ret->n_differences =
        wire_page_count(&wire_struct_difference, ret->differences, left);
    ret->next = "";
    if (ret->n_differences < left)
        ret->next = arena_printf(arena, "%" PRIu64 ".%" PRIu32, found->id,
                                 at + ret->n_differences);
}

void verify_first_page(struct host *host,
                       const struct wire_verify_reply *reply,
                       struct arena *arena, struct wire_verify_reply *ret)
{
    uint32_t n = wire_page_count(&wire_struct_difference, reply->differences,
                                 reply->n_differences);

    verify_pages_free(host);
    *ret = *reply;
    if (n == reply->n_differences)
        return;
    keep(host, reply);
    cut(host->found, 0, arena, ret);
}

int verify_next_page(const struct host *host, const char *from,
                     struct arena *arena, struct wire_verify_reply *ret,
                     struct vdc_error *err)
{
    const struct verify_pages *found = host->found;
    const char *dot = strchr(from, '.');
    char id_text[WIRE_PLACE_MAX + 1] = "";
    uint64_t id = 0, at = 0;

    if (!dot || dot == from || !dot[1] ||
        (size_t)(dot - from) > WIRE_PLACE_MAX)
        return wire_page_refuse(from, err);
    memcpy(id_text, from, (size_t)(dot - from));
    if (wire_page_number(id_text, &id, err) ||
        wire_page_number(dot + 1, &at, err))
        return wire_page_refuse(from, err);
    if (!found || found->id != id) {
        vdc_error_set(err, VDC_E_NOT_FOUND,
                      "the rest of what that verify found is no longer kept");
        vdc_error_hint(err, "host_verify was asked for anew meanwhile: ask "
                            "once more");
        return VDC_E_NOT_FOUND;
    }
    if (at > found->reply.n_differences)
        return wire_page_refuse(from, err);
    cut(found, (uint32_t)at, arena, ret);
    return 0;
}
