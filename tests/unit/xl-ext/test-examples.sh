#!/bin/sh
# Every domain file in examples/ is understood as it stands.
vdc=$TOP_BUILDDIR/xl-ext/xl-vdc
passed=0
failed=0
for file in "$TOP_SRCDIR"/examples/*.cfg "$TOP_SRCDIR"/examples/*/*.cfg; do
    if out=$("$vdc" config-check "$file" 2>&1); then
        passed=$((passed + 1))
        echo "ok - $file"
    else
        failed=$((failed + 1))
        echo "not ok - $file"
        printf '%s\n' "$out" | sed 's/^/    /'
    fi
done
[ "$passed" -ge 3 ] || failed=$((failed + 1))
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
