/* From the settings to the store. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "policyd/kv/kv_etcd.h"
#include "policyd/kv/kv_sqlite.h"
#include "policyd/store/store_impl.h"

#define SQLITE "sqlite:"
#define ETCD "etcd:"

static bool is_set(const char *text)
{
    return text && *text;
}

/* Its first line. */
static int read_password(const char *path, struct arena *arena,
                         const char **ret, struct vdc_error *err)
{
    char line[256];
    FILE *f = fopen(path, "re");

    if (!f || !fgets(line, sizeof(line), f)) {
        if (f)
            fclose(f);
        return vdc_error_set(err, VDC_E_NO_FILE,
                             "store_password_file: %s cannot be read", path);
    }
    fclose(f);
    line[strcspn(line, "\r\n")] = '\0';
    *ret = arena_strdup(arena, line);
    return 0;
}

/* "URL,URL" */
static int split(const char *text, struct arena *arena, const char ***ret,
                 size_t *ret_n, struct vdc_error *err)
{
    const char **urls =
        ARENA_ARRAY(arena, KV_ETCD_ENDPOINTS_MAX, const char *);
    size_t n = 0;

    for (const char *p = text; *p;) {
        size_t len = strcspn(p, ",");
        if (n == KV_ETCD_ENDPOINTS_MAX)
            return vdc_error_set(err, VDC_E_BAD_CONFIG,
                                 "store: more than %d members of etcd",
                                 KV_ETCD_ENDPOINTS_MAX);
        urls[n++] = arena_strndup(arena, p, len);
        p += len + (p[len] == ',');
    }
    *ret = urls;
    *ret_n = n;
    return 0;
}

static int open_etcd(struct event_base *base,
                     const struct store_settings *settings, struct kv **ret,
                     struct vdc_error *err)
{
    struct arena *arena = arena_new();
    const char **urls = NULL;
    struct kv_etcd_settings to = {
        .prefix = settings->prefix,
        .user = settings->user,
        .tls = { settings->ca, settings->certificate, settings->key },
    };
    int rc = split(settings->address + strlen(ETCD), arena, &urls,
                   &to.n_endpoints, err);

    to.endpoints = urls;
    if (!rc && is_set(settings->password_file))
        rc = read_password(settings->password_file, arena, &to.password, err);
    if (!rc)
        rc = kv_etcd_open(base, &to, ret, err);
    if (rc == VDC_E_BAD_VALUE) {
        vdc_error_prefix(err, "store");
        if (err)
            err->code = VDC_E_BAD_CONFIG;
        rc = VDC_E_BAD_CONFIG;
    }
    arena_free(arena);
    return rc;
}

int store_open(struct event_base *base, const struct store_settings *settings,
               struct store **ret, struct vdc_error *err)
{
    const char *address = settings->address;
    bool shared = strncmp(address, ETCD, strlen(ETCD)) == 0;
    struct kv *kv;
    int rc;

    if (shared) {
        rc = open_etcd(base, settings, &kv, err);
    } else {
        if (strncmp(address, SQLITE, strlen(SQLITE)) == 0)
            address += strlen(SQLITE);
        if (*address != '/') {
            vdc_error_set(err, VDC_E_BAD_CONFIG,
                          "store: '%s' is neither a path nor sqlite:/PATH nor "
                          "etcd:URL",
                          settings->address);
            return VDC_E_BAD_CONFIG;
        }
        rc = kv_sqlite_open(base, address, &store_convert, &kv, err);
    }
    if (!rc)
        *ret = store_new(base, kv, shared);
    return rc;
}

int store_open_existing(struct event_base *base,
                        const struct store_settings *settings,
                        struct store **ret, struct vdc_error *err)
{
    const char *path = settings->address;

    if (strncmp(path, SQLITE, strlen(SQLITE)) == 0)
        path += strlen(SQLITE);
    if (*path == '/' && access(path, F_OK))
        return vdc_error_errno(err, VDC_E_NO_FILE, errno, "%s", path);
    return store_open(base, settings, ret, err);
}
