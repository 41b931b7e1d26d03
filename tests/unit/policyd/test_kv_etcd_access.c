/* Tests of policyd/kv/kv_etcd*.c on real etcds: what they refuse, to whom they
 * speak, and with which settings. */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "tests/unit/policyd/test_kv_etcd.h"

static void full_disk_is_said(void)
{
    struct kv_result r = { 0 };
    char *large = xzalloc(500 * 1000 + 1);
    int rc = 0;

    own_server(1, "--quota-backend-bytes=4194304");
    settings.request_ms = 5000;
    kv_world_set_up();
    memset(large, 'x', 500 * 1000);
    for (int i = 0; i < 30 && rc == 0; i++)
        rc = kv_set_now(KV0, "k", large);
    CU_ASSERT_EQUAL(rc, VDC_E_DISK_FULL);
    CU_ASSERT_EQUAL(kv_set_now(KV0, "k", "x"), VDC_E_DISK_FULL);
    kv_read_now(KV0, "k", &r);
    CU_ASSERT_EQUAL(r.code, 0);
    CU_ASSERT_EQUAL(r.n_pairs, 1);
    CU_ASSERT(kv_up(KV0, NULL));
    free(large);
    kv_result_fini(&r);
    kv_world_tear_down();
}

static void make_users(void)
{
    static const struct {
        const char *path, *json;
    } steps[] = {
        { "auth/user/add", "{\"name\":\"root\",\"password\":\"secret\"}" },
        { "auth/role/add", "{\"name\":\"root\"}" },
        { "auth/user/grant", "{\"user\":\"root\",\"role\":\"root\"}" },
        { "auth/user/add", "{\"name\":\"vdc\",\"password\":\"pass\"}" },
        { "auth/role/add", "{\"name\":\"vdc\"}" },
        /* "/test/" to "/test0" */
        { "auth/role/grant",
          "{\"name\":\"vdc\",\"perm\":{\"permType\":\"READWRITE\","
          "\"key\":\"L3Rlc3Qv\",\"range_end\":\"L3Rlc3Qw\"}}" },
        { "auth/user/grant", "{\"user\":\"vdc\",\"role\":\"vdc\"}" },
        { "auth/enable", "{}" },
    };

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        CU_ASSERT_FATAL(etcd_server_ask(server, steps[i].path, steps[i].json));
}

static struct kv *open_as(const char *user, const char *password,
                          const char *prefix)
{
    struct kv_etcd_settings as = settings;
    struct kv *kv;

    as.user = user;
    as.password = password;
    as.prefix = prefix;
    CU_ASSERT_EQUAL_FATAL(kv_etcd_open(kv_world.base, &as, &kv, NULL), 0);
    return kv;
}

static void user_and_password(void)
{
    struct vdc_error why = { 0 };
    struct kv_log log;

    own_server(1, NULL);
    settings.request_ms = 8000; /* passwords cost etcd much */
    settings.user = "vdc";
    settings.password = "pass";
    kv_world_set_up();
    make_users();
    CU_ASSERT_EQUAL(kv_set_now(KV0, "k", "1"), 0);
    kv_log_begin(&log, KV1, "k", 1);
    kv_wait(&log.n_revisions, 1);
    check_long_list(KV0);
    struct kv *other = open_as("vdc", "wrong", "/test/");
    CU_ASSERT_EQUAL(kv_set_now(other, "k", "2"), VDC_E_DENIED);
    CU_ASSERT_FALSE(kv_up(other, &why));
    CU_ASSERT_EQUAL(why.code, VDC_E_DENIED);
    kv_close(other);
    other = open_as(NULL, NULL, "/test/");
    CU_ASSERT_EQUAL(kv_set_now(other, "k", "2"), VDC_E_DENIED);
    kv_close(other);
    other = open_as("vdc", "pass", "/other/");
    CU_ASSERT_EQUAL(kv_set_now(other, "k", "2"), VDC_E_DENIED);
    kv_close(other);
    /* Tokens are not known any more after this. */
    etcd_server_kill(server, 0);
    etcd_server_start(server, 0, false);
    wait_up(KV0, false);
    wait_up(KV0, true);
    CU_ASSERT_EQUAL(kv_set_now(KV0, "k", "3"), 0);
    check_long_list(KV0);
    kv_wait(&log.n_revisions, 2);
    CU_ASSERT_EQUAL(log.n_lost, 0);
    kv_log_end(&log);
    kv_world_tear_down();
}

static char *fixture(const char *folder, const char *file)
{
    return xasprintf("%s/fixtures/%s", folder, file);
}

