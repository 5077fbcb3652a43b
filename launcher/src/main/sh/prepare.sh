#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# prepare.sh ROOT: makes ROOT/launcher/target/hv ready to start: jars, a JDK, an AOT cache, and the file `start`
# that says where they are. Run by ../../../../hv when something is missing or older than the jars.
set -u
root=$(cd "$1" && pwd -P) || exit 1
app=$root/launcher/target/hv

say() { echo "hv: $*" >&2; }

jdk=$(sh "$root/launcher/src/main/sh/find-jdk.sh" 2>&1) || { say "$jdk"; exit 1; }

if [ ! -r "$app/lib/launcher.jar" ]; then
    command -v mvn >/dev/null || { say "not built yet, and no mvn found: install Maven 3.8 or newer"; exit 1; }
    say "first use: building (about a minute)"
    log=$root/launcher/target/first-build.log
    mkdir -p "$root/launcher/target"
    (cd "$root" && mvn -q -B -Dmaven.test.skip=true -pl launcher -am package) >"$log" 2>&1 || {
        grep -m 1 ERROR "$log" >&2
        say "the build failed: see $log"
        exit 1
    }
fi

# A small heap and collector: the guest's memory, the rings and the buffers all live outside the Java heap.
flags="-XX:+UseSerialGC -Xms16m -Xmx256m -Xss512k -XX:-UsePerfData"
# Not --illegal-native-access=deny: that flag costs a start 100 ms, as the JVM then cannot use its archived module
# graph. The tests run with it, so no other module's native access goes unnoticed.
flags="$flags --enable-native-access=dev.miraflores.bindings"
# Machine code in the cache is made for this CPU, and a JVM on a lesser one (the same directory mounted elsewhere, a VM)
# would run it and die of SIGILL. Classes and profiles, which are what makes a start fast, have no such limit.
flags="$flags -XX:+UnlockDiagnosticVMOptions -XX:-AOTAdapterCaching -XX:-AOTStubCaching"
# What the training run found hot would be compiled while the machine is put together, on the CPUs that do it: 25 ms
# later to the guest's first instruction.
flags="$flags -XX:-AOTReplayTraining"

# The training run is the demo; on a host without KVM it is what says so, which still covers the JVM's own start. In two steps,
# recorded and then made: in its sandbox the demo can start no second JVM, and writes nowhere else.
cache=$app/hv.aot
rm -f "$cache"
# shellcheck disable=SC2086 # flags are words
{
    "$jdk/bin/java" -XX:AOTMode=record -XX:AOTConfiguration="$cache.$$.conf" $flags -p "$app/lib" \
        -m dev.miraflores.launcher/dev.miraflores.launcher.Main demo --sandbox-path "$app"
    "$jdk/bin/java" -XX:AOTMode=create -XX:AOTConfiguration="$cache.$$.conf" -XX:AOTCache="$cache.$$" $flags -p "$app/lib" \
        -m dev.miraflores.launcher/dev.miraflores.launcher.Main
} >"$app/training.log" 2>&1
if [ -s "$cache.$$" ]; then
    mv "$cache.$$" "$cache"
    flags="$flags -Xlog:aot=off -Xlog:cds=off"
else
    cache=
    say "no AOT cache could be made (see $app/training.log): starts will be slower"
fi
rm -f "$cache.$$"*

quote() { printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }
# Written whole, then moved: of two first starts at once neither sees half a file.
{
    echo "HV_JAVA=$(quote "$jdk/bin/java")"
    echo "HV_LIB=$(quote "$app/lib")"
    echo "HV_CACHE=$(quote "$cache")"
    echo "HV_FLAGS='$flags'"
} >"$app/start.$$" && mv "$app/start.$$" "$app/start"
