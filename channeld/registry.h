/*
 * The registry: every channel that this host's broker knows, a row each.
 * What anybody uses is summed up from the rows, and kept nowhere else.  What
 * a single end tells of after a restart is in a registry of its own
 * (hello.h).
 *
 * Pure memory: whoever calls tells the ends, the time and the disk.
 */
#ifndef CHANNELD_REGISTRY_H
#define CHANNELD_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "channeld/party.h"
#include "channeld/rule.h"

struct peer;

enum registry_side { REGISTRY_CLIENT, REGISTRY_SERVER };

/* Whose grants a channel's memory is. */
enum registry_giver {
    REGISTRY_GIVER_BROKER, /* a memfd: of nobody's grants */
    REGISTRY_GIVER_CLIENT,
    REGISTRY_GIVER_SERVER
};

/* What an end has told of its traffic. */
struct registry_counts {
    bool told;
    uint64_t sent, received, messages, notifications, stalls;
};

struct channel {
    uint64_t id;               /* first, for the tree */
    TAILQ_ENTRY(channel) link; /* by id */
    char service[RULE_SERVICE_MAX + 1];
    enum wire_channel_state state;
    enum wire_channel_layout layout;
    struct mem to_server, to_client;
    uint64_t opened_ms; /* since 1970 */
    char rule[RULE_PLACE_MAX + 1];
    uint32_t pages;
    enum registry_giver giver;
    struct party party[2]; /* by registry_side */
    struct peer *peer[2];  /* NULL: it has not told of the channel (again) */
    struct registry_counts counts[2];
    uint64_t secret[2];     /* of each end (secret.h); 0: not known yet */
    bool is_claim;          /* one end says so: it is nobody else's */
    struct mono half_since; /* state HALF: when an end was last there */
};

TAILQ_HEAD(registry_rows, channel);

struct registry {
    struct registry_rows rows;
    void *tree; /* of the rows, for tsearch(3) */
    uint64_t next_id;
    uint64_t n_looks; /* rows looked at to find one so far, for tests */
};

void registry_init(struct registry *registry);
void registry_clear(struct registry *registry);

/* A row with the next id, or with `id`, unless it is taken (then NULL).  The
 * ids after it are greater. */
struct channel *registry_add(struct registry *registry, uint64_t id);
void registry_remove(struct registry *registry, struct channel *channel);
/* The row goes from the one to the other, which has none of this id. */
void registry_move(struct registry *from, struct registry *to,
                   struct channel *channel);
/* Looks at as many rows as a tree of them is high, and so do add and
 * remove. */
struct channel *registry_find(struct registry *registry, uint64_t id);
/* The first with a greater id. */
struct channel *registry_after(struct registry *registry, uint64_t id);

/* Pages of memory for rings of these sizes, head page included; 0: they are
 * none (powers of two from 4 KiB to 4 MiB). */
uint32_t registry_pages(struct mem to_server, struct mem to_client);

struct registry_use {
    uint64_t channels, pages, grants;
};

/* Which rows count, and for whom. */
struct registry_filter {
    const char *customer;       /* its client ends; NULL: all */
    const char *within;         /* the same, and those of its projects */
    const struct party *client; /* the same, of this party alone */
    const struct party *server; /* that it serves */
    const char *service;
};

bool registry_matches(const struct channel *channel,
                      const struct registry_filter *filter);
/* Channels and pages count for the client, who wanted them; grants for whose
 * table they are in.  A claim counts for who claims it alone. */
struct registry_use registry_sum(const struct registry *registry,
                                 const struct registry_filter *filter);
/* Grants of this partition, whichever side it is. */
uint64_t registry_grants(const struct registry *registry,
                         const struct party *party);

/* Strings of *ret point into the row. */
void registry_to_wire(const struct channel *channel, struct wire_channel *ret);

#endif