/* With the certificates that etcd makes for itself. */
static void https(void)
{
    struct vdc_error why = { 0 };
    struct kv *other;

    own_server(1, "--auto-tls");
    settings.request_ms = 8000;
    char *cert = fixture(etcd_server_folder(server, 0), "client/cert.pem");
    settings.tls.ca_file = cert;
    kv_world_set_up();
    CU_ASSERT_PTR_EQUAL(strstr(kv_name(KV0), "etcd https://"), kv_name(KV0));
    wait_up(KV0, true);
    CU_ASSERT_EQUAL(kv_set_now(KV0, "k", "1"), 0);
    check_long_list(KV0);
    struct kv_etcd_settings unknown = settings;
    unknown.tls.ca_file = NULL; /* the system's */
    CU_ASSERT_EQUAL_FATAL(kv_etcd_open(kv_world.base, &unknown, &other, NULL),
                          0);
    CU_ASSERT_EQUAL(kv_set_now(other, "k", "2"), VDC_E_STORE);
    CU_ASSERT_FALSE(kv_up(other, &why));
    /* On valgrind the time is over when the system's have been loaded. */
    CU_ASSERT(strstr(why.text, "certificate") || unit_on_valgrind());
    kv_close(other);
    kv_world_tear_down();
    free(cert);
}

/* One certificate for both ends. */
static bool make_certificate(const char *folder)
{
    char *command = xasprintf(
        "cd '%s' && openssl req -x509 -nodes -newkey ec -pkeyopt "
        "ec_paramgen_curve:prime256v1 -keyout key.pem -out cert.pem -days 2 "
        "-subj /CN=test -addext subjectAltName=IP:127.0.0.1 "
        "-addext extendedKeyUsage=serverAuth,clientAuth 2>log",
        folder);
    bool ok = system(command) == 0;

    free(command);
    return ok;
}

static void certificate_of_our_own(void)
{
    char folder[] = "/tmp/xen-vdc-cert-XXXXXX";
    struct kv *other;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    CU_ASSERT_FATAL(make_certificate(folder));
    char *cert = xasprintf("%s/cert.pem", folder);
    char *key = xasprintf("%s/key.pem", folder);
    char *options = xasprintf("--cert-file %s --key-file %s "
                              "--trusted-ca-file %s --client-cert-auth",
                              cert, key, cert);
    own_server(1, options);
    settings.request_ms = 8000;
    settings.tls = (struct http_tls){ cert, cert, key };
    kv_world_set_up();
    wait_up(KV0, true);
    CU_ASSERT_EQUAL(kv_set_now(KV0, "k", "1"), 0);
    check_long_list(KV0);
    struct kv_etcd_settings none = settings;
    none.tls.cert_file = none.tls.key_file = NULL;
    CU_ASSERT_EQUAL_FATAL(kv_etcd_open(kv_world.base, &none, &other, NULL), 0);
    CU_ASSERT_EQUAL(kv_set_now(other, "k", "2"), VDC_E_STORE);
    CU_ASSERT_FALSE(kv_up(other, NULL));
    kv_close(other);
    kv_world_tear_down();
    free(cert);
    free(key);
    free(options);
    char *command = xasprintf("rm -rf '%s'", folder);
    CU_ASSERT_EQUAL(system(command), 0);
    free(command);
}

static void settings_are_checked(void)
{
    static const char *const bad[] = { "",          "127.0.0.1:2379",
                                       "http://",   "http://a/b",
                                       "ftp://a:1", "http://a b" };
    static const char *const good[] = { "http://127.0.0.1:1" };
    struct event_base *base = event_base_new();
    struct vdc_error err;
    struct kv *kv;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct kv_etcd_settings s = { .endpoints = &bad[i], .n_endpoints = 1 };
        CU_ASSERT_EQUAL(kv_etcd_open(base, &s, &kv, &err), VDC_E_BAD_VALUE);
    }
    struct kv_etcd_settings s = { .endpoints = good };
    CU_ASSERT_EQUAL(kv_etcd_open(base, &s, &kv, &err), VDC_E_BAD_VALUE);
    s.n_endpoints = 1;
    s.prefix = "/a b/";
    CU_ASSERT_EQUAL(kv_etcd_open(base, &s, &kv, &err), VDC_E_BAD_VALUE);
    s.prefix = NULL;
    s.tls.ca_file = "/nowhere/ca.pem";
    CU_ASSERT_EQUAL(kv_etcd_open(base, &s, &kv, &err), VDC_E_NO_FILE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nowhere/ca.pem"));
    event_base_free(base);
}

const struct unit_test kv_etcd_access[] = {
    { "a full disk", full_disk_is_said },
    { "user and password", user_and_password },
    { "https", https },
    { "a certificate of our own", certificate_of_our_own },
    { "settings", settings_are_checked },
};
const size_t kv_etcd_n_access =
    sizeof(kv_etcd_access) / sizeof(kv_etcd_access[0]);
