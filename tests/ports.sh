# Sourced by scripts whose programs listen on ports of this machine.  POSIX sh.
#
# take_ports: prints the first of eight that nobody has, and that nobody else
# who asks here gets as long as this shell runs.  They are below those that
# the kernel gives to who asks for any.

PORTS_FIRST=20000
PORTS_BLOCKS=1500
# Files named as the first of eight, with the number of the shell in it.
PORTS_TAKEN=/tmp/xen-vdc-ports.$(id -u)

ports_are_free() { # FIRST
    # shellcheck disable=SC2046
    pattern=$(printf '%04X|' $(seq "$1" $(($1 + 7))))
    ! cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        grep -qiE ":(${pattern%|}) "
}
ports_forget_dead() {
    for file in "$PORTS_TAKEN"/[0-9]*; do
        [ ! -e "$file" ] || kill -0 "$(cat "$file")" 2>/dev/null ||
            rm -f "$file"
    done
}
take_ports() (
    mkdir -p -m 700 "$PORTS_TAKEN" || exit 1
    exec 9>"$PORTS_TAKEN/lock"
    flock 9 || exit 1
    ports_forget_dead
    block=$(($$ % PORTS_BLOCKS))
    for _ in $(seq $PORTS_BLOCKS); do
        first=$((PORTS_FIRST + block * 8))
        if [ ! -e "$PORTS_TAKEN/$first" ] && ports_are_free $first; then
            echo $$ >"$PORTS_TAKEN/$first"
            echo $first
            exit 0
        fi
        block=$(((block + 1) % PORTS_BLOCKS))
    done
    echo "no eight ports are free from $PORTS_FIRST on" >&2
    exit 1
)
