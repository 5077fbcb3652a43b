// SPDX-License-Identifier: Apache-2.0

/** Sockets that monitors listen on, and their clients, of which there may be many. */
package dev.miraflores.monitor.socket;
