#!/usr/bin/env bash
# Builds target/release/logboom: one file with the dashboard inside, which needs no
# other file to run.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

scripts/setup.sh web
# cargo-leptos empties the site folder on each of its builds, so the dashboard comes
# first and the program that embeds it second.
say "building the dashboard"
cargo leptos build --release --precompress --frontend-only
say "building the program with the dashboard inside"
cargo build --release -p server --features embed-site
program="$target/release/logboom"
say "$program ($(du -h --apparent-size "$program" | cut -f1)): copy it anywhere and run it"
