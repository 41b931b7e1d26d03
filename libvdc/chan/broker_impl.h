/* What broker.c and broker_hear.c share. */
#ifndef VDC_CHAN_BROKER_IMPL_H
#define VDC_CHAN_BROKER_IMPL_H

#include <sys/queue.h>

#include "base/clock.h"
#include "chan/broker.h"
#include "chan/packet.h"

#define BROKER_THEIRS 0x80000000u /* in the numbers of channeld's requests */

struct broker_request {
    TAILQ_ENTRY(broker_request) link;
    uint32_t id;
    enum wire_message_number number;
    struct vdc_error unsent; /* why it was not sent, if it was not */
    uint8_t *held;           /* what is sent once channeld has greeted */
    size_t held_size;
    struct mono until; /* an answer is waited for */
    broker_done_fn *done;
    const struct broker_connect_ops *connect_ops;
    void *arg;
    char *service;              /* of an offer */
    struct broker_entry *entry; /* of a connect, once memory has come */
};

struct broker_entry {
    struct broker_channel channel; /* first */
    TAILQ_ENTRY(broker_entry) link;
    struct arena *arena;
    struct wire_channel_opened opened;
    bool is_open;    /* the other end has agreed */
    bool is_counted; /* counts have changed */
    broker_counts_fn *counts_fn; /* who knows them; may be NULL */
    void *counts_arg;
    struct broker_counts counts; /* that it said last */
};

struct broker_offer {
    TAILQ_ENTRY(broker_offer) link;
    char *service;
    uint32_t most;
    bool is_refused; /* and that was told; it is tried again */
};

struct broker {
    struct event_base *base;
    char *path;
    const struct broker_ops *ops;
    void *arg;
    struct packet *packet;
    bool is_ready;
    unsigned tries;
    struct mono busy_until; /* not 0: it has no room for us, since a while */
    uint32_t last_id;
    TAILQ_HEAD(, broker_request) requests;
    TAILQ_HEAD(, broker_entry) entries;
    TAILQ_HEAD(, broker_offer) offers;
    struct event *again, *failing, *count, *offering, *late;
};

int broker_say(struct broker *broker, enum wire_message_number number,
               uint32_t id, const void *body);
struct broker_request *broker_request(struct broker *broker,
                                      enum wire_message_number number,
                                      const void *body);
void broker_request_free(struct broker *broker,
                         struct broker_request *request);
struct broker_entry *broker_entry_new(struct broker *broker,
                                      const struct wire_channel_opened *opened,
                                      bool is_client);
void broker_entry_close_fds(struct broker_entry *entry);
void broker_entry_free(struct broker *broker, struct broker_entry *entry);
void broker_found(struct broker *broker);
/* Whether an offer was taken; one that was not is made again later. */
void broker_offer_answered(struct broker *broker, const char *service,
                           const struct vdc_error *err);
void broker_lost(struct broker *broker, const struct vdc_error *err);

/* broker_hear.c */
void broker_heard(void *arg, const uint8_t *data, size_t size, int *fds,
                  unsigned n_fds);
void broker_fail_all(struct broker *broker, const struct vdc_error *err);
void broker_fail_unsent(struct broker *broker);
/* Those whose time is over. */
void broker_fail_late(struct broker *broker);

#endif
