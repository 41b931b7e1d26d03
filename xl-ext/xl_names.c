/*
 * xl's commands, so that who knows xl is told where to look.
 */
#include "xl-ext/xl_names.h"

#include <stddef.h>
#include <string.h>

#define AS_ROOT "it concerns the host as a whole: use xl itself, as root"
#define NO_HVM "it is for HVM guests, which are not supported"
#define NO_DEVICE "such devices are not supported"
#define ONE_HOST "guests stay on their host"

static const struct {
    const char *name;
    const char *hint;
} names[] = {
    { "button-press", NO_HVM "; 'xl-vdc shutdown' asks a guest to power off" },
    { "cd-eject", NO_HVM "; 'xl-vdc block-detach' takes a disk away" },
    { "cd-insert", NO_HVM "; 'xl-vdc block-attach' gives another disk" },
    { "channel-list", NO_DEVICE },
    { "claims", "'xl-vdc resource-list --totals' shows what is claimed" },
    { "config-update", "mem-set, vcpu-set, block-attach and the like change "
                       "what is remembered of a guest" },
    { "cpupool-cpu-add", AS_ROOT },
    { "cpupool-cpu-remove", AS_ROOT },
    { "cpupool-create", AS_ROOT },
    { "cpupool-destroy", AS_ROOT },
    { "cpupool-list", AS_ROOT "; 'xl-vdc sched-credit2' shows the cpupools "
                              "of guests" },
    { "cpupool-migrate", "a guest's cpupool is 'pool' in its domain file" },
    { "cpupool-numa-split", AS_ROOT },
    { "cpupool-rename", AS_ROOT },
    { "debug-keys", AS_ROOT },
    { "devd", AS_ROOT },
    { "dmesg", AS_ROOT },
    { "dump-core", "on_crash = \"coredump-restart\" in a domain file writes "
                   "a dump when the guest crashes" },
    { "getenforce", AS_ROOT },
    { "info", "'xl-vdc host-list' shows hosts, and 'xl-vdc resource-list "
              "--totals' what they have" },
    { "loadpolicy", AS_ROOT },
    { "migrate", ONE_HOST "; 'xl-vdc save' and 'xl-vdc restore' write a "
                          "guest to a file and read it back" },
    { "migrate-receive", ONE_HOST },
    { "pci-assignable-add", AS_ROOT "; then 'xl-vdc pci-attach'" },
    { "pci-assignable-list", AS_ROOT },
    { "pci-assignable-remove", AS_ROOT },
    { "psr-cat-set", AS_ROOT },
    { "psr-cat-show", AS_ROOT },
    { "psr-cmt-attach", AS_ROOT },
    { "psr-cmt-detach", AS_ROOT },
    { "psr-cmt-show", AS_ROOT },
    { "psr-hwinfo", AS_ROOT },
    { "psr-mba-set", AS_ROOT },
    { "psr-mba-show", AS_ROOT },
    { "qemu-monitor-command", NO_HVM },
    { "remus", ONE_HOST },
    { "resume", "'xl-vdc unpause' and 'xl-vdc restore' let a guest go on" },
    { "sched-credit", "'xl-vdc sched-credit2' has weight and cap" },
    { "sched-rtds", "that scheduler is not supported; 'xl-vdc "
                    "sched-credit2' has weight and cap" },
    { "set-parameters", AS_ROOT },
    { "setenforce", AS_ROOT },
    { "sharing", "guests do not share memory here" },
    { "suspend", "'xl-vdc pause' lets a guest stand still, 'xl-vdc save' "
                 "writes it to a file" },
    { "sysrq", "'xl-vdc console' reaches a guest, 'xl-vdc destroy --keep' "
               "ends one that does not answer" },
    { "top", "'xl-vdc list' has the CPU time of guests; xentop is for the "
             "host, as root" },
    { "trigger", NO_HVM },
    { "usb-list", NO_DEVICE },
    { "usbctrl-attach", NO_DEVICE },
    { "usbctrl-detach", NO_DEVICE },
    { "usbdev-attach", NO_DEVICE },
    { "usbdev-detach", NO_DEVICE },
    { "vdispl-attach", NO_DEVICE },
    { "vdispl-detach", NO_DEVICE },
    { "vdispl-list", NO_DEVICE },
    { "vkb-attach", NO_DEVICE },
    { "vkb-detach", NO_DEVICE },
    { "vkb-list", NO_DEVICE },
    { "vm-list", "'xl-vdc list -v' has it" },
    { "vncviewer", NO_HVM "; 'xl-vdc console' reaches a guest" },
    { "vsnd-attach", NO_DEVICE },
    { "vsnd-detach", NO_DEVICE },
    { "vsnd-list", NO_DEVICE },
    { "vtpm-attach", NO_DEVICE },
    { "vtpm-detach", NO_DEVICE },
    { "vtpm-list", NO_DEVICE },
};

const char *xl_names_hint(const char *word)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(names[i].name, word))
            return names[i].hint;
    return NULL;
}
