#!/usr/bin/env bash
# Runs each fuzz target for a limited time, with libFuzzer on the stable compiler. It starts from the targets' seeds and
# from the corpus of earlier runs.
#
#  FUZZ_SECONDS=60             the time per target
#  FUZZ_TARGETS="frame part"   the targets; by default all
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

have g++ || install_packages build-essential
host="$(rustc -vV | sed -n 's/^host: //p')"
# What `cargo fuzz` passes without a sanitizer: counters at each edge of the program.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares"
say "building the fuzz targets (the first time this takes minutes)"
cargo build --release --manifest-path fuzz/Cargo.toml --target "$host" --target-dir "$target/fuzz"
for name in ${FUZZ_TARGETS:-envelope frame lookup part messages doors entrance}; do
    say "fuzzing $name for ${FUZZ_SECONDS:-60} s"
    corpus="$target/fuzz/corpus/$name" seeds="$target/fuzz/seeds/$name"
    mkdir -p "$corpus" "$seeds"
    FUZZ_SEEDS="$seeds" "$target/fuzz/$host/release/$name" -max_total_time="${FUZZ_SECONDS:-60}" \
        -rss_limit_mb=2048 -timeout=20 -artifact_prefix="$corpus-" -print_final_stats=1 "$corpus" "$seeds"
done
