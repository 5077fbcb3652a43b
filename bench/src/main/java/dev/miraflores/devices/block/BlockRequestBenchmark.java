// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.block;

import dev.miraflores.aio.BlockIo;
import dev.miraflores.bindings.virtio.virtio_abi;
import dev.miraflores.memory.GuestMemory;
import dev.miraflores.virtio.ring.BufferElements;
import dev.miraflores.virtio.ring.DescriptorChain;
import dev.miraflores.virtio.ring.QueueGeometry;
import dev.miraflores.virtio.ring.RingFeatures;
import dev.miraflores.virtio.ring.Virtqueue;
import dev.miraflores.virtio.ring.VirtqueueDriver;
import java.lang.foreign.Arena;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** A chain that was walked becomes a request: header read and checked, data pointed at, status located, and answered. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 1, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
public class BlockRequestBenchmark {

    private static final int QUEUE_SIZE = 64;
    private static final long HEADER_GPA = 0x10000;
    private static final long STATUS_GPA = 0x11000;
    private static final long DATA_GPA = 0x20000;
    private static final int PAGE_BYTES = 4096;
    private static final QueueGeometry GEOMETRY = new QueueGeometry(QUEUE_SIZE, 0, 0x4000, 0x6000);

    /** Reads and writes with so many pages of data apart from each other; a flush; four ranges of zeroes. */
    @Param({"read1", "write1", "read14", "flush", "zeroes4"})
    public String request;

    private final GuestMemory memory = GuestMemory.anonymous(1 << 20);
    private final DiskRules rules = new DiskRules(1L << 21, false, true, true, true);
    private final Arena arena = Arena.ofShared();
    private final BlockRequest slot =
        new BlockRequest(null, arena.allocate((long) BlockIo.IOVEC_BYTES * QUEUE_SIZE, Long.BYTES));
    private DescriptorChain chain;

    @Setup(Level.Trial)
    public void setUp() {
        VirtqueueDriver driver = VirtqueueDriver.create(memory, GEOMETRY, RingFeatures.VERSION_1);
        driver.add(describe());
        driver.publish();
        chain = Virtqueue.create(memory, GEOMETRY, RingFeatures.VERSION_1).popChain();
        if (slot.parse(chain, memory, rules) != BlockRequest.Verdict.SUBMIT) {
            throw new IllegalStateException(request + " is refused: " + slot.fault());
        }
    }

    private BufferElements describe() {
        BufferElements elements = new BufferElements().readable(HEADER_GPA, BlockRequest.HEADER_BYTES);
        String kind = request.replaceAll("\\d+", "");
        int count = kind.equals(request) ? 0 : Integer.parseInt(request.substring(kind.length()));
        int type = switch (kind) {
            case "read" -> virtio_abi.VIRTIO_BLK_T_IN;
            case "write" -> virtio_abi.VIRTIO_BLK_T_OUT;
            case "flush" -> virtio_abi.VIRTIO_BLK_T_FLUSH;
            default -> virtio_abi.VIRTIO_BLK_T_WRITE_ZEROES;
        };
        memory.write(HEADER_GPA, new byte[] {(byte) type, 0, 0, 0, 0, 0, 0, 0, 8});
        for (int i = 0; i < count; i++) {
            long gpa = DATA_GPA + 2L * PAGE_BYTES * i;
            switch (kind) {
                case "read" -> elements.writable(gpa, PAGE_BYTES);
                case "write" -> elements.readable(gpa, PAGE_BYTES);
                default -> {
                    memory.write(gpa, new byte[] {(byte) (8 * i), 0, 0, 0, 0, 0, 0, 0, 8});
                    elements.readable(gpa, BlockRequest.RANGE_BYTES);
                }
            }
        }
        return elements.writable(STATUS_GPA, 1);
    }

    @TearDown(Level.Trial)
    public void tearDown() {
        arena.close();
        memory.close();
    }

    @Benchmark
    public int parseAndAnswer() {
        return slot.parse(chain, memory, rules).ordinal() + slot.answer(BlockStatus.OK);
    }
}
