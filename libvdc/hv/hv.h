/*
 * The hypervisor as resourced sees it: three narrow tables of operations
 * (domain, store, grant) and two implementations, hv/xen (libxl and friends)
 * and hv/sim (a host in memory).
 *
 * Rules for every operation of every table:
 * - Operations with a `done` argument are asynchronous: they return 0 when the
 *   work was taken on, and then `done` is called exactly once, from the event
 *   loop, never before the operation returns.  When they return an error,
 *   `done` is not called and nothing was changed.
 * - Operations without `done` are single hypercalls or single xenstore
 *   requests (about a millisecond at most); they answer at return.
 * - Arguments are copied where they must outlive the call.
 * - Failures of Xen are VDC_E_HYPERVISOR with what libxl said in the text.
 *   A domid that does not exist is VDC_E_NOT_FOUND.
 * - Not thread-safe: one event loop, one thread.
 */
#ifndef VDC_HV_HV_H
#define VDC_HV_HV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/units.h"
#include "base/uuid.h"

struct event_base;
struct hv;

/* The first domid that Xen reserves (DOMID_FIRST_RESERVED, 0x7FF0): a valid
 * guest has 1 to HV_DOMID_MAX; 0 is dom0. */
#define HV_DOMID_MAX 0x7FEFu
#define HV_DOMID_NONE UINT32_MAX

enum hv_domain_type { HV_DOMAIN_PV, HV_DOMAIN_PVH, HV_DOMAIN_HVM };

enum hv_tristate { HV_DEFAULT, HV_NO, HV_YES };

struct hv_disk {
    const char *target;      /* path; "" for an empty drive */
    const char *format;      /* "raw", "qcow2", ... as in cfg_disk */
    const char *vdev;        /* "xvda" */
    const char *backend;     /* backend domain's Xen name; "" for dom0 */
    const char *backendtype; /* "phy", "qdisk" or "" for libxl to choose */
    const char *script;      /* "" for the default */
    bool readonly;
    bool cdrom;
    bool discard;
    bool direct_io_safe;
};

struct hv_nic {
    const char *mac;     /* "00:16:3e:xx:xx:xx", always given */
    const char *bridge;  /* "" for the host's default */
    const char *model;   /* "" for the default */
    const char *ip;      /* "" for none: for the hotplug script */
    const char *script;  /* "" for the default */
    const char *backend; /* "" for dom0 */
    const char *vifname; /* "" for libxl to choose */
    const char *gatewaydev;
    uint64_t rate_bytes; /* a second; 0 for no limit */
    uint32_t rate_interval_us;
    uint32_t mtu; /* 0 for the default */
};

struct hv_domain_config {
    const char *name; /* unique on the host */
    struct vdc_uuid uuid;
    enum hv_domain_type type; /* PV or PVH */
    const char *kernel;
    const char *ramdisk; /* "" for none */
    const char *cmdline;
    const char *bootloader; /* "" when a kernel is given */
    size_t n_bootloader_args;
    const char *const *bootloader_args;
    struct mem memory;     /* at start */
    struct mem max_memory; /* >= memory */
    uint32_t vcpus;        /* online at start, 1.. */
    uint32_t max_vcpus;    /* >= vcpus */
    /* xl's cpu lists ("all", "0-3,^1", "nodes:0"): none, one for all vCPUs,
     * or one per vCPU. */
    size_t n_hard_affinity;
    const char *const *hard_affinity;
    size_t n_soft_affinity;
    const char *const *soft_affinity;
    uint32_t cpu_weight; /* 0 for the scheduler's default (256) */
    uint32_t cpu_cap;    /* per cent of one pCPU; 0 for no cap */
    const char *cpupool; /* "" for Pool-0 */
    size_t n_disks;
    const struct hv_disk *disks;
    size_t n_nics;
    const struct hv_nic *nics;
    bool driver_domain;
    bool nomigrate;
    bool localtime;
    int32_t rtc_timeoffset_s;
    uint32_t event_channels;       /* 0 for libxl's default (1023) */
    int32_t max_grant_frames;      /* -1 for the host's default */
    int32_t max_maptrack_frames;   /* -1 for the host's default */
    int32_t max_grant_version;     /* -1 for the host's default, 1 or 2 */
    const char *tsc_mode;          /* "" "default" "always_emulate" "native" */
    enum hv_tristate nestedhvm;    /* PVH */
    enum hv_tristate pvshim;       /* PV in a PVH container */
    const char *pvshim_path;       /* "" for the default */
    const char *pvshim_cmdline;
    const char *pvshim_extra;
    size_t n_cpuid; /* libxl cpuid policy strings, one a list item of xl.cfg */
    const char *const *cpuid;
    size_t n_pci; /* "0000:03:00.0" */
    const char *const *pci;
};

