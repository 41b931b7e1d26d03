/* Leases: quotas, owners, sessions, and what they are used for. */
#include <signal.h>
#include <string.h>

#include "tests/sim/test_policyd_bed.h"

static struct wire_lease_ref lease_ref(const struct vdc_uuid *id)
{
    struct wire_lease_ref r;

    wire_init(&wire_struct_lease_ref, &r);
    r.id = *id;
    return r;
}

static void counted(void)
{
    struct bed bed = { 0 };

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    struct wire_lease l = lease("acme", 700);
    l.vcpus = 2;
    const struct wire_lease *made = make_lease(&bed, OPERATOR, &l);
    CHECK(made && strcmp(made->owner, "acme") == 0);
    if (!made)
        return;
    CHECK(usage(&bed, "acme")->memory.kib == 700 * 1024);
    CHECK(usage(&bed, "acme")->vcpus == 2);
    make_lease(&bed, OPERATOR, &l);
    CHECK_CODE(VDC_E_QUOTA);
    struct wire_operation big = creation(&bed, "acme", "big");
    big.definition.memory = MEM_MIB(600);
    transact(&bed, OPERATOR, &big, 1);
    CHECK_CODE(VDC_E_QUOTA);
    /* with the lease there is room */
    struct wire_transaction t;
    wire_init(&wire_struct_transaction, &t);
    t.operations = &big;
    t.n_operations = 1;
    t.lease = made->id;
    CHECK(ask(&bed, OPERATOR, WIRE_MSG_transaction, &t));
    CHECK_CODE(0);
    CHECK(usage(&bed, "acme")->memory.kib == 600 * 1024);
    CHECK(lease_list(&bed, OPERATOR, "acme")->n_leases == 0);
    big.definition.name = "again"; /* it is used up */
    ask(&bed, OPERATOR, WIRE_MSG_transaction, &t);
    CHECK_CODE(VDC_E_NOT_FOUND);
    CHECK_TEXT("no such lease");
    bed_close(&bed);
}

static void renewed_and_dropped(void)
{
    struct bed bed = { 0 };

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    struct wire_lease l = lease("acme", 100);
    const struct wire_lease *made = make_lease(&bed, OPERATOR, &l);
    l = lease("", 50);
    CHECK(make_lease(&bed, OPERATOR, &l));
    CHECK(made);
    if (!made)
        return;
    CHECK(lease_list(&bed, OPERATOR, "")->n_leases == 2);
    CHECK(lease_list(&bed, OPERATOR, "acme")->n_leases == 1);
    lease_list(&bed, OPERATOR, "nobody");
    CHECK_CODE(VDC_E_NOT_FOUND);
    struct wire_lease_ref r = lease_ref(&made->id);
    r.expires_ms = 120000;
    CHECK(ask(&bed, OPERATOR, WIRE_MSG_lease_renew, &r));
    /* its owner cannot go, a namesake would get it */
    struct wire_customer_ref acme = { "acme", false, 0 };
    ask(&bed, OPERATOR, WIRE_MSG_customer_delete, &acme);
    CHECK_CODE(VDC_E_WRONG_STATE);
    CHECK_TEXT("1 lease");
    CHECK(ask(&bed, OPERATOR, WIRE_MSG_lease_drop, &r));
    ask(&bed, OPERATOR, WIRE_MSG_lease_drop, &r);
    CHECK_CODE(VDC_E_NOT_FOUND);
    CHECK(usage(&bed, "acme")->memory.kib == 0);
    /* one that runs out by itself */
    l = lease("acme", 100);
    l.expires_ms = 300;
    CHECK(make_lease(&bed, OPERATOR, &l));
    CHECK(usage(&bed, "acme")->memory.kib == 100 * 1024);
    sleep_ms(600);
    CHECK(usage(&bed, "acme")->memory.kib == 0);
    bed_close(&bed);
}

static void of_sessions(void)
{
    struct bed bed = { 0 };
    struct client c;

    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    struct wire_lease l = lease("acme", 100);
    CHECK(make_lease(&bed, OPERATOR, &l)); /* outlives its connection */
    l.session = true;
    CHECK(client_open(&bed, &c, OPERATOR));
    CHECK(client_call(&c, WIRE_MSG_lease_create, &l));
    CHECK(lease_list(&bed, OPERATOR, "acme")->n_leases == 2);
    client_close(&c);
    for (int i = 0;
         i < 100 && lease_list(&bed, OPERATOR, "acme")->n_leases > 1; i++)
        sleep_ms(20);
    CHECK(lease_list(&bed, OPERATOR, "acme")->n_leases == 1);
    CHECK(usage(&bed, "acme")->memory.kib == 100 * 1024);
    /* gone before the answer */
    CHECK(client_open(&bed, &c, OPERATOR));
    CHECK(client_send(&c, WIRE_MSG_lease_create, &l));
    client_close(&c);
    sleep_ms(200);
    CHECK(lease_list(&bed, OPERATOR, "acme")->n_leases == 1);
    /* policyd goes, and comes back */
    CHECK(client_open(&bed, &c, OPERATOR));
    CHECK(client_call(&c, WIRE_MSG_lease_create, &l));
    bed_kill(&bed.policyd, SIGKILL);
    client_close(&c);
    bed_start_policyd(&bed);
    CHECK(bed_wait_joined(&bed, true));
    for (int i = 0;
         i < 100 && lease_list(&bed, OPERATOR, "acme")->n_leases != 1; i++)
        sleep_ms(20);
    CHECK(lease_list(&bed, OPERATOR, "acme")->n_leases == 1);
    CHECK(usage(&bed, "acme")->memory.kib == 100 * 1024);
    bed_close(&bed);
}

static void of_customers(void)
{
    struct bed bed = { 0 };
    const char *device = "0000:03:00.0";
    struct wire_pool_amount amount = { "fast", 1, 0 };

    if (!need_root())
        return;
    bed_open(&bed);
    bed_start(&bed);
    bed_customers(&bed);
    struct wire_lease l = lease("", 2000);
    l.devices = &device;
    l.n_devices = 1;
    l.pools = &amount;
    l.n_pools = 1;
    make_lease(&bed, ACME_UID, &l);
    CHECK_CODE(VDC_E_DENIED);
    CHECK_TEXT("3 reasons: ");
    l = lease("", 100);
    const struct wire_lease *made = make_lease(&bed, ACME_UID, &l);
    CHECK(made && strcmp(made->owner, "acme") == 0);
    CHECK(lease_list(&bed, ACME_UID, "")->n_leases == 1);
    struct wire_operation make = creation(&bed, "", "web");
    struct wire_transaction t;
    wire_init(&wire_struct_transaction, &t);
    t.operations = &make;
    t.n_operations = 1;
    if (made)
        t.lease = made->id;
    CHECK(ask(&bed, ACME_UID, WIRE_MSG_transaction, &t));
    CHECK_CODE(0);
    bed_close(&bed);
}

const struct sim_test tests_leases[] = {
    { "leases count", counted },
    { "leases renewed and dropped", renewed_and_dropped },
    { "leases of sessions", of_sessions },
    { "leases of customers", of_customers },
    { NULL, NULL },
};
