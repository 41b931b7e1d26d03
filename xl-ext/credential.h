/* What token-create and certificate-add have in common: how long something is
 * good for, as whom, and what for. */
#ifndef XL_EXT_CREDENTIAL_H
#define XL_EXT_CREDENTIAL_H

#include <stdint.h>

#include "xl-ext/command.h"

/*
 * The options --expires, --role and --note; what is not given leaves
 * *ret_expires_ms as it is, and gives "".  Errors: VDC_E_BAD_VALUE.
 */
int credential_take(const struct command_args *args, uint64_t *ret_expires_ms,
                    const char **ret_role, const char **ret_note,
                    struct vdc_error *err);

#endif