/* A vCPU of a domain. */
struct hv_vcpu {
    uint32_t number;
    bool online;       /* the guest was told that it may use it, and does */
    uint32_t cpu;      /* it ran last on */
    uint64_t time_ns;  /* used */
    const char *cpus;  /* hard affinity as "all" or "0-3,5" */
    const char *cpus_soft;
};

struct hv_sched {
    uint32_t weight; /* 1 to 65535; 256 is the scheduler's default */
    uint32_t cap;    /* per cent of one pCPU; 0 for no cap */
};

enum hv_device_kind { HV_DEVICE_DISK, HV_DEVICE_NIC, HV_DEVICE_PCI };

/* XenbusState, in xen/include/public/io/xenbus.h. */
enum hv_device_state {
    HV_DEVICE_UNKNOWN = 0,
    HV_DEVICE_INITIALISING = 1,
    HV_DEVICE_INIT_WAIT = 2,
    HV_DEVICE_INITIALISED = 3,
    HV_DEVICE_CONNECTED = 4,
    HV_DEVICE_CLOSING = 5,
    HV_DEVICE_CLOSED = 6
};

/* A device that a domain has. */
struct hv_device {
    enum hv_device_kind kind;
    const char *name; /* vdev "xvda", MAC in lower case, "0000:03:00.0" */
    uint32_t devid;   /* 51712, 0; of a PCI device 0 */
    uint32_t backend_domid;
    enum hv_device_state state; /* of the frontend */
    const char *target;         /* file or device; bridge; "" */
    const char *backend_path;   /* in xenstore; "" */
    bool readonly;
    uint32_t event_channel; /* the frontend's port; 0 for none */
};

/* What Xen tells of a domain's use of tables. */
struct hv_usage {
    uint32_t event_channels;   /* ports that are not free */
    uint32_t grant_frames;     /* frames of its grant table in use */
    uint32_t max_grant_frames; /* that it may have */
};

struct hv_cpupool {
    const char *name; /* "Pool-0" */
    const char *scheduler;
    uint32_t n_cpus;
    uint32_t n_domains;
};

enum hv_shutdown_reason {
    HV_SHUTDOWN_POWEROFF = 0, /* the numbers are Xen's SHUTDOWN_* */
    HV_SHUTDOWN_REBOOT = 1,
    HV_SHUTDOWN_SUSPEND = 2,
    HV_SHUTDOWN_CRASH = 3,
    HV_SHUTDOWN_WATCHDOG = 4,
    HV_SHUTDOWN_SOFT_RESET = 5,
    HV_SHUTDOWN_NONE = -1 /* it runs */
};

struct hv_domain_info {
    uint32_t domid;
    struct vdc_uuid uuid;
    const char *name; /* "" when xenstore has none (a half-made domain) */
    enum hv_domain_type type;
    bool running, blocked, paused, shutdown, dying; /* xl list's r b p s d */
    enum hv_shutdown_reason shutdown_reason; /* when shutdown */
    struct mem current_memory;               /* pages it has now */
    struct mem max_memory; /* its targets may rise to (set_max_memory) */
    uint32_t vcpus_online;
    uint32_t vcpus_max;
    uint64_t cpu_time_ns; /* of all its vCPUs since it was created */
};

