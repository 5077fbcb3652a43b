// SPDX-License-Identifier: Apache-2.0
// startup ROUNDS COMMAND_A COMMAND_B: how long from exec to the first byte on standard output, the two in turn, and
// what is resident then, file-backed pages included. Each command is killed once it has been measured.
// Prints `startup-ms` and `startup-resident-mib`, a line each, ours being the first command's; medians.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

enum { MAX_ROUNDS = 201, LIMIT_MS = 20000 };

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static double resident_kib(pid_t pid) {
    char path[64], line[256];
    double kib = -1;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "Rss: %lf", &kib) == 1) break;
    }
    if (f) fclose(f);
    return kib;
}

static int measure(const char *command, double *wall, double *rss) {
    int out[2];
    if (pipe(out)) { perror("pipe"); return -1; }
    double start = now_ms();
    pid_t pid = vfork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        setpgid(0, 0);
        dup2(null, 0);
        dup2(out[1], 1);
        dup2(null, 2);
        close(out[0]);
        close(out[1]);
        execl("/bin/sh", "sh", "-c", command, (char *)0);
        _exit(127);
    }
    close(out[1]);
    struct pollfd p = { .fd = out[0], .events = POLLIN };
    char byte;
    int ok = poll(&p, 1, LIMIT_MS) == 1 && read(out[0], &byte, 1) == 1;
    *wall = now_ms() - start;
    *rss = resident_kib(pid);
    kill(-pid, SIGKILL);
    waitpid(pid, 0, 0);
    close(out[0]);
    if (!ok) fprintf(stderr, "startup: no byte from: %s\n", command);
    return ok ? 0 : -1;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_line(const char *name, double ours, double peer) {
    printf("%s ours=%.1f peer=%.1f ratio=%.2f\n", name, ours, peer, ours / peer);
}

int main(int argc, char **argv) {
    if (argc != 4) { fprintf(stderr, "usage: startup ROUNDS COMMAND_A COMMAND_B\n"); return 2; }
    int rounds = atoi(argv[1]);
    if (rounds < 1 || rounds > MAX_ROUNDS) { fprintf(stderr, "startup: rounds must be 1 to %d\n", MAX_ROUNDS); return 2; }
    static double wall[2][MAX_ROUNDS], rss[2][MAX_ROUNDS];
    double ignored;
    for (int c = 0; c < 2; c++) if (measure(argv[2 + c], &ignored, &ignored)) return 1;   // warm the page cache
    for (int i = 0; i < rounds; i++)
        for (int c = 0; c < 2; c++) if (measure(argv[2 + c], &wall[c][i], &rss[c][i])) return 1;
    for (int c = 0; c < 2; c++) {
        qsort(wall[c], rounds, sizeof(double), ascending);
        qsort(rss[c], rounds, sizeof(double), ascending);
    }
    int middle = rounds / 2;
    print_line("startup-ms", wall[0][middle], wall[1][middle]);
    print_line("startup-ms-least", wall[0][0], wall[1][0]);
    print_line("startup-resident-mib", rss[0][middle] / 1024, rss[1][middle] / 1024);
    return 0;
}
