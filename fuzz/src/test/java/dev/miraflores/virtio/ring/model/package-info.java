// SPDX-License-Identifier: Apache-2.0

/**
 * A model of virtqueues (virtio 1.3 §2.7, §2.8): start at {@link dev.miraflores.virtio.ring.model.RingModel}, which lets a
 * {@code ModelDriver} and the device under test run beside a {@code ReferenceDevice}, over a
 * {@link dev.miraflores.virtio.ring.model.ModelMemory} that knows what each byte should be. None of it uses the code under
 * test but to drive it. {@code fuzz/ring} runs it for long, the fuzz targets of the queues run it on their inputs.
 * <p>Where the specification leaves a choice, the model has the one that the code under test documents: which of several
 * broken rules is named is open, how far ahead the available ring is read and how batches are made with VIRTIO_F_IN_ORDER
 * is not.
 */
package dev.miraflores.virtio.ring.model;
