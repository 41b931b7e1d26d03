/* xl-vdc.cfg(5) from the table of keys. */
#include <stdio.h>
#include <string.h>

#include "xl-ext/generate.h"
#include "xl-ext/xlcfg.h"

static const char *kind_text(const struct xlcfg_key *key)
{
    switch (key->kind) {
    case XLCFG_STR:
        return "string";
    case XLCFG_PATH:
        return "file";
    case XLCFG_MEM:
        return "MiB";
    case XLCFG_U32:
    case XLCFG_I64:
        return "number";
    case XLCFG_BOOL:
    case XLCFG_TRISTATE:
        return "0 or 1";
    case XLCFG_ACTION:
        return "action";
    case XLCFG_OWN:
    case XLCFG_ONLY:
    case XLCFG_HVM:
    case XLCFG_NOT_YET:
    case XLCFG_NEVER:
        break;
    }
    return "";
}

static void print_honoured(const struct xlcfg_key *key)
{
    const char *kind = kind_text(key);
    printf(".It Cm %s%s%s\n", key->name, *kind ? " = Ar " : "", kind);
    generate_mdoc_text(key->text);
    if (key->kind == XLCFG_U32 || key->kind == XLCFG_I64)
        printf("From %lld to %lld.\n", key->min, key->max);
}

static void print_refused(const struct xlcfg_key *key)
{
    printf(".It Cm %s\n", key->name);
    if (key->kind == XLCFG_ONLY)
        printf("other than %s:\n", key->allowed);
    generate_mdoc_text(key->text);
}

static void print_keys(bool honoured)
{
    size_t n;
    const struct xlcfg_key *keys = xlcfg_keys(&n);
    printf(".Bl -tag -width Ds\n");
    for (size_t i = 0; i < n; i++) {
        if (xlcfg_key_is_honoured(&keys[i]) != honoured ||
            keys[i].kind == XLCFG_HVM)
            continue;
        if (honoured)
            print_honoured(&keys[i]);
        else
            print_refused(&keys[i]);
    }
    printf(".El\n");
}

static void print_hvm(void)
{
    size_t n;
    const struct xlcfg_key *keys = xlcfg_keys(&n);
    bool first = true;
    printf("Keys for HVM guests are refused, whatever their value:\n");
    for (size_t i = 0; i < n; i++) {
        if (keys[i].kind != XLCFG_HVM)
            continue;
        printf("%s.Cm %s", first ? "" : " ,\n", keys[i].name);
        first = false;
    }
    printf(" .\n");
}

void generate_man_cfg(void)
{
    printf(".\\\" Made by xl-vdc --generate-man-cfg; do not edit.\n"
           ".Dd $Mdocdate$\n.Dt XL-VDC.CFG 5\n.Os xen-vdc %s\n"
           ".Sh NAME\n.Nm xl\\-vdc.cfg\n.Nd domain files of xl\\-vdc\n"
           ".Sh DESCRIPTION\n"
           "A file for\n.Ic xl\\-vdc create\n"
           "is a file for\n.Ic xl create ,\n"
           "as\n.Xr xl.cfg 5\n"
           "of Xen 4.17 describes it, for a PV or PVH guest: lines of the "
           "form\n.Ql key = value ,\n"
           "where a value is a number, a string in quotes, or a list in "
           "brackets.\n"
           ".Pp\n"
           "Every key is either honoured or refused with the line on which "
           "it stands; none is ignored without a word.\n"
           ".Ic xl\\-vdc config\\-check\nsays what it thinks of a file.\n"
           ".Pp\n"
           "Files that a key names are files on the host.\n"
           "A path that does not begin with a slash is taken from the "
           "directory in which\n.Nm xl\\-vdc\nruns.\n"
           ".Sh KEYS THAT ARE HONOURED\n",
           PACKAGE_VERSION);
    print_keys(true);
    printf(".Sh KEYS THAT ARE REFUSED\n"
           "A value that changes nothing for a PV or PVH guest is accepted, "
           "so that files written for xl can stay as they are.\n");
    print_keys(false);
    print_hvm();
    printf(".Sh EXAMPLES\n.Bd -literal\n"
           "name = \"web\"\n"
           "type = \"pvh\"\n"
           "kernel = \"/var/lib/xen\\-vdc/images/vmlinuz\"\n"
           "ramdisk = \"/var/lib/xen\\-vdc/images/initramfs\"\n"
           "memory = 128\n"
           "vcpus = 1\n"
           "vif = [ \"bridge=xenbr0\" ]\n"
           "vdc_on_boot = \"start\"\n"
           ".Ed\n"
           ".Sh SEE ALSO\n.Xr xl-vdc 1 ,\n"
           ".Xr placement.conf 5 ,\n"
           ".Xr xl-disk-configuration 5 ,\n"
           ".Xr xl-network-configuration 5 ,\n"
           ".Xr xl.cfg 5\n");
}
