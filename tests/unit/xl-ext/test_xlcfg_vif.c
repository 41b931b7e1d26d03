/*
 * Network interfaces, PCI devices and pools of xl.cfg files.
 */
#include "../unit.h"

#include <string.h>

#include "tests/unit/xl-ext/try.h"

static void test_vif(void)
{
    expect_ok("vif=[ \"\", 'mac=00:16:3E:74:34:32', "
              "' bridge=xenbr1 , ip=10.0.0.1,script=vif-x,backend=net,"
              "vifname=v1,gatewaydev=eth0,mtu=1400,type=vif,model=vif' ]");
    CU_ASSERT_EQUAL(def.n_nics, 3);
    CU_ASSERT_STRING_EQUAL(def.nics[0].bridge, "");
    CU_ASSERT_STRING_EQUAL(def.nics[1].mac, "00:16:3e:74:34:32");
    CU_ASSERT_STRING_EQUAL(def.nics[2].bridge, "xenbr1");
    CU_ASSERT_STRING_EQUAL(def.nics[2].ip, "10.0.0.1");
    CU_ASSERT_STRING_EQUAL(def.nics[2].script, "vif-x");
    CU_ASSERT_STRING_EQUAL(def.nics[2].backend, "net");
    CU_ASSERT_STRING_EQUAL(def.nics[2].vifname, "v1");
    CU_ASSERT_STRING_EQUAL(def.nics[2].gatewaydev, "eth0");
    CU_ASSERT_EQUAL(def.nics[2].mtu, 1400);
    expect_ok("vif=[ 'netdev=eth1' ]");
    CU_ASSERT_STRING_EQUAL(def.nics[0].gatewaydev, "eth1");
    CU_ASSERT_EQUAL(n_notes, 1);
}

static void test_vif_rate(void)
{
    static const struct {
        const char *text;
        uint64_t bytes;
        uint32_t interval_us;
    } good[] = {
        { "10Mb/s", 1250000, 50000 },    { "250KB/s", 250000, 50000 },
        { "1MB/s@20ms", 1000000, 20000 }, { "1GB/s@1s", 1000000000, 1000000 },
        { "800b/s@500us", 100, 500 },    { "7B/s@2", 7, 2000000 },
    };
    static const char *const bad[] = { "10", "10Mb", "Mb/s", "0Mb/s",
                                       "10Tb/s", "10Mb/s@", "10Mb/s@x",
                                       "10Mb/s@0ms", "1b/s", "-1MB/s",
                                       "10Mb/s@9999999s",
                                       "99999999999MB/s" };
    char line[128];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(line, sizeof(line), "vif=[ \"rate=%s\" ]", good[i].text);
        expect_ok(line);
        CU_ASSERT_EQUAL(def.nics[0].rate_bytes, good[i].bytes);
        CU_ASSERT_EQUAL(def.nics[0].rate_interval_us, good[i].interval_us);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(line, sizeof(line), "vif=[ \"rate=%s\" ]", bad[i]);
        expect_bad(line, "rate");
    }
}

static void test_vif_errors(void)
{
    expect_bad("vif=\"bridge=xenbr0\"", "'vif'");
    expect_bad("vif=[ 'mac=00:16:3e:74:34' ]", "mac");
    expect_bad("vif=[ 'mac=00:16:3e:74:34:3g' ]", "mac");
    expect_bad("vif=[ 'mac=01:16:3e:74:34:32' ]", "multicast");
    expect_bad("vif=[ 'mac=00:00:00:00:00:00' ]", "mac");
    expect_bad("vif=[ 'mac=00:16:3e:74:34:32', 'mac=00:16:3E:74:34:32' ]",
               "two interfaces");
    expect_bad("vif=[ 'brdge=xenbr0' ]", "'brdge'");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "'bridge'"));
    expect_bad("vif=[ 'bridge=' ]", "bridge");
    expect_bad("vif=[ 'xenbr0' ]", "'xenbr0'");
    expect_bad("vif=[ 'type=ioemu' ]", "HVM");
    expect_bad("vif=[ 'type=other' ]", "type=other");
    expect_bad("vif=[ 'model=e1000' ]", "HVM");
    expect_bad("vif=[ 'mtu=1' ]", "mtu");
    expect_bad("vif=[ 'mtu=x' ]", "mtu");
    expect_bad("vif=[ 'devid=3' ]", "devid");
    expect_bad("vif=[ 'accel=3' ]", "accel");
    expect_bad("vif=[ 'untrusted' ]", "untrusted");
    expect_bad("vif=[ 'trusted' ]", "trusted");
    expect_bad("vif=[ 'colo_sock_mirror_id=3' ]", "colo_sock_mirror_id");
    expect_bad("vif=[ 'forwarddev=3' ]", "forwarddev");
    expect_bad("vif=[ 'vifname=abcdefghijklmnop' ]", "vifname");
    try_end();
}

