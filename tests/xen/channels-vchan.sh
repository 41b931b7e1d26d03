# Sourced by long/channels.sh: our ends of vchans in guests, Xen's own
# libxenvchan (by Debian's vchan-socket-proxy) at the other end, in dom0.

NODE=/local/domain/0/data/vchan-test
PROXY=/usr/bin/vchan-socket-proxy

# proxy MODE DOMID NODE: all of /root/data goes there, and comes back.  The
# proxy ends when its standard input does, so that stays open until then.
proxied() {
    dom0 "cd /root; rm -f back; mkfifo vchan.in 2>/dev/null
        timeout 60 $PROXY -v --mode=$1 $2 $3 - <vchan.in >back 2>proxy.log &
        exec 3>vchan.in
        cat data >&3 &
        n=0
        while [ \$n -lt 250 ] && [ \"\$(stat -c %s back)\" != 200000 ]; do
            sleep 0.2; n=\$((n + 1)); done
        exec 3>&-
        kill %1 2>/dev/null
        rm -f vchan.in
        cmp data back || { tail -n 5 proxy.log; exit 1; }"
}
proxied_again() { # MODE DOMID NODE GUEST
    proxied "$1" "$2" "$3" &&
        retry 15 in_guest "$4" 'grep "echoed 200000 bytes.*closed" /tmp/v'
}
# We serve: our numbers are put where libxenvchan's client looks.
we_serve() { # GUEST DOMID SIZE
    local line="mkdir -p /tmp; rm -f /tmp/v; vchan-echo serve 0 $3" ref port
    line="$line >/tmp/v 2>&1 & for n in \$(seq 100)"
    line="$line; do grep ^vchan /tmp/v && break; sleep 0.1; done"
    read -r ref port < <(in_guest "$1" "$line" |
        sed -n 's/^vchan \([0-9]\)/\1/p')
    [ -n "$port" ] || { in_guest "$1" 'cat /tmp/v'; return 1; }
    dom0 "xenstore-write $NODE/ring-ref $ref $NODE/event-channel $port" &&
        proxied_again client "$2" $NODE "$1"
}
# libxenvchan serves: we get its numbers when they are there.
we_join() { # GUEST DOMID
    dom0 "xenstore-rm $NODE; xenstore-write $NODE ''"
    (
        retry 20 dom0 "xenstore-exists $NODE/event-channel"
        type_in "$1" "vchan-echo join 0 $(dom0 "xenstore-read \
            $NODE/ring-ref $NODE/event-channel" | tr '\n' ' ') >/tmp/v 2>&1"
    ) &
    proxied_again server "$2" $NODE "$1"
}
check "libxenvchan's client with the PV guest's server" we_serve p "$p" 0
check "with rings of 64 KiB" we_serve p "$p" 65536
check "with the PVH guest's server" we_serve h "$h" 65536
check "libxenvchan's server with the PV guest's client" we_join p "$p"
check "with the PVH guest's client" we_join h "$h"
dom0 "xenstore-rm $NODE"
nothing_left "after vchans"
