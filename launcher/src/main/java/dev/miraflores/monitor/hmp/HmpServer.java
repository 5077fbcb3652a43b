// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.hmp;

import dev.miraflores.monitor.socket.ClientServer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;

/** The monitor for people at a socket. */
public final class HmpServer implements ClientServer.Service {

    /** At once, on one socket. */
    public static final int MOST_CLIENTS = 16;

    private final HmpCommands commands;
    private final String version;

    public HmpServer(HmpCommands commands, String version) {
        this.commands = commands;
        this.version = version;
    }

    @Override
    public void serve(ByteChannel client) throws IOException {
        new HmpLines(commands, Channels.newInputStream(client), Channels.newOutputStream(client)).run(version);
    }

    @Override
    public void refuse(ByteChannel client) throws IOException {
        client.write(ByteBuffer.wrap((MOST_CLIENTS + " clients are connected, which is as many as there may be\n")
                .getBytes(StandardCharsets.US_ASCII)));
    }
}
