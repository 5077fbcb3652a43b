# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts in bench/run.d, with $BENCH set: builds the benchmarks and runs Java on them.

say() { echo "bench: $*" >&2; }

# Builds what changed; sets $CLASS_PATH.
build() {
    log=$BENCH/target/build.log
    mkdir -p "$BENCH/target"
    (cd "$BENCH/.." && mvn -q -B -pl bench -am process-classes) >"$log" 2>&1 || {
        grep -m 1 ERROR "$log" >&2
        say "the build failed: see $log"
        exit 1
    }
    CLASS_PATH=$BENCH/target/classes:$(cat "$BENCH/target/class-path")
}

# The hv command as the sources have it now: built and trained where that has not been done, or is out of date.
build_hv() {
    jar=$BENCH/../launcher/target/hv/lib/launcher.jar
    if [ -r "$jar" ] && (cd "$BENCH/.." && find bindings/src/main bindings/src/generated guest-memory/src/main virtio-ring/src/main aio-io-uring/src/main \
            devices/src/main hv-kvm/src/main launcher/src/main -newer "$jar" | grep -q .); then
        log=$BENCH/target/build-hv.log
        mkdir -p "$BENCH/target"
        (cd "$BENCH/.." && mvn -q -B -Dmaven.test.skip=true -pl launcher -am package) >"$log" 2>&1 || {
            grep -m 1 ERROR "$log" >&2
            say "the build failed: see $log"
            exit 1
        }
    fi
    "$BENCH/../hv" --version >/dev/null || exit 1
}

# run_java CLASS [ARGUMENTS]: no module path here, as JMH's generated classes have no module.
run_java() {
    jdk=$(sh "$BENCH/../launcher/src/main/sh/find-jdk.sh") || exit 1
    "$jdk/bin/java" ${BENCH_JAVA_OPTS:-} --enable-native-access=ALL-UNNAMED -cp "$CLASS_PATH" "$@"
}

# compile_c SOURCE PROGRAM: false where there is no C compiler.
compile_c() {
    cc=$(command -v cc || command -v gcc || command -v clang) || { say "no C compiler: without $2"; return 1; }
    "$cc" -O2 -Wall -o "$BENCH/target/$2" "$BENCH/src/main/c/$1"
}