struct hv_host_info {
    const char *hypervisor; /* "Xen 4.17.7" or "simulator" */
    bool simulated;
    struct mem total_memory;
    struct mem free_memory; /* what Xen has free now, less what is claimed */
    struct mem reserved_memory; /* claimed by `reserve` and not taken yet */
    struct mem dom0_memory;
    uint32_t pcpus;
    uint32_t cores_per_socket, threads_per_core, numa_nodes;
    struct cpu_set cpu; /* what its CPUs can do; nothing: not known */
    const char *capabilities; /* "pv hvm hap ..." */
    const char *scheduler;
    uint64_t boot_id; /* another after each boot of the host; never 0 */
};

enum hv_event_kind {
    HV_EVENT_SHUTDOWN, /* the domain shut down by itself (or was asked to)
                          and is still there, with a reason */
    HV_EVENT_DEATH     /* the domain is gone from Xen */
};

struct hv_event {
    enum hv_event_kind kind;
    uint32_t domid;
    struct vdc_uuid uuid;
    enum hv_shutdown_reason reason; /* SHUTDOWN only */
};

typedef void hv_done_fn(void *arg, int rc, const struct vdc_error *err);
/* domid is HV_DOMID_NONE unless rc is 0. */
typedef void hv_created_fn(void *arg, int rc, const struct vdc_error *err,
                           uint32_t domid);
typedef void hv_event_fn(void *arg, const struct hv_event *event);

struct hv_domain_ops {
    /*
     * Builds the domain, attaches its disks and networks, and leaves it
     * paused.  On failure nothing of it is left: neither in Xen nor in
     * xenstore.  Takes from a second to libxl's time-outs (hotplug 40 s).
     */
    int (*create)(struct hv *hv, const struct hv_domain_config *config,
                  hv_created_fn *done, void *arg, struct vdc_error *err);
    /* Memory that creating it takes from the host, overhead included. */
    int (*memory_needed)(struct hv *hv, const struct hv_domain_config *config,
                         struct mem *ret, struct vdc_error *err);
    int (*unpause)(struct hv *hv, uint32_t domid, hv_done_fn *done, void *arg,
                   struct vdc_error *err);
    int (*pause)(struct hv *hv, uint32_t domid, hv_done_fn *done, void *arg,
                 struct vdc_error *err);
    /* Asks the guest, through xenstore, to power off or to reboot.  `done`
     * says that the request was written; the guest's answer is an event. */
    int (*shutdown)(struct hv *hv, uint32_t domid,
                    enum hv_shutdown_reason reason, hv_done_fn *done,
                    void *arg, struct vdc_error *err);
    /* Ends the domain and its devices at once.  A domain that is gone already
     * is VDC_E_NOT_FOUND. */
    int (*destroy)(struct hv *hv, uint32_t domid, hv_done_fn *done, void *arg,
                   struct vdc_error *err);
    int (*core_dump)(struct hv *hv, uint32_t domid, const char *path,
                     hv_done_fn *done, void *arg, struct vdc_error *err);
    int (*rename)(struct hv *hv, uint32_t domid, const char *name,
                  struct vdc_error *err);
    /* Sets the balloon target; the guest (or dom0) follows when it can. */
    int (*set_memory_target)(struct hv *hv, uint32_t domid, struct mem target,
                             struct vdc_error *err);
    /* All domains, dom0 and those that are not ours included, by domid. */
    int (*list)(struct hv *hv, struct arena *arena,
                struct hv_domain_info **ret, size_t *ret_n,
                struct vdc_error *err);
    int (*info)(struct hv *hv, uint32_t domid, struct arena *arena,
                struct hv_domain_info *ret, struct vdc_error *err);
    /* The tty of its first PV console, "/dev/pts/3". */
    int (*console_path)(struct hv *hv, uint32_t domid, struct arena *arena,
                        const char **ret, struct vdc_error *err);
    /*
     * From now on events of this domain are reported.  A domain that has
     * shut down or died before this call is reported too, from the loop.
     * unwatch of a domain that is not watched does nothing.
     */
    int (*watch)(struct hv *hv, uint32_t domid, struct vdc_error *err);
    void (*unwatch)(struct hv *hv, uint32_t domid);
    int (*host_info)(struct hv *hv, struct arena *arena,
                     struct hv_host_info *ret, struct vdc_error *err);

