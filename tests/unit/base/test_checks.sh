#!/bin/sh
# The checks of build-aux on small trees: a good one passes, and each rule
# broken alone makes them fail.
set -u
top=${TOP_SRCDIR:-.}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

new_tree() {
    rm -rf "$work/t"
    mkdir -p "$work/t/build-aux" "$work/t/libvdc/base" "$work/t/libvdc/wire" \
        "$work/t/resourced" "$work/t/tests"
    cp "$top/build-aux/layers.txt" "$work/t/build-aux/"
    printf '#ifndef A_H\n#define A_H\nint a(void);\n#endif\n' \
        >"$work/t/libvdc/base/a.h"
    printf '/* A. */\n#include "base/a.h"\n\nint a(void)\n{\n    return 1;\n}\n' \
        >"$work/t/libvdc/base/a.c"
    printf '/* W. */\n#include "base/a.h"\n' >"$work/t/libvdc/wire/w.c"
    printf '/* T. */\n#include <sqlite3.h>\n' >"$work/t/tests/t.c"
    echo 'noinst_HEADERS = libvdc/base/a.h libvdc/base/b.h' >"$work/t/local.mk"
}

# expect STATUS CHECK WHAT [TEXT-IN-THE-OUTPUT]
expect() {
    CC=${CC:-cc} CHECK_CFLAGS="-I$work/t/libvdc" \
        "$top/build-aux/$2" "$work/t" >"$work/out" 2>&1
    status=$?
    if [ "$status" -eq "$1" ] && grep -q -- "${4:-passed}" "$work/out"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$2, $3: status $status, output:"
        sed 's/^/    /' "$work/out"
    fi
}

line() {
    printf '%s\n' "$2" >>"$work/t/$1"
}

new_tree
expect 0 check-layers "a good tree" "4 passed, 0 failed"
expect 0 check-tree "a good tree" "4 passed, 0 failed"
line libvdc/base/a.c '#include "wire/w.h"'
expect 1 check-layers "base includes wire" "a.c:8: base must not include"
new_tree
line libvdc/wire/w.c '#  include "resourced/x.h"'
expect 1 check-layers "wire includes a daemon" "wire must not include"
new_tree
line libvdc/wire/w.c '#include "a.h"'
expect 1 check-layers "no folder" "write it with its folder"
new_tree
line libvdc/wire/w.c '#include "other/a.h"'
expect 1 check-layers "unknown folder" "from no folder"
new_tree
line resourced/main.c '/* M. */
#include <libxl.h>'
expect 1 check-layers "Xen in a daemon" "<libxl.h> is not for this file"
new_tree
line resourced/main.c '#include <sqlite3.h>'
expect 1 check-layers "SQLite outside a store" "not for this file"
new_tree
line resourced/store_x.c '#include <sqlite3.h>'
expect 0 check-layers "SQLite in a store"
new_tree
line libvdc/wire/w.c '#include <yajl/yajl_gen.h>'
expect 1 check-layers "yajl outside json.c" "not for this file"
new_tree
line libvdc/other.c '/* O. */'
expect 1 check-layers "a file in no folder" "in no folder"
new_tree
rm "$work/t/build-aux/layers.txt"
expect 1 check-layers "no rules"
rm -rf "$work/t/libvdc" "$work/t/resourced" "$work/t/tests"
expect 1 check-layers "no files" "no files found"
expect 1 check-tree "no files" "no files found"

new_tree
line libvdc/base/a.c "$(printf '\tint b;')"
expect 1 check-tree "a tab" "a.c:8: a tab"
new_tree
line libvdc/base/a.c "/* $(printf '%080d' 0) */"
expect 1 check-tree "a long line" "columns"
new_tree
line libvdc/base/a.c "/* TO""DO */"
expect 1 check-tree "work to do" "work to do"
new_tree
printf 'int b;\n' >"$work/t/libvdc/base/b.c"
expect 1 check-tree "no comment" "does not open with a comment"
new_tree
printf 'int b;\n' >"$work/t/libvdc/base/b.h"
expect 1 check-tree "no guard" "no include guard"
new_tree
printf '#ifndef B_H\n#define B_H\nsize_t b;\n#endif\n' \
    >"$work/t/libvdc/base/b.h"
expect 1 check-tree "not self-contained" "does not compile alone"
new_tree
echo '# Notes' >"$work/t/tests/notes.md"
expect 1 check-tree "in no makefile" "tests/notes.md: is in no local.mk"
new_tree
{
    printf '/* B. */\nvoid b(void)\n{\n'
    yes '    ;' | head -n 70
    printf '}\n'
} >"$work/t/libvdc/base/b.c"
expect 0 check-tree "a function of 72 lines" "note: a function of 72 lines"
{
    printf '/* B. */\nvoid b(void)\n{\n'
    yes '    ;' | head -n 100
    printf '}\n'
} >"$work/t/libvdc/base/b.c"
expect 1 check-tree "a function of 102 lines" "b.c:3: a function of 102"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
