/*
 * channeld: will make, authorise, count and clean up memory channels between
 * partitions.  It makes none yet: it starts, holds its place among the
 * daemons, and says which version it is.
 */
#include "base/daemon.h"
#include "channeld/server.h"
#include "channeld/setup.h"

static struct setup setup;
static struct server *server;

static int start(struct event_base *base, struct arena *arena,
                 struct vdc_error *err)
{
    return server_new(base, setup.socket, &server, err);
}

static void stop(void)
{
    server_free(server);
}

int main(int argc, char **argv)
{
    const struct daemon daemon = {
        .name = "channeld",
        .text = "Holds the place of the broker of memory channels; there are "
                "no channels yet.",
        .config_path = SYSCONFDIR "/xen-vdc/channeld.conf",
        .settings = setup_rows,
        .n_settings = setup_n_rows,
        .settings_base = &setup,
        .start = start,
        .stop = stop,
    };
    return daemon_main(&daemon, argc, argv);
}