/* ---- PCI devices and pools ---- */

static void test_pci(void)
{
    expect_ok("pci=[ '03:00.0', '0001:AB:1f.7' ]");
    CU_ASSERT_EQUAL_FATAL(def.n_pci, 2);
    CU_ASSERT_STRING_EQUAL(def.pci[0], "0000:03:00.0");
    CU_ASSERT_STRING_EQUAL(def.pci[1], "0001:ab:1f.7");
    expect_ok("pci=[]");
    CU_ASSERT_EQUAL(def.n_pci, 0);
    expect_bad("pci='03:00.0'", "'pci' wants a list");
    expect_bad("pci=[ '03:00.0,permissive=1' ]", "no PCI device");
    expect_bad("pci=[ '03:00.0', '0000:3:0.0' ]", "twice");
    try_end();
}

static void test_pools(void)
{
    expect_ok("vdc_pools=[ 'ssd=100', 'licences=2' ]");
    CU_ASSERT_EQUAL_FATAL(def.n_pools, 2);
    CU_ASSERT_STRING_EQUAL(def.pools[0].name, "ssd");
    CU_ASSERT_EQUAL(def.pools[0].amount, 100);
    CU_ASSERT_STRING_EQUAL(def.pools[1].name, "licences");
    static const char *const wrong[] = { "ssd", "=1", "ssd=", "ssd=0",
                                         "ssd=-1", "ssd=1.5", "ssd=x",
                                         "ssd=99999999999999999999" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char line[64];
        snprintf(line, sizeof(line), "vdc_pools=[ '%s' ]", wrong[i]);
        expect_bad(line, "NAME=AMOUNT");
    }
    expect_bad("vdc_pools=[ 'a=1', 'a=2' ]", "twice");
    expect_bad("vdc_pools='a=1'", "list");
    try_end();
}

static void test_placement(void)
{
    expect_ok("vdc_groups=[ 'db', 'acme/web' ]");
    expect_ok("vdc_host_tags=[ 'ssd', '!old' ]");
    expect_ok("vdc_dedicated='strict'\nvdc_protected=1\nvdc_host='h1'\n"
              "vdc_domain='rack1'");
    expect_bad("vdc_groups='db'", "list");
    expect_bad("vdc_groups=[ 'a', 'b', 'c', 'd', 'e' ]", "4");
    expect_bad("vdc_groups=[ 'a', 'a' ]", "twice");
    expect_bad("vdc_host_tags=[ 'a b' ]", "no name");
    expect_ok("vdc_cpu_features=[ 'avx2', 'sse4.2', 'intel' ]");
    expect_bad("vdc_cpu_features='avx2'", "list");
    expect_bad("vdc_cpu_features=[ 'avx2', 'avx2' ]", "twice");
    expect_bad("vdc_cpu_features=[ 'avx3' ]", "no CPU feature 'avx3'");
    expect_bad("vdc_dedicated='mine'", "preferred");
    expect_bad("vdc_protected='often'", "vdc_protected");
    try_end();
}

static const struct unit_test tests[] = {
    { "keywords", test_vif },
    { "rate", test_vif_rate },
    { "errors", test_vif_errors },
    { "PCI devices", test_pci },
    { "shares of pools", test_pools },
    { "placement", test_placement },
};

UNIT_MAIN("xl-ext/xlcfg_vif", tests)
