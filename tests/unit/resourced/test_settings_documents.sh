#!/bin/sh
# The manual and the sample settings file of resourced, and of watchdogd, have
# every setting that there is, and the sample shows the defaults.
set -u
passed=0 failed=0

check() { # TEXT COMMAND...
    text=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "failed: $text"
    fi
}

for daemon in resourced watchdogd; do
program=$TOP_BUILDDIR/$daemon/$daemon
man=$TOP_SRCDIR/doc/man/$daemon.8
conf=$TOP_SRCDIR/$daemon/$daemon.conf
settings=$("$program" --config /dev/null --show-settings | grep '^[a-z]') ||
    settings=
check "settings of $daemon are shown" test -n "$settings"
while IFS= read -r line; do
    [ -n "$line" ] || continue
    check "$daemon.8 describes ${line%% =*}" \
        grep -q "^\.It Ic ${line%% =*}\$" "$man"
    check "$daemon.conf has $line" grep -qxF "#$line" "$conf"
done <<LINES
$settings
LINES
check "$daemon.conf has nothing else" test \
    "$(grep -c '^#[a-z_]* = ' "$conf")" = "$(echo "$settings" | wc -l)"
check "$daemon.conf can be read" \
    "$program" --config "$conf" --check-config
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
