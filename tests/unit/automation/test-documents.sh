#!/bin/sh
# The manual and the sample settings have every setting; the manual has every
# command that can be asked for, and xl-vdc knows each, with a key or without
# as automationd takes it.
set -u
daemon=$TOP_BUILDDIR/automation/automationd
man=$TOP_SRCDIR/doc/man/automationd.8
conf=$TOP_SRCDIR/automation/automation.conf
. "$TOP_SRCDIR/tests/check.sh"

settings=$("$daemon" --config /dev/null --show-settings | grep '^[a-z]')
check 'settings are shown' test -n "$settings"
while IFS= read -r line; do
    check "automationd.8 describes ${line%% =*}" \
        grep -q "^\.It Ic ${line%% =*}\$" "$man"
    case $line in
    xl_vdc*) line='xl_vdc = "/usr/bin/xl-vdc"' ;; # as configured
    esac
    check "automation.conf has $line" grep -qxF "#$line" "$conf"
done <<LINES
$settings
LINES
check_equal 'automation.conf has nothing else' \
    "$(echo "$settings" | wc -l)" "$(grep -c '^#[a-z_]* = ' "$conf")"

"$TOP_BUILDDIR/tests/unit/automation/test_command" --list >"/tmp/$$.list"
while read -r name kind; do
    check "automationd.8 names $name" grep -qE "(^| )$name( |\$)" "$man"
    help=$("$TOP_BUILDDIR/xl-ext/xl-vdc" help "$name" 2>&1)
    case $help in
    *--key*) has=keyed ;;
    *) has=other ;;
    esac
    case $kind in
    keyed) want=keyed ;;
    *) want=other ;;
    esac
    check_equal "xl-vdc $name is $kind" "$want" "$has"
done <"/tmp/$$.list"
check "commands are listed" test -s "/tmp/$$.list"
rm -f "/tmp/$$.list"
closing_line 0
