/* The host, xenstore, grants and event channels. */
#include <stdio.h>
#include <string.h>

#include "tests/xen/hv/bedtest.h"

#define TREE "/tool/xen-vdc-test"

static void test_host(void)
{
    struct hv_host_info a = { 0 }, b = { 0 };
    struct vdc_error err;
    struct hv *second;

    if (!CHECK(hv->domain->host_info(hv, arena, &a, &err) == 0, "%s",
               err.text))
        return;
    printf("    %s, %u CPUs, %llu KiB, free %llu, dom0 %llu, \"%s\", %s, "
           "boot %llx\n",
           a.hypervisor, a.pcpus, (unsigned long long)a.total_memory.kib,
           (unsigned long long)a.free_memory.kib,
           (unsigned long long)a.dom0_memory.kib, a.capabilities, a.scheduler,
           (unsigned long long)a.boot_id);
    CHECK(strncmp(a.hypervisor, "Xen 4.", 6) == 0, "\"%s\"", a.hypervisor);
    CHECK(!a.simulated && a.pcpus > 0 && a.numa_nodes > 0, "host's shape");
    CHECK(a.free_memory.kib > 0 && a.free_memory.kib < a.total_memory.kib &&
              a.dom0_memory.kib > 0,
          "memory");
    CHECK(strstr(a.capabilities, "pv") && strstr(a.capabilities, "hvm"),
          "\"%s\"", a.capabilities);
    if (!CHECK(hv_open("xen", base, &second, &err) == 0, "%s", err.text))
        return;
    CHECK(second->domain->host_info(second, arena, &b, NULL) == 0, "second");
    CHECK(a.boot_id == b.boot_id && a.boot_id != 0, "boot id");
    hv_close(second);
}

static void test_list(void)
{
    struct hv_domain_info *list, info;
    struct vdc_error err;
    size_t n;

    if (!CHECK(hv->domain->list(hv, arena, &list, &n, &err) == 0, "%s",
               err.text))
        return;
    CHECK(n >= 1 && list[0].domid == 0, "dom0 is first of %zu", n);
    CHECK(strcmp(list[0].name, "Domain-0") == 0, "\"%s\"", list[0].name);
    CHECK(list[0].running && list[0].shutdown_reason == HV_SHUTDOWN_NONE,
          "dom0 runs");
    CHECK(hv->domain->info(hv, 4711, arena, &info, &err) == VDC_E_NOT_FOUND,
          "a domain that is not");
    CHECK(strstr(err.text, "4711") != NULL, "\"%s\"", err.text);
}

static void test_store_values(void)
{
    const char *value, **names;
    struct vdc_error err;
    size_t n;
    char large[2100];

    CHECK(hv->store->read(hv, TREE "/a", arena, &value, &err) ==
              VDC_E_NOT_FOUND,
          "nothing there yet");
    CHECK(hv->store->write(hv, TREE "/a/b", "one", &err) == 0, "write");
    CHECK(hv->store->write(hv, TREE "/a/c", "", &err) == 0, "write nothing");
    CHECK(hv->store->read(hv, TREE "/a/b", arena, &value, &err) == 0 &&
              strcmp(value, "one") == 0,
          "read");
    CHECK(hv->store->read(hv, TREE "/a/c", arena, &value, &err) == 0 &&
              value[0] == '\0',
          "read nothing");
    CHECK(hv->store->list(hv, TREE "/a", arena, &names, &n, &err) == 0 &&
              n == 2,
          "list");
    CHECK(hv->store->list(hv, TREE "/a/b", arena, &names, &n, &err) == 0 &&
              n == 0,
          "list of a leaf");
    memset(large, 'x', sizeof(large));
    large[sizeof(large) - 1] = '\0';
    CHECK(hv->store->write(hv, TREE "/a/d", large, &err) == VDC_E_BAD_VALUE,
          "a value too large");
    CHECK(hv->store->write(hv, "/bad path", "x", &err) == VDC_E_BAD_VALUE,
          "a path that is none");
    struct hv_store_access access = { 0, 5 };
    CHECK(hv->store->set_access(hv, TREE "/a/b", &access, &err) == 0,
          "access");
    access.reader_domid = HV_DOMID_NONE;
    CHECK(hv->store->set_access(hv, TREE "/a/b", &access, &err) == 0,
          "access for none");
    CHECK(hv->store->remove(hv, TREE, &err) == 0, "remove");
    CHECK(hv->store->remove(hv, TREE, &err) == 0, "remove again");
    CHECK(hv->store->read(hv, TREE "/a/b", arena, &value, &err) ==
              VDC_E_NOT_FOUND,
          "gone");
}

struct seen {
    unsigned n;
    char path[128];
    struct hv_store_watch *unwatch; /* by the callback itself */
};

