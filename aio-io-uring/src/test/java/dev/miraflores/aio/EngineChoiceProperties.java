// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.aio;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.WithNull;

/** Every wish, cache mode and host there can be. */
class EngineChoiceProperties {

    private record FakeHost(boolean uring, boolean linuxAio) implements EngineProbe {
        @Override
        public String whyNot(EngineKind kind) {
            return switch (kind) {
                case IO_URING -> uring ? null : "the ring is bent: straighten it";
                case NATIVE -> linuxAio ? null : "the natives are out: wait for them";
                case THREADS -> null;
            };
        }

        boolean has(EngineKind kind, CacheMode cache) {
            return whyNot(kind) == null && (kind != EngineKind.NATIVE || cache.isDirect());
        }
    }

    @Property
    void shouldMeetTheWishOrSayWhyNotOrTakeTheBestThereIs(
            @ForAll @WithNull EngineKind wish, @ForAll CacheMode cache, @ForAll boolean uring, @ForAll boolean linuxAio) {
        FakeHost host = new FakeHost(uring, linuxAio);
        EngineKind best = best(cache, host);
        try {
            EngineChoice choice = EngineChoice.of(wish, cache, host);
            assertTrue(host.has(choice.kind(), cache));
            if (wish == null) {
                assertEquals(best, choice.kind());
                assertEquals(best == EngineKind.IO_URING, choice.whyNot().isEmpty());
            } else {
                assertEquals(wish, choice.kind());
                assertEquals("", choice.whyNot());
            }
            checkLine(choice.toString());
        } catch (DriveException e) {
            assertFalse(wish == null || host.has(wish, cache), "it was to be had");
            assertTrue(e.getMessage().startsWith("aio=" + wish));
            assertTrue(e.getMessage().endsWith("; or use aio=" + best));
            checkLine(e.getMessage());
        }
    }

    private static EngineKind best(CacheMode cache, FakeHost host) {
        for (EngineKind kind : EngineKind.values()) {
            if (host.has(kind, cache)) {
                return kind;
            }
        }
        throw new AssertionError();
    }

    private static void checkLine(String text) {
        assertFalse(text.contains("null") || text.contains("\n"), text);
    }

    @Example
    void shouldNameEachReason() {
        FakeHost neither = new FakeHost(false, false);
        assertEquals("aio=io_uring: the ring is bent: straighten it; aio=native: the natives are out: wait for them",
            EngineChoice.of(null, CacheMode.NONE, neither).whyNot());
        assertEquals("threads (aio=io_uring: the ring is bent: straighten it; aio=native needs cache=none or"
            + " cache=directsync, not cache=writeback)", EngineChoice.of(null, CacheMode.WRITEBACK, neither).toString());
    }

    @Example
    void shouldKnowTheWords() {
        for (EngineKind kind : EngineKind.values()) {
            assertEquals(kind, EngineKind.of(kind.word()));
        }
        assertEquals(null, EngineKind.of("posix"));
    }

    @Property
    void shouldSayWhatHelpsAgainstEachRefusal(@ForAll @net.jqwik.api.constraints.IntRange(min = 1, max = 133) int errno) {
        assertTrue(HostProbe.whyNoNative(errno).length() > 20);
    }
}
