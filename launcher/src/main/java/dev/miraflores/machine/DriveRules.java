// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.machine;

import dev.miraflores.aio.EngineKind;
import dev.miraflores.aio.qcow2.BackingFile;
import dev.miraflores.devices.block.ErrorPolicy;
import dev.miraflores.linux.UnixSocket;
import dev.miraflores.machine.DriveConfig.Format;

/** What a {@link DriveConfig} has to be, whoever made it. Messages begin with the word for {@code --drive}. */
final class DriveRules {

    private final DriveConfig drive;

    private DriveRules(DriveConfig drive) {
        this.drive = drive;
    }

    /** @throws ConfigException where it is not */
    static void check(DriveConfig drive) {
        DriveRules rules = new DriveRules(drive);
        rules.checkNames();
        if (drive.vhostUser() == null) {
            rules.checkImage();
        } else {
            rules.checkBackend();
        }
        rules.checkQueues();
        rules.checkThreads();
        if (drive.readErrors() == ErrorPolicy.ENOSPC) {
            throw new ConfigException("drive rerror=enospc: no read needs room; use report, ignore or stop");
        }
        String group = drive.throttleGroup();
        if (group != null && (group.isEmpty() || !drive.throttle().isLimited())) {
            throw new ConfigException("drive throttling.group=" + group + (group.isEmpty()
                    ? ": a group has a name; leave it out to be alone"
                    : " has no limit; say one too, such as throttling.iops-total=N"));
        }
        for (DriveStage stage : drive.stages()) {
            if (stage.name().isEmpty()) {
                throw new ConfigException("drive stage=: no stage is named; write stage=NAME");
            }
        }
    }

    private void checkNames() {
        if (drive.id() != null && !isId(drive.id())) {
            throw new ConfigException("drive id=" + drive.id()
                    + ": not an id; use a letter, then letters, digits, '-', '.' or '_'");
        }
        if (drive.serial().length() > DriveConfig.SERIAL_BYTES || !isPrintableAscii(drive.serial())) {
            throw new ConfigException("drive serial=" + drive.serial() + "; use at most " + DriveConfig.SERIAL_BYTES
                    + " characters of ASCII");
        }
    }

    private void checkImage() {
        boolean named = drive.file() != null;
        if (drive.format() == Format.NULL) {
            if (named) {
                throw new ConfigException("drive file=" + drive.file() + ": format=null has no file; leave one of the two out");
            }
            if (drive.nullBytes() <= 0 || drive.nullBytes() % DriveConfig.SECTOR_BYTES != 0) {
                throw new ConfigException("drive size=" + drive.nullBytes() + "; use a multiple of 512, above 0");
            }
        } else if (!named || drive.file().isEmpty()) {
            throw new ConfigException("no file is named; write file=PATH");
        } else if (drive.nullBytes() != DriveConfig.NO_BYTES) {
            throw new ConfigException("drive size=" + drive.nullBytes() + ": format=" + drive.format()
                    + " has its file's size; leave it out, or change it with: truncate -s");
        }
        checkBacking();
    }

    private void checkBacking() {
        for (int depth = 0; depth < drive.backing().size(); depth++) {
            BackingFile file = drive.backing().get(depth);
            String text = "drive " + BackingFile.key(depth) + "=" + file.path();
            if (file.path().isEmpty()) {
                throw new ConfigException(text + ": no file is named; write " + BackingFile.key(depth) + "=PATH");
            }
            if (depth == 0 && drive.format() != Format.QCOW2) {
                throw new ConfigException(text + ": only format=qcow2 can have one; leave it out");
            }
            if (depth == DriveConfig.MAX_BACKING) {
                throw new ConfigException(text + ": a chain of more than " + DriveConfig.MAX_BACKING + " backing files;"
                    + " make it shorter with: qemu-img rebase");
            }
            if (file.format() == BackingFile.Format.RAW && depth + 1 < drive.backing().size()) {
                throw new ConfigException("drive " + BackingFile.key(depth + 1) + "=" + drive.backing().get(depth + 1).path()
                    + ": a raw file has no backing file; leave it out");
            }
        }
    }