static void on_change(void *arg, const char *path)
{
    struct seen *seen = arg;

    seen->n++;
    snprintf(seen->path, sizeof(seen->path), "%s", path);
    if (seen->unwatch)
        hv->store->unwatch(hv, seen->unwatch);
    seen->unwatch = NULL;
}

static bool was_seen(void *arg)
{
    return ((struct seen *)arg)->n > 0;
}

static void test_store_watches(void)
{
    struct seen a = { 0 }, b = { 0 };
    struct hv_store_watch *watch_a, *watch_b;
    struct vdc_error err;

    CHECK(hv->store->watch(hv, TREE, on_change, &a, &watch_a, &err) == 0,
          "watch");
    CHECK(hv->store->watch(hv, TREE, on_change, &b, &watch_b, &err) == 0,
          "the same again");
    CHECK(a.n == 0, "fired before the loop ran");
    CHECK(wait_for(was_seen, &a, 5000) && wait_for(was_seen, &b, 5000),
          "fires once when set");
    a.n = b.n = 0;
    b.unwatch = watch_b;
    for (int i = 0; i < 10; i++)
        hv->store->write(hv, TREE "/deep/node", "x", NULL);
    spin(1000);
    CHECK(a.n >= 10, "%u events of 10 writes", a.n);
    CHECK(strcmp(a.path, TREE "/deep/node") == 0, "path \"%s\"", a.path);
    CHECK(b.n == 1, "%u events after unwatch in the callback", b.n);
    hv->store->unwatch(hv, watch_a);
    a.n = 0;
    hv->store->remove(hv, TREE, NULL);
    spin(300);
    CHECK(a.n == 0, "%u events after unwatch", a.n);
}

static void test_grants(void)
{
    struct hv_share share;
    struct hv_mapping mapping;
    struct vdc_error err;

    if (!CHECK(hv->grant->share(hv, 0, 4, &share, &err) == 0, "%s: %s",
               err.text, err.hint))
        return;
    CHECK(share.n_pages == 4, "pages");
    for (size_t i = 0; i < 4 * 4096; i += 512)
        CHECK(((char *)share.pages)[i] == 0, "not zero at %zu", i);
    if (CHECK(hv->grant->map(hv, 0, share.refs, 4, &mapping, &err) == 0, "%s",
              err.text)) {
        strcpy((char *)share.pages + 3 * 4096, "from the sharer");
        strcpy(mapping.pages, "from the mapper");
        CHECK(strcmp((char *)mapping.pages + 3 * 4096, "from the sharer") == 0,
              "the mapper sees it");
        CHECK(strcmp(share.pages, "from the mapper") == 0,
              "the sharer sees it");
        hv->grant->unmap(hv, &mapping);
    }
    hv->grant->unshare(hv, &share);
    hv->grant->unshare(hv, &share);
    uint32_t wrong = 123456;
    CHECK(hv->grant->map(hv, 0, &wrong, 1, &mapping, &err) == VDC_E_HYPERVISOR,
          "a grant that is not");
    CHECK(hv->grant->share(hv, 0, 0, &share, &err) == VDC_E_BAD_VALUE,
          "no pages");
}

static void on_ping(void *arg)
{
    ++*(unsigned *)arg;
}

static bool is_positive(void *arg)
{
    return *(unsigned *)arg > 0;
}

static void test_ports(void)
{
    struct hv_port *here, *there, *wrong;
    struct vdc_error err;
    unsigned n_here = 0, n_there = 0;
    uint32_t number;

    if (!CHECK(hv->grant->port_offer(hv, 0, on_ping, &n_here, &here, &number,
                                     &err) == 0,
               "%s", err.text))
        return;
    CHECK(hv->grant->port_bind(hv, 0, number, on_ping, &n_there, &there,
                               &err) == 0,
          "%s", err.text);
    for (int i = 0; i < 20; i++) {
        n_here = n_there = 0;
        CHECK(hv->grant->port_notify(hv, here, &err) == 0, "notify");
        CHECK(n_there == 0, "came before the loop ran");
        CHECK(wait_for(is_positive, &n_there, 5000), "there, %d", i);
        CHECK(hv->grant->port_notify(hv, there, &err) == 0, "notify");
        CHECK(wait_for(is_positive, &n_here, 5000), "here, %d", i);
    }
    CHECK(hv->grant->port_bind(hv, 0, 4000, on_ping, &n_here, &wrong, &err) ==
              VDC_E_HYPERVISOR,
          "a port that is not");
    hv->grant->port_close(hv, there);
    hv->grant->port_close(hv, here);
}

const struct test store_tests[] = {
    { "host: info, the same boot id twice", test_host },
    { "host: list", test_list },
    { "store: values", test_store_values },
    { "store: watches", test_store_watches },
    { "grant: share and map", test_grants },
    { "grant: event channels", test_ports },
    { NULL, NULL },
};
