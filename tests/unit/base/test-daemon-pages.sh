#!/bin/sh
# Each daemon's manual page has every option that its --help has, in the
# synopsis and with what it does.
set -u
passed=0
failed=0

check() { # TEXT COMMAND...
    text=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok - $text"
    else
        failed=$((failed + 1))
        echo "not ok - $text"
    fi
}

for daemon in resourced policyd channeld watchdogd; do
    page=$TOP_SRCDIR/doc/man/$daemon.8
    options=$("$TOP_BUILDDIR/$daemon/$daemon" --help |
        sed -n 's/^  --\([a-z-]*\).*/\1/p')
    check "$daemon has options" test -n "$options"
    for option in $options; do
        check "$daemon.8: --$option in the synopsis" \
            grep -qE "^\.Op Fl -$option( |\$)" "$page"
        check "$daemon.8: what --$option does" \
            grep -qE "^\.It Fl (-version , )?-$option( .*)?\$" "$page"
    done
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
