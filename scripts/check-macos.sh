#!/usr/bin/env bash
# Checks that all packages compile for macOS. `cargo check` links nothing, so Apple's SDK is not needed; Zig compiles
# the C code of dependencies. Nothing is run. Prints `not run: …` and succeeds if the target or Zig cannot be installed
# here.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

target_system=aarch64-apple-darwin
if ! scripts/setup.sh macos; then
    echo "not run: cargo check for $target_system, because the target or Zig cannot be installed; the reason is above"
    exit 0
fi
export CC_aarch64_apple_darwin="$tools/bin/zig-cc-macos" AR_aarch64_apple_darwin="$tools/bin/zig-ar"
# The caches of Zig, beside the program.
export ZIG_GLOBAL_CACHE_DIR="$tools/zig/cache"
say "cargo check for $target_system"
cargo check --locked --workspace --target "$target_system"
echo "all packages compile for $target_system"
