/* What the tests of the store have in common. */
#include "tests/unit/resourced/store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void place_make(struct place *place, bool fast)
{
    memset(place, 0, sizeof(*place));
    snprintf(place->folder, sizeof(place->folder), "%s/xen-vdc-store-XXXXXX",
             fast && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(place->folder))
        abort();
    snprintf(place->db, sizeof(place->db), "%s/r.db", place->folder);
    snprintf(place->wal, sizeof(place->wal), "%s-wal", place->db);
    snprintf(place->sequence, sizeof(place->sequence), "%s/r.sequence",
             place->folder);
    place->options.path = place->db;
    place->options.sequence_path = place->sequence;
    place->base = event_base_new();
}

void place_remove(struct place *place)
{
    char command[100];

    snprintf(command, sizeof(command), "rm -rf '%s'", place->folder);
    if (system(command) != 0)
        abort();
    event_base_free(place->base);
}

static void sample_uuid(uint32_t n, struct vdc_uuid *ret)
{
    memset(ret, 0x40, sizeof(*ret));
    memcpy(ret->bytes, &n, sizeof(n));
}

static void sample_definition(struct arena *arena, uint32_t n,
                              struct wire_definition *ret)
{
    wire_init(&wire_struct_definition, ret);
    ret->name = arena_printf(arena, "guest%u", n);
    ret->type = WIRE_PVH;
    ret->kernel = "/boot/vmlinuz-6.1.0-amd64";
    ret->cmdline = "console=hvc0 root=/dev/xvda1";
    ret->memory = MEM_MIB(256 + n);
    ret->max_memory = MEM_MIB(512 + n);
    ret->vcpus = 1 + n % 4;
    ret->max_vcpus = 4;
    ret->disks = ARENA_ARRAY(arena, 1, struct wire_disk);
    ret->n_disks = 1;
    wire_init(&wire_struct_disk, ret->disks);
    ret->disks->target = arena_printf(arena, "/srv/disks/%u.img", n);
    ret->disks->format = "raw";
    ret->disks->vdev = "xvda";
    ret->nics = ARENA_ARRAY(arena, 1, struct wire_nic);
    ret->n_nics = 1;
    wire_init(&wire_struct_nic, ret->nics);
    ret->nics->mac = "00:16:3e:00:00:01";
    ret->nics->bridge = "xenbr0";
}

void sample_partition(struct arena *arena, uint32_t n, uint64_t generation,
                      struct partition_row *ret)
{
    *ret = (struct partition_row){
        .index = n,
        .owner = arena_printf(arena, "customer%u", n % 5),
        .name = arena_printf(arena, "guest%u", n),
        .xen_name = arena_printf(arena, "customer%u.guest%u", n % 5, n),
        .paused = n % 7 == 0,
        .generation = generation,
        .wanted_running = n % 2 == 0,
        .domid = n % 2 == 0 ? 100 + n : HV_DOMID_NONE,
        .boot_id = UINT64_C(0xfedcba9876543210),
        .created_ms = UINT64_C(1790000000000) + n,
        .started_ms = n % 2 == 0 ? UINT64_C(1790000001000) : 0,
        .last_stop = n % 2 == 0 ? "" : "powered off",
        .restarts = n % 3,
        .host_reserve = MEM_MIB(64),
        .dom0_keep = MEM_MIB(n),
    };
    sample_uuid(n, &ret->uuid);
    sample_definition(arena, n, &ret->definition);
    ret->live = ret->definition;
    ret->live.memory = MEM_MIB(256 + n + generation);
}

void sample_journal(struct arena *arena, uint64_t id,
                    struct journal_entry *ret)
{
    struct wire_operation *op = ARENA_NEW(arena, struct wire_operation);

