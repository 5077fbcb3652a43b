// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

import dev.miraflores.aio.EngineKind;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * fio, doing to a file what {@link BlockWork} does through a device: random requests of one size, so many at a time, by
 * the same engine. Where that is a pool of threads, fio has a thread for each request at a time.
 */
final class FioPeer {

    /** Of its terse output, version 3, from 0: requests per second. */
    private static final int READ_IOPS_FIELD = 7;
    private static final int WRITE_IOPS_FIELD = 48;
    private static final int TICKS_PER_SECOND = 100;

    private final String file;
    private final boolean direct;
    private final EngineKind engine;
    private final int requestBytes;
    private final boolean write;

    FioPeer(String file, boolean direct, EngineKind engine, int requestBytes, boolean write) {
        this.file = file;
        this.direct = direct;
        this.engine = engine;
        this.requestBytes = requestBytes;
        this.write = write;
    }

    BlockRate run(int depth, long forNs) throws IOException, InterruptedException {
        String engineWords = switch (engine) {
            case IO_URING -> "--ioengine=io_uring --iodepth=" + depth;
            case NATIVE -> "--ioengine=libaio --iodepth=" + depth;
            case THREADS -> "--ioengine=psync --thread --group_reporting --numjobs=" + depth;
        };
        // Below a shell that says what all of fio's threads and processes took: fields 16 and 17 of its stat, in 1/100 s.
        String fio = "fio --name=peer --filename='" + file + "' --rw=" + (write ? "randwrite" : "randread")
            + " --bs=" + requestBytes + " " + engineWords + " --direct=" + (direct ? 1 : 0) + " --time_based --runtime="
            + forNs / 1_000_000 + "ms --norandommap --randrepeat=0 --invalidate=0 --fallocate=none"
            + " --output-format=terse --terse-version=3; cut -d' ' -f16,17 /proc/$$/stat";
        Process process = new ProcessBuilder("sh", "-c", fio).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String[] lines = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip().split("\n");
        String[] fields = lines[0].split(";");
        if (process.waitFor() != 0 || lines.length != 2 || fields.length <= WRITE_IOPS_FIELD) {
            throw new IOException("fio failed");
        }
        double iops = Double.parseDouble(fields[write ? WRITE_IOPS_FIELD : READ_IOPS_FIELD]);
        String[] ticks = lines[1].split(" ");
        double cpuNs = (Long.parseLong(ticks[0]) + Long.parseLong(ticks[1])) * 1e9 / TICKS_PER_SECOND;
        return new BlockRate(iops, cpuNs / (iops * forNs / 1e9));
    }
}
