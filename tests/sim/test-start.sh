#!/bin/sh
# How resourced refuses to start where it cannot work: each time with a
# sentence that says what to do, and an exit status of its own.
. "$(dirname "$0")/lib.sh"

RESOURCED=$BIN/resourced/resourced
write_settings
if [ -e /proc/xen/capabilities ]; then
    skipped "no Xen here: this machine runs Xen"
else
    check_error "no Xen here" 7 'does not run Xen|is without Xen' \
        "$RESOURCED" --config "$WORK/resourced.conf" --hv xen --foreground
    check_error "and what to do about it" 7 'boot it with Xen|libxen-dev' \
        "$RESOURCED" --config "$WORK/resourced.conf" --hv xen --foreground
fi
echo 'databse = "x"' >"$WORK/unknown.conf"
check_error "an unknown setting: file, line and the nearest one" 2 \
    'unknown.conf:1.*databse' \
    "$RESOURCED" --config "$WORK/unknown.conf" --foreground
echo 'shutdown_timeout = "soon"' >"$WORK/wrong.conf"
check_error "a setting of the wrong kind" 2 \
    'wrong.conf:1.*shutdown_timeout' \
    "$RESOURCED" --config "$WORK/wrong.conf" --foreground
check_error "a settings file that is not there" 2 'none.conf' \
    "$RESOURCED" --config "$WORK/none.conf" --foreground
check_error "a simulator option that does not exist" 2 'memroy' \
    "$RESOURCED" --config "$WORK/resourced.conf" --hv sim:memroy=4G \
    --foreground
start_host
check_error "a second resourced beside the first" 4 'another resourced' \
    timeout 20 "$RESOURCED" --config "$WORK/resourced.conf" --foreground
check "the first goes on" answers
