# Functions on Debian's kernel package, for the two that boot it: the example
# guest (examples/guest/build) and the bed's dom0 (nested/). Sourced by bash.
# Each prints what is wrong to stderr and returns non-zero.

# deb_fetch DIR NAME: downloads the candidate version of package NAME with the
# machine's own apt into DIR, unless a version of it is there; prints its path.
deb_fetch()
{
    local dir=$1 name=$2 file

    for file in "$dir/${name}"_*.deb; do
        [ -f "$file" ] && { printf '%s\n' "$file"; return 0; }
    done
    # Without a sandbox user: DIR need not be readable by _apt.
    (cd "$dir" && apt-get -q=2 -o APT::Sandbox::User=root \
        download "$name" >&2) || {
        echo "cannot download the package $name" \
             "(has 'apt-get update' been run?)" >&2
        return 1
    }
    for file in "$dir/${name}"_*.deb; do
        [ -f "$file" ] && { printf '%s\n' "$file"; return 0; }
    done
    return 1
}

# kernel_package: prints the name of the package that linux-image-amd64 stands
# for today.
kernel_package()
{
    local name

    name=$(apt-cache depends linux-image-amd64 2>/dev/null |
        sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*-amd64\)$/\1/p' |
        head -n 1)
    [ -n "$name" ] || {
        echo "apt knows no linux-image-amd64" \
             "(has 'apt-get update' been run?)" >&2
        return 1
    }
    printf '%s\n' "$name"
}

# le32 FILE OFFSET: prints the 32-bit little-endian number there.
le32()
{
    od -An -v -t u4 --endian=little -j "$2" -N 4 "$1" | tr -d ' '
}

# kernel_unpack BZIMAGE VMLINUX: takes the ELF image out of a Linux bzImage.
# Where it lies is in the setup header (Documentation/x86/boot.rst, protocol
# 2.08 and later). Debian compresses with xz. Done once here, it spares every
# boot of the kernel its own decompression, 10 s under emulation.
kernel_unpack()
{
    local bz=$1 out=$2 sects start len

    [ "$(dd if="$bz" bs=1 skip=514 count=4 status=none)" = HdrS ] || {
        echo "$bz is not a Linux bzImage" >&2
        return 1
    }
    sects=$(od -An -t u1 -j 497 -N 1 "$bz" | tr -d ' ')
    [ "$sects" -ne 0 ] || sects=4
    start=$(((sects + 1) * 512 + $(le32 "$bz" 584)))
    len=$(le32 "$bz" 588)
    # The four bytes after the stream (its unpacked size) are not xz's.
    xz -dc --single-stream > "$out" \
        < <(tail -c "+$((start + 1))" "$bz" | head -c "$len") || return 1
    [ "$(od -An -t x1 -N 4 "$out" | tr -d ' ')" = 7f454c46 ] || {
        echo "what $bz holds is not an ELF image" >&2
        return 1
    }
}

# kernel_modules BASE VERSION DEST NAME...: copies the named modules and all
# that they need from BASE/lib/modules/VERSION to DEST/lib/modules, and writes
# DEST/lib/modules/order: their file names, each after what it needs. depmod
# must have run on BASE.
kernel_modules()
{
    local base=$1 version=$2 dest=$3 name deps kind file

    shift 3
    mkdir -p "$dest/lib/modules"
    : > "$dest/lib/modules/order"
    for name; do
        deps=$(modprobe -C /dev/null -d "$base" -S "$version" \
            --show-depends "$name") || return 1
        while read -r kind file _; do
            [ "$kind" = insmod ] || continue
            grep -qx "${file##*/}" "$dest/lib/modules/order" && continue
            cp "$file" "$dest/lib/modules/" || return 1
            printf '%s\n' "${file##*/}" >> "$dest/lib/modules/order"
        done <<< "$deps"
    done
}

# initramfs_pack DIR FILE: packs DIR, every file root's, as an initramfs.
initramfs_pack()
{
    (cd "$1" && find . -print0 | sort -z |
        cpio --null --create --quiet --format=newc --owner=0:0 |
        gzip -9n) > "$2"
}
