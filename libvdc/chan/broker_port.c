/*
 * From what a broker says of a channel to its port, and from what the port
 * counts to what the broker is told, for programs that need nothing special of
 * its memory; see broker.h.
 */
#include "chan/broker.h"
#include "chan/port.h"

static int check(const struct broker_channel *channel, struct vdc_error *err)
{
    if (channel->info->layout != WIRE_LAYOUT_VDC)
        return vdc_error_set(err, VDC_E_UNSUPPORTED,
                             "the channel's memory has the layout '%s'",
                             wire_enum_word(&wire_enum_channel_layout,
                                            (int)channel->info->layout));
    if (channel->n_fds != LINK_FDS)
        return vdc_error_set(err, VDC_E_PROTOCOL,
                             "channeld gave %u descriptors", channel->n_fds);
    return 0;
}

int broker_take_port(struct broker_channel *channel,
                     const struct port_options *options, struct port **ret,
                     struct vdc_error *err)
{
    const struct wire_channel *info = channel->info;
    uint32_t up = (uint32_t)info->to_server.kib * 1024;
    uint32_t down = (uint32_t)info->to_client.kib * 1024;
    bool maker = channel->memory->maker;
    bool client_made_it = channel->is_client == maker;
    struct link_end end = {
        .kind = channel->memory->grant ? LINK_GRANT : LINK_MEMORY,
        .n_pages = (uint32_t)(ring_memory(up, down) / LINK_PAGE),
        .port = channel->memory->port,
    };
    struct link *link;

    int rc = check(channel, err);
    if (rc)
        return rc;
    for (unsigned i = 0; i < LINK_FDS; i++) {
        end.fds[i] = channel->fds[i];
        channel->fds[i] = -1;
    }
    rc = link_import(&end, &link, err);
    if (rc)
        return rc;
    return port_new(link, maker ? RING_MAKER : RING_TAKER,
                    client_made_it ? up : down, client_made_it ? down : up,
                    options, ret, err);
}

void broker_counts_of_port(const struct port_counts *counts,
                           struct broker_counts *ret)
{
    *ret = (struct broker_counts){
        .sent = counts->sent,
        .received = counts->received,
        .messages = counts->messages_sent + counts->messages_received,
        .notifications = counts->notified,
        .stalls = counts->stalls,
    };
}
