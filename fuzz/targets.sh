# SPDX-License-Identifier: Apache-2.0
# What the scripts here share; each sets $here, this directory, and reads this.
# A target is a test class that ends in FuzzTest, and is called by its name without that. What is known to lead somewhere in
# it, its corpus, is kept in corpora/TARGET.zip, and grows in .cifuzz-corpus, where Jazzer looks for it.

# shellcheck disable=SC2154 # $here
logs=$here/target/fuzz
spent=$here/.cifuzz-corpus/spent

say() { echo "fuzz/${0##*/}: $*" >&2; }
sources() { find "$here/src/test/java" -name '*FuzzTest.java' | sort; }
targets() { sources | sed 's:.*/::; s:FuzzTest\.java$::'; }

# TARGET: where all that is its own lies, in $class, $inputs, $corpus, $kept_corpus and $log.
locate() {
    source=$(sources | grep "/$1FuzzTest\.java\$") || { say "no target '$1'"; return 1; }
    class=$(echo "${source#"$here/src/test/java/"}" | sed 's:\.java$::; y:/:.:')
    method=$(sed -n 's/.*void \(should[A-Za-z0-9]*\)(byte\[\].*/\1/p' "$source")
    inputs=$here/src/test/resources/$(echo "$class" | tr . /)Inputs/$method
    corpus=$here/.cifuzz-corpus/$class/$method
    kept_corpus=$here/corpora/$1.zip
    log=$logs/$1.log
    mkdir -p "$corpus" "$logs"
}

# Compiles, and finds what to run Java with.
build() {
    jdk=$(sh "$here/../launcher/src/main/sh/find-jdk.sh") || exit 2
    mkdir -p "$logs"
    (cd "$here/.." && mvn -q -B -ntp -DskipTests -pl fuzz -am process-test-classes) >"$logs/build.log" 2>&1 || {
        grep -m 5 ERROR "$logs/build.log" >&2
        say "the build failed: see $logs/build.log"
        exit 2
    }
}

# What is kept of the corpus joins what has grown here.
unpack_corpus() { [ ! -r "$kept_corpus" ] || (cd "$corpus" && "$jdk/bin/jar" --extract --file "$kept_corpus"); }

# Jazzer, of the target that was located, with more arguments; into its log.
jazzer() {
    # shellcheck disable=SC2086 # options are words
    (cd "$here" && exec "$jdk/bin/java" -Xmx768m -XX:+EnableDynamicAgentLoading --enable-native-access=ALL-UNNAMED \
        -Djava.util.logging.config.file="$here/src/test/resources/logging.properties" ${FUZZ_JAVA_OPTS:-} \
        -cp "$here/target/test-classes:$(cat "$here/target/test.classpath")" \
        com.code_intelligence.jazzer.Jazzer --target_class="$class" --instrumentation_includes='dev.miraflores.**' \
        -timeout="${FUZZ_TIMEOUT:-20}" -max_len=4096 "$@") >"$log" 2>&1
}
