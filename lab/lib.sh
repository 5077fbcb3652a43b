# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts beside it: Debian packages fetched without installing them, kernels unpacked, initramfs made.
# shellcheck shell=bash

# A failure inside $(…) is one, too.
shopt -s inherit_errexit

# Where mke2fs and its like are, for one who is not root.
PATH=$PATH:/usr/sbin:/sbin
lab=$(cd "${BASH_SOURCE[0]%/*}" && pwd -P)
top=${lab%/*}
cache=${LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/miraflores/lab}

say() { echo "lab: $*" >&2; }
die() { say "$*"; exit 125; }

# One preparation at a time, whoever asks; the rest of the script runs unlocked.
with_cache_locked() { # COMMAND…
    local lock
    mkdir -p "$cache"
    exec {lock}> "$cache/lock"
    flock "$lock"
    "$@"
    exec {lock}>&-
}

# --- packages ----------------------------------------------------------------------------------------------------

apt_get() { # its output only when it fails
    apt-get "$@" > "$cache/apt.log" 2>&1
}

fetch_debs() { # PACKAGE…: prints the paths of their .debs
    local package missing=()
    mkdir -p "$cache/deb"
    for package; do
        compgen -G "$cache/deb/${package}_*.deb" > /dev/null || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] \
        || (cd "$cache/deb" && { apt_get download -q "${missing[@]}" || { apt_get update -q && apt_get download -q "${missing[@]}"; }; }) \
        || { cat "$cache/apt.log" >&2; die "cannot download the Debian packages ${missing[*]}"; }
    for package; do compgen -G "$cache/deb/${package}_*.deb" | tail -n 1; done
}

unpacked() { # PACKAGE PATH-IN-IT: prints the path of that file
    local tree=$cache/programs/$1 deb
    if [ ! -e "$tree/$2" ]; then
        deb=$(fetch_debs "$1")
        mkdir -p "$tree"
        dpkg-deb -x "$deb" "$tree"
    fi
    echo "$tree/$2"
}

program() { # NAME PACKAGE PATH-IN-IT: prints a path that runs it, installed or not
    command -v "$1" || unpacked "$2" "$3"
}

# The libraries that a package depends on, and those that they depend on, by name: what else it depends on is for other
# programs of its.
library_packages() { # PACKAGE: prints it and them
    apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$1" 2>/dev/null \
        | awk -v start="$1" '
            /^[^ ]/ { of = $1 }
            /Depends: (lib|zlib)/ { needs[of] = needs[of] " " $2 }
            END {
                queue[n = 1] = start; seen[start]
                for (i = 1; i <= n; i++) {
                    print queue[i]
                    split(needs[queue[i]], more)
                    for (m in more) if (!(more[m] in seen)) { seen[more[m]]; queue[++n] = more[m] }
                }
            }'
}

# The loader that comes with libc6 of a tree: where /usr is one with / it is packaged below that.
loader_of() { compgen -G "$1/lib64/ld-linux*" || compgen -G "$1/usr/lib64/ld-linux*"; }

with_libraries() { # NAME PACKAGE:PATH-IN-IT…: prints a tree that has those programs and modules, what they load, and nothing else
    local name=$1 tree=$cache/programs/$1.alone all packages debs deb loader paths
    shift
    if [ ! -e "$tree" ]; then
        find_packages() { local p; for p; do library_packages "${p%%:*}"; done | sort -u; }
        mapfile -t packages < <(find_packages "$@")
        [ ${#packages[@]} -gt $# ] || { apt_get update -q || true; mapfile -t packages < <(find_packages "$@"); }
        [ ${#packages[@]} -gt $# ] || die "apt does not know all of ${*%%:*}"
        say "unpacking $name and the libraries that it loads"
        mapfile -t debs < <(fetch_debs "${packages[@]}")
        all=$(mktemp -d "$cache/unpack.XXXXXX")
        for deb in "${debs[@]}"; do dpkg-deb -x "$deb" "$all"; done
        mkdir "$all/alone"
        (
            cd "$all"
            loader=$(loader_of .)
            paths=$(find "$all" -name '*.so*' -printf '%h\n' | sort -u | paste -sd :)
            # The loader that goes along says what is loaded, each with its path here.
            for path in "${@#*:}"; do
                "$loader" --inhibit-cache --library-path "$paths" --list "$path"
            done | sed -n "s|.* => $all/\(.*\) (0x.*|\1|p" | sort -u > loaded
            xargs cp -L --parents -t alone "${@#*:}" "${loader#./}" < loaded
        )
        mkdir -p "$cache/programs"
        mv "$all/alone" "$tree"
        rm -rf "$all"
    fi
    echo "$tree"
}

# Another release of Debian's, from where this machine has its own, with a cache and lists apart: nothing of it is installed.
in_suite() { # SUITE COMMAND…: runs COMMAND so that packages are those of SUITE
    (
        mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' | sed -n 's/^[a-z]* //p' | head -n 1)
        [ -n "$mirror" ] || die "apt has no source to take $1 from: apt-get update"
        cache=$cache/$1
        mkdir -p "$cache/apt/lists/partial" "$cache/apt/cache/archives/partial"
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" > "$cache/apt/sources.list"
        cat > "$cache/apt/apt.conf" <<CONF
Dir::State::lists "$cache/apt/lists";
Dir::State::status "/dev/null";
Dir::Cache "$cache/apt/cache";
Dir::Etc::sourcelist "$cache/apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
CONF
        export APT_CONFIG=$cache/apt/apt.conf
        shift
        "$@"
    )
}

static_busybox() { # prints its path: guests have no libraries
    local busybox
    busybox=$(command -v busybox || true)
    if [ -n "$busybox" ] && ! head -c 4096 "$busybox" | grep -qa /ld-linux; then echo "$busybox"; return; fi
    unpacked busybox-static bin/busybox
}

# --- kernels -----------------------------------------------------------------------------------------------------

newest_kernel() { # METAPACKAGE: prints the package that apt's lists say it stands for
    apt-cache depends "$1" 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
}

kernel_package() { # METAPACKAGE: prints the package to use; the lists are made new before anything is downloaded
    local package
    package=$(newest_kernel "$1")
    if [ -z "$package" ] || [ ! -e "$cache/kernels/$package/version" ]; then
        apt_get update -q || true
        package=$(newest_kernel "$1")
    fi
    [ -n "$package" ] || die "apt knows no $1; name a kernel package in LAB_L1_KERNEL or LAB_GUEST_KERNEL"
    echo "$package"
}

# The ELF inside a bzImage: xz in Debian's generic kernels, lz4 in its cloud kernels.
extract_vmlinux() { # BZIMAGE OUT
    local offset
    offset=$(LC_ALL=C grep -abo -m 1 -P '\xFD7zXZ\x00' "$1" | head -n 1 | cut -d: -f1) || true
    if [ -n "$offset" ]; then
        tail -c "+$((offset + 1))" "$1" | xz -dc --single-stream > "$2" 2>/dev/null || true
    else
        offset=$(LC_ALL=C grep -abo -m 1 -P '\x02\x21\x4C\x18' "$1" | head -n 1 | cut -d: -f1) || true
        [ -n "$offset" ] || die "$1: neither xz nor lz4 inside"
        tail -c "+$((offset + 1))" "$1" | "$(program lz4 lz4 usr/bin/lz4)" -dcq > "$2" 2>/dev/null || true
    fi
    [ "$(head -c 4 "$2" | tail -c 3)" = ELF ] || die "$1: no ELF inside"
}

unpack_kernel() { # PACKAGE: prints its tree, with vmlinuz, vmlinux, version, lib/modules
    local tree=$cache/kernels/$1 version deb
    if [ ! -e "$tree/version" ]; then
        say "unpacking $1"
        deb=$(fetch_debs "$1")
        rm -rf "$tree"; mkdir -p "$tree"
        dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$tree" ./boot ./lib
        version=$(ls "$tree/lib/modules")
        "$(static_busybox)" depmod -b "$tree" "$version"
        mv "$tree/boot/vmlinuz-$version" "$tree/vmlinuz"
        extract_vmlinux "$tree/vmlinuz" "$tree/vmlinux"
        echo "$version" > "$tree/version"
    fi
    echo "$tree"
}

# The kernels that the lab runs: printed as trees. L1's has 9p, which a cloud kernel lacks.
l1_kernel() { unpack_kernel "${LAB_L1_KERNEL:-$(kernel_package linux-image-amd64)}"; }
guest_kernel() { unpack_kernel "${LAB_GUEST_KERNEL:-$(kernel_package linux-image-cloud-amd64)}"; }

# --- initramfs ---------------------------------------------------------------------------------------------------

# Copies modules and what they need, and lists them in the order to load them in.
copy_modules() { # TREE DIRECTORY MODULE…
    local tree=$1 to=$2 module path
    local index=$tree/lib/modules/$(<"$tree/version")/modules.dep
    local -A copied=()
    shift 2
    copy_with_needs() { # path in modules.dep
        [ -z "${copied[$1]:-}" ] || return 0
        copied[$1]=1
        local needed
        for needed in $(sed -n "s|^$1: *||p" "$index"); do copy_with_needs "$needed"; done
        cp "${index%/*}/$1" "$to/"
        echo "${1##*/}" >> "$to/order"
    }
    mkdir -p "$to"
    for module in "$@"; do
        path=$(grep -oE "^[^:]*/${module//[_-]/[_-]}\.ko:" "$index" | head -n 1)
        [ -n "$path" ] || die "$tree has no module $module"
        copy_with_needs "${path%:}"
    done
}

