/*
 * Which kind of control channels this host has; see remote.h.
 */
#include "channeld/remote.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "channeld/host.h"
#include "hv/hv.h"

struct remotes {
    const struct remote_kind *kind; /* NULL: no guest has channels */
    void *state;
};

int remotes_new(struct host *host, struct remotes **ret, struct vdc_error *err)
{
    struct remotes *remotes = XNEW(struct remotes);
    bool sim = strcmp(host->hv->name, "sim") == 0;
    int rc = 0;

    if (!sim)
        remotes->kind = &remote_grant_kind;
    else if (*host->setup->simulated_guests)
        remotes->kind = &remote_sim_kind;
    if (remotes->kind)
        rc = remotes->kind->begin(host, &remotes->state, err);
    if (rc) {
        free(remotes);
        return rc;
    }
    *ret = remotes;
    return 0;
}

void remotes_free(struct remotes *remotes)
{
    if (!remotes)
        return;
    if (remotes->kind)
        remotes->kind->end(remotes->state);
    free(remotes);
}

void remotes_come(struct remotes *remotes, const struct domain *domain)
{
    if (remotes->kind)
        remotes->kind->come(remotes->state, domain);
}

void remotes_gone(struct remotes *remotes, const struct domain *domain)
{
    if (remotes->kind)
        remotes->kind->gone(remotes->state, domain);
}
