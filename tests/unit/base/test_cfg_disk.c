/*
 * Disk specifications: one corpus, read by our own reader and, where it is
 * there, by libxlutil.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cfg.h"
#include "base/cfg_impl.h"
#include "tests/unit/unit.h"

typedef int parse_fn(const char *spec, struct arena *arena,
                     struct cfg_disk *ret, struct vdc_error *err);

static const struct {
    const char *name;
    parse_fn *parse;
} impls[] = {
    { "plain", cfg_plain_disk },
#ifdef WITH_XEN
    { "libxlutil", cfg_xlu_disk },
#endif
    { "chosen", cfg_disk_parse },
};

#define N_IMPLS (sizeof(impls) / sizeof(impls[0]))

static char *dump(const struct cfg_disk *disk, struct arena *arena)
{
    return arena_printf(
        arena, "%s|%s|%s|%s%s%s%s%s%s%s%s%s%s", disk->target, disk->format,
        disk->vdev, disk->readonly ? "r" : "w", disk->cdrom ? " cdrom" : "",
        disk->direct_io_safe ? " safe" : "", disk->discard ? " discard" : "",
        *disk->backend ? " backend=" : "", disk->backend,
        *disk->backendtype ? " type=" : "", disk->backendtype,
        *disk->script ? " script=" : "", disk->script);
}

static const struct {
    const char *spec, *dump; /* NULL: VDC_E_BAD_VALUE */
} rows[] = {
    { "/dev/vg/a,raw,xvda,w", "/dev/vg/a|raw|xvda|w discard" },
    { "/dev/vg/a,,xvda,w", "/dev/vg/a|raw|xvda|w discard" },
    { "/dev/vg/a,,xvda", "/dev/vg/a|raw|xvda|w discard" },
    { "/dev/vg/a,raw,xvda,r", "/dev/vg/a|raw|xvda|r" },
    { "/dev/vg/a,raw,xvda,ro,discard", "/dev/vg/a|raw|xvda|r discard" },
    { "/a.qcow2,qcow2,hda,rw", "/a.qcow2|qcow2|hda|w discard" },
    { "/a,qcow,hda,", "/a|qcow|hda|w discard" },
    { "/a,vhd,hda", "/a|vhd|hda|w discard" },
    { "/a,qed,hda", "/a|qed|hda|w discard" },
    { " /a , raw, xvda, w", "/a |raw|xvda|w discard" },
    { " /a, raw, xvda, w", "/a|raw|xvda|w discard" },
    { "vdev=xvda,format=qcow2,target=/a,b=c:d", "/a,b=c:d|qcow2|xvda|w "
                                                "discard" },
    { "format=raw, vdev=xvdb, access=ro, target=/dev/b", "/dev/b|raw|xvdb|r" },
    { "access=rw,vdev=xvdb,target=/b,", "/b|raw|xvdb|w discard" },
    { "/a,vdev=xvda", "/a|raw|xvda|w discard" },
    { "/a,vdev=xvda,no-discard", "/a|raw|xvda|w" },
    { "/a,vdev=xvda,direct-io-safe", "/a|raw|xvda|w safe discard" },
    { "/a,vdev=xvda,backend=io1", "/a|raw|xvda|w discard backend=io1" },
    { "/a,vdev=xvda,backendtype=qdisk", "/a|raw|xvda|w discard type=qdisk" },
    { "/a,vdev=xvda,backendtype=phy,backendtype=phy",
      "/a|raw|xvda|w discard type=phy" },
    { "/a,vdev=xvda,backendtype=tap", "/a|raw|xvda|w discard type=tap" },
    { "/a,vdev=xvda,script=block-x", "/a|raw|xvda|w discard script=block-x" },
    { "/a,vdev=xvda,specification=xen", "/a|raw|xvda|w discard" },
    { "/a.iso,raw,hdc,cdrom", "/a.iso|raw|hdc|r cdrom" },
    { "/a.iso,raw,hdc,devtype=cdrom", "/a.iso|raw|hdc|r cdrom" },
    { "/a.iso,raw,hdc,w,cdrom", "/a.iso|raw|hdc|r cdrom" },
    { "/a.iso,raw,hdc:cdrom,r", "/a.iso|raw|hdc|r cdrom" },
    { "/a,raw,hdc:disk,r", "/a|raw|hdc|r" },
    { "cdrom,vdev=hdc", "|empty|hdc|r cdrom" },
    { ",empty,hdc,cdrom", "|empty|hdc|r cdrom" },
    { ",,hdc:cdrom,r", "|empty|hdc|r cdrom" },
    { ",hdc:cdrom,r", "|empty|hdc|r cdrom" },
    { "cdrom,devtype=disk,/a,raw,hdc", "/a|raw|hdc|w discard" },
    { "vdev=hdc,cdrom,target=", "|empty|hdc|r cdrom" },
    { "phy:/dev/vg/a,xvda,w", "/dev/vg/a|raw|xvda|w discard" },
    { "file:/a.img,hda,r", "/a.img|raw|hda|r" },
    { "tap:qcow2:/a,hda,w", "/a|qcow2|hda|w discard" },
    { "tap2:tapdisk:aio:/a,hda,w", "/a|raw|hda|w discard" },
    { "tap:vhd:/a,hda:cdrom,r", "/a|vhd|hda|r cdrom" },
    { "raw:/a,hda,w", "/a|raw|hda|w discard" },
    { "ioemu:/a,hda,w", "/a|raw|hda|w discard" },
    { "iscsi:iqn.2001-05,xvda,w",
      "iqn.2001-05|raw|xvda|w discard script=block-iscsi" },
    { "nbd:x,xvda,w", "x|raw|xvda|w discard script=block-nbd" },
    { "enbd:x,xvda,w", "x|raw|xvda|w discard script=block-enbd" },
    { "drbd:r0,xvda,w", "r0|raw|xvda|w discard script=block-drbd" },
    { "phy:/a,format=qcow2,xvda", "/a|qcow2|xvda|w discard" },
    { "/a,raw:xvda,w", "/a|raw|xvda|w discard" },
    { "/a,,raw:xvda", "/a|raw|xvda|w discard" },
    { "/a,raw,xvda=", NULL },
    { "/a,raw,xvda,w=", NULL },
    { "/a,raw,xvda,access=", "/a|raw|xvda|w discard" },
    { "format=,/a,xvda", "/a|raw|xvda|w discard" },
    { "format=raw,format=raw,/a,xvda", "/a|raw|xvda|w discard" },
    { "format=raw,/a,qcow2,xvda", NULL },
    { "format=raw,format=qcow2,/a,vdev=xvda", NULL },
    { "", NULL },
    { ",", NULL },
    { "/a", NULL },
    { "/a,raw", NULL },
    { "/a,raw,", NULL },
    { ",raw,xvda,w", NULL },
    { "vdev=xvda", NULL },
    { "vdev=xvda,target=", NULL },
    { "/a,foo,xvda", NULL },
    { "/a,raw,xvda,x", NULL },
    { "/a,raw,xvda,w,more", NULL },
    { "/a,raw,xvda,vdev=xvdb", NULL },
    { "/a,raw,xvda,target=/b", NULL },
    { "/a,raw,xvda,access=x", NULL },
    { "/a,raw,xvda,devtype=floppy", NULL },
    { "/a,raw,hdc:floppy,w", NULL },
    { "/a,raw,xvda,backendtype=loop", NULL },
    { "/a,raw,xvda,backendtype=", NULL },
    { "/a,raw,xvda,backendtype=phy,backendtype=qdisk", NULL },
    { "/a,raw,xvda,script=a,script=b", NULL },
    { "/a,raw,xvda,backend=a,backend=b", NULL },
    { "/a,raw,xvda,foo=bar", NULL },
    { "/a,raw,xvda,foo=", NULL },
    { "/a=b,raw,xvda", NULL },
    { "=", NULL },
    { "foo:/a,xvda,w", NULL },
    { "phy2:/a,xvda,w", NULL },
    { "nfs:Host,xvda", NULL },
    { "foo:bar,raw,xvda", "foo:bar|raw|xvda|w discard" },
    { "/a,raw,xvda,specification=virtio", NULL },
    { "/a,raw,xvda,untrusted", NULL },
    { "/a,raw,xvda,trusted", NULL },
    { "/a,raw,xvda,colo,colo-host=x,colo-port=1", NULL },
    { "/a,raw,xvda,backendtype=standalone", NULL },
    { "iscsi:x,script=y,xvda", NULL },
    { "iscsi:nbd:x,xvda", NULL },
};

