/* Options of tokens and certificates; see credential.h. */
#include "xl-ext/credential.h"

#include <string.h>

#include "xl-ext/when.h"

#define ROLE_MAX 31 /* as wire.def has them */
#define NOTE_MAX 127

int credential_take(const struct command_args *args, uint64_t *ret_expires_ms,
                    const char **ret_role, const char **ret_note,
                    struct vdc_error *err)
{
    const char *expires = command_value(args, "expires");
    const char *role = command_value(args, "role");
    const char *note = command_value(args, "note");
    int rc = expires ? when_expires(expires, ret_expires_ms, err) : 0;

    if (rc == 0 && ((note && strlen(note) > NOTE_MAX) ||
                    (role && strlen(role) > ROLE_MAX)))
        rc = vdc_error_set(err, VDC_E_BAD_VALUE,
                           "a note has at most %d characters, and a role is "
                           "one of customer-admin, customer-user, read-only "
                           "and operator",
                           NOTE_MAX);
    if (rc)
        return rc;
    *ret_role = role ? role : "";
    *ret_note = note ? note : "";
    return 0;
}
