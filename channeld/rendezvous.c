/*
 * The text of the node where control channels begin; see rendezvous.h.
 */
#include "channeld/rendezvous.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

const char *rendezvous_format(const struct rendezvous *rendezvous,
                              struct arena *arena)
{
    char *text =
        arena_printf(arena, "%d %016" PRIx64 " %" PRIu32, RENDEZVOUS_VERSION,
                     rendezvous->id, rendezvous->port);

    for (uint32_t i = 0; i < RENDEZVOUS_PAGES; i++)
        text = arena_printf(arena, "%s %" PRIu32, text, rendezvous->refs[i]);
    return text;
}

/* A number that begins here, and the blank after it. */
static bool take(const char **text, int base, uint64_t most, uint64_t *ret)
{
    char *end;

    if (**text == ' ' || **text == '-' || **text == '+')
        return false;
    errno = 0;
    *ret = strtoull(*text, &end, base);
    if (errno || end == *text || *ret > most || (*end && *end != ' '))
        return false;
    *text = *end ? end + 1 : end;
    return true;
}

int rendezvous_parse(const char *text, struct rendezvous *ret,
                     struct vdc_error *err)
{
    struct rendezvous r;
    uint64_t version, n;
    bool ok = take(&text, 10, UINT32_MAX, &version);

    if (ok && version != RENDEZVOUS_VERSION)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "it is of version %" PRIu64 ", and not %d",
                             version, RENDEZVOUS_VERSION);
    ok = ok && take(&text, 16, UINT64_MAX, &r.id) && r.id &&
         take(&text, 10, UINT32_MAX, &n);
    r.port = ok ? (uint32_t)n : 0;
    for (uint32_t i = 0; ok && i < RENDEZVOUS_PAGES; i++) {
        ok = take(&text, 10, UINT32_MAX, &n);
        r.refs[i] = (uint32_t)n;
    }
    if (!ok || *text || text[-1] == ' ')
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "it is not '%d ID PORT' and %u references",
                             RENDEZVOUS_VERSION, RENDEZVOUS_PAGES);
    *ret = r;
    return 0;
}
