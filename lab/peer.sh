# SPDX-License-Identifier: Apache-2.0
# Sourced after test.sh by tests in which Debian's QEMU runs a guest on this machine, emulating its CPU, and hv is what the guest's
# disk is: a vhost-user back end. Neither L1 nor a /dev/kvm is needed.
# shellcheck shell=bash

socket=disk.sock    # below the directory of the test: a socket's path has to be short
peers=()
trap 'for p in "${peers[@]}"; do kill -KILL "$p" 2> /dev/null || true; done' EXIT

# Starts the back end; $backend is the process.
backend_start() { # LOG --drive's VALUE
    (cd "$out" && exec "$top/hv" vhost-user-blk --socket "$socket" --num-queues 2 --drive "$2") > "$out/$1" 2>&1 &
    backend=$!
    peers+=("$backend")
    wait_for "$1" 'is ready at' 60 "$backend"
}

# Boots a stock guest in QEMU from the back end; $guest is the process.
guest_start() { # LOG QEMU'S OPTIONS…
    local log=$1 tree initrd
    shift
    tree=$(with_cache_locked guest_kernel)
    initrd=$(with_cache_locked build_initramfs "$tree" "$lab/guest/init" "${guest_modules[@]}")
    (cd "$out" && exec qemu-system-x86_64 -accel tcg -M q35 -m 256M -smp 2 -nodefaults -no-user-config -nographic -no-reboot \
        -serial stdio -object memory-backend-memfd,id=ram,size=256M,share=on -machine memory-backend=ram \
        -chardev "socket,id=disk,path=$socket,reconnect=1" -device vhost-user-blk-pci,chardev=disk,num-queues=2 \
        -kernel "$tree/vmlinuz" -initrd "$initrd" -append "console=ttyS0 root=/dev/vda" "$@") < /dev/null > "$out/$log" 2>&1 &
    guest=$!
    peers+=("$guest")
}

wait_for() { # LOG PATTERN SECONDS PROCESS: a line, as long as the process lives
    local i
    for ((i = 0; i < $3 * 5; i++)); do
        ! grep -qE "$2" "$out/$1" 2> /dev/null || return 0
        kill -0 "$4" 2> /dev/null || fail "it ended before a line like '$2' in $1"
        sleep 0.2
    done
    fail "no line like '$2' in $1 within $3 s"
}

# Waits for a process to end with status 0.
wait_end() { # PROCESS SECONDS WHAT
    local i status=0
    for ((i = 0; i < $2 * 5; i++)); do
        kill -0 "$1" 2> /dev/null || break
        sleep 0.2
    done
    ! kill -0 "$1" 2> /dev/null || fail "$3 does not end within $2 s"
    wait "$1" || status=$?
    [ "$status" = 0 ] || fail "$3 ended with status $status"
}

# SIGTERM: it ends in good order, and takes its socket along.
backend_end() {
    kill -TERM "$backend"
    wait_end "$backend" 30 "the back end"
    [ ! -e "$out/$socket" ] || fail "the socket is still there"
}
