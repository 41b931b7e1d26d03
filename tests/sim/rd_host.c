/* For tests of resourced: resources, leases, verify, and what the daemon
 * costs. */
#include "tests/sim/rd_host.h"

#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct wire_resource_list *rd_resources(struct rd *rd, const char *name,
                                              bool live)
{
    static const struct wire_resource_list nothing;
    struct wire_resource_query query;
    struct vdc_error err;
    const void *body;

    wire_init(&wire_struct_resource_query, &query);
    query.name = name ? name : "";
    query.customer = name ? "acme" : "";
    query.live = live;
    if (rd_call(rd, WIRE_MSG_resource_list, &query, &body, &err)) {
        printf("%s\n", err.text);
        CU_FAIL("resource_list failed");
        return &nothing;
    }
    return body;
}

const struct wire_resource *rd_row(const struct wire_resource_list *list,
                                   enum wire_resource_kind kind,
                                   const char *name)
{
    for (uint32_t i = 0; i < list->n_resources; i++)
        if (list->resources[i].kind == kind &&
            strcmp(list->resources[i].name, name) == 0)
            return &list->resources[i];
    return NULL;
}

const struct wire_resource_total *
rd_total(const struct wire_resource_list *list, enum wire_resource_kind kind,
         const char *name)
{
    for (uint32_t i = 0; i < list->n_totals; i++)
        if (list->totals[i].kind == kind &&
            strcmp(list->totals[i].name, name) == 0)
            return &list->totals[i];
    return NULL;
}

void rd_lease(struct wire_lease *ret, struct mem memory)
{
    wire_init(&wire_struct_lease, ret);
    ret->owner = "acme";
    ret->memory = memory;
    ret->expires_ms = 60000;
}

int rd_lease_create(struct rd *rd, const struct wire_lease *lease,
                    struct wire_lease *ret, struct vdc_error *err)
{
    const struct wire_lease_list *list;
    const void *body;
    int rc = rd_call(rd, WIRE_MSG_lease_create, lease, &body, err);

    if (rc)
        return rc;
    list = body;
    CU_ASSERT_EQUAL_FATAL(list->n_leases, 1);
    if (ret)
        *ret = list->leases[0];
    return 0;
}

int rd_lease_drop(struct rd *rd, const struct vdc_uuid *id)
{
    struct wire_lease_ref ref;

    wire_init(&wire_struct_lease_ref, &ref);
    ref.id = *id;
    return rd_call(rd, WIRE_MSG_lease_drop, &ref, NULL, NULL);
}

const struct wire_lease_list *rd_leases(struct rd *rd)
{
    static const struct wire_lease_list nothing;
    struct wire_lease_ref ref;
    const void *body;

    wire_init(&wire_struct_lease_ref, &ref);
    if (rd_call(rd, WIRE_MSG_lease_list, &ref, &body, NULL)) {
        CU_FAIL("lease_list failed");
        return &nothing;
    }
    return body;
}

const struct wire_verify_reply *rd_verify(struct rd *rd, bool repair)
{
    struct wire_verify verify;
    struct vdc_error err;
    const void *body;

    wire_init(&wire_struct_verify, &verify);
    verify.repair = repair;
    if (rd_call(rd, WIRE_MSG_host_verify, &verify, &body, &err)) {
        printf("%s\n", err.text);
        return NULL;
    }
    return body;
}

unsigned rd_differences(const struct wire_verify_reply *reply,
                        const char *kind)
{
    unsigned n = 0;

    for (uint32_t i = 0; reply && i < reply->n_differences; i++)
        n += strcmp(reply->differences[i].kind, kind) == 0;
    return n;
}

const struct wire_difference *
rd_difference(const struct wire_verify_reply *reply, const char *kind)
{
    for (uint32_t i = 0; reply && i < reply->n_differences; i++)
        if (strcmp(reply->differences[i].kind, kind) == 0)
            return &reply->differences[i];
    return NULL;
}

uint64_t rd_status_kib(struct rd *rd, const char *name)
{
    char path[64], line[256];
    unsigned long long n = 0;
    size_t len = strlen(name);

    snprintf(path, sizeof(path), "/proc/%d/status", (int)rd->pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, name, len) == 0 && line[len] == ':')
            n = strtoull(line + len + 1, NULL, 10);
    if (f)
        fclose(f);
    return n;
}

uint64_t rd_cpu_us(struct rd *rd)
{
    char path[64];
    unsigned long long ns = 0;

    /* In nanoseconds, of all its threads: the sum over its tasks. */
    snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)rd->pid);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%llu", &ns) != 1)
        ns = 0;
    if (f)
        fclose(f);
    return ns / 1000;
}

void rd_check_agrees(struct rd *rd)
{
    const struct wire_verify_reply *reply = rd_verify(rd, false);

    CU_ASSERT_FATAL(reply != NULL);
    for (uint32_t i = 0; i < reply->n_differences; i++)
        printf("\n  %s %s: %s\n", reply->differences[i].name,
               reply->differences[i].kind, reply->differences[i].text);
    CU_ASSERT_EQUAL(reply->n_differences, 0);
}

struct rd *rd_with_pci(void)
{
    struct rd *rd = rd_new("pci=0000:03:00.0+0000:03:00.1");

    CU_ASSERT_FATAL(rd_start(rd));
    return rd;
}

void rd_stop(struct rd *rd)
{
    rd_signal(rd, SIGTERM);
    CU_ASSERT_EQUAL(rd_wait(rd), 0);
}

uint32_t rd_create_rich(struct rd *rd, const char *name, const char *mac)
{
    struct wire_definition definition;
    struct wire_disk disk;
    struct wire_nic nic;
    struct vdc_error err;

    rd_definition(&definition, name, "");
    definition.max_memory = MEM_MIB(128);
    definition.vcpus = 2;
    definition.max_vcpus = 4;
    wire_init(&wire_struct_disk, &disk);
    disk.target = "/bin/true";
    disk.readonly = true; /* all have it */
    disk.format = "raw";
    disk.vdev = "xvda";
    wire_init(&wire_struct_nic, &nic);
    nic.mac = mac;
    nic.bridge = "xenbr0";
    definition.disks = &disk;
    definition.nics = &nic;
    definition.n_disks = definition.n_nics = 1;
    if (rd_create(rd, &definition, true, &err)) {
        printf("%s\n", err.text);
        CU_FAIL_FATAL("no guest");
    }
    return rd_show(rd, name)->domid;
}

void rd_remove_node(struct rd *rd, const char *path)
{
    struct hv *hv = rd_host(rd);

    CU_ASSERT_EQUAL(hv->store->remove(hv, path, NULL), 0);
}
