// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.lang.foreign.MemoryLayout;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The compile-time constants are those of jextract's classes, which the compiler's are compared with elsewhere. */
class FlatConstantsTest {

    private static final String BASE = "dev.miraflores.bindings.";

    @ParameterizedTest
    @ValueSource(strings = {
        "kvm.kvm", "boot.boot", "virtio.virtio", "iouring.io_uring", "aio.aio", "vhost.vhost", "tun.tun", "libc.libc"
    })
    void shouldAgreeWithWhatJextractFound(String header) throws ReflectiveOperationException {
        Class<?> flat = Class.forName(BASE + header + "_abi");
        Field[] constants = flat.getDeclaredFields();
        assertTrue(constants.length > 0, "no constant in " + flat);
        for (Field constant : constants) {
            Object expected = Class.forName(BASE + header + "_h").getMethod(constant.getName()).invoke(null);
            assertEquals(expected, constant.get(null), constant.getName());
        }
        for (Class<?> layout : flat.getDeclaredClasses()) {
            Class<?> struct = Class.forName(flat.getPackageName() + "." + layout.getSimpleName());
            for (Field field : layout.getDeclaredFields()) {
                long expected = field.getName().equals("sizeof")
                        ? ((MemoryLayout) struct.getMethod("layout").invoke(null)).byteSize()
                        : offset(struct, field.getName());
                assertEquals(expected, field.getLong(null), layout.getSimpleName() + "." + field.getName());
            }
        }
    }

    /** Of a field, or of a member of a field that is a structure: {@code io_port} is {@code port} in {@code io}. */
    private static long offset(Class<?> struct, String name) throws ReflectiveOperationException {
        for (Method method : struct.getDeclaredMethods()) {
            if (method.getName().equals(name + "$offset")) {
                return (long) method.invoke(null);
            }
        }
        for (Class<?> member : struct.getDeclaredClasses()) {
            String prefix = member.getSimpleName() + "_";
            boolean isField = Stream.of(struct.getDeclaredMethods())
                    .anyMatch(method -> method.getName().equals(member.getSimpleName() + "$offset"));
            if (name.startsWith(prefix) && isField) {
                return offset(struct, member.getSimpleName()) + offset(member, name.substring(prefix.length()));
            }
        }
        return fail("no field " + name + " in " + struct);
    }
}
