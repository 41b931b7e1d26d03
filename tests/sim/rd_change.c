/* For tests of what changes a guest. */
#include "tests/sim/rd_change.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

struct rd *rd_started(const char *options, const char *settings,
                      const char *fault)
{
    struct rd *rd = rd_new(options);

    rd->settings = settings;
    rd->fault = fault;
    CU_ASSERT_FATAL(rd_start(rd));
    return rd;
}

void rd_create_web(struct rd *rd, const char *cmdline, bool start)
{
    struct wire_definition definition;

    rd_definition(&definition, "web", cmdline);
    definition.memory = MEM_MIB(256);
    definition.max_memory = MEM_MIB(512);
    definition.vcpus = 2;
    definition.max_vcpus = 4;
    CU_ASSERT_EQUAL_FATAL(rd_create(rd, &definition, start, NULL), 0);
}

struct rd *rd_with_web(const char *options)
{
    struct rd *rd = rd_started(options, NULL, NULL);

    rd_create_web(rd, "", true);
    return rd;
}

void rd_add_rename(struct rd *rd, struct rd_transaction *t, const char *name,
                   const char *new_name)
{
    struct wire_operation *op = rd_add(t, WIRE_OP_RENAME, name);

    op->new_name = new_name;
    op->new_xen_name = arena_printf(rd->arena, "acme.%s", new_name);
}

struct wire_operation *rd_change(struct rd_change *c, struct rd *rd,
                                 enum wire_operation_kind kind)
{
    memset(c, 0, sizeof(*c));
    c->rd = rd;
    rd_begin(&c->t);
    c->op = rd_add(&c->t, kind, "web");
    return c->op;
}

int rd_change_do(struct rd_change *c)
{
    int rc = rd_transact(c->rd, &c->t, &c->reply, &c->err);

    c->result = rc ? NULL : &c->reply->results[0];
    return rc;
}

int rd_change_plan(struct rd_change *c, const char *words)
{
    c->t.t.dry_run = true;
    int rc = rd_change_do(c);
    c->t.t.dry_run = false;
    for (uint32_t i = 0; !rc && i < c->reply->n_plan; i++)
        if (strstr(c->reply->plan[i], words))
            return 0;
    for (uint32_t i = 0; !rc && i < c->reply->n_plan; i++)
        printf("the plan is: %s\n", c->reply->plan[i]);
    return rc ? rc : VDC_E_NOT_FOUND;
}

bool rd_change_says(const struct rd_change *c, const char *words)
{
    bool says = strstr(c->err.text, words) || strstr(c->err.hint, words);

    if (!says)
        printf("not said: %s\ntext: %s\nhint: %s\n", words, c->err.text,
               c->err.hint);
    return says;
}

const struct wire_partition_reply *rd_see(struct rd *rd, const char *name)
{
    struct wire_partition_ref ref;
    const void *body;

    wire_init(&wire_struct_partition_ref, &ref);
    ref.customer = "acme";
    ref.name = name;
    int rc = rd_call(rd, WIRE_MSG_partition_show, &ref, &body, NULL);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    return body;
}

static uint32_t domid_of(struct rd *rd, const char *name)
{
    return rd_see(rd, name)->partition.domid;
}

struct hv_domain_info rd_xen(struct rd *rd, const char *name)
{
    struct hv *hv = rd_host(rd);
    struct hv_domain_info info = { 0 };
    uint32_t domid = domid_of(rd, name);

    if (domid)
        CU_ASSERT_EQUAL(hv->domain->info(hv, domid, rd->arena, &info, NULL),
                        0);
    return info;
}

uint64_t rd_xen_target_mib(struct rd *rd, const char *name)
{
    struct hv *hv = rd_host(rd);
    struct mem target = { 0 };

    CU_ASSERT_EQUAL(hv->domain->memory_target(hv, domid_of(rd, name), &target,
                                              NULL), 0);
    return target.kib / 1024;
}

const char *rd_xen_devices(struct rd *rd, const char *name)
{
    struct hv *hv = rd_host(rd);
    struct hv_device *devices;
    const char *text = "";
    size_t n = 0;

    CU_ASSERT_EQUAL(hv->domain->devices(hv, domid_of(rd, name), rd->arena,
                                        &devices, &n, NULL), 0);
    for (size_t i = 0; i < n; i++)
        text = arena_printf(rd->arena, "%s%s ", text, devices[i].name);
    return text;
}

void rd_behave(struct rd *rd, const char *name, const char *words)
{
    CU_ASSERT_EQUAL(hv_sim_guest_words(rd_host(rd), domid_of(rd, name), words,
                                       NULL), 0);
}

const char *rd_file(struct rd *rd, const char *name)
{
    const char *path = rd_path(rd, name);
    FILE *f = fopen(path, "w");

    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fclose(f);
    return path;
}

void rd_end(struct rd *rd)
{
    rd_kill(rd);
    CU_ASSERT_EQUAL(rd_journal_rows(rd), 0);
    rd_free(rd);
}
