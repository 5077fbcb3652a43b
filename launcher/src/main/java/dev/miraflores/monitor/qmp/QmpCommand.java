// SPDX-License-Identifier: Apache-2.0
package dev.miraflores.monitor.qmp;

import java.util.List;

/**
 * A command.
 *
 * @param name       as QEMU has it
 * @param parameters what it takes
 * @param open       whether it takes others, too, and looks at them itself
 * @param action     what it does
 * @param after      what it does once the answer is on its way, or null
 */
record QmpCommand(String name, List<QmpParameter> parameters, boolean open, Action action, Runnable after) {

    /** Does it, and answers; null for QEMU's empty object. */
    interface Action {
        Object run(QmpArguments arguments);
    }

    static QmpCommand of(String name, String parameters, Action action) {
        return new QmpCommand(name, QmpParameter.list(parameters), false, action, null);
    }

    static QmpCommand open(String name, String parameters, Action action) {
        return new QmpCommand(name, QmpParameter.list(parameters), true, action, null);
    }

    /** One whose effect is heard of as an event, which comes after the answer. */
    static QmpCommand later(String name, Runnable after) {
        return new QmpCommand(name, List.of(), false, _ -> null, after);
    }
}
