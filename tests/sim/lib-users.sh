# Sourced after lib.sh by the tests that act as several unix accounts: skips
# them where that cannot be, and gives as_user a copy of xl-vdc that any
# account can run, as the build folder may be where others cannot look.

if [ "$(id -u)" != 0 ]; then
    skipped "acting as other accounts needs root"
    exit 0
fi
command -v setpriv >/dev/null || {
    skipped "setpriv is not here"
    exit 0
}
mkdir -m 755 "$WORK/bin"
cp "$BIN/xl-ext/xl-vdc" "$WORK/bin/"
as_user() { # UID COMMAND...
    uid=$1
    shift
    setpriv --reuid "$uid" --regid "$uid" --clear-groups "$WORK/bin/xl-vdc" \
        "$@"
}
