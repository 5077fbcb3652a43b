// SPDX-License-Identifier: Apache-2.0

/**
 * NICs on a tap: an interface of the host's kernel, which may be in a bridge. Start at {@link dev.miraflores.devices.net.tap.TapSetup}.
 * <p>Headers go through as they are: the kernel finishes checksums and cuts segments, or leaves both to the guest.
 * <p>Source: Documentation/networking/tuntap.rst of the kernel.
 */
package dev.miraflores.devices.net.tap;
