// SPDX-License-Identifier: Apache-2.0

/** I/O threads and the block I/O engines that run on them. */
@SuppressWarnings("module") // the one that may tell JFR of its requests is built after this module
module dev.miraflores.aio {
    requires transitive dev.miraflores.bindings;
    requires org.jctools.core;
    requires transitive HdrHistogram;
    requires static jdk.jfr;

    exports dev.miraflores.aio;
    exports dev.miraflores.aio.dirty;
    exports dev.miraflores.aio.jfr to dev.miraflores.devices;
    exports dev.miraflores.aio.mirror;
    exports dev.miraflores.aio.throttle;
    exports dev.miraflores.aio.qcow2;
    exports dev.miraflores.aio.uring;
    uses dev.miraflores.aio.BlockStageProvider;
}
