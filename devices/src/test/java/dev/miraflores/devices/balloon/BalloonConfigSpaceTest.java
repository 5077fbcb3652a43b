// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.balloon;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** virtio 1.3 §5.5.4. */
class BalloonConfigSpaceTest {

    /** Beside 16 bytes, of which the driver can write the second and the last four. */
    @Property(tries = 300)
    @net.jqwik.api.Tag("virtio:2.5.2/early-read")
    void shouldBeSixteenBytesOfWhichEightCanBeWritten(@ForAll long seed) {
        Random random = new Random(seed);
        BalloonConfigSpace config = new BalloonConfigSpace();
        ByteBuffer model = ByteBuffer.allocate(BalloonConfigSpace.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int step = 0; step < 50; step++) {
            int width = 1 << random.nextInt(4);
            int offset = random.nextInt(BalloonConfigSpace.BYTES - width + 1);
            long value = random.nextLong();
            switch (random.nextInt(4)) {
                case 0 -> {
                    config.setWantedPages((int) value);
                    model.putInt(0, (int) value);
                }
                case 1 -> {
                    config.setHintCommand((int) value);
                    model.putInt(8, (int) value);
                }
                case 2 -> {
                    config.write(offset, width, value);
                    for (int i = 0; i < width; i++) {
                        if ((offset + i & 4) != 0) {
                            model.put(offset + i, (byte) (value >>> 8 * i));
                        }
                    }
                }
                default -> {
                    long expected = 0;
                    for (int i = width - 1; i >= 0; i--) {
                        expected = expected << 8 | model.get(offset + i) & 0xFF;
                    }
                    assertEquals(expected, config.read(offset, width));
                }
            }
        }
        assertEquals(model.getInt(4) & 0xFFFF_FFFFL, config.actualPages());
        assertEquals(model.getInt(12), config.poison());
    }
}
