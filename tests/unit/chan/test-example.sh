#!/bin/sh
# The example of libvdc-chan: it works, and is small enough for a guest's
# initramfs.
. "${TOP_SRCDIR:-.}/tests/check.sh"
echo_program=${TOP_BUILDDIR:-.}/examples/channel/channel-echo

check_output "round trips between two processes" \
    '500 of 500 round trips right.*ok' "$echo_program" self
check_error_status() { # TEXT STATUS COMMAND...
    text=$1
    want=$2
    shift 2
    "$@" >/dev/null 2>&1
    check_equal "$text" "$want" "$?"
}
check_error_status "usage" 2 "$echo_program"
if [ ! -e /dev/xen/gntalloc ]; then
    check_error_status "grants without Xen" 1 "$echo_program" give 1
fi
if "${READELF:-readelf}" -d "$echo_program" 2>/dev/null | grep -q NEEDED; then
    skipped "its size: it is not static in this build"
else
    copy=$(mktemp)
    strip -o "$copy" "$echo_program"
    size=$(stat -c %s "$copy")
    rm -f "$copy"
    echo "static and stripped: $size bytes"
    check "less than 1 MiB" test "$size" -lt 1048576
fi
closing_line 0
exit $?
