/*
 * What the files of the guest's role share: its programs, what of theirs is
 * under way, and their channels.
 */
#ifndef CHANNELD_GUEST_IMPL_H
#define CHANNELD_GUEST_IMPL_H

#include <sys/queue.h>

#include "channeld/memory.h"
#include "channeld/rule.h"
#include "channeld/uplink.h"
#include "wire/wire.h"

#define GUEST_OURS 0x80000000u /* as PEER_OURS, towards our programs */
#define GUEST_FORWARDS_MOST 1024
#define GUEST_PROGRAMS_MOST 512

struct guest;

struct guest_program {
    TAILQ_ENTRY(guest_program) link;
    struct guest *guest;
    struct packet *packet;
    bool greeted;
};

struct guest_offer {
    TAILQ_ENTRY(guest_offer) link;
    struct guest_program *program;
    char service[RULE_SERVICE_MAX + 1];
    uint32_t most;
};

/* A request that the host has not answered (finally). */
struct guest_forward {
    TAILQ_ENTRY(guest_forward) link;
    uint32_t id; /* towards the host */
    enum wire_message_number number;
    struct guest_program *program; /* NULL: nobody waits for it any more */
    uint32_t program_id;
    char service[RULE_SERVICE_MAX + 1]; /* of an offer */
    uint32_t most;
    uint64_t channel;    /* of a connect, once the host has said it */
    struct memory other; /* given, and not with the other end yet */
};

/* A program of ours is asked whether it takes a channel. */
struct guest_incoming {
    TAILQ_ENTRY(guest_incoming) link;
    uint32_t id; /* of the host's request */
    struct guest_program *program;
    uint32_t program_id; /* of ours to the program */
    struct memory other;
    uint64_t channel; /* looked up when it is needed: the program can end it,
                       * or tell of it anew, before it has answered */
};

/* An end that a program has, to be told of when the host's channeld comes
 * anew.  It can have both ends of a channel, which are two of these: the
 * number is the same, the secret is not. */
struct guest_channel {
    TAILQ_ENTRY(guest_channel) link;
    struct guest_program *program;
    struct arena *arena;
    struct wire_channel_claim claim;
};

struct guest {
    struct event_base *base;
    const char *socket;
    struct packet_listener *listener;
    struct uplink *uplink;
    TAILQ_HEAD(, guest_program) programs;
    TAILQ_HEAD(, guest_offer) offers;
    TAILQ_HEAD(, guest_forward) forwards;
    TAILQ_HEAD(, guest_incoming) incoming;
    TAILQ_HEAD(, guest_channel) channels;
    unsigned n_programs, n_forwards;
    uint32_t next_id;
};

/* ---- sending (guest.c) ---- */

/* To a program; the memory (NULL: none) is given away. */
void guest_tell(struct guest_program *program, enum wire_message_number number,
                uint32_t id, const void *body, struct memory *memory);
void guest_fail(struct guest_program *program, uint32_t id,
                const struct vdc_error *err);
/* To the host. */
int guest_say(struct guest *guest, enum wire_message_number number,
              uint32_t id, const void *body, struct memory *memory);
void guest_say_error(struct guest *guest, uint32_t id,
                     const struct vdc_error *err);
void guest_say_close(struct guest *guest, uint64_t channel,
                     const char *reason);

/* ---- what is under way (guest_forward.c) ---- */

/* The request goes to the host; NULL: it cannot, and `err` says why. */
struct guest_forward *guest_forward(struct guest *guest,
                                    struct guest_program *program,
                                    uint32_t program_id,
                                    enum wire_message_number number,
                                    const void *body, struct vdc_error *err);
void guest_forward_free(struct guest *guest, struct guest_forward *forward);
void guest_incoming_free(struct guest *guest, struct guest_incoming *incoming);
/* The same, and there will be no channel of it. */
void guest_incoming_drop(struct guest *guest, struct guest_incoming *incoming);
struct guest_channel *guest_channel_new(struct guest_program *program,
                                        const struct wire_channel *wire,
                                        uint64_t secret);
void guest_channel_free(struct guest *guest, struct guest_channel *channel);
/* The end with this secret; NULL: the program has none such. */
struct guest_channel *guest_channel_find(const struct guest_program *program,
                                         uint64_t id, uint64_t secret);
/* Frees what the program has of a channel: how many ends of it. */
unsigned guest_channel_forget(const struct guest_program *program,
                              uint64_t id);
/* A program has ended: all that it had. */
void guest_program_ends(struct guest_program *program);
/* The host cannot be reached any more: all that is under way has failed. */
void guest_host_lost(struct guest *guest, const struct vdc_error *err);
/* It can be again: offers and channels are told anew. */
void guest_host_found(struct guest *guest);

/* ---- what is said (guest_program.c, guest_host.c) ---- */

void guest_program_said(struct guest_program *program, const uint8_t *data,
                        size_t size);
void guest_host_said(struct guest *guest, const uint8_t *data, size_t size,
                     int *fds, unsigned n_fds);

#endif
