/*
 * The token of the environment; see token.h.
 */
#include "xl-ext/token.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TOKEN_MAX 127 /* as wire.def has it */

static int check(const char *token, const char *where, struct vdc_error *err)
{
    size_t len = strlen(token);

    if (len && len <= TOKEN_MAX &&
        strspn(token, "0123456789abcdefghijklmnop"
                      "qrstuvwxyz._") == len)
        return 0;
    vdc_error_set(err, VDC_E_BAD_VALUE, "%s holds no token", where);
    vdc_error_hint(err, "a token is one line, as `xl-vdc token-create` "
                        "printed it: vdc_...");
    return VDC_E_BAD_VALUE;
}

static int read_file(const char *path, struct arena *arena, const char **ret,
                     struct vdc_error *err)
{
    char line[TOKEN_MAX + 3] = "";
    struct stat st;
    FILE *f = fopen(path, "re");

    if (!f)
        return vdc_error_errno(err, VDC_E_NO_FILE, errno, "%s=%s",
                               TOKEN_FILE_ENV, path);
    if (fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) &&
        (st.st_mode & 0077)) {
        fclose(f);
        vdc_error_set(err, VDC_E_BAD_VALUE,
                      "%s is for others to read, too: its token is not used",
                      path);
        vdc_error_hint(err, "chmod 600 %s", path);
        return VDC_E_BAD_VALUE;
    }
    if (!fgets(line, sizeof(line), f))
        line[0] = '\0';
    fclose(f);
    line[strcspn(line, "\r\n")] = '\0';
    *ret = arena_strdup(arena, line);
    return check(*ret, path, err);
}

int token_from_environment(struct arena *arena, const char **ret,
                           struct vdc_error *err)
{
    const char *token = getenv(TOKEN_ENV);
    const char *path = getenv(TOKEN_FILE_ENV);

    *ret = "";
    /* One that is empty came of a command that failed: whoever meant to have
     * a token must not be taken for the account, which may be root's. */
    if (token) {
        *ret = token;
        return check(token, TOKEN_ENV, err);
    }
    return path ? read_file(path, arena, ret, err) : 0;
}