    /* ---- changes of a domain that is there ---- */

    /* The most memory that it may have; not below what it has now
     * (VDC_E_BAD_VALUE).  The target of its balloon stays. */
    int (*set_max_memory)(struct hv *hv, uint32_t domid, struct mem max,
                          struct vdc_error *err);
    /* What its balloon was asked for last. */
    int (*memory_target)(struct hv *hv, uint32_t domid, struct mem *ret,
                         struct vdc_error *err);
    /* Tells the guest to use its first n vCPUs; it follows when it can (see
     * hv_domain_info.vcpus_online for what it does).  VDC_E_BAD_VALUE for 0
     * or more than it can have. */
    int (*set_vcpus)(struct hv *hv, uint32_t domid, uint32_t n,
                     struct vdc_error *err);
    int (*vcpus)(struct hv *hv, uint32_t domid, struct arena *arena,
                 struct hv_vcpu **ret, size_t *ret_n, struct vdc_error *err);
    /* vcpu -1 for all; hard and soft are xl's cpu lists, NULL to leave one as
     * it is.  VDC_E_BAD_VALUE: syntax, no such vCPU, no CPU left in common
     * with its cpupool. */
    int (*set_affinity)(struct hv *hv, uint32_t domid, int32_t vcpu,
                        const char *hard, const char *soft,
                        struct vdc_error *err);
    int (*set_sched)(struct hv *hv, uint32_t domid,
                     const struct hv_sched *sched, struct vdc_error *err);
    int (*sched)(struct hv *hv, uint32_t domid, struct hv_sched *ret,
                 struct vdc_error *err);
    /*
     * Devices of a running domain.  attach: done when the backend serves it;
     * on failure nothing of it is left.  VDC_E_EXISTS when the domain has a
     * device of that name.  detach: done when the guest has let it go and the
     * backend is gone; a guest that does not let go in libxl's time (10 s) is
     * VDC_E_TIMEOUT and keeps the device, unless `force`, which takes it away
     * from it; a disk or network that it has not looked at yet goes without
     * it.  VDC_E_NOT_FOUND when it has no such device.
     */
    int (*disk_attach)(struct hv *hv, uint32_t domid,
                       const struct hv_disk *disk, hv_done_fn *done,
                       void *arg, struct vdc_error *err);
    int (*disk_detach)(struct hv *hv, uint32_t domid, const char *vdev,
                       bool force, hv_done_fn *done, void *arg,
                       struct vdc_error *err);
    int (*nic_attach)(struct hv *hv, uint32_t domid, const struct hv_nic *nic,
                      hv_done_fn *done, void *arg, struct vdc_error *err);
    int (*nic_detach)(struct hv *hv, uint32_t domid, const char *mac,
                      bool force, hv_done_fn *done, void *arg,
                      struct vdc_error *err);
    /* bdf "0000:03:00.0"; it must be assignable (VDC_E_NO_RESOURCE). */
    int (*pci_attach)(struct hv *hv, uint32_t domid, const char *bdf,
                      hv_done_fn *done, void *arg, struct vdc_error *err);
    int (*pci_detach)(struct hv *hv, uint32_t domid, const char *bdf,
                      bool force, hv_done_fn *done, void *arg,
                      struct vdc_error *err);
    /* Its disks, then its networks, then its PCI devices, each by devid. */
    int (*devices)(struct hv *hv, uint32_t domid, struct arena *arena,
                   struct hv_device **ret, size_t *ret_n,
                   struct vdc_error *err);
    /* PCI devices that pciback holds and no domain has. */
    int (*pci_assignable)(struct hv *hv, struct arena *arena,
                          const char ***ret, size_t *ret_n,
                          struct vdc_error *err);

    /* ---- save and restore ---- */

