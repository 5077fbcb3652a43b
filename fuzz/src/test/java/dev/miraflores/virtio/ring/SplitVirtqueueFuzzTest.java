// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.miraflores.virtio.ring.model.RingModel;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** A split queue that a hostile driver has made and goes on changing does what the model does (virtio 1.3 §2.7). */
class SplitVirtqueueFuzzTest {

    static Stream<byte[]> seeds() {
        return RingModel.inputs(false);
    }

    @MethodSource("seeds")
    @FuzzTest
    void shouldDoAsTheModelDoes(byte[] input) {
        RingModel.replay(input, false);
    }
}
