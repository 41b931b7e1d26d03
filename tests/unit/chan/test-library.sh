#!/bin/sh
# libvdc-chan as others link it: which names it has, programs with the same
# names as its own parts, without libevent, and in C++.
. "${TOP_SRCDIR:-.}/tests/check.sh"
src=$(cd "${TOP_SRCDIR:-.}" && pwd)
bin=$(cd "${TOP_BUILDDIR:-.}" && pwd)
library=$bin/libvdc/chan/libvdc-chan.a
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

names() {
    "${NM:-nm}" -g --defined-only "$library" | awk 'NF == 3 { print $3 }'
}
names >"$work/names"
check "it has names" test "$(wc -l <"$work/names")" -gt 50
check_equal "all of them public, or with its own prefix" "" "$(grep -vE \
    '^(endpoint|port|link|ring|mux|vchan|vdc_error|vdc_chan_private)_|^__' \
    "$work/names")"
for name in endpoint_open port_new port_watch link_give ring_make mux_new \
    vdc_error_set; do
    check "$name" grep -qx "$name" "$work/names"
done

if grep -q '^SAN_CFLAGS = .*-f' "$bin/Makefile"; then
    skipped "programs with it: this build has sanitizers in it"
    closing_line 0
    exit $?
fi

headers='endpoint link mux port ring vchan'
{
    echo '#include "base/error.h"'
    for header in $headers; do
        echo "#include \"chan/$header.h\""
    done
} >"$work/all.h"
flags="-I$src/libvdc -I$work"
events=$(pkg-config --libs libevent_core)

# Names that its parts have, too; each of another type than there.
cat >"$work/same.c" <<'END'
#include "all.h"
int xzalloc = 1, xstrdup = 2, xrealloc = 3, arena_new = 4, arena_free = 5,
    clock_mono = 6, uuid_format = 7, wire_encode = 8, packet_send = 9,
    broker_new = 10;
int main(void)
{
    struct endpoint *endpoint;
    struct vdc_error err;
    int rc = endpoint_open(0, "/nonexistent/socket", 0, 0, 100, &endpoint,
                           &err);
    return rc == VDC_E_NO_DAEMON ? 0 : 1;
}
END
# shellcheck disable=SC2086 # words
same() {
    ${CC:-cc} $flags -o "$work/same" "$work/same.c" "$library" $events &&
        "$work/same"
}
check "a program with the same names links, and works" same

cat >"$work/plain.c" <<'END'
#include "all.h"
int main(void)
{
    struct link_offer offer;
    struct vdc_error err;
    struct link *link;
    struct port *port;
    unsigned pages = ring_memory(4096, 4096) / LINK_PAGE;
    if (link_give(LINK_MEMORY, 0, pages, 0, &link, &offer, &err) ||
        port_new(link, RING_MAKER, 4096, 4096, 0, &port, &err))
        return 1;
    link_offer_clear(&offer);
    port_destroy(port);
    return 0;
}
END
# shellcheck disable=SC2086 # words
plain() {
    ${CC:-cc} $flags -o "$work/plain" "$work/plain.c" "$library" &&
        "$work/plain"
}
check "a program with ports that wait needs no libevent" plain

cxx=${CXX:-$(command -v g++ || command -v clang++ || :)}
if [ -z "$cxx" ]; then
    skipped "C++: no compiler for it is here"
    closing_line 0
    exit $?
fi
cp "$work/plain.c" "$work/plain.cc"
cp "$work/same.c" "$work/same.cc"
# shellcheck disable=SC2086 # words
cxx_links() { # NAME
    "$cxx" -Wall -Wextra -Werror $flags -o "$work/$1.cxx" "$work/$1.cc" \
        "$library" $events && "$work/$1.cxx"
}
check "C++: ports" cxx_links plain
check "C++: endpoints" cxx_links same
closing_line 0
exit $?
