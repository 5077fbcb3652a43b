// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.devices.net.stream;

import dev.miraflores.devices.net.NetException;
import dev.miraflores.linux.Fd;
import dev.miraflores.linux.FileIo;
import dev.miraflores.linux.StreamSocket;

/** A peer that somebody else has connected, and handed in as a descriptor. */
public final class GivenPeer extends SinglePeer {

    private GivenPeer(int socket) {
        super("socket,fd=" + socket, socket);
    }

    /**
     * Takes a descriptor over, whether this throws or not, unless it is not open.
     *
     * @param nic what the NIC is called, for messages
     * @throws NetException where it is no stream socket, or not connected
     */
    public static GivenPeer adopt(String nic, int number) {
        int status = FileIo.statusFlags(number);
        if (status < 0) {
            throw new NetException(nic + ": fd=" + number + ": not open in this process; whoever starts hv has to leave it open");
        }
        Fd socket = Fd.adopt(number);
        if (!StreamSocket.isConnected(number)) {
            socket.close();
            throw new NetException(nic + ": fd=" + number + ": not a stream socket that is connected; make one with socketpair or connect");
        }
        FileIo.setStatusFlags(number, status | Fd.O_NONBLOCK);
        FileIo.setCloseOnExec(number);
        return new GivenPeer(socket.release());
    }

    /** Whoever handed it in may have kept one. */
    @Override
    public boolean isShared() {
        return true;
    }
}
