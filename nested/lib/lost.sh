# Sourced by what starts guests in the bed: tells a guest that the emulator
# lost from one that failed.
#
# QEMU's emulation of nested SVM now and then writes Xen's own registers into
# a PVH guest's save area; the guest then dies by a triple fault at an address
# of Xen (code selector e008), which no guest can have.  See README.md.
# Needs a function dom0 that runs a shell line in dom0.

lost_count() {
    dom0 'xl dmesg | grep -A4 "Triple fault" | grep -c "RIP: *e008:"'
}

lost_before=0

# Remembers how many there were, before a guest is started.
lost_mark() {
    lost_before=$(lost_count)
}

# True when there is one more since lost_mark.
lost_one() {
    [ "$(lost_count)" -gt "$lost_before" ]
}
