/*
 * xl's commands and options, so that who knows xl is told where to look.
 */
#include "xl-ext/xl_names.h"

#include <stddef.h>
#include <string.h>

#define AS_ROOT "it concerns the host as a whole: use xl itself, as root"
#define NO_HVM "it is for HVM guests, which are not supported"
#define NO_DEVICE "such devices are not supported"

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
    { "migrate-receive", "'xl-vdc migrate' has both hosts do it" },
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
    { "remus", "guests are not copied to another host while they run" },
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

#define ALL_GUESTS                                                            \
    "'xl-vdc list -o name' prints all guests, and several may be named"
#define NOBODY_WAITS                                                          \
    "no process waits for a guest: resourced sees what becomes of it"

static const struct {
    const char *command, *letter, *name;
    const char *hint;
} options[] = {
    { "console", "-n", "--num", "a guest has one console here" },
    { "console", "-t", "--type", "the console is that of PV and PVH guests" },
    { "create", "-A", "--vncviewer-autopass", NO_HVM },
    { "create", "-F", "--foreground", NOBODY_WAITS },
    { "create", "-V", "--vncviewer", NO_HVM },
    { "create", "-e", "-e", NOBODY_WAITS },
    { "destroy", "-f", "--force", "domain 0 is never destroyed" },
    { "list", "-Z", "--context",
      "'xl-vdc list -v' and '-o json' show more of each guest" },
    { "list", "-c", "--cpupool", "'xl-vdc sched-credit2' shows cpupools" },
    { "list", "-n", "--numa", "'xl-vdc vcpu-list' shows where guests run" },
    { "reboot", "-F", "--fallback", NO_HVM },
    { "reboot", "-a", "--all", ALL_GUESTS },
    { "restore", "-A", "--vncviewer-autopass", NO_HVM },
    { "restore", "-F", "--foreground", NOBODY_WAITS },
    { "restore", "-V", "--vncviewer", NO_HVM },
    { "restore", "-e", "-e", NOBODY_WAITS },
    { "save", "-p", "--leave-paused",
      "--checkpoint lets the guest run on; 'xl-vdc pause' lets it stand" },
    { "sched-credit2", "-r", "--ratelimit_us", AS_ROOT },
    { "sched-credit2", "-s", "--schedparam", AS_ROOT },
    { "shutdown", "-F", "--fallback", NO_HVM },
    { "shutdown", "-a", "--all", ALL_GUESTS },
    { "vcpu-pin", "-f", "--force",
      "with xl it undoes what Xen itself has overridden for a time, and that "
      "concerns the host: use xl itself, as root" },
    { "vcpu-set", "-i", "--ignore-host",
      "it is not needed: the host's CPUs are no limit here" },
};

const char *xl_names_option_hint(const char *command, const char *option)
{
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (!strcmp(options[i].command, command) &&
            (!strcmp(options[i].letter, option) ||
             !strcmp(options[i].name, option)))
            return options[i].hint;
    return NULL;
}
