#!/bin/sh
# doc/protocol.md is what the table of messages says.
tmp=$(mktemp) || exit 1
trap 'rm -f "$tmp"' EXIT
"$TOP_BUILDDIR/doc/protocol_doc" > "$tmp" || exit 1
lines=$(wc -l < "$tmp")
if [ "$lines" -gt 100 ] && diff -u "$TOP_SRCDIR/doc/protocol.md" "$tmp"; then
    echo "the $lines lines of doc/protocol.md are the table's"
    echo "1 passed, 0 failed"
else
    echo "doc/protocol.md is out of date: run 'make update-protocol'"
    echo "0 passed, 1 failed"
    exit 1
fi
