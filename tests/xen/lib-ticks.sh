# Sourced after lib-hosts.sh: guests that look at the time and at their memory,
# and say so on their consoles (ticks.c).
#
#   make_ticks                   an initramfs of such a guest, on each host
#   ticking HOST NAME N [SETTING]...   it is made there, of acme's, and ticks
#   ticks_after HOST NAME COUNT  it ticks there, with a higher count
#   bad_ticks NAME               what it said of memory that was not as written

IMAGES=/var/lib/xen-vdc/images
LOGS=/var/log/xen/console
TICKS=${TICKS:-$TOP/build/tests/xen/ticks}

# Behind the archive that is there: an initramfs may be several.
make_ticks() {
    local root=$WORK/root host
    mkdir -p "$root/bin" && strip -o "$root/bin/ticks" "$TICKS" || return 1
    (cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) >"$WORK/more"
    for host in $HOSTS; do
        "$TOP/nested/bed" -n "$BEDS-$host" push "$WORK/more" /root/more &&
            on "$host" "zcat $IMAGES/initramfs | cat - /root/more \
                >$IMAGES/initramfs-ticks" || return 1
    done
}
# Its kernel's command line.
ticks_extra() { # N [WORD]...
    local n=$1
    shift
    echo "console=hvc0 rdinit=/bin/ticks vdc.ip=10.77.0.$n/24 $*"
}
other_host() { # HOST
    local host
    for host in $HOSTS; do
        [ "$host" = "$1" ] || echo "$host"
    done
}
# Where else it might be placed takes none meanwhile: one that is to be on a
# host does not go to another.
create_ticking() { # HOST NAME N [SETTING]...
    local host=$1 name=$2 n=$3 failed=0
    shift 3
    dom0 "xl-vdc host-set -q $(other_host "$host") --state draining"
    dom0 "cd /home/acme && xl-vdc create -q -C acme web.cfg name=$name \
        'ramdisk=\"$IMAGES/initramfs-ticks\"' \
        'extra=\"$(ticks_extra "$n" "${TICKS_WORDS:-}")\"' $*" || failed=1
    dom0 "xl-vdc host-set -q $(other_host "$host") --state up"
    return $failed
}
ticking() { # HOST NAME N [SETTING]...
    AT=$1 lost_mark
    create_ticking "$@" || return 1
    for _ in 1 2 3; do
        retry 180 ticks_after "$1" "acme.$2" 2 && return 0
        AT=$1 lost_one || return 1
        AT=$1 lost_mark
        echo "the emulator lost $2; started again" >&2
        dom0 "xl-vdc start acme.$2"
    done
    return 1
}

# The lines of it there; the last may be a part.  What xl receives is called
# otherwise when its console is opened.
ticks_of() { # HOST XEN-NAME
    on "$1" "cd $LOGS && cat guest-$2.log guest-$2--incoming.log 2>/dev/null |
        grep -aE '^tick [0-9]+ .* wrote [0-9]+'" | tr -d '\r'
}
forget_ticks() { # HOST XEN-NAME
    on "$1" "rm -f $LOGS/guest-$2.log $LOGS/guest-$2--incoming.log"
}
# What it has counted to there; 0 for nothing.
count_on() { # HOST XEN-NAME
    local count
    count=$(ticks_of "$1" "$2" | tail -n 1 | cut -d' ' -f2)
    echo "${count:-0}"
}
ticks_after() { # HOST XEN-NAME COUNT
    [ "$(count_on "$1" "$2")" -gt "$3" ]
}
bad_ticks() { # NAME
    local host
    for host in $HOSTS; do
        ticks_of "$host" "acme.$1" | grep -v ' bad 0 '
    done
}
