/*
 * The settings of policyd: one row each, and what follows from them.
 */
#include "policyd/setup.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policyd/names.h"

#define ROW(member) .name = #member, .offset = offsetof(struct setup, member)
/* Its member is in ms. */
#define DURATION(setting, member)                                    \
    .name = #setting, .offset = offsetof(struct setup, member##_ms), \
    .type = SETTING_DURATION

const struct setting setup_rows[] = {
    { ROW(socket), .type = SETTING_STRING,
      .fallback = "/run/xen-vdc/policyd.sock",
      .text = "The socket on which xl-vdc reaches policyd.  Everybody may "
              "connect; who one is comes from the kernel." },
    { ROW(database), .type = SETTING_STRING,
      .fallback = "/var/lib/xen-vdc/policyd.db",
      .text = "The file of the data center's store, if `store` does not say "
              "otherwise." },
    { .name = "store", .offset = offsetof(struct setup, store.address),
      .type = SETTING_STRING, .fallback = "",
      .text = "The data center's store: sqlite:/PATH, or etcd:URL[,URL...] "
              "of one etcd or the members of its cluster.  Empty means the "
              "`database`." },
    { .name = "store_prefix", .offset = offsetof(struct setup, store.prefix),
      .type = SETTING_STRING, .fallback = "xen-vdc/",
      .text = "Before each key in etcd, so that others can use it, too." },
    { .name = "store_ca", .offset = offsetof(struct setup, store.ca),
      .type = SETTING_STRING, .fallback = "",
      .text = "File with the certificates of those who may certify etcd; "
              "empty means those of the system." },
    { .name = "store_certificate",
      .offset = offsetof(struct setup, store.certificate),
      .type = SETTING_STRING, .fallback = "",
      .text = "File with policyd's own certificate for etcd." },
    { .name = "store_key", .offset = offsetof(struct setup, store.key),
      .type = SETTING_STRING, .fallback = "",
      .text = "File with the key of that certificate." },
    { .name = "store_user", .offset = offsetof(struct setup, store.user),
      .type = SETTING_STRING, .fallback = "",
      .text = "Who policyd is in etcd; empty means that it does not ask." },
    { .name = "store_password_file",
      .offset = offsetof(struct setup, store.password_file),
      .type = SETTING_STRING, .fallback = "",
      .text = "File with the password of that user, on its first line." },
    { ROW(placement), .type = SETTING_STRING,
      .fallback = SYSCONFDIR "/xen-vdc/placement.conf",
      .text = "The placement policies, as placement.conf(5) describes them. "
              "Without the file all is as built in." },
    { DURATION(store_lease, store_lease), .fallback = "10s",
      .min = 1000, .max = 3600000,
      .text = "Several policyds may share an etcd; one leads, and when it "
              "has not been heard of for so long another takes over." },
    { ROW(command_address), .type = SETTING_STRING,
      .fallback = "memory:/run/xen-vdc/command.sock",
      .text = "Where resourced of this host listens for policyd: memory:PATH "
              "or unix:PATH in dom0; channel:SERVICE@host in a domain of "
              "policyd's own." },
    { ROW(channel_socket), .type = SETTING_STRING,
      .fallback = "/run/xen-vdc/channel.sock",
      .text = "Where channeld of this host, or of policyd's own domain, "
              "listens: over it guests ask for themselves, and, of a policyd "
              "in a domain of its own, all do.  Empty means that none "
              "can." },
    { ROW(tls_address), .type = SETTING_STRING, .fallback = "",
      .text = "Where clients reach policyd over TLS 1.3: HOST:PORT or "
              "[HOST]:PORT, the host as a number.  Who one is comes from a "
              "certificate that is registered, or from a token.  Empty means "
              "that policyd is not there." },
    { ROW(tls_certificate), .type = SETTING_STRING, .fallback = "",
      .text = "File with policyd's certificate for tls_address, in PEM, and "
              "behind it those between it and its CA.  The files are read "
              "again on SIGHUP; connections that are open go on." },
    { ROW(tls_key), .type = SETTING_STRING, .fallback = "",
      .text = "File with the key of that certificate; one that everybody may "
              "read is refused." },
    { ROW(tls_ca), .type = SETTING_STRING, .fallback = "",
      .text = "File with the certificates of those who must vouch for "
              "clients' certificates; each must be registered all the same.  "
              "Empty means that being registered is enough." },
    { ROW(dc_directory), .type = SETTING_STRING,
      .fallback = "/var/lib/xen-vdc/dc",
      .text = "The directory with the data center's certificate authority, "
              "which xl-vdc dc-init makes, and policyd's certificate of it, "
              "by which policyd commands hosts elsewhere.  Who can read it "
              "has the data center: it is for policyd alone, mode 700." },
    { ROW(dc_address), .type = SETTING_STRING, .fallback = "",
      .text = "Where machines join as hosts, by xl-vdc dc-join: HOST:PORT or "
              "[HOST]:PORT, the host as a number.  Empty means that none "
              "can." },
    { ROW(metrics_address), .type = SETTING_STRING, .fallback = "",
      .text = "Where Prometheus gets policyd's metrics, by GET /metrics: a "
              "port, as 8447, which is that of 127.0.0.1, or HOST:PORT.  "
              "Whoever can connect there sees the names of all customers and "
              "hosts.  Empty means nowhere." },
    { ROW(host_name), .type = SETTING_STRING, .fallback = "",
      .text = "The name of this host; empty means its hostname.  "
              "Assignments are recorded with it: do not change it while "
              "there are guests." },
    { DURATION(host_report_interval, host_report), .fallback = "5s",
      .min = 100, .max = UINT64_C(3600000),
      .text = "How often each host is asked what it has; besides, it is asked "
              "after what happens there.  A host that has not answered in "
              "this time gets no new guests." },
    { ROW(host_memory_reserve), .type = SETTING_MEM, .fallback = "32M",
      .max = MEM_MAX_KIB,
      .text = "Memory that always stays free in Xen, for Xen's own needs." },
    { ROW(dom0_memory_keep), .type = SETTING_MEM, .fallback = "0",
      .max = MEM_MAX_KIB,
      .text = "Memory that dom0 keeps; what it has above this may be taken "
              "for guests.  0 means that dom0 keeps all it has." },
    { ROW(customer_paths), .type = SETTING_LIST,
      .fallback = "/var/lib/xen-vdc/images,/var/lib/xen-vdc/customers/%c",
      .text = "Directories that the kernels, ramdisks and disks of customers "
              "must be under; %c stands for the customer's name.  A "
              "directory without %c is shared by all customers, so disks in "
              "it can only be attached read-only.  The directories must "
              "belong to root." },
    { ROW(customer_bridges), .type = SETTING_LIST, .fallback = "xenbr0",
      .text = "Bridges that customers' network interfaces may be on; the "
              "first is taken when none is named." },
    { ROW(move_directory), .type = SETTING_STRING, .fallback = "",
      .text = "A directory that all hosts see under this name: a running "
              "guest that is moved is saved to a file in it by one host and "
              "restored by the other.  Its files have what guests had in "
              "memory: it must belong to root, and only root should see into "
              "it.  Empty means that running guests are not moved." },
    { ROW(shared_paths), .type = SETTING_LIST, .fallback = "",
      .text = "Directories that all hosts see under these names.  A guest "
              "that may write to a disk that is under none of them is not "
              "moved, as the disk is on its host only." },
    { ROW(operators), .type = SETTING_LIST, .fallback = "",
      .text = "Unix users who are operators, besides root." },
    { DURATION(answer_keep, answer_keep), .fallback = "24h",
      .min = 1000, .max = UINT64_C(2592000000),
      .text = "How long the first answer to a request with a key is kept.  "
              "resourced has a setting of this name, too: give both the same "
              "value." },
    { DURATION(usage_period, usage_period), .fallback = "1h",
      .min = 1000, .max = UINT64_C(2592000000),
      .text = "Length of the periods in which `xl-vdc usage` says what "
              "customers used.  Periods begin with the days of UTC if a day "
              "is a multiple of it.  What is recorded does not depend on "
              "it." },
    { DURATION(audit_keep, audit_keep), .fallback = "400d",
      .min = 0, .max = UINT64_C(3153600000000),
      .text = "How long the record of who did what is kept.  0 means for "
              "ever." },
    { DURATION(usage_keep, usage_keep), .fallback = "400d",
      .min = 0, .max = UINT64_C(3153600000000),
      .text = "How long it is kept what guests used, after that has ended: "
              "periods before it are shown without.  0 means for ever." },
    { DURATION(image_upload_keep, image_upload_keep), .fallback = "24h",
      .min = 1000, .max = UINT64_C(2592000000),
      .text = "How long an image of which not all has come is kept after the "
              "last piece.  resourced has image_part_keep for its files: "
              "give both the same value." },
    { ROW(images_max), .type = SETTING_U64, .fallback = "10000",
      .min = 1, .max = 10000,
      .text = "How many images there may be, of the provider and all "
              "customers together." },
    { ROW(image_kib_per_s), .type = SETTING_U64, .fallback = "0",
      .max = UINT64_C(1000000000),
      .text = "How fast an image is brought to a host that needs it, in KiB a "
              "second; 0 means as fast as it goes." },
    { ROW(decisions_kept), .type = SETTING_U64, .fallback = "10000",
      .min = 1, .max = 1000000,
      .text = "How many decisions of placement are kept, so that 'xl-vdc why' "
              "can explain them and make them again." },
};
const size_t setup_n_rows = sizeof(setup_rows) / sizeof(setup_rows[0]);