    *ret = (struct journal_entry){ .id = id, .begun_ms = 1790000002000 + id };
    wire_init(&wire_struct_transaction, &ret->request);
    wire_init(&wire_struct_operation, op);
    op->kind = WIRE_OP_MEMORY_SET;
    op->customer = "customer1";
    op->name = arena_printf(arena, "guest%llu", (unsigned long long)id);
    sample_uuid((uint32_t)id, &op->uuid);
    op->memory = MEM_MIB(300);
    ret->request.operations = op;
    ret->request.n_operations = 1;
    ret->request.owner = "customer1";
    ret->request.key = arena_printf(arena, "key-%llu",
                                    (unsigned long long)id);
}

void sample_resource(struct arena *arena, uint64_t n, struct resource_row *ret)
{
    *ret = (struct resource_row){
        .index = n,
        .kind = n % 2 ? WIRE_RESOURCE_MEMORY : WIRE_RESOURCE_DISK,
        .name = n % 2 ? "" : "xvda",
        .owner = "customer1",
        .leased = n % 11 == 0,
        .amount = 262144 + n,
        .backend = n % 2 ? "" : "dom0",
        .detail = n % 2 ? ""
                        : arena_printf(arena, "/srv/disks/%llu.img",
                                       (unsigned long long)n),
        .generation = 1,
        .since_ms = 1790000003000,
    };
    sample_uuid((uint32_t)n / 2, &ret->uuid);
}

void sample_lease(struct arena *arena, uint32_t n, struct wire_lease *ret)
{
    wire_init(&wire_struct_lease, ret);
    sample_uuid(10000 + n, &ret->id);
    ret->owner = arena_printf(arena, "customer%u", n);
    ret->memory = MEM_MIB(128 * n);
    ret->vcpus = n;
    ret->expires_ms = 1790000099000 + n;
    ret->created_ms = 1790000009000 + n;
}

void sample_answer(struct arena *arena, uint32_t n, struct stored_answer *ret)
{
    *ret = (struct stored_answer){
        .owner = "customer1",
        .key = arena_printf(arena, "key-%u", n),
        .digest = UINT64_C(0xdeadbeef00000000) + n,
        .time_ms = 1790000004000 + n,
        .code = n % 3 ? 0 : VDC_E_NO_MEMORY,
        .text = n % 3 ? "" : "the host has not the memory",
        .hint = n % 3 ? "" : "ask for less",
    };
    wire_init(&wire_struct_transaction_reply, &ret->reply);
    if (ret->code == 0)
        ret->reply.id = n;
}

void sample_event(struct arena *arena, uint32_t n, struct wire_event *ret)
{
    wire_init(&wire_struct_event, ret);
    ret->time_ms = 1790000005000 + n;
    ret->kind = n % 2 ? WIRE_EVENT_STARTED : WIRE_EVENT_STOPPED;
    sample_uuid(n, &ret->uuid);
    ret->customer = arena_printf(arena, "customer%u", n % 5);
    ret->name = arena_printf(arena, "guest%u", n);
    ret->host = "host1";
    ret->domid = 100 + n;
    ret->text = n % 2 ? "" : "powered off";
}

static int fill_one(struct store *store, uint32_t i, struct arena *arena,
                    struct vdc_error *err)
{
    struct partition_row row;
    const struct partition_row *rows[] = { &row };
    struct journal_entry journal;
    struct resource_row resources[2];
    struct wire_lease lease;
    struct stored_answer answer;
    struct wire_event events[2];

    sample_partition(arena, i, 1, &row);
    sample_journal(arena, i, &journal);
    sample_resource(arena, 2 * i, &resources[0]);
    sample_resource(arena, 2 * i + 1, &resources[1]);
    sample_lease(arena, i, &lease);
    sample_answer(arena, i, &answer);
    sample_event(arena, i, &events[0]);
    sample_event(arena, i + 1, &events[1]);
    struct store_change begin = { .journal_add = &journal };
    struct store_change end = {
        .journal_remove = i % 4 ? i : 0,
        .put = rows,
        .n_put = 1,
        .resources_put = resources,
        .n_resources_put = 2,
        .lease_put = i % 4 ? NULL : &lease,
        .answer = i % 3 ? NULL : &answer,
        .events = events,
        .n_events = 2,
    };
    int rc = store_apply(store, &begin, NULL, err);
    return rc ? rc : store_apply(store, &end, NULL, err);
}