/* Both implementations give what the table says, or both refuse. */
static void test_corpus(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t j = 0; j < N_IMPLS; j++) {
            struct arena *arena = arena_new();
            struct cfg_disk disk;
            struct vdc_error err = { 0 };
            int rc = impls[j].parse(rows[i].spec, arena, &disk, &err);
            /* What check_disk refuses is not the implementation's. */
            bool late = !rc && !rows[i].dump &&
                        (!*disk.vdev || (!*disk.target && !disk.cdrom));
            bool same = late && j + 1 < N_IMPLS ? true
                        : rows[i].dump
                            ? !rc && !strcmp(dump(&disk, arena), rows[i].dump)
                            : rc == VDC_E_BAD_VALUE;
            if (!same)
                printf("\n%s: %s\n-> %s %s\n", impls[j].name, rows[i].spec,
                       rc ? "" : dump(&disk, arena), err.text);
            CU_ASSERT_TRUE(same);
            if (rc && *rows[i].spec)
                CU_ASSERT_PTR_NOT_NULL(strstr(err.text, rows[i].spec));
            arena_free(arena);
        }
    }
}

/* Random specifications of the words of the syntax. */
static void test_random(void)
{
    static const char *const words[] = {
        "/a",       ",",       "raw",        "qcow2",     "xvda",
        "w",        "r",       "vdev=",      "cdrom",     "target=",
        ":",        "phy:",    "tap:",       "format=",   " ",
        "hdc",      "foo",     "=",          "devtype=",  "disk",
        "iscsi:",   ",,",      "access=",    "discard",   "empty",
        "backend=", "script=", "no-discard", ",raw,xvda",
    };
    srand(1);
    size_t n_valid = 0;
    for (int round = 0; round < 50000; round++) {
        struct arena *arena = arena_new();
        char spec[200] = "";
        for (int n = rand() % 10; n > 0; n--)
            strcat(spec,
                   words[(size_t)rand() % (sizeof(words) / sizeof(words[0]))]);
        struct cfg_disk a, b;
        struct vdc_error err;
        int rc = impls[0].parse(spec, arena, &a, &err);
        int rc2 = impls[N_IMPLS > 2 ? 1 : 0].parse(spec, arena, &b, &err);
        n_valid += !rc;
        if (rc != rc2 || (!rc && strcmp(dump(&a, arena), dump(&b, arena)))) {
            printf("\ndifferent: '%s'\n%d %s\n%d %s\n", spec, rc,
                   rc ? "" : dump(&a, arena), rc2,
                   rc2 ? err.text : dump(&b, arena));
            CU_FAIL("two implementations, two answers");
        }
        arena_free(arena);
    }
    CU_ASSERT_TRUE(n_valid > 100);
}

static void test_refused_for_both(void)
{
    struct arena *arena = arena_new();
    struct cfg_disk disk;
    struct vdc_error err;
    char longer[5000];
    CU_ASSERT_EQUAL(cfg_disk_parse("/a\n,raw,xvda", arena, &disk, &err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(cfg_disk_parse("/a\x7f,raw,xvda", arena, &disk, &err),
                    VDC_E_BAD_VALUE);
    memset(longer, 'a', sizeof(longer));
    longer[sizeof(longer) - 1] = 0;
    CU_ASSERT_EQUAL(cfg_disk_parse(longer, arena, &disk, &err),
                    VDC_E_BAD_VALUE);
    CU_ASSERT_EQUAL(cfg_disk_parse("/a,raw", arena, &disk, NULL),
                    VDC_E_BAD_VALUE);
    arena_free(arena);
}

static const struct unit_test tests[] = {
    { "the corpus", test_corpus },
    { "random specifications", test_random },
    { "refused for both", test_refused_for_both },
};
UNIT_MAIN("base/cfg_disk", tests)
