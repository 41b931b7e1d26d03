/* The command domain; see commander.h. */
#include "resourced/commander.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "resourced/boot.h"
#include "resourced/host.h"

/* Without a channel of it: whether it runs is looked at so often. */
#define LOOK_S 5
#define PROVIDER "provider" /* who owns it, in rows; to channeld it is "" */

struct commander {
    struct host *host;
    const char *name;
    unsigned n_channels;
    struct event *look;
    bool begun;
    bool told; /* that there is no such partition */
};

static struct partition *find(const struct commander *commander)
{
    return registry_by_name(&commander->host->partitions, PROVIDER,
                            commander->name);
}

/* ---- who may ---- */

static bool is_it(const struct commander *commander,
                  const struct chan_peer *peer)
{
    const struct partition *partition = find(commander);

    if (peer->domid == 0 || *peer->owner ||
        strcmp(peer->name, commander->name) != 0)
        return false;
    /* with a damaged database there is nothing to be compared */
    if (commander->host->damage.code)
        return true;
    return partition && partition->row.domid == peer->domid &&
           uuid_equal(&partition->row.uuid, &peer->partition);
}

int commander_check(const struct commander *commander,
                    const struct chan_peer *peer, struct vdc_error *err)
{
    if (is_it(commander, peer))
        return 0;
    log_warning("a channel is refused: domain %u, '%s' of '%s', is not the "
                "command domain '%s'",
                (unsigned)peer->domid, peer->name, peer->owner,
                commander->name);
    vdc_error_set(err, VDC_E_DENIED,
                  "resourced takes commands from its command domain alone");
    vdc_error_hint(err, "which one that is says command_domain in "
                        "resourced.conf");
    return VDC_E_DENIED;
}

/* ---- that it runs ---- */

static void look_later(struct commander *commander)
{
    const struct timeval later = { LOOK_S, 0 };

    if (commander->begun && !commander->n_channels)
        evtimer_add(commander->look, &later);
}

static bool may_start(const struct host *host, const struct partition *p)
{
    uint64_t now = clock_wall().ms;

    return !p->transaction && !p->pending && !p->has_event &&
           !p->boot_waits && !partition_has_domain(p) &&
           (now < p->row.started_ms ||
            now - p->row.started_ms >=
                host->settings->restart_min_interval_ms);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    struct commander *commander = arg;
    struct host *host = commander->host;
    struct partition *partition = find(commander);

    look_later(commander);
    if (host->damage.code)
        return;
    if (!partition) {
        if (!commander->told)
            log_error("there is no partition '%s' of the provider's, which "
                      "is to be the command domain: nobody can command; "
                      "command_address and command_domain in resourced.conf "
                      "say who may",
                      commander->name);
        commander->told = true;
        return;
    }
    if (!may_start(host, partition))
        return;
    log_warning("the command domain '%s' does not run: it is started",
                commander->name);
    boot_add(host, partition, "as the command domain");
    boot_go_on(host);
}

void commander_begin(struct commander *commander)
{
    if (!commander)
        return;
    commander->begun = true;
    look_later(commander);
}

void commander_came(struct commander *commander)
{
    commander->n_channels++;
    evtimer_del(commander->look);
    log_info("the command domain '%s' has a channel", commander->name);
}

void commander_left(struct commander *commander, const char *why)
{
    commander->n_channels--;
    log_warning("a channel of the command domain '%s' has ended: %s; guests "
                "go on",
                commander->name, why);
    look_later(commander);
}

/* ---- begin and end ---- */

int commander_new(struct host *host, struct commander **ret,
                  struct vdc_error *err)
{
    const struct resourced_settings *settings = host->settings;
    bool channel = chan_address_is_channel(settings->command_address);

    *ret = NULL;
    if (!channel && !*settings->command_domain)
        return 0;
    if (!channel || !*settings->command_domain || !*settings->channel_socket) {
        vdc_error_set(err, VDC_E_BAD_CONFIG,
                      "a command domain needs three settings: "
                      "command_address = \"channel:SERVICE\", command_domain "
                      "= \"NAME\", and channel_socket");
        vdc_error_hint(err, "without a command domain, command_address is "
                            "\"memory:PATH\", and command_domain is empty");
        return VDC_E_BAD_CONFIG;
    }
    struct commander *commander = XNEW(struct commander);
    commander->host = host;
    commander->name = settings->command_domain;
    commander->look = evtimer_new(host->base, on_look, commander);
    if (!commander->look)
        abort(); /* out of memory */
    *ret = commander;
    return 0;
}

void commander_free(struct commander *commander)
{
    if (!commander)
        return;
    event_free(commander->look);
    free(commander);
}
