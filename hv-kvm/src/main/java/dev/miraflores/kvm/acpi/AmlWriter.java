// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.kvm.acpi;

/**
 * Writes AML byte code, one term after the other (ACPI 6.3 §20.2).
 *
 * <p>A term with a body (scope, device, method, package, if, else) is opened by its name and closed by {@link #end};
 * its length is only known then and is put in front of the body. Operators are written in prefix order as AML has
 * them: {@code store().arg(0).local(1)} is {@code Local1 = Arg0}.
 * <pre>
 *   aml.scope("\\_SB")
 *           .device("COM1")
 *                   .name("_HID").eisaId("PNP0501")
 *                   .name("_UID").integer(1)
 *           .end()
 *      .end();
 * </pre>
 *
 * <p>Thread: one, any. A call that would make a malformed program is an {@link IllegalArgumentException}, an
 * unbalanced {@code end} an {@link IllegalStateException}.
 * <p>Source: ACPI 6.3 §20.2.2 (names), §20.2.3 (data), §20.2.4 (package length), §20.2.5 (terms).
 */
final class AmlWriter {
    private static final int MAX_DEPTH = 16;

    private static final int ZERO_OP = 0x00;
    private static final int ONE_OP = 0x01;
    private static final int NAME_OP = 0x08;
    private static final int BYTE_PREFIX = 0x0A;
    private static final int WORD_PREFIX = 0x0B;
    private static final int DWORD_PREFIX = 0x0C;
    private static final int STRING_PREFIX = 0x0D;
    private static final int QWORD_PREFIX = 0x0E;
    private static final int SCOPE_OP = 0x10;
    private static final int BUFFER_OP = 0x11;
    private static final int PACKAGE_OP = 0x12;
    private static final int METHOD_OP = 0x14;
    private static final int DUAL_NAME_PREFIX = 0x2E;
    private static final int MULTI_NAME_PREFIX = 0x2F;
    private static final int EXT_OP_PREFIX = 0x5B;
    private static final int LOCAL0_OP = 0x60;
    private static final int ARG0_OP = 0x68;
    private static final int STORE_OP = 0x70;
    private static final int AND_OP = 0x7B;
    private static final int NOTIFY_OP = 0x86;
    private static final int OR_OP = 0x7D;
    private static final int CREATE_DWORD_FIELD_OP = 0x8A;
    private static final int LNOT_OP = 0x92;
    private static final int LEQUAL_OP = 0x93;
    private static final int IF_OP = 0xA0;
    private static final int ELSE_OP = 0xA1;
    private static final int RETURN_OP = 0xA4;
    private static final int EXT_REGION_OP = 0x80;
    private static final int EXT_FIELD_OP = 0x81;
    private static final int EXT_DEVICE_OP = 0x82;
    private static final int SYSTEM_IO = 1;
    // Accesses of 32 bits, without the global lock; a write does not keep neighbouring bits (§19.6.48).
    private static final int FIELD_FLAGS = 3 | 2 << 5;

    private final ByteSink out = new ByteSink();
    private final int[] bodyOffsets = new int[MAX_DEPTH];
    private final byte[] lengthBytes = new byte[4];
    private int depth;

    /** The program; every opened term must have been closed. */
    byte[] toByteArray() {
        if (depth != 0) {
            throw new IllegalStateException(depth + " AML terms not ended");
        }
        return out.toByteArray();
    }

    // Terms with a body ------------------------------------------------------------------------------------------

    AmlWriter scope(String path) {
        out.put8(SCOPE_OP);
        return begin().path(path);
    }

    AmlWriter device(String path) {
        out.put8(EXT_OP_PREFIX).put8(EXT_DEVICE_OP);
        return begin().path(path);
    }

    /** A method that no two threads of the guest's interpreter are in at once. */
    AmlWriter serializedMethod(String path, int argCount) {
        checkIndex(argCount, 8, "argument count");
        out.put8(METHOD_OP);
        begin().path(path);
        out.put8(argCount | 1 << 3);
        return this;
    }

    /** Registers of 32 bits in the region {@code path}, whose names follow as {@link #dwordRegister}, until {@link #end}. */
    AmlWriter dwordRegisters(String path) {
        out.put8(EXT_OP_PREFIX).put8(EXT_FIELD_OP);
        begin().path(path);
        out.put8(FIELD_FLAGS);
        return this;
    }

    /** A package of {@code count} elements, which follow until {@link #end}. */
    AmlWriter packageOf(int count) {
        checkIndex(count, 256, "element count");
        out.put8(PACKAGE_OP);
        begin();
        out.put8(count);
        return this;
    }

