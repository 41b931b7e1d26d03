/*
 * What the files of dc/ share; only they include it.
 */
#ifndef POLICYD_DC_DC_IMPL_H
#define POLICYD_DC_DC_IMPL_H

#include "policyd/api/operations.h"
#include "policyd/dc/dc.h"

/* ---- dc_request.c: tokens ---- */

/* Whether it was made here; one that is not known takes as long.  *ret is the
 * book's, until that is changed.  Errors: VDC_E_DENIED. */
int dc_find_join(struct request *request, const char *token,
                 const struct wire_stored_join **ret, struct vdc_error *err);
/* Whether it is good still, and `theirs`, ms since 1970, is the time.  Errors:
 * VDC_E_DENIED (expired), VDC_E_BAD_VALUE. */
int dc_check_time(struct arena *arena, const struct wire_stored_join *join,
                  uint64_t theirs, struct vdc_error *err);

/* ---- dc_share.c: other policyds ---- */

/* The name of the policyd that it lets in; NULL: it lets a host in. */
const char *dc_policyd_of(const struct wire_stored_join *join);
/* Whether a token can be made for it.  Errors: VDC_E_BAD_VALUE, VDC_E_EXISTS,
 * VDC_E_NOT_FOUND, VDC_E_WRONG_STATE. */
int dc_check_policyd(const struct operations *ops,
                     const struct wire_dc_token *asked, struct vdc_error *err);

/* ---- dc.c ---- */

/* The authority's certificate and key, in PEM; NULL: there is none. */
const char *dc_authority_secret(const struct dc *dc);

#endif
