/* A standing view for tests; see inventory_bed.h. */
#include "tests/unit/policyd/inventory_bed.h"

#include <event2/event.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/unit.h"

void inventory_bed_open_book(struct inventory_bed *bed)
{
    struct store *store;

    bed->base = event_base_new();
    strcpy(bed->database, "/tmp/test_inventory.XXXXXX");
    close(mkstemp(bed->database));
    unlink(bed->database);
    const struct store_settings settings = { .address = bed->database };
    CU_ASSERT_EQUAL_FATAL(store_open(bed->base, &settings, &store, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(book_open(store, &bed->book, NULL), 0);
}

void inventory_bed_init(struct inventory_bed *bed)
{
    inventory_bed_open_book(bed);
    bed->inventory = inventory_new(bed->book);
}

void inventory_bed_fini(struct inventory_bed *bed)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    char path[80];

    inventory_free(bed->inventory);
    book_close(bed->book);
    event_base_free(bed->base);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", bed->database, ends[i]);
        unlink(path);
    }
}

struct assignment *inventory_bed_assign(struct inventory_bed *bed,
                                        const struct vdc_uuid *uuid,
                                        uint64_t kib)
{
    const struct store_assignment row = {
        .uuid = *uuid,
        .customer = NAMES_PROVIDER,
        .name = "g",
        .new_name = "",
        .host = "alpha",
        .state = ASSIGNMENT_CREATING,
        .counts = { .memory = MEM_KIB(kib), .vcpus = 1 },
        .macs = "",
        .reason = "",
        .created_ms = 5,
    };
    struct assignment *a = NULL;

    book_assignment_add(bed->book, &row, NULL, &a, NULL);
    a->in_flight = true;
    return a;
}

void inventory_bed_report(struct inventory_bed *bed, uint64_t available,
                          bool later)
{
    const struct inventory_host host = {
        .name = "alpha",
        .reported = true,
        .pcpus = 8,
        .available = MEM_KIB(available),
        /* asked after or before everything that was changed */
        .asked_ms = later ? clock_mono().ms + 1 : 0,
    };

    inventory_put_host(bed->inventory, &host);
}

uint64_t inventory_bed_left(const struct inventory_bed *bed)
{
    const struct placement_view *view = inventory_view(bed->inventory);
    uint64_t has = placement_view_host(view, 0)->memory.kib;
    uint64_t used = placement_view_use(view, 0)->memory.kib;

    return has > used ? has - used : 0;
}

int inventory_bed_put(struct inventory_bed *bed,
                      struct placement_request *request, struct vdc_uuid *ret)
{
    struct placement_decision decision;

    request->customer = inventory_name(bed->inventory, NAMES_PROVIDER);
    request->start = true;
    request->now_ms = 10;
    uuid_random(&request->uuid);
    *ret = request->uuid;
    int rc = placement_index_choose(
        inventory_index(bed->inventory), inventory_view(bed->inventory),
        request, placement_policy_find("pack"), &decision, NULL);
    return rc ? rc : inventory_put(bed->inventory, request, &decision, NULL);
}

int inventory_bed_decide(struct inventory_bed *bed, uint64_t kib,
                         struct vdc_uuid *ret)
{
    struct placement_request request = {
        .spec = { .memory = MEM_KIB(kib), .vcpus = 1 },
    };

    return inventory_bed_put(bed, &request, ret);
}
