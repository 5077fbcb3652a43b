// SPDX-License-Identifier: Apache-2.0
/*
 * The floor under the exit benchmark: what a vCPU thread of ours does for each exit, in C.
 *
 *   kvm-exits    for each line on standard input, ENTRY WINDOWS in decimal: lets the guest start at ENTRY, takes
 *                WINDOWS times the time of EXITS exits, and prints the least, in nanoseconds per exit
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#define MEMORY_BYTES 0x40000
#define CODE 0x1000
#define EXITS 200

/* The same bytes as in ExitGuest.java. */
static const uint8_t code[] = {
    0xb8, 0x00, 0xd0,             /* mov ax,0xd000 */
    0x8e, 0xc0,                   /* mov es,ax */
    0xba, 0x80, 0x00,             /* mov dx,0x80 */
    0xee, 0xeb, 0xfd,             /* 1008: out dx,al; jmp 1008 */
    0x26, 0xa2, 0x00, 0x00,       /* 100b: mov es:0,al */
    0xeb, 0xfa,                   /* jmp 100b */
};

static uint64_t accesses;

static void die(const char *what)
{
    fprintf(stderr, "kvm-exits: %s: %s\n", what, strerror(errno));
    exit(1);
}

static __attribute__((noinline)) void port_write(uint16_t port, int bytes, uint64_t value)
{
    accesses += port == 0x80 && bytes == 1 && value <= 0xff;
}

static __attribute__((noinline)) void mmio_write(uint64_t gpa, int bytes, uint64_t value)
{
    accesses += gpa == 0xd0000 && bytes == 1 && value <= 0xff;
}

static uint64_t load(const void *from, int bytes)
{
    uint64_t value = 0;

    memcpy(&value, from, bytes);
    return value;
}

static void run(int vcpu, struct kvm_run *r, long exits)
{
    uint64_t end = accesses + exits;

    while (accesses < end) {
        if (ioctl(vcpu, KVM_RUN, 0) < 0) {
            if (errno == EINTR || errno == EAGAIN)
                continue;
            die("KVM_RUN");
        }
        switch (r->exit_reason) {
        case KVM_EXIT_IO: {
            const char *data = (char *)r + r->io.data_offset;

            if (r->io.direction != KVM_EXIT_IO_OUT)
                die("IN");
            for (uint32_t i = 0; i < r->io.count; i++, data += r->io.size)
                port_write(r->io.port, r->io.size, load(data, r->io.size));
            break;
        }
        case KVM_EXIT_MMIO:
            if (!r->mmio.is_write)
                die("read");
            mmio_write(r->mmio.phys_addr, r->mmio.len, load(r->mmio.data, r->mmio.len));
            break;
        default:
            die("exit reason");
        }
    }
}

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void set_up(int vcpu, long entry)
{
    struct kvm_regs regs = {.rip = CODE, .rflags = 2};
    struct kvm_sregs sregs;

    if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
        die("KVM_GET_SREGS");
    sregs.cs.base = sregs.cs.selector = 0;
    sregs.es.base = 0xd0000;
    sregs.es.selector = 0xd000;
    regs.rip = entry;
    regs.rdx = 0x80;
    if (ioctl(vcpu, KVM_SET_SREGS, &sregs) < 0 || ioctl(vcpu, KVM_SET_REGS, &regs) < 0)
        die("KVM_SET_REGS");
}

int main(void)
{
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    int vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
    int vcpu;
    long entry, windows;
    struct kvm_run *r;
    struct kvm_userspace_memory_region slot = {.memory_size = MEMORY_BYTES};
    uint64_t identity_map = 0xfffbc000;

    if (vm < 0)
        die("/dev/kvm");
    ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
    ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000);
    slot.userspace_addr = (uint64_t)mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy((char *)slot.userspace_addr + CODE, code, sizeof(code));
    if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) < 0 || (vcpu = ioctl(vm, KVM_CREATE_VCPU, 0)) < 0)
        die("KVM_CREATE_VCPU");
    r = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (r == MAP_FAILED)
        die("mmap");
    while (scanf("%ld %ld", &entry, &windows) == 2) {
        uint64_t least = UINT64_MAX;

        set_up(vcpu, entry);
        run(vcpu, r, EXITS);
        for (long i = 0; i < windows; i++) {
            uint64_t start = now();
            uint64_t spent;

            run(vcpu, r, EXITS);
            spent = now() - start;
            if (spent < least)
                least = spent;
        }
        printf("%.1f\n", (double)least / EXITS);
        fflush(stdout);
    }
    return 0;
}
