#!/bin/sh
# The generated manual pages and completion: sound, and complete.
vdc=$TOP_BUILDDIR/xl-ext/xl-vdc
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
passed=0
failed=0
skipped=0

ok() {
    passed=$((passed + 1))
    echo "ok - $1"
}
not_ok() {
    failed=$((failed + 1))
    echo "not ok - $1"
    [ -z "${2:-}" ] || printf '%s\n' "$2" | sed 's/^/    /'
}

"$vdc" --generate-man >"$dir/xl-vdc.1" &&
    "$vdc" --generate-man-cfg >"$dir/xl-vdc.cfg.5" &&
    "$vdc" --generate-completion >"$dir/xl-vdc" ||
    not_ok "the pages can be made"

for page in xl-vdc.1 xl-vdc.cfg.5; do
    if command -v mandoc >/dev/null; then
        # style is not looked at: it wants short lines in the source, and
        # every other page that is named on this machine
        out=$(mandoc -Tlint -Wwarning "$dir/$page" 2>&1) &&
            ok "mandoc has no warning for $page" ||
            not_ok "mandoc has no warning for $page" "$out"
    elif command -v groff >/dev/null && command -v man >/dev/null; then
        out=$(man --warnings -l "$dir/$page" 2>&1 >/dev/null)
        [ -z "$out" ] && ok "man has no warning for $page" ||
            not_ok "man has no warning for $page" "$out"
    else
        echo "skip - neither mandoc nor man is here"
        skipped=$((skipped + 1))
    fi
done

# Every command is in the help, the page and the completion.
commands=$("$vdc" help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p')
n=0
missing=
for command in $commands; do
    n=$((n + 1))
    escaped=$(printf '%s' "$command" | sed 's/-/\\\\-/g')
    grep -q "^\.It Cm \\\\&$escaped" "$dir/xl-vdc.1" ||
        missing="$missing $command(man)"
    grep -q "^    $command[|)]" "$dir/xl-vdc" ||
        missing="$missing $command(completion)"
    "$vdc" "$command" --help >"$dir/help" 2>&1 ||
        missing="$missing $command(--help)"
    grep -q '^Examples:' "$dir/help" || missing="$missing $command(example)"
done
[ "$n" -ge 49 ] && [ -z "$missing" ] &&
    ok "$n commands are in help, page and completion" ||
    not_ok "$n commands are in help, page and completion" "$missing"

# Every status of the errors is in the page.
missing=
for status in 1 2 3 4 5 6 7 8 9 10 11 12 13 70 71 130 143; do
    # 1 is what no error has: a code that this version does not know
    [ "$status" = 1 ] || grep -q "^\.It $status\$" "$dir/xl-vdc.1" ||
        missing="$missing $status"
done
[ -z "$missing" ] && ok "every exit status is in the page" ||
    not_ok "every exit status is in the page" "$missing"

if command -v bash >/dev/null; then
    out=$(bash -n "$dir/xl-vdc" 2>&1) && ok "the completion is valid bash" ||
        not_ok "the completion is valid bash" "$out"
    mkdir "$dir/bin"
    cat >"$dir/bin/xl-vdc" <<'END'
#!/bin/sh
[ "$1 $2 $3" = "list -o name" ] && printf 'web\ndb\n'
[ "$1 $2 $3" = "host-list -o name" ] && printf 'h1\nh2\n'
END
    chmod +x "$dir/bin/xl-vdc"
    # complete WORD...: what is offered for the last word
    cat >"$dir/complete.bash" <<'END'
. "$1"; shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_xl_vdc
echo "${COMPREPLY[*]}"
END
    offer() {
        PATH="$dir/bin:$PATH" bash "$dir/complete.bash" "$dir/xl-vdc" "$@"
    }
    expect() {
        want=$1
        shift
        got=$(offer "$@")
        [ "$got" = "$want" ] && ok "completes: $*" ||
            not_ok "completes: $*" "wanted: $want
got:    $got"
    }
    expect "shutdown show" xl-vdc sh
    expect "web" xl-vdc start w
    expect "web db" xl-vdc -o json shutdown ""
    expect "--timeout" xl-vdc shutdown --t
    expect "text json name" xl-vdc list -o ""
    expect "customer-create customer-set customer-list customer-show \
customer-delete" xl-vdc help cust
    expect "mem-set mem-max" xl-vdc mem
    expect "web db" xl-vdc mem-set ""
    expect "web" xl-vdc sched-credit2 -d w
    expect "--deadline" xl-vdc mem-set --de
    expect "h1 h2" xl-vdc host-evacuate ""
    expect "web db" xl-vdc -H vdc.example:8443 shutdown ""
    expect "web db" xl-vdc migrate ""
    expect "h1 h2" xl-vdc migrate web ""
    expect "h2" xl-vdc migrate --live web h2
    expect "web db" xl-vdc migrate -C acme ""
    expect "h1 h2" xl-vdc -o json migrate -C acme -n web ""
    expect "--live" xl-vdc migrate web --l
    expect "text json name" xl-vdc migrate web -o ""
    expect "h1 h2" xl-vdc why-not web ""
    touch "$dir/bin/one.cfg"
    cd "$dir/bin" || exit 1
    expect "one.cfg" xl-vdc create o
else
    echo "skip - bash is not here"
    skipped=$((skipped + 1))
fi

if [ "$skipped" -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ "$failed" = 0 ]