    /** Of what another process does we decide nothing. */
    private void checkBackend() {
        if (drive.vhostUser().isEmpty()) {
            throw new ConfigException("drive vhost-user=: no socket is named; write vhost-user=PATH");
        }
        if (!UnixSocket.isPath(drive.vhostUser())) {
            throw new ConfigException("drive vhost-user=" + drive.vhostUser() + ": a socket's path has 1 to " + UnixSocket.MAX_PATH_BYTES
                    + " bytes; use another");
        }
        if (drive.file() != null) {
            throw new ConfigException("drive file=" + drive.file() + ": the back end of vhost-user=" + drive.vhostUser()
                    + " has the file; leave one of the two out");
        }
        DriveConfig left = DriveConfig.unchecked(drive.toBuilder().id(null).vhostUser(null).queues(0)
                .queueSize(DriveConfig.DEFAULT_QUEUE_SIZE).packed(true));
        String others = left.toString();
        if (!others.isEmpty()) {
            throw new ConfigException("drive vhost-user=" + drive.vhostUser() + ": " + others
                    + " is for the back end to say; leave it out here");
        }
    }

    private void checkQueues() {
        int block = drive.logicalBlockBytes();
        if (block < DriveConfig.SECTOR_BYTES || block > DriveConfig.MAX_BLOCK_BYTES || Integer.bitCount(block) != 1) {
            throw new ConfigException("drive logical_block_size=" + block + "; use 512, 1024, 2048 or 4096");
        }
        int size = drive.queueSize();
        if (size < 2 || size > 1024 || Integer.bitCount(size) != 1) {
            throw new ConfigException("drive queue-size=" + size + "; use a power of two from 2 to 1024");
        }
        if (drive.queues() < 0 || drive.queues() > DriveConfig.MAX_QUEUES) {
            throw new ConfigException("drive queues=" + drive.queues() + "; use 1 to " + DriveConfig.MAX_QUEUES);
        }
    }

    private void checkThreads() {
        int threads = drive.ioThreads();
        if (threads < 1 || threads > DriveConfig.MAX_QUEUES) {
            throw new ConfigException("drive iothreads=" + threads + "; use 1 to " + DriveConfig.MAX_QUEUES);
        }
        if (drive.queues() != 0 && threads > drive.queues()) {
            throw new ConfigException("drive iothreads=" + threads + ": more than queues=" + drive.queues()
                    + " keep busy; use at most as many");
        }
        if (threads != 1 && drive.format() == Format.QCOW2) {
            throw new ConfigException("drive iothreads=" + threads
                    + ": a qcow2 image is served by one I/O thread; leave one of the two out");
        }
        long pollMaxNs = drive.pollMaxNs();
        if (pollMaxNs != DriveConfig.USUAL_POLL && (pollMaxNs < 0 || pollMaxNs > DriveConfig.MAX_POLL_NS)) {
            throw new ConfigException("drive poll-max-ns=" + pollMaxNs + "; use 0 (no polling) to "
                    + DriveConfig.MAX_POLL_NS + " ns");
        }
        if (outside(drive.pollGrow()) || outside(drive.pollShrink())) {
            throw new ConfigException("drive poll-grow=" + drive.pollGrow() + ",poll-shrink=" + drive.pollShrink()
                    + "; use 0 (the usual) to " + DriveConfig.MAX_POLL_FACTOR);
        }
        checkRing();
        if (!drive.dataplane() && threads != 1) {
            throw new ConfigException("drive iothreads=" + threads
                    + ": with dataplane=off the main loop serves it; leave one of the two out");
        }
        if (!drive.dataplane() && pollMaxNs > 0) {
            throw new ConfigException("drive poll-max-ns=" + pollMaxNs
                    + ": with dataplane=off nothing polls; leave one of the two out");
        }
    }

    private void checkRing() {
        String which = drive.sqPoll() ? "sqpoll=on" : drive.ioPoll() ? "iopoll=on" : null;
        if (which == null) {
            return;
        }
        if (drive.aio() != null && drive.aio() != EngineKind.IO_URING) {
            throw new ConfigException("drive " + which + ": only io_uring has that; use aio=io_uring");
        }
        if (!drive.dataplane()) {
            throw new ConfigException("drive " + which + ": with dataplane=off nothing polls; leave one of the two out");
        }
        if (drive.ioPoll() && !drive.cache().isDirect()) {
            throw new ConfigException("drive iopoll=on: the page cache is not to be asked; use cache=none or cache=directsync");
        }
    }

    private static boolean outside(int factor) {
        return factor < 0 || factor > DriveConfig.MAX_POLL_FACTOR;
    }

    static boolean isId(String text) {
        if (text.isEmpty() || !isLetter(text.charAt(0))) {
            return false;
        }
        for (int i = 1; i < text.length(); i++) {
            char c = text.charAt(i);
            if (!isLetter(c) && !(c >= '0' && c <= '9') && "-._".indexOf(c) < 0) {
                return false;
            }
        }
        return true;
    }

    private static boolean isLetter(char c) {
        return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z';
    }

    private static boolean isPrintableAscii(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) < ' ' || text.charAt(i) > '~') {
                return false;
            }
        }
        return true;
    }
}
