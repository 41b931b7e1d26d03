#!/bin/sh
# Holds the table of xl.cfg keys against xl.cfg(5) of the machine: each key
# that the manual documents is either honoured or refused by name.  Skipped
# where the manual is not installed; $XL_CFG_5 names another copy.
vdc=${XL_VDC:-$TOP_BUILDDIR/xl-ext/xl-vdc}
page=${XL_CFG_5:-}
for p in /usr/share/man/man5/xl.cfg.5 /usr/share/man/man5/xl.cfg.5.gz; do
    [ -z "$page" ] && [ -f "$p" ] && page=$p
done
if [ -z "$page" ]; then
    echo "skip - xl.cfg(5) is not on this machine (Debian: xen-utils-common)"
    echo "0 passed, 0 failed, 1 skipped"
    exit 77
fi
case "$page" in
*.gz) text() { gzip -dc "$page"; } ;;
*) text() { cat "$page"; } ;;
esac

# Entries of lists that are not inside another list; those inside are the
# keywords of a device's specification.
keys=$(text | awk '
    /^\.RS/ { depth++ }
    /^\.RE/ { depth-- }
    depth == 0 && /^(\.ie n |\.el )?\.IP "\\fB/ {
        while (match($0, /\\fB[a-z][a-z0-9_]*=/)) {
            print substr($0, RSTART + 3, RLENGTH - 4)
            $0 = substr($0, RSTART + RLENGTH)
        }
    }' | sort -u)

passed=0
failed=0
for key in $keys; do
    # A value that is right for hardly any key: what matters is that the key
    # is known.
    out=$("$vdc" config-check name=x kernel=/k "$key=[\"?\"]" 2>&1)
    case "$out" in
    *"unknown key"*)
        echo "not ok - xl.cfg(5) has '$key', and the table has not"
        failed=$((failed + 1)) ;;
    *"'$key'"*)
        passed=$((passed + 1)) ;;
    *)
        # a list of strings is right for these, if they say so at all
        case "$key" in
        bootloader_args) passed=$((passed + 1)) ;;
        *)
            echo "not ok - '$key' is taken without a word: $out"
            failed=$((failed + 1)) ;;
        esac ;;
    esac
done
echo "$((passed + failed)) keys of $page"
if [ $((passed + failed)) -lt 100 ]; then
    echo "not ok - too few keys: the page was not understood"
    failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