int sample_fill(struct store *store, uint32_t n, struct vdc_error *err)
{
    int rc = 0;

    for (uint32_t i = 1; !rc && i <= n; i++) {
        struct arena *arena = arena_new();
        rc = fill_one(store, i, arena, err);
        arena_free(arena);
    }
    return rc;
}

/* ---- everything as a text ---- */

struct dump {
    FILE *f;
    struct event_base *base;
    int rc;
    struct vdc_error err;
    uint64_t since;
    size_t n;
    bool told;
};

static void put_body(struct dump *dump, const struct wire_struct *s,
                     const void *body)
{
    struct arena *arena = arena_new();
    uint8_t *data;
    size_t size;
    int rc = wire_struct_encode(s, body, arena, &data, &size, NULL);

    fprintf(dump->f, " %s:%d:", s->name, rc);
    for (size_t i = 0; !rc && i < size; i++)
        fprintf(dump->f, "%02x", data[i]);
    arena_free(arena);
}

static void put_uuid(struct dump *dump, const struct vdc_uuid *uuid)
{
    char text[UUID_TEXT_SIZE];

    fprintf(dump->f, " %s", uuid_format(uuid, text));
}

#define PUT(n) fprintf(dump->f, " %llu", (unsigned long long)(n))
#define PUT_TEXT(text) fprintf(dump->f, " '%s'", text)

static void put_partition(struct dump *dump, const struct partition_row *row)
{
    PUT(row->index);
    put_uuid(dump, &row->uuid);
    PUT_TEXT(row->owner);
    PUT_TEXT(row->name);
    PUT_TEXT(row->xen_name);
    put_body(dump, &wire_struct_definition, &row->definition);
    put_body(dump, &wire_struct_definition, &row->live);
    PUT(row->paused);
    PUT(row->generation);
    PUT(row->wanted_running);
    PUT(row->preserved);
    PUT(row->domid);
    PUT(row->boot_id);
    PUT(row->created_ms);
    PUT(row->started_ms);
    PUT(row->stopped_ms);
    PUT_TEXT(row->last_stop);
    PUT(row->restarts);
    PUT(row->host_reserve.kib);
    PUT(row->dom0_keep.kib);
    fputs("\n", dump->f);
}

static void put_resource(struct dump *dump, const struct resource_row *row)
{
    PUT(row->index);
    PUT(row->kind);
    PUT_TEXT(row->name);
    put_uuid(dump, &row->uuid);
    PUT_TEXT(row->owner);
    PUT(row->leased);
    PUT(row->amount);
    PUT_TEXT(row->backend);
    PUT_TEXT(row->detail);
    PUT(row->generation);
    PUT(row->since_ms);
    fputs("\n", dump->f);
}

static void put_events(void *arg, int rc, const struct vdc_error *err,
                       const struct wire_event *events, size_t n,
                       uint64_t first, uint64_t last)
{
    struct dump *dump = arg;

    dump->told = true;
    dump->rc = rc;
    dump->n = n;
    if (rc) {
        dump->err = *err;
        return;
    }
    fprintf(dump->f, "events %llu to %llu\n", (unsigned long long)first,
            (unsigned long long)last);
    for (size_t i = 0; i < n; i++) {
        put_body(dump, &wire_struct_event, &events[i]);
        fputs("\n", dump->f);
        dump->since = events[i].number;
    }
}

