#!/bin/sh
# The manual and the sample settings file have every setting that there is,
# and the sample shows the defaults.
set -u
resourced=$TOP_BUILDDIR/resourced/resourced
man=$TOP_SRCDIR/doc/man/resourced.8
conf=$TOP_SRCDIR/resourced/resourced.conf
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

settings=$("$resourced" --config /dev/null --show-settings | grep '^[a-z]') ||
    settings=
check 'settings are shown' test -n "$settings"
while IFS= read -r line; do
    [ -n "$line" ] || continue
    check "resourced.8 describes ${line%% =*}" \
        grep -q "^\.It Ic ${line%% =*}\$" "$man"
    check "resourced.conf has $line" grep -qxF "#$line" "$conf"
done <<LINES
$settings
LINES
check 'resourced.conf has nothing else' test \
    "$(grep -c '^#[a-z_]* = ' "$conf")" = "$(echo "$settings" | wc -l)"
check 'resourced.conf can be read' \
    "$resourced" --config "$conf" --check-config
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
