/* The limits of kv.h. */
#include "policyd/kv/kv_check.h"

#include <string.h>

static int check_key(const char *key, const char *what, struct vdc_error *err)
{
    size_t len = strlen(key);

    if (len > KV_KEY_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a %s of %zu characters; the limit is %d", what,
                             len, KV_KEY_MAX);
    for (size_t i = 0; i < len; i++)
        if (key[i] < 0x20 || key[i] > 0x7e)
            return vdc_error_set(err, VDC_E_BAD_VALUE,
                                 "a %s that is not printable ASCII: %s", what,
                                 key);
    return 0;
}

int kv_check_prefix(const char *prefix, struct vdc_error *err)
{
    return check_key(prefix, "prefix", err);
}

/* Adds to *bytes what it takes of a commit. */
static int check_part(const char *key, bool may_be_empty, size_t size,
                      size_t *bytes, struct vdc_error *err)
{
    int rc = check_key(key, "key", err);

    if (rc)
        return rc;
    if (!key[0] && !may_be_empty)
        return vdc_error_set(err, VDC_E_BAD_VALUE, "an empty key");
    if (size > KV_VALUE_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "%s: a value of %zu bytes; the limit is %d", key,
                             size, KV_VALUE_MAX);
    *bytes += strlen(key) + size;
    return 0;
}

int kv_check_commit(const struct kv_compare *compares, size_t n_compares,
                    const struct kv_change *changes, size_t n_changes,
                    struct vdc_error *err)
{
    size_t bytes = 0;
    int rc;

    if (n_compares > KV_COMMIT_MAX || n_changes > KV_COMMIT_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a commit of %zu comparisons and %zu changes; "
                             "the limit is %d of each",
                             n_compares, n_changes, KV_COMMIT_MAX);
    for (size_t i = 0; i < n_compares; i++) {
        const struct kv_compare *c = &compares[i];
        rc = check_part(c->key, false, c->kind == KV_VALUE_IS ? c->size : 0,
                        &bytes, err);
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < n_changes; i++) {
        const struct kv_change *c = &changes[i];
        rc = check_part(c->key, c->kind == KV_DELETE_PREFIX,
                        c->kind == KV_PUT ? c->size : 0, &bytes, err);
        if (rc)
            return rc;
    }
    if (bytes > KV_COMMIT_BYTES_MAX)
        return vdc_error_set(err, VDC_E_BAD_VALUE,
                             "a commit of %zu bytes; the limit is %d", bytes,
                             KV_COMMIT_BYTES_MAX);
    return 0;
}