build_initramfs() { # TREE INIT MODULE…: prints the path of an initramfs with busybox, INIT and these modules
    local tree=$1 init=$2 stage out
    shift 2
    out=$tree/initramfs-$({ cat "$init" "$lab/lib.sh"; echo "$@"; } | cksum | cut -d ' ' -f 1).gz
    if [ ! -e "$out" ]; then
        stage=$(mktemp -d)
        mkdir -p "$stage"/{bin,proc,sys,dev,root}
        cp "$(static_busybox)" "$stage/bin/busybox"
        install -m 755 "$init" "$stage/init"
        copy_modules "$tree" "$stage/modules" "$@"
        (cd "$stage" && find . | LC_ALL=C sort | "$(static_busybox)" cpio -o -H newc 2>/dev/null) | gzip -1n > "$out.new"
        mv "$out.new" "$out"
        rm -rf "$stage"
    fi
    echo "$out"
}

# --- QEMU's own client of QMP ------------------------------------------------------------------------------------

qemu_python() { # prints the directory that has the Python package qemu.qmp, of Debian's source of QEMU
    local tree=$cache/programs/qemu-python work
    if [ ! -e "$tree" ]; then
        say "fetching QEMU's QMP client from Debian's source package"
        work=$(mktemp -d "$cache/source.XXXXXX")
        mkdir -p "$work/lists/partial"
        # The sources of the packages that apt is set up for.
        apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Origin: Debian' 'Component: main' \
            | sort -u | sed 's/^/deb-src /; s/$/ main/' > "$work/sources.list"
        (
            cd "$work"
            apt_get -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$work/lists" update -q
            apt_get -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$work/lists" \
                source --download-only -q qemu
            mkdir tree
            tar -xJf qemu_*.orig.tar.xz -C tree --strip-components=2 --wildcards '*/python/qemu'
        ) || { cat "$cache/apt.log" >&2; die "cannot fetch Debian's source of QEMU"; }
        mkdir -p "$cache/programs"
        mv "$work/tree" "$tree"
        rm -rf "$work"
    fi
    echo "$tree"
}
