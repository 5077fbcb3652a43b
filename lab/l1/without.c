// SPDX-License-Identifier: Apache-2.0
// without io_uring|aio... -- COMMAND...: runs COMMAND where a seccomp filter refuses these system calls, as the profiles
// of container runtimes do.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_NAMES 8

static int setup_call(const char *name)
{
    // Without its setup call neither has anything that the others could be used on.
    return strcmp(name, "io_uring") == 0 ? SYS_io_uring_setup : strcmp(name, "aio") == 0 ? SYS_io_setup : -1;
}

int main(int argc, char **argv)
{
    struct sock_filter filter[4 + 2 * MAX_NAMES + 1];
    unsigned short n = 0;
    int i;

    filter[n++] = (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    filter[n++] = (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
    filter[n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    filter[n++] = (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        int nr = setup_call(argv[i]);
        if (nr < 0 || i > MAX_NAMES) {
            break;
        }
        filter[n++] = (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned) nr, 0, 1);
        filter[n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    }
    filter[n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    if (i + 1 >= argc || strcmp(argv[i], "--") != 0) {
        fprintf(stderr, "without io_uring|aio... -- COMMAND...\n");
        return 2;
    }

    struct sock_fprog program = { n, filter };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("without: seccomp");
        return 125;
    }
    execvp(argv[i + 1], argv + i + 1);
    perror(argv[i + 1]);
    return 127;
}
