# Sourced by quickstart: the main job on real Xen, from nothing to a customer's
# guest that serves its page.

DEMO_BED=demo
DEMO_KEEP=
DEMO_ADDRESS=10.77.0.10

bed() {
    nested/bed -n "$DEMO_BED" "$@"
}

dom0() {
    bed exec "$@" </dev/null
}

# As the customer's own unix account, who is not root.
as_acme() {
    bed exec -u acme "$@" </dev/null
}

. nested/lib/lost.sh

# retry SECONDS COMMAND...: until it succeeds.
retry() {
    local until=$(($(date +%s) + $1))
    shift
    until "$@"; do
        [ "$(date +%s)" -lt "$until" ] || return 1
        sleep 0.5
    done
}

demo_install() {
    bed install "$STAGE" &&
        dom0 'systemctl enable --now xen-vdc.target' &&
        bed push examples/web.cfg /home/acme/web.cfg &&
        retry 30 dom0 'xl-vdc version | grep -q "^hypervisor *Xen"'
}

fetch_page() {
    dom0 "wget -T 3 -t 1 -qO- http://$DEMO_ADDRESS/"
}

# must TEXT LINE COMMAND...: one visible command of the demonstration.
must() {
    local text=$1
    shift
    say "$text"
    show "$@" || demo_fail "$text"
}

demo_fail() {
    dom0 'journalctl --no-pager -n 60 -u "xen-vdc-*"' \
        >"$LOG_DIR/daemons.log" 2>&1
    fail "$1" "$LOG_DIR/daemons.log"
}

wait_for_page() {
    say "wait until $DEMO_ADDRESS serves its page, over the guest's own vif ..."
    until retry 60 fetch_page >"$LOG_DIR/page" 2>/dev/null; do
        lost_one || demo_fail "no page from $DEMO_ADDRESS within 60 s"
        lost_mark
        say "QEMU lost the guest (nested/README.md tells how); start it again"
        show 'acme$ xl-vdc start web' as_acme 'xl-vdc start web || true'
    done
    show "wget -qO- http://$DEMO_ADDRESS/" cat "$LOG_DIR/page"
}

demo_guest() {
    must "a customer with a quota, and whose account may act for it" \
        'xl-vdc customer-create acme --user acme --memory 512M --vcpus 4 --disk 10G --guests 3' \
        dom0 'xl-vdc customer-create acme --user acme --memory 512M --vcpus 4 --disk 10G --guests 3'
    lost_mark
    must "the customer, who is not root, creates the guest" \
        'acme$ xl-vdc create web.cfg' \
        as_acme 'cd && xl-vdc create web.cfg'
    wait_for_page
    must "the guest as its customer sees it" 'acme$ xl-vdc list' \
        as_acme 'xl-vdc list'
    must "and as Xen's own tool does" 'xl list' dom0 'xl list'
    say "what is over the quota is refused, and says why"
    if show 'acme$ xl-vdc create web.cfg name=big memory=2048' \
        as_acme 'cd && xl-vdc create web.cfg name=big memory=2048'; then
        demo_fail "a guest over the quota was created"
    fi
    must "shut the guest down" 'acme$ xl-vdc shutdown -w web' \
        as_acme 'xl-vdc shutdown -w web'
    must "it is remembered, though Xen knows nothing of it now" \
        'acme$ xl-vdc list' as_acme 'xl-vdc list'
    if dom0 'xl list' | grep -q 'acme\.web'; then
        demo_fail "xl list still shows the guest"
    fi
    show 'xl list' dom0 'xl list'
    must "start it again" 'acme$ xl-vdc start web' as_acme 'xl-vdc start web'
    wait_for_page
}

demo_end() {
    trap - EXIT INT TERM
    if [ -n "$DEMO_KEEP" ]; then
        say "done in $(elapsed) s; the bed runs on:"
        cat <<EOF
    nested/bed -n $DEMO_BED shell               enter dom0 as root
    nested/bed -n $DEMO_BED exec -u acme ...    run a command as the customer
    nested/bed -n $DEMO_BED console             the machine's console
    nested/bed -n $DEMO_BED stop                when you have seen enough
EOF
    else
        step stop "stop the bed" bed stop
        say "done in $(elapsed) s: customer acme's guest was created, served \
its page, was shut down, remembered and started again on real Xen"
    fi
}

demo_clean() {
    bed kill >/dev/null 2>&1
    exit 1
}

demo() {
    while [ $# -gt 0 ]; do
        case "$1" in
        --keep) DEMO_KEEP=1 ;;
        --bed)
            [ $# -gt 1 ] || fail "--bed needs a name"
            DEMO_BED=$2
            shift
            ;;
        *)
            usage >&2
            exit 2
            ;;
        esac
        shift
    done
    prepare
    step stage "stage the installation" stage
    step image "make the bed's image (Debian with Xen; kept for next time)" \
        make_image
    trap demo_clean EXIT INT TERM
    bed reset >/dev/null 2>&1
    step boot "boot Xen and dom0 in QEMU" bed boot
    step install "install xen-vdc in dom0 and start its daemons" demo_install
    must "the host" 'xl info | grep -E "xen_version|virt_caps|_memory"' \
        dom0 'xl info | grep -E "xen_version|virt_caps|_memory"'
    must "and what runs on it" 'xl-vdc version' dom0 'xl-vdc version'
    demo_guest
    demo_end
}