    /** The condition follows, then the body, until {@link #end}. */
    AmlWriter when() {
        out.put8(IF_OP);
        return begin();
    }

    AmlWriter otherwise() {
        out.put8(ELSE_OP);
        return begin();
    }

    /** Closes the term opened last. */
    AmlWriter end() {
        if (depth == 0) {
            throw new IllegalStateException("no AML term to end");
        }
        int bodyOffset = bodyOffsets[--depth];
        int count = encodeLength(out.size() - bodyOffset);
        out.insert(bodyOffset, lengthBytes, count);
        return this;
    }

    // Terms and operators ----------------------------------------------------------------------------------------

    /** The named object's value follows. */
    AmlWriter name(String path) {
        out.put8(NAME_OP);
        return path(path);
    }

    /** I/O ports {@code port} to {@code port + count - 1}, under a name (§19.6.100). */
    AmlWriter portRegion(String path, int port, int count) {
        out.put8(EXT_OP_PREFIX).put8(EXT_REGION_OP);
        path(path);
        out.put8(SYSTEM_IO);
        return integer(port).integer(count);
    }

    /** The next register of {@link #dwordRegisters}. */
    AmlWriter dwordRegister(String name) {
        segment(name, 0, name.length());
        out.put8(Integer.SIZE);                                 // a PkgLength of one byte
        return this;
    }

    /** Device, then value. */
    AmlWriter notifying() {
        return op(NOTIFY_OP);
    }

    /** Value, then target. */
    AmlWriter store() {
        return op(STORE_OP);
    }

    /** Two operands, then target. */
    AmlWriter and() {
        return op(AND_OP);
    }

    /** Two operands, then target. */
    AmlWriter or() {
        return op(OR_OP);
    }

    AmlWriter equal() {
        return op(LEQUAL_OP);
    }

    AmlWriter notEqual() {
        return op(LNOT_OP).op(LEQUAL_OP);
    }

    /** The value follows. */
    AmlWriter returns() {
        return op(RETURN_OP);
    }

    /** Source buffer and byte index follow as terms, then the new field's name: use with {@link #path}. */
    AmlWriter createDWordField() {
        return op(CREATE_DWORD_FIELD_OP);
    }

    /** In the place of a target: the result goes nowhere but into the term around it. */
    AmlWriter noTarget() {
        return op(ZERO_OP);
    }

    AmlWriter local(int index) {
        checkIndex(index, 8, "local");
        return op(LOCAL0_OP + index);
    }

    AmlWriter arg(int index) {
        checkIndex(index, 7, "argument");
        return op(ARG0_OP + index);
    }

    // Data -------------------------------------------------------------------------------------------------------

    /** An integer in its shortest form; 64 bits, unsigned. */
    AmlWriter integer(long value) {
        if (value == 0) {
            out.put8(ZERO_OP);
        } else if (value == 1) {
            out.put8(ONE_OP);
        } else if (value >>> 8 == 0) {
            out.put8(BYTE_PREFIX).put8((int) value);
        } else if (value >>> 16 == 0) {
            out.put8(WORD_PREFIX).put16((int) value);
        } else if (value >>> 32 == 0) {
            out.put8(DWORD_PREFIX).put32((int) value);
        } else {
            out.put8(QWORD_PREFIX).put64(value);
        }
        return this;
    }

    AmlWriter string(String ascii) {
        out.put8(STRING_PREFIX).putAscii(ascii).put8(0);
        return this;
    }

    AmlWriter buffer(byte[] content) {
        out.put8(BUFFER_OP);
        begin().integer(content.length);
        out.putBytes(content);
        return end();
    }

    AmlWriter resources(ResourceTemplate template) {
        return buffer(template.toByteArray());
    }

    /**
     * A Plug and Play id such as "PNP0A08" in its 32-bit form: three letters of five bits and four hexadecimal
     * digits, most significant byte first (§19.3.4).
     */
    AmlWriter eisaId(String id) {
        if (id.length() != 7) {
            throw new IllegalArgumentException("not an EISA id: '" + id + "'");
        }
        int value = 0;
        for (int i = 0; i < 3; i++) {
            char letter = id.charAt(i);
            if (letter < 'A' || letter > 'Z') {
                throw new IllegalArgumentException("not an EISA id: '" + id + "'");
            }
            value = value << 5 | letter - 'A' + 1;
        }
        for (int i = 3; i < 7; i++) {
            value = value << 4 | hexDigit(id, i);
        }
        out.put8(DWORD_PREFIX).put32(Integer.reverseBytes(value));
        return this;
    }

