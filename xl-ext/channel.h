/*
 * What the commands about channels share: a conversation with the channeld of
 * this domain, which knows by the kernel who asks.
 */
#ifndef XL_EXT_CHANNEL_H
#define XL_EXT_CHANNEL_H

#include "chan/broker.h"
#include "xl-ext/command.h"

/* Every command about channels has it. */
#define CHANNEL_SOCKET_OPTION                                                \
    {                                                                        \
        0, "channel-socket", "PATH", COMPLETE_FILES,                         \
            "Where channeld listens; otherwise $XEN_VDC_CHANNEL_SOCKET, or " \
            "/run/xen-vdc/channel.sock"                                      \
    }

struct channel_session {
    const struct command_args *args;
    struct arena *arena; /* of answers; the command's, unless it is set */
    struct event_base *base;
    struct broker *broker;
    bool ready;
    struct vdc_error lost;        /* code 0: it is there */
    const struct broker_ops *ops; /* of the command; or NULL */
    void *arg;
};

/*
 * Waits until channeld has greeted.  ops: for incoming channels and ends of
 * channels, or NULL.  Errors: VDC_E_NO_DAEMON, VDC_E_DENIED and what else
 * channeld says; then there is nothing to close.
 */
int channel_open(const struct command_args *args, const struct broker_ops *ops,
                 void *arg, struct channel_session *ret,
                 struct vdc_error *err);
void channel_close(struct channel_session *session);

/* Until *done; an end of channeld is an error. */
int channel_wait(struct channel_session *session, const bool *done,
                 struct vdc_error *err);
/* A request and its answer, in the session's arena. */
int channel_ask(struct channel_session *session,
                enum wire_message_number number, const void *body,
                const void **ret, struct vdc_error *err);

/* Number of a channel, which is never 0.  Errors: VDC_E_BAD_VALUE. */
int channel_id(const char *word, uint64_t *ret, struct vdc_error *err);

#endif
