/*
 * The data center's certificate authority, and policyd's own certificate of
 * it, by which policyd commands hosts elsewhere.  doc/design/013 says why.
 *
 * In `dc_directory` are
 *   ca.pem       the authority's certificate and its key: it is there from
 *                dc_init on, and never changes
 *   policyd.pem  policyd's certificate, the authority's, and policyd's key:
 *                made, and made anew before it expires, whenever it is needed
 * both for policyd's user alone.  A file is there wholly or not at all.
 */
#ifndef POLICYD_DC_DC_H
#define POLICYD_DC_DC_H

#include <stdbool.h>

#include "base/error.h"
#include "base/tls.h"

struct dc;
struct event_base;
struct setup;
struct wire_dc_authority;

#define DC_ROLE_POLICYD "policyd"
#define DC_ROLE_HOST "host"
/* What a joining machine and resourced expect policyd to be called. */
#define DC_NAME_POLICYD "policyd"
#define DC_AUTHORITY_DAYS 3650
#define DC_POLICYD_DAYS 90
#define DC_HOST_DAYS 365

/* `changed`: there is an authority, or another certificate of policyd's, from
 * now on; called from dc_init and from the loop. */
typedef void dc_changed_fn(void *arg);

/* Reads what is there; what is wrong with it is in the log, and every host
 * elsewhere says so, but policyd serves. */
struct dc *dc_new(struct event_base *base, const struct setup *setup);
void dc_free(struct dc *dc); /* NULL allowed */
void dc_notify(struct dc *dc, dc_changed_fn *changed, void *arg);

/* Whether there is an authority that can be used.  Errors: VDC_E_WRONG_STATE
 * (there was no dc_init), and what is wrong with its files. */
int dc_check(const struct dc *dc, struct vdc_error *err);

/* The authority, and whether it is there; the texts live as long as it. */
bool dc_authority(const struct dc *dc, struct tls_certificate *ret);
/* policyd's own certificate of it, and whether there is one. */
bool dc_own(const struct dc *dc, struct tls_certificate *ret);
/* In PEM, without its key. */
const char *dc_authority_text(const struct dc *dc);

/* Makes one; one that is there stays.  Blocks for as long as the disk takes.
 * Errors: VDC_E_DENIED, VDC_E_IO, VDC_E_DISK_FULL, VDC_E_BUSY; then nothing is
 * there, or something that dc_init, once more, completes. */
int dc_init(struct dc *dc, struct vdc_error *err);
/* Whether dc_init would make an authority: none is known, nor is its file
 * there. */
bool dc_would_make(const struct dc *dc);

/* The certificate of a host; `*ret` is malloc'd, the caller's.  Errors: those
 * of dc_check and tls_issue_grant. */
int dc_grant_host(const struct dc *dc, const char *host, const char *request,
                  char **ret, struct tls_certificate *ret_certificate,
                  struct vdc_error *err);

/* To reach hosts with; valid until the next `changed`.  Errors: those of
 * dc_check. */
int dc_client(const struct dc *dc, struct tls **ret, struct vdc_error *err);
/* To have machines join; a new one, the caller's.  Errors: those of dc_check
 * and tls_new_server. */
int dc_new_server(const struct dc *dc, struct tls **ret,
                  struct vdc_error *err);

/* ---- other policyds (dc_share.c) ---- */

struct host;
struct operations;
struct event_base;
struct request;
struct store;

/* The host whose certificate was shown, as the book has it now; NULL: it is
 * none, or no host's any more. */
const struct host *dc_host_of(const struct request *request);

/* The book is to say that this policyd has the authority's key.  What cannot
 * be recorded is in the log. */
void dc_note_holder(struct operations *ops);
/*
 * Before this policyd leads, or stands by: whether it was removed from those
 * that may.  Then its files of that authority are removed, too.  Runs the loop
 * until the store has answered.  Errors: VDC_E_DENIED: it was; those of the
 * store.
 */
int dc_check_removed(const struct setup *setup, struct store *store,
                     struct vdc_error *err);

/* The same, looked at every 5 s while this policyd stands by: `fn` is called
 * once, from the loop, with why it may not any more (VDC_E_DENIED).  A store
 * that does not answer is asked again.  All must stay; it is freed after the
 * store, or with the loop at its end. */
typedef void dc_removed_fn(void *arg, const struct vdc_error *why);
struct dc_stay;
struct dc_stay *dc_stay_new(struct event_base *base,
                            const struct setup *setup, struct store *store,
                            dc_removed_fn *fn, void *arg);
void dc_stay_free(struct dc_stay *stay); /* NULL allowed */

#endif
