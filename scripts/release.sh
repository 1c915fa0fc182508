#!/usr/bin/env bash
# Builds target/release/logboom: one file with the embedded dashboard, which needs no other file.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/site.sh"

scripts/setup.sh web
# The dashboard first, because the program embeds it.
build_site
say "building the program with the dashboard inside (a quarter of an hour on two cores)"
cargo build --release -p server --bin logboom --features server/embed-site
program="$target/release/logboom"
say "$program ($(du -h --apparent-size "$program" | cut -f1)): copy it anywhere and run it"
