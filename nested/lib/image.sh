# Making dom0's image. A cache entry $bed_cache/HASH holds:
#   dom0.img   root file system (raw, sparse)    initrd    finds and mounts it
#   vmlinux    dom0's kernel, and the guests'    xen       the hypervisor
#   key, key.pub, known_hosts                    of the control connection
# It is made in a directory beside it and renamed when it is whole, so that an
# interrupted build leaves no entry. HASH is over everything of ours that goes
# in; which versions Debian has at the time does not count.

. "$bed_src/../examples/guest/kernel.sh"

image_size=4G
# Drivers between the kernel and its root disk.
initrd_modules=(virtio_pci virtio_blk crc32c_generic ext4)

# Units that a bed has no use for; each would cost time at every boot.
masked_units=(getty.target getty@tty1.service systemd-logind.service
    systemd-pstore.service systemd-timesyncd.service e2scrub_reap.service
    e2scrub_all.timer fstrim.timer dpkg-db-backup.timer hwclock.service
    systemd-tmpfiles-clean.timer blk-availability.service
    systemd-update-utmp.service systemd-update-utmp-runlevel.service
    systemd-random-seed.service systemd-hwdb-update.service
    systemd-update-done.service systemd-firstboot.service
    systemd-machine-id-commit.service systemd-pcrphase.service
    systemd-pcrphase-sysinit.service proc-sys-fs-binfmt_misc.automount
    dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount
    sys-kernel-tracing.mount sys-kernel-config.mount
    sys-fs-fuse-connections.mount modprobe@.service kmod-static-nodes.service
    systemd-tmpfiles-setup-dev.service systemd-sysusers.service
    systemd-repart.service systemd-sysext.service systemd-initctl.socket
    systemd-journald-audit.socket systemd-user-sessions.service
    lvm2-monitor.service lvm2-lvmpolld.socket dm-event.socket
    remote-fs.target systemd-ask-password-wall.path
    systemd-ask-password-console.path systemd-remount-fs.service)

# Debian's xendomains saves every guest at shutdown and restores it at boot:
# those that are not its own too.
masked_units+=(xendomains.service)

# Programs that look at every boot for what a bed never has.
masked_generators=(cryptsetup debug fstab getty gpt-auto hibernate-resume
    integritysetup rc-local system-update veritysetup)

image_inputs()
{
    find "$bed_src/image" "$bed_src/lib/image.sh" \
        "$bed_top/examples/guest" -type f ! -name '*.md' \
        ! -name '*~' ! -name '.*' | LC_ALL=C sort
}

# image_hash: prints the name of the image that the sources stand for now.
image_hash()
{
    local file

    while read -r file; do
        printf '%s %o\n' "${file#"$bed_top"}" $((0$(stat -c %a "$file") & 73))
        cat "$file"
    done < <(image_inputs) | sha256sum | cut -c 1-16
}

image_ready()
{
    [ -f "$bed_cache/$1/dom0.img" ]
}

# image_build: makes the image unless it is there. Builds at the same time
# wait for each other.
image_build()
{
    local hash start lock

    hash=$(image_hash)
    if image_ready "$hash"; then
        say "image $hash is there"
        return 0
    fi
    [ "$(id -u)" -eq 0 ] || die "building the image needs root"
    need mmdebstrap mke2fs xz cpio depmod modprobe ssh-keygen apt-get dpkg-deb
    mkdir -p "$bed_cache"
    exec {lock}> "$bed_cache/lock"
    flock -n "$lock" || { say "waiting for another build"; flock "$lock"; }
    image_ready "$hash" && return 0
    start=$(now_ms)
    # Whoever holds the lock is the only one who builds: what lies there is
    # from a build that was killed.
    rm -rf --one-file-system "$bed_cache"/new.*
    image_tmp=$bed_cache/new.$$
    trap 'rm -rf --one-file-system "$image_tmp"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    mkdir "$image_tmp"
    image_make "$image_tmp"
    mkdir "$image_tmp/done" &&
        (cd "$image_tmp" && mv dom0.img initrd vmlinux xen key key.pub \
            known_hosts done/) &&
        mv "$image_tmp/done" "$bed_cache/$hash" ||
        die "build: cannot write to $bed_cache"
    say "image $hash made in $(seconds_since "$start") s," \
        "$(du -sh "$bed_cache/$hash" | cut -f 1)"
}

