#!/bin/sh
# What README.md says of the simulator does what it says: each line that begins
# with the prompt "sim#" runs in one shell of tests/sim/play, as it stands.
SOURCE=$(cd "${TOP_SRCDIR:-.}" && pwd) || exit 1
. "$SOURCE/tests/check.sh"
TOP_BUILDDIR=$(cd "${TOP_BUILDDIR:-.}" && pwd) || exit 1
export TOP_BUILDDIR
WORK=$(mktemp -d) || exit 1
trap 'status=$?; rm -rf "$WORK"; closing_line "$status" || exit 1
    [ "$n_passed" -gt 0 ] || exit 77' EXIT

etcd=--etcd
if ! command -v etcd >/dev/null; then
    etcd=
    skipped "moving the store: there is no etcd"
fi

# A line that is printed after each says how it ended.
sed -n '/ETCD\|stop-policyd\|start-policyd/{'"${etcd:+b keep
}"'d}
: keep
s/^    sim# //p' "$SOURCE/README.md" >"$WORK/lines"
check "README.md has such lines" test "$(wc -l <"$WORK/lines")" -gt 10
while IFS= read -r line; do
    printf '%s\n' "$line"
    printf 'printf "%%s %%s\\n" "$?" %s >>%s\n' \
        "'$(printf '%s' "$line" | sed "s/'/'\\\\''/g")'" "$WORK/ended"
done <"$WORK/lines" >"$WORK/script"
: >"$WORK/ended"
# shellcheck disable=SC2086 # nothing, or one word
timeout 120 "$SOURCE/tests/sim/play" $etcd sh "$WORK/script" \
    >"$WORK/out" 2>&1
check "the daemons started and all lines were run" test \
    "$(wc -l <"$WORK/ended")" = "$(wc -l <"$WORK/lines")"
[ -s "$WORK/ended" ] || sed 's/^/    /' "$WORK/out"
while read -r status line; do
    if [ "$status" = 0 ]; then
        passed "$line"
    else
        failed "$line" "status $status" "$(tail -n 20 "$WORK/out")"
    fi
done <"$WORK/ended"
