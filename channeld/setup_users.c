/*
 * Who the operators are; apart from the settings, as a guest's channeld, which
 * is linked statically, looks up no users.
 */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>

#include "channeld/setup.h"

static bool find_user(const char *user, uid_t *ret)
{
    const struct passwd *pw = getpwnam(user);
    char *end;

    if (pw) {
        *ret = pw->pw_uid;
        return true;
    }
    errno = 0;
    unsigned long n = strtoul(user, &end, 10);
    *ret = (uid_t)n;
    return *user >= '0' && *user <= '9' && !*end && !errno && n < (uid_t)-1;
}

int setup_complete(struct setup *setup, struct arena *arena,
                   struct vdc_error *err)
{
    size_t n = setup->operators.n_items;

    setup->operator_uids = ARENA_ARRAY(arena, n, uid_t);
    for (size_t i = 0; i < n; i++)
        if (!find_user(setup->operators.items[i], &setup->operator_uids[i]))
            return vdc_error_set(err, VDC_E_BAD_CONFIG,
                                 "operators: there is no user '%s'",
                                 setup->operators.items[i]);
    setup->n_operator_uids = n;
    return 0;
}

bool setup_is_operator(const struct setup *setup, uid_t uid)
{
    if (uid == 0)
        return true;
    for (size_t i = 0; i < setup->n_operator_uids; i++)
        if (setup->operator_uids[i] == uid)
            return true;
    return false;
}