# image_make DIR: each step says what it does; what the tools print goes to
# DIR/../build.log.
image_make()
{
    local dir=$1 log=$bed_cache/build.log step

    : > "$log"
    for step in rootfs kernel guest keys settings disk; do
        say "build: $step"
        # Not before "||" or in an "if": there, set -e would do nothing.
        (set -e; "image_$step" "$dir" "$dir/root") >> "$log" 2>&1 </dev/null
        [ $? -eq 0 ] ||
            { tail -n 20 "$log" >&2; die "build: $step failed (see $log)"; }
    done
}

# The packages come from wherever this machine has its own Debian packages.
image_rootfs()
{
    local dir=$1 root=$2 exclude

    apt-get indextargets 'Created-By: Packages' 'Origin: Debian' \
        --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' |
        grep -E '^deb [^ ]+ bookworm' | sort -u > "$dir/sources.list"
    [ -s "$dir/sources.list" ] || {
        echo "apt has no list of Debian 12's packages; run: apt-get update"
        return 1
    }
    exclude=()
    for what in doc man info locale lintian; do
        exclude+=("--dpkgopt=path-exclude=/usr/share/$what/*")
    done
    # mmdebstrap keeps what it works on in TMPDIR.
    mkdir "$dir/tmp"
    TMPDIR=$dir/tmp mmdebstrap --quiet --mode=root --variant=essential \
        --dpkgopt=force-unsafe-io "${exclude[@]}" \
        --include="$(grep -v '^#' "$bed_src/image/packages.dom0" |
            paste -sd,)" \
        bookworm "$root" "$dir/sources.list"
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* \
        "$root"/usr/lib/udev/hwdb.* "$root"/var/cache/debconf/*-old
}

# Hypervisor, kernel and the modules of the list; they are not installed as
# packages, which would bring a boot loader and every driver there is.
image_kernel()
{
    local dir=$1 root=$2 name deb version what from to

    mkdir "$dir/debs"
    deb=$(deb_fetch "$dir/debs" xen-hypervisor-4.17-amd64)
    dpkg-deb -x "$deb" "$dir/hv"
    # QEMU loads the ELF image; it hangs on the compressed one.
    gunzip -c "$dir/hv/boot/xen-4.17-amd64.gz" > "$dir/xen"
    name=$(kernel_package)
    version=${name#linux-image-}
    deb=$(deb_fetch "$dir/debs" "$name")
    dpkg-deb -x "$deb" "$dir/kernel"
    depmod -b "$dir/kernel" "$version"
    kernel_unpack "$dir/kernel/boot/vmlinuz-$version" "$dir/vmlinux"
    cp "$dir/hv/boot/xen-4.17-amd64.config" \
        "$dir/kernel/boot/config-$version" "$root/boot/"

    from=$dir/kernel/lib/modules/$version
    to=$root/usr/lib/modules/$version
    mkdir -p "$to"
    cp "$from"/modules.{builtin,builtin.modinfo,order} "$to/"
    while read -r what; do
        (cd "$from" && cp -a --parents "kernel/${what%/}" "$to/")
    done < <(grep -v '^#' "$bed_src/image/modules.dom0")
    # What the chosen ones need from elsewhere.
    while read -r what; do
        [ -f "$to/$what" ] ||
            (cd "$from" && cp -a --parents "$what" "$to/")
    done < <(image_module_needs "$from" "$to")
    depmod -b "$root" "$version"
    image_initrd "$dir" "$version"
}

# image_module_needs FROM TO: the modules that those in TO depend on, by
# FROM's modules.dep (which is complete: it names indirect ones too).
image_module_needs()
{
    local file deps

    while IFS=: read -r file deps; do
        [ -f "$2/$file" ] || continue
        [ -z "$deps" ] || printf '%s\n' $deps
    done < "$1/modules.dep" | sort -u
}

image_initrd()
{
    local dir=$1 version=$2 deb

    deb=$(deb_fetch "$dir/debs" busybox-static)
    dpkg-deb -x "$deb" "$dir/busybox"
    mkdir -p "$dir/initrd.d"/{bin,dev,proc,root}
    cp "$dir/busybox/bin/busybox" "$dir/initrd.d/bin/"
    install -m 0755 "$bed_src/image/initrd-init" "$dir/initrd.d/init"
    kernel_modules "$dir/kernel" "$version" "$dir/initrd.d" \
        "${initrd_modules[@]}"
    initramfs_pack "$dir/initrd.d" "$dir/initrd"
}

image_guest()
{
    local dir=$1 images=$2/var/lib/xen-vdc/images

    "$bed_top/examples/guest/build" -d "$dir/debs" "$dir/guest"
    install -d -m 0755 "$images"
    install -m 0644 "$dir/guest/guest.vmlinuz" "$images/vmlinuz"
    install -m 0644 "$dir/guest/guest.initramfs" "$images/initramfs"
}

image_keys()
{
    local dir=$1 root=$2

    ssh-keygen -q -t ed25519 -N '' -C bed -f "$dir/key"
    install -d -m 0700 "$root/root/.ssh"
    install -m 0600 "$dir/key.pub" "$root/root/.ssh/authorized_keys"
    rm -f "$root"/etc/ssh/ssh_host_*
    ssh-keygen -q -t ed25519 -N '' -C dom0 \
        -f "$root/etc/ssh/ssh_host_ed25519_key"
    echo "dom0 $(cut -d ' ' -f 1,2 \
        "$root/etc/ssh/ssh_host_ed25519_key.pub")" > "$dir/known_hosts"
}

image_settings()
{
    local root=$2 unit

    cp -r "$bed_src/image/rootfs/." "$root/"
    chown -R 0:0 "$root/etc/ssh" "$root/etc/systemd" "$root/usr/local"
    sed -i 's|^#*XENSTORED=.*|XENSTORED=/usr/lib/xen-4.17/bin/xenstored|' \
        "$root/etc/default/xen"
    # Without the directory, xenconsoled writes no log and says nothing.
    mkdir -p "$root/var/log/xen/console"
    echo 'XENCONSOLED_ARGS=--log=guest' >> "$root/etc/default/xen"
    grep -q '^XENSTORED=.*/xenstored$' "$root/etc/default/xen"
    chroot "$root" useradd -m -s /bin/bash -u 2001 acme
    chroot "$root" useradd -m -s /bin/bash -u 2002 globex
    # Each bed gets its own by the kernel command line.
    rm -f "$root/etc/hostname" "$root/etc/machine-id"
    : > "$root/etc/machine-id"
    printf '127.0.0.1\tlocalhost\n' > "$root/etc/hosts"
    mkdir -p "$root/var/log/journal"
    for unit in "${masked_units[@]}"; do
        ln -sf /dev/null "$root/etc/systemd/system/$unit"
    done
    mkdir -p "$root/etc/systemd/system-generators"
    for unit in "${masked_generators[@]}"; do
        ln -sf /dev/null \
            "$root/etc/systemd/system-generators/systemd-$unit-generator"
    done
    rm -f "$root/etc/systemd/system/multi-user.target.wants/remote-fs.target"
    for unit in bed-network bed-ready; do
        ln -s "../$unit.service" \
            "$root/etc/systemd/system/multi-user.target.wants/"
    done
    ln -sf /lib/systemd/system/multi-user.target \
        "$root/etc/systemd/system/default.target"
}

image_disk()
{
    local dir=$1 root=$2

    truncate -s "$image_size" "$dir/dom0.img"
    mke2fs -q -t ext4 -L dom0 -m 0 -E lazy_itable_init=1 \
        -d "$root" "$dir/dom0.img"
}
