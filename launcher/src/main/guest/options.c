// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include "power.h"
#include "string.h"

struct word { const char *name, *value; size_t name_length, value_length; };

static bool is(const struct word *w, const char *name) {
    size_t i = 0;
    while (i < w->name_length && name[i] == w->name[i]) i++;
    return i == w->name_length && name[i] == 0;
}

static void copy_value(const struct word *w, char *to, size_t room) {
    size_t n = w->value_length < room - 1 ? w->value_length : room - 1;
    memcpy(to, w->value, n);
    to[n] = 0;
}

// Decimal, or hexadecimal after 0x.
static u64 number(const struct word *w) {
    u64 n = 0;
    unsigned base = 10;
    for (size_t i = 0; i < w->value_length; i++) {
        char c = w->value[i];
        if (i == 1 && n == 0 && c == 'x') { base = 16; continue; }
        unsigned digit = c >= 'a' ? c - 'a' + 10u : (unsigned) (c - '0');
        if (digit >= base) fail("not a number on the command line: \"%s\"", w->name);
        n = n * base + digit;
    }
    return n;
}

static void set(struct options *o, const struct word *w) {
    struct disk_options *d = &o->disk;
    if (is(w, "mode")) copy_value(w, o->mode, sizeof o->mode);
    else if (is(w, "via")) copy_value(w, o->via, sizeof o->via);
    else if (is(w, "blocks")) o->blocks = number(w);
    else if (is(w, "rounds")) o->rounds = number(w);
    else if (is(w, "ms")) o->ms = number(w);
    else if (is(w, "seed")) o->seed = number(w);
    else if (is(w, "every")) o->every = number(w);
    else if (is(w, "count")) o->count = number(w);
    else if (is(w, "bytes")) o->bytes = number(w);
    else if (is(w, "deaf")) o->deaf = number(w);
    else if (is(w, "rude")) o->rude = true;
    else if (is(w, "quick")) o->quick = true;
    else if (is(w, "debugexit")) o->debug_exit = (u8) number(w);
    else if (is(w, "depth")) d->depth = (u16) number(w);
    else if (is(w, "queue")) d->queue_size = (u16) number(w);
    else if (is(w, "poll")) d->interrupts = INTERRUPTS_NONE;
    else if (is(w, "intx")) { d->interrupts = INTERRUPTS_LINE; d->line = (u32) number(w); }
    else if (is(w, "direct")) d->chains = CHAINS_DIRECT;
    else if (is(w, "indirect")) d->chains = CHAINS_INDIRECT;
    else if (is(w, "packed")) d->packed = true;
    else if (is(w, "noeventidx")) d->event_idx = false;
    else if (is(w, "nox2apic")) o->no_x2apic = true;
    else if (is(w, "ecam")) { o->ecam = true; o->ecam_address = number(w); }
    else if (is(w, "mmio")) { d->place.window = number(w); if (d->interrupts == INTERRUPTS_MSIX) d->interrupts = INTERRUPTS_LINE; }
    else if (is(w, "line")) d->line = (u32) number(w);
}

void options_parse(struct options *o, const char *line) {
    *o = (struct options) {
        .mode = "demo", .rounds = 1, .seed = 1, .every = 10, .debug_exit = -1,
        .disk = { .interrupts = INTERRUPTS_MSIX, .chains = CHAINS_MIXED, .event_idx = true },
    };
    while (*line) {
        struct word w = { .name = line };
        while (*line && *line != ' ' && *line != '=') line++;
        w.name_length = (size_t) (line - w.name);
        if (*line == '=') line++;
        w.value = line;
        while (*line && *line != ' ') line++;
        w.value_length = (size_t) (line - w.value);
        while (*line == ' ') line++;
        set(o, &w);
    }
}
