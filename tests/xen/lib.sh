# Sourced by the tests that run on real Xen in the bed.
#
# A script boots the bed "test" when it does not run, installs $STAGE (made by
# `make install DESTDIR`) into it, and stops it at the end unless KEEP_BED is
# set, so that several scripts can share one boot.

set -u
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
STAGE=${STAGE:-$TOP/build/stage}
BED_NAME=${BED_NAME:-test}
WORK=$(mktemp -d)
. "$TOP/tests/check.sh"

bed() {
    "$TOP/nested/bed" -n "$BED_NAME" "$@"
}

# dom0 'LINE': a shell line in dom0, as root; acme, globex: as that customer.
dom0() {
    bed exec "$@" </dev/null
}
acme() {
    bed exec -u acme "cd && $1" </dev/null
}
globex() {
    bed exec -u globex "cd && $1" </dev/null
}

# check_error TEXT STATUS PATTERN COMMAND...: the command fails with just this
# exit status, and says something that matches.
check_error() {
    local text=$1 want=$2 pattern=$3 output status
    shift 3
    output=$("$@" 2>&1)
    status=$?
    if [ "$status" = "$want" ] && echo "$output" | grep -qE -- "$pattern"; then
        passed "$text"
    else
        failed "$text" "status $status, wanted $want and /$pattern/:" "$output"
    fi
}

. "$TOP/nested/lib/lost.sh"

# retry_guest SECONDS GUEST COMMAND...: as retry; a guest of acme's that the
# emulator lost is started again, and said so.
retry_guest() {
    local seconds=$1 guest=$2
    shift 2
    for _ in 1 2 3; do
        retry "$seconds" "$@" && return 0
        lost_one || return 1
        lost_mark
        echo "the emulator lost $guest; started again" >&2
        acme "xl-vdc start $guest || true"
    done
    return 1
}

page() {
    dom0 "wget -T 3 -t 1 -qO- http://$1/"
}

daemons_up() {
    dom0 'systemctl is-active xen-vdc-resourced xen-vdc-policyd \
        xen-vdc-channeld >/dev/null && xl-vdc version |
        grep -q "^hypervisor *Xen"'
}

install_stage() {
    bed install "$STAGE" &&
        dom0 'systemctl enable xen-vdc.target && systemctl restart \
            xen-vdc-resourced xen-vdc-policyd xen-vdc-channeld \
            xen-vdc-automation' &&
        bed push "$TOP"/examples/*.cfg /home/acme/ &&
        bed push "$TOP"/examples/*.cfg /home/globex/ &&
        retry 60 daemons_up
}

bed_up() {
    if ! bed exec true >/dev/null 2>&1 </dev/null; then
        bed reset >/dev/null 2>&1
        bed boot "$@" || { failed "the bed boots"; exit 1; }
    fi
    install_stage >"$WORK/install.log" 2>&1 ||
        { failed "xen-vdc starts in the bed" "$(tail -n 20 "$WORK/install.log")" \
            "$(dom0 'systemctl status "xen-vdc-*" --no-pager -n 20')"; exit 1; }
    ensure_customers
}

ensure_customers() {
    for name in acme globex; do
        dom0 "xl-vdc customer-show $name" >/dev/null 2>&1 ||
            dom0 "xl-vdc customer-create $name --user $name --memory 640M \
                --vcpus 8 --disk 10G --guests 6" ||
            { failed "customer $name is made"; exit 1; }
    done
}

# Everything of every customer is ended and forgotten.
forget_all() {
    local name
    dom0 'xl-vdc list --all -o json' | tr -d ' \n' | tr '{' '\n' |
        grep '"managed":true' |
        sed 's/.*"xen_name":"\([^"]*\)".*/\1/' |
        while read -r name; do
            dom0 "xl-vdc destroy $name" >/dev/null 2>&1
        done
}

# What must be the same before and after: all of xenstore but what counts up
# by itself, Xen's free memory, and the rows of our databases but what is kept
# of the past.
snapshot_xenstore() {
    dom0 'xenstore-ls -f / | sort |
        grep -vE "^/local/domain/0/memory|^/tool/xen-vdc/(resourced|automation)[ /]"'
}
snapshot_memory() {
    dom0 'xl info | sed -n "s/^free_memory *: //p"'
}
snapshot_database() {
    dom0 'sqlite3 /var/lib/xen-vdc/resourced.db .dump |
        grep -vE "INTO (\"?event|\"?meta|\"?sqlite_sequence)|^PRAGMA|^--" |
        grep -v "INTO journal VALUES(9223372036854775807,"
        sqlite3 /var/lib/xen-vdc/policyd.db "SELECT key, hex(value) FROM pair
            ORDER BY key" | grep -vE "^(audit/|decision/|use/|writer)"'
}

# xl list and xl-vdc list know the same of our guests: name and domid.
lists_agree() {
    local xl vdc
    xl=$(dom0 'xl list' | awk 'NR > 1 && $2 > 0 { print $1, $2 }' | sort)
    vdc=$(dom0 'xl-vdc list --all -o json' | tr -d ' \n' | tr '{' '\n' |
        sed -n 's/.*"xen_name":"\([^"]*\)".*"domid":\([0-9]*\).*/\1 \2/p' |
        awk '$2 > 0' | sort)
    [ "$xl" = "$vdc" ] && return 0
    printf 'xl list:\n%s\nxl-vdc list:\n%s\n' "$xl" "$vdc"
    return 1
}

make_guest_programs() {
    mkdir -p "$WORK/static" "$PROGRAMS" || return 1
    (cd "$WORK/static" && "$TOP/configure" --with-xen=no &&
        make channeld/channeld-guest xl-ext/xl-vdc-guest \
            tests/xen/many-channels CFLAGS=-O2 LDFLAGS=-static \
            YAJL_LIBS=-lyajl_s) >"$WORK/static.log" 2>&1 ||
        { tail -n 20 "$WORK/static.log"; return 1; }
    strip -o "$PROGRAMS/channeld-guest" \
        "$WORK/static/channeld/channeld-guest" &&
        strip -o "$PROGRAMS/xl-vdc" "$WORK/static/xl-ext/xl-vdc-guest" &&
        strip -o "$PROGRAMS/many-channels" \
            "$WORK/static/tests/xen/many-channels"
}

# PROGRAMS becomes a folder with channeld-guest, xl-vdc and many-channels,
# linked statically, if it is not one.
guest_programs() {
    [ -z "${PROGRAMS:-}" ] || return 0
    PROGRAMS=$WORK/programs
    check "programs for guests" make_guest_programs
}

# The beds of this script end.
end_beds() {
    bed kill
}
# What to look at when something failed.
tell_why() {
    dom0 'journalctl --no-pager -n 80 -u "xen-vdc-*"'
}

finish() {
    local status=$?
    trap - EXIT
    if [ "$n_failed" -gt 0 ]; then
        tell_why 2>&1 | sed 's/^/    journal: /'
    fi
    [ -n "${KEEP_BED:-}" ] || end_beds >/dev/null 2>&1
    rm -rf "$WORK"
    closing_line "$status"
    exit $?
}
trap finish EXIT
trap 'exit 130' INT TERM