    /**
     * A buffer with a UUID such as "33DB4D5B-1FF7-401C-9657-7441C03DD766", its first three groups little-endian
     * (§19.6.142).
     */
    AmlWriter uuid(String text) {
        byte[] straight = new byte[16];
        int position = 0;
        for (int i = 0; i < 16; i++) {
            if (i == 4 || i == 6 || i == 8 || i == 10) {
                if (position >= text.length() || text.charAt(position) != '-') {
                    throw new IllegalArgumentException("not a UUID: '" + text + "'");
                }
                position++;
            }
            straight[i] = (byte) (hexDigit(text, position) << 4 | hexDigit(text, position + 1));
            position += 2;
        }
        if (position != text.length()) {
            throw new IllegalArgumentException("not a UUID: '" + text + "'");
        }
        int[] order = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
        byte[] mixed = new byte[16];
        for (int i = 0; i < 16; i++) {
            mixed[i] = straight[order[i]];
        }
        return buffer(mixed);
    }

    /**
     * A name string: a leading '\' for the root or '^' per parent, then segments of up to four characters parted by
     * '.', padded with '_' (§20.2.2).
     */
    AmlWriter path(String path) {
        int start = 0;
        while (start < path.length() && (path.charAt(start) == '\\' || path.charAt(start) == '^')) {
            if (path.charAt(start) == '\\' && start != 0) {
                throw malformedPath(path);
            }
            out.put8(path.charAt(start++));
        }
        if (start == path.length()) {
            out.put8(0);                                        // NullName: the root or the parent itself
            return this;
        }
        int segments = 1;
        for (int i = start; i < path.length(); i++) {
            segments += path.charAt(i) == '.' ? 1 : 0;
        }
        if (segments == 2) {
            out.put8(DUAL_NAME_PREFIX);
        } else if (segments > 2) {
            out.put8(MULTI_NAME_PREFIX).put8(segments);
        }
        while (segments-- > 0) {
            int dot = path.indexOf('.', start);
            int stop = dot < 0 ? path.length() : dot;
            segment(path, start, stop);
            start = stop + 1;
        }
        return this;
    }

    private void segment(String path, int start, int stop) {
        int length = stop - start;
        if (length < 1 || length > 4) {
            throw malformedPath(path);
        }
        for (int i = 0; i < 4; i++) {
            char c = i < length ? path.charAt(start + i) : '_';
            boolean lead = c >= 'A' && c <= 'Z' || c == '_';
            if (!lead && (i == 0 || c < '0' || c > '9')) {
                throw malformedPath(path);
            }
            out.put8(c);
        }
    }

    private AmlWriter begin() {
        if (depth == MAX_DEPTH) {
            throw new IllegalStateException("AML terms nested deeper than " + MAX_DEPTH);
        }
        bodyOffsets[depth++] = out.size();
        return this;
    }

    private AmlWriter op(int opcode) {
        out.put8(opcode);
        return this;
    }

    /**
     * PkgLength: one to four bytes that count themselves. Alone, a byte holds 6 bits; as the first of several it
     * holds the low 4 bits of the length and, in bits 7:6, how many follow (§20.2.4).
     */
    private int encodeLength(int bodyBytes) {
        int count = bodyBytes + 1 < 1 << 6 ? 1 : bodyBytes + 2 < 1 << 12 ? 2 : bodyBytes + 3 < 1 << 20 ? 3 : 4;
        int length = bodyBytes + count;
        if (count == 1) {
            lengthBytes[0] = (byte) length;
        } else {
            lengthBytes[0] = (byte) (count - 1 << 6 | length & 0xF);
            for (int i = 1; i < count; i++) {
                lengthBytes[i] = (byte) (length >>> 8 * i - 4);
            }
        }
        return count;
    }

    private static int hexDigit(String text, int index) {
        int digit = index < text.length() ? Character.digit(text.charAt(index), 16) : -1;
        if (digit < 0) {
            throw new IllegalArgumentException("not a hexadecimal digit at " + index + " of '" + text + "'");
        }
        return digit;
    }

    private static void checkIndex(int index, int limit, String what) {
        if (index < 0 || index >= limit) {
            throw new IllegalArgumentException(what + " " + index + " is not below " + limit);
        }
    }

    private static IllegalArgumentException malformedPath(String path) {
        return new IllegalArgumentException("not an AML name: '" + path + "'");
    }
}