static void put_answer(void *arg, int rc, const struct vdc_error *err,
                       const struct stored_answer *answer)
{
    struct dump *dump = arg;

    dump->told = true;
    dump->rc = rc;
    if (rc)
        dump->err = *err;
    if (!answer)
        return;
    PUT_TEXT(answer->owner);
    PUT_TEXT(answer->key);
    PUT(answer->digest);
    PUT(answer->time_ms);
    fprintf(dump->f, " %d", answer->code);
    PUT_TEXT(answer->text);
    PUT_TEXT(answer->hint);
    put_body(dump, &wire_struct_transaction_reply, &answer->reply);
    fputs("\n", dump->f);
}

static void dump_asked(struct dump *dump, struct store *store)
{
    char key[32];

    do {
        dump->told = false;
        store_find_events(store, dump->since, "", 100, put_events, dump);
        while (!dump->told)
            event_base_loop(dump->base, EVLOOP_ONCE);
    } while (!dump->rc && dump->n == 100);
    for (unsigned i = 0; !dump->rc && i < 200; i++) {
        dump->told = false;
        snprintf(key, sizeof(key), "key-%u", i);
        store_find_answer(store, "customer1", key, put_answer, dump);
        while (!dump->told)
            event_base_loop(dump->base, EVLOOP_ONCE);
    }
}

static int dump_tables(struct dump *dump, struct store *store,
                       struct arena *arena)
{
    struct partition_row *rows;
    struct journal_entry *journal;
    struct resource_row *resources;
    struct wire_lease *leases;
    size_t n;
    int rc = store_partitions(store, arena, &rows, &n, &dump->err);

    for (size_t i = 0; !rc && i < n; i++)
        put_partition(dump, &rows[i]);
    if (!rc)
        rc = store_journal(store, arena, &journal, &n, &dump->err);
    for (size_t i = 0; !rc && i < n; i++) {
        fprintf(dump->f, "%llu %d %llu", (unsigned long long)journal[i].id,
                journal[i].passed, (unsigned long long)journal[i].begun_ms);
        put_body(dump, &wire_struct_transaction, &journal[i].request);
        fputs("\n", dump->f);
    }
    if (!rc)
        rc = store_resources(store, arena, &resources, &n, &dump->err);
    for (size_t i = 0; !rc && i < n; i++)
        put_resource(dump, &resources[i]);
    if (!rc)
        rc = store_leases(store, arena, &leases, &n, &dump->err);
    for (size_t i = 0; !rc && i < n; i++) {
        put_body(dump, &wire_struct_lease, &leases[i]);
        fputs("\n", dump->f);
    }
    return rc;
}

int store_dump(struct store *store, struct event_base *base,
               struct arena *arena, const char **ret, struct vdc_error *err)
{
    struct dump dump = { .base = base };
    char *text = NULL;
    size_t size;

    dump.f = open_memstream(&text, &size);
    fprintf(dump.f, "next %u %llu %llu\n", store_next_partition(store),
            (unsigned long long)store_next_resource(store),
            (unsigned long long)store_next_transaction(store));
    int rc = dump_tables(&dump, store, arena);
    if (!rc)
        dump_asked(&dump, store);
    rc = rc ? rc : dump.rc;
    fclose(dump.f);
    if (rc && err)
        *err = dump.err;
    if (!rc)
        *ret = arena_strdup(arena, text);
    free(text);
    return rc;
}

/* ---- files ---- */

uint8_t *file_read(const char *path, size_t *ret_size)
{
    FILE *f = fopen(path, "r");
    struct stat st;

    if (!f)
        return NULL;
    if (fstat(fileno(f), &st))
        abort();
    uint8_t *data = xzalloc((size_t)st.st_size);
    if (fread(data, 1, (size_t)st.st_size, f) != (size_t)st.st_size)
        abort();
    fclose(f);
    *ret_size = (size_t)st.st_size;
    return data;
}

void file_write(const char *path, const uint8_t *data, size_t size)
{
    FILE *f = fopen(path, "w");

    if (!f || fwrite(data, 1, size, f) != size || fclose(f))
        abort();
}
