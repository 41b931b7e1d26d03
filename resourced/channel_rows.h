/*
 * Rows of the host's memory channels.  channeld alone knows which there are,
 * so it is asked whenever somebody wants to see them, and nothing is kept
 * here: a row is gone when its channel is, and is the same after a restart of
 * either daemon, as programs tell channeld of the channels they have.
 *
 * A channel is its client's, who wanted it and for whom it counts.
 */
#ifndef RESOURCED_CHANNEL_ROWS_H
#define RESOURCED_CHANNEL_ROWS_H

#include "resourced/store.h"

struct channel_reads;
struct host;

/*
 * The index of a channel's row is this and the channel's number, which is
 * never used again either.  Above what others get, and below 2^53, up to
 * which every reader of JSON has whole numbers.
 */
#define CHANNEL_INDEX_BASE UINT64_C(1000000000000000)

struct channel_rows {
    struct resource_row *rows; /* by index */
    size_t n_rows;
    uint64_t limit; /* of channels on this host */
};

struct channel_reads *channel_reads_new(struct host *host);
/* Those who wait are forgotten.  NULL is allowed. */
void channel_reads_free(struct channel_reads *reads);

/*
 * Calls fn once, from the loop, within 2 s: with all rows, valid during the
 * call, or with an error and NULL.  Errors: VDC_E_NO_DAEMON (channeld cannot
 * be reached, or there is none by the settings), VDC_E_TIMEOUT, VDC_E_DENIED
 * (resourced's user is no operator to channeld), and what channeld answers.
 */
typedef void channel_rows_fn(void *arg, const struct channel_rows *rows,
                             const struct vdc_error *err);
void channel_rows_read(struct channel_reads *reads, channel_rows_fn *fn,
                       void *arg);

/*
 * Hands policyd's quotas on to channeld, and its answer back: calls fn once,
 * from the loop, within 2 s.  `limits` stays until then.  Errors: as above.
 */
typedef void channel_uses_fn(void *arg, const struct wire_channel_uses *uses,
                             const struct vdc_error *err);
void channel_limits_tell(struct channel_reads *reads,
                         const struct wire_channel_limits *limits,
                         channel_uses_fn *fn, void *arg);

#endif
