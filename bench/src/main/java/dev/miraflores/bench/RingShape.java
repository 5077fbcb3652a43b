// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bench;

/** How many elements a chain has, and whether they are in an indirect table. Written {@code 3} or {@code 3i}. */
record RingShape(int elements, boolean indirect) {

    static RingShape parse(String text) {
        boolean indirect = text.endsWith("i");
        return new RingShape(Integer.parseInt(indirect ? text.substring(0, text.length() - 1) : text), indirect);
    }

    @Override
    public String toString() {
        return elements + (indirect ? "i" : "");
    }
}