    /*
     * Has the guest suspend and writes it to fd, from where fd stands; the
     * domain is there afterwards, shut down for suspend.  After a failure it
     * runs on.  fd is used until `done` and stays the caller's.  A guest that
     * does not suspend within libxl's 60 s is VDC_E_TIMEOUT; one that is
     * paused, or has shut down, VDC_E_WRONG_STATE.  fd is a file, and no pipe
     * (VDC_E_UNSUPPORTED).
     */
    int (*save)(struct hv *hv, uint32_t domid, int fd, hv_done_fn *done,
                void *arg, struct vdc_error *err);
    /* A domain that is shut down for suspend runs on. */
    int (*resume)(struct hv *hv, uint32_t domid, hv_done_fn *done, void *arg,
                  struct vdc_error *err);
    /* create, with the guest as fd has it (see save).  Left paused. */
    int (*restore)(struct hv *hv, const struct hv_domain_config *config,
                   int fd, hv_created_fn *done, void *arg,
                   struct vdc_error *err);

    /* ---- to and from another host ---- */

    /*
     * Has the guest's state written to fd, a connected AF_UNIX stream socket
     * (VDC_E_UNSUPPORTED for anything else) whose other end the caller reads
     * all the time; both with FD_CLOEXEC.  `live`: it runs on while its
     * memory is copied, and suspends at the end; otherwise it suspends first,
     * and stands still for as long as the other end takes.  The domain is
     * there afterwards, shut down for suspend: `resume` lets it run on.  After
     * a failure it runs on.  fd is used until `done` and stays the caller's.
     * Closing the other end is how it is cancelled: VDC_E_CLOSED, at the next
     * write.  Other errors: VDC_E_TIMEOUT, it does not suspend in time (see
     * save); VDC_E_WRONG_STATE, it is paused or has shut down;
     * VDC_E_UNSUPPORTED, live, and this Xen cannot for this type of guest (PV
     * without shadow paging): nothing was touched.
     */
    int (*send)(struct hv *hv, uint32_t domid, int fd, bool live,
                hv_done_fn *done, void *arg, struct vdc_error *err);
    /*
     * create, with the guest as it comes from fd, a connected AF_UNIX stream
     * socket into which the caller writes what `send` wrote.  Left paused.
     * `done` may come before the other end is closed.  Waits as long as
     * nothing comes; closing the other end ends that.  On failure nothing is
     * left.  VDC_E_CLOSED: the other end was closed before all was there;
     * VDC_E_BAD_VALUE: that is no such stream; VDC_E_UNSUPPORTED: fd is no
     * such socket.
     */
    int (*receive)(struct hv *hv, const struct hv_domain_config *config,
                   int fd, hv_created_fn *done, void *arg,
                   struct vdc_error *err);

    /* ---- the host ---- */

    /*
     * How much of the host's memory nobody but us may take: claimed in Xen,
     * so that neither a balloon nor another toolstack gets it.  Replaces the
     * amount of the call before; 0 gives all back.  What earlier processes
     * reserved is given back by open.  Takes microseconds, the first call a
     * millisecond.  A create of ours takes from free memory, so give back
     * before what it needs.  VDC_E_NO_MEMORY when the host has not so much
     * free: then the amount is as it was.
     */
    int (*reserve)(struct hv *hv, struct mem amount, struct vdc_error *err);
    int (*usage)(struct hv *hv, uint32_t domid, struct hv_usage *ret,
                 struct vdc_error *err);
    int (*cpupools)(struct hv *hv, struct arena *arena,
                    struct hv_cpupool **ret, size_t *ret_n,
                    struct vdc_error *err);
};

/* Who may use a node of the store, as xenstore's permissions say. */
struct hv_store_access {
    uint32_t owner_domid;  /* may do anything */
    uint32_t reader_domid; /* may read, or HV_DOMID_NONE */
};

struct hv_store_watch;
typedef void hv_store_watch_fn(void *arg, const char *path);

/* xenstore.  Paths are absolute; values are text of at most 2048 bytes.
 * Besides, @introduceDomain (a domain has come) and @releaseDomain (one has
 * shut down or gone) can be watched. */