bool setup_find_user(const char *user, uid_t *ret)
{
    const struct passwd *pw = getpwnam(user);
    if (pw) {
        *ret = pw->pw_uid;
        return true;
    }
    char *end;
    errno = 0;
    unsigned long uid = strtoul(user, &end, 10);
    /* (uid_t)-1 means "no change" to the kernel, never an account */
    if (user[0] < '0' || user[0] > '9' || *end || errno || uid >= UINT32_MAX)
        return false;
    *ret = (uid_t)uid;
    return true;
}

int setup_complete(struct setup *setup, struct arena *arena,
                   struct vdc_error *err)
{
    size_t n = setup->operators.n_items;

    if (!*setup->store.address)
        setup->store.address = setup->database;
    if (*setup->tls_address && (!*setup->tls_certificate || !*setup->tls_key))
        return vdc_error_set(err, VDC_E_BAD_CONFIG,
                             "tls_address needs tls_certificate and tls_key");
    setup->operator_uids = ARENA_ARRAY(arena, n, uid_t);
    setup->n_operator_uids = 0;
    for (size_t i = 0; i < n; i++) {
        const char *user = setup->operators.items[i];
        if (!setup_find_user(user, &setup->operator_uids[i]))
            return vdc_error_set(err, VDC_E_BAD_CONFIG,
                                 "operators: there is no user '%s'", user);
        setup->n_operator_uids++;
    }
    if (!*setup->host_name) {
        char name[64] = "";
        if (gethostname(name, sizeof(name) - 1) != 0 || !*name)
            return vdc_error_set(err, VDC_E_BAD_CONFIG,
                                 "host_name is needed: this machine has no "
                                 "hostname");
        setup->host_name = arena_strdup(arena, name);
    }
    if (strlen(setup->host_name) > NAMES_GUEST_MAX)
        return vdc_error_set(err, VDC_E_BAD_CONFIG,
                             "host_name '%s' is longer than %d characters",
                             setup->host_name, NAMES_GUEST_MAX);
    return 0;
}
