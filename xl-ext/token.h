/*
 * The token by which xl-vdc acts, if not as the account that it has.
 */
#ifndef XL_EXT_TOKEN_H
#define XL_EXT_TOKEN_H

#include "base/arena.h"
#include "base/error.h"

#define TOKEN_ENV "XEN_VDC_TOKEN"
#define TOKEN_FILE_ENV "XEN_VDC_TOKEN_FILE"

/*
 * From the environment, or from the file that it names: its first line.  ""
 * when neither variable is set.  Errors: VDC_E_NO_FILE; VDC_E_BAD_VALUE: the
 * file is for others to read, too, or what is set holds no token.
 */
int token_from_environment(struct arena *arena, const char **ret,
                           struct vdc_error *err);

#endif
