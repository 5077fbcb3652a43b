// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.virtio.ring.model;

import dev.miraflores.virtio.ring.DescriptorChain;
import java.util.ArrayList;
import java.util.List;

/** A part of a buffer (virtio 1.3 §2.6). */
record Element(long gpa, long byteSize, boolean writable) {

    static List<Element> of(DescriptorChain chain) {
        List<Element> elements = new ArrayList<>(chain.count());
        for (int i = 0; i < chain.count(); i++) {
            elements.add(new Element(chain.address(i), chain.length(i), chain.isWritable(i)));
        }
        return elements;
    }

    /** Bytes of the elements that are writable, or of those that are not. */
    static long bytes(List<Element> elements, boolean writable) {
        long bytes = 0;
        for (Element element : elements) {
            bytes = Math.addExact(bytes, element.writable == writable ? element.byteSize : 0);
        }
        return bytes;
    }

    /** Where the byte at this offset into the readable, or the writable, bytes is. */
    static long gpaOf(List<Element> elements, boolean writable, long byteOffset) {
        long left = byteOffset;
        for (Element element : elements) {
            if (element.writable == writable) {
                if (left < element.byteSize) {
                    return element.gpa + left;
                }
                left -= element.byteSize;
            }
        }
        throw new AssertionError("no byte " + byteOffset + " in " + elements);
    }
}
