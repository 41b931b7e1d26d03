#!/bin/sh
# No function of ours may stand in for one that a library calls in another.
# A program's function goes before a library's of the same name, as soon as any
# library refers to that name: our uuid_parse, called by libxl instead of
# libuuid's, made it misread its own records. A program exports a function only
# in that case, so there must be none.
found=0
bad=0
for program in tests/xen/hv/test_hv_xen resourced/resourced policyd/policyd \
    channeld/channeld xl-ext/xl-vdc; do
    file=$TOP_BUILDDIR/$program
    [ -x "$file" ] || continue
    symbols=$(nm -D --defined-only "$file" | awk '$2 ~ /^[TtWwi]$/ { print $3 }')
    case $symbols in
    *__asan_*)
        echo "$program: sanitizers export their own functions: not looked at"
        continue
        ;;
    esac
    found=$((found + 1))
    if [ -n "$symbols" ]; then
        echo "$program stands in for a library's function:" $symbols
        bad=$((bad + 1))
    fi
done
echo "$((found - bad)) passed, $bad failed"
[ "$bad" -eq 0 ] || exit 1
[ "$found" -gt 0 ] || exit 77
