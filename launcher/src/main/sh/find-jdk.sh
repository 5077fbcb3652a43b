#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# find-jdk.sh: prints the home of a JDK 25 or newer: JAVA_HOME if it is one, else the one on the PATH, else one in a
# usual place. Prints one line on standard error, and fails, where there is none.
least=25

is_new_enough() { # JDK_HOME
    [ -x "$1/bin/java" ] && [ -r "$1/release" ] || return 1
    release=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release")
    [ "${release:-0}" -ge $least ]
}

on_path=$(command -v java 2>/dev/null) && on_path=$(readlink -f "$on_path") && on_path=${on_path%/bin/java}
for home in "${JAVA_HOME:-}" "${on_path:-}" /usr/lib/jvm/* "$HOME"/.sdkman/candidates/java/* "$HOME"/.jdks/* /opt/*; do
    if [ -n "$home" ] && is_new_enough "$home"; then echo "$home"; exit 0; fi
done
echo "no JDK $least or newer found (looked at JAVA_HOME, PATH, /usr/lib/jvm, ~/.sdkman, ~/.jdks, /opt):" \
    "install one, such as temurin-25-jdk, or set JAVA_HOME" >&2
exit 1