struct hv_store_ops {
    /* VDC_E_NOT_FOUND when there is no such node. */
    int (*read)(struct hv *hv, const char *path, struct arena *arena,
                const char **ret, struct vdc_error *err);
    int (*write)(struct hv *hv, const char *path, const char *value,
                 struct vdc_error *err);
    /* With everything below; a node that is not there is no error. */
    int (*remove)(struct hv *hv, const char *path, struct vdc_error *err);
    int (*list)(struct hv *hv, const char *path, struct arena *arena,
                const char ***ret, size_t *ret_n, struct vdc_error *err);
    int (*set_access)(struct hv *hv, const char *path,
                      const struct hv_store_access *access,
                      struct vdc_error *err);
    /* Fires once soon after it is set, as xenstore's watches do, and then at
     * each change at or below the path. */
    int (*watch)(struct hv *hv, const char *path, hv_store_watch_fn *fn,
                 void *arg, struct hv_store_watch **ret,
                 struct vdc_error *err);
    void (*unwatch)(struct hv *hv, struct hv_store_watch *watch);
};

/* Pages shared by this domain (dom0) with another. */
struct hv_share {
    void *pages;
    uint32_t n_pages;
    uint32_t *refs; /* n_pages grant references */
};

/* Pages of another domain, mapped here. */
struct hv_mapping {
    void *pages;
    uint32_t n_pages;
};

struct hv_port;
typedef void hv_port_fn(void *arg);

struct hv_grant_ops {
    /* Zeroed pages that `domid` may map writable.  Stays until unshare; pages
     * that the other side still maps are given back by the kernel when it
     * unmaps. */
    int (*share)(struct hv *hv, uint32_t domid, uint32_t n_pages,
                 struct hv_share *ret, struct vdc_error *err);
    void (*unshare)(struct hv *hv, struct hv_share *share);
    int (*map)(struct hv *hv, uint32_t domid, const uint32_t *refs,
               uint32_t n_pages, struct hv_mapping *ret,
               struct vdc_error *err);
    void (*unmap)(struct hv *hv, struct hv_mapping *mapping);
    /* An event channel that `domid` may bind to; *ret_port is what the other
     * side needs to know.  fn is called from the loop on each notification
     * (several may become one). */
    int (*port_offer)(struct hv *hv, uint32_t domid, hv_port_fn *fn, void *arg,
                      struct hv_port **ret, uint32_t *ret_port,
                      struct vdc_error *err);
    int (*port_bind)(struct hv *hv, uint32_t domid, uint32_t remote_port,
                     hv_port_fn *fn, void *arg, struct hv_port **ret,
                     struct vdc_error *err);
    int (*port_notify)(struct hv *hv, struct hv_port *port,
                       struct vdc_error *err);
    void (*port_close)(struct hv *hv, struct hv_port *port);
};

/* The head of every implementation's own struct. */
struct hv {
    const char *name; /* "xen" or "sim" */
    const struct hv_domain_ops *domain;
    const struct hv_store_ops *store;
    const struct hv_grant_ops *grant;
    void (*close)(struct hv *hv);
    hv_event_fn *on_event; /* set by the owner after open */
    void *on_event_arg;
};

/*
 * Opens this machine's Xen, or a simulated host.
 *   spec  "xen"; or "sim" with options after a colon, comma-separated
 *         (hv/sim/sim.h lists them): "sim:memory=8G,cpus=8,state=FILE".
 *         "xen:beside" is for a program beside resourced: memory that
 *         another process has reserved stays so ("sim:beside=yes,...").
 * Errors: VDC_E_NO_XEN (not dom0 of a Xen host, or xenstored is not there; a
 * build without Xen), VDC_E_DENIED (not root), VDC_E_BAD_VALUE.
 */
int hv_open(const char *spec, struct event_base *base, struct hv **ret,
            struct vdc_error *err);
/* NULL is allowed.  Operations under way are abandoned: no `done` comes. */
void hv_close(struct hv *hv);

const char *hv_domain_type_name(enum hv_domain_type type); /* "pv" ... */
const char *hv_shutdown_reason_name(enum hv_shutdown_reason reason);

#endif
