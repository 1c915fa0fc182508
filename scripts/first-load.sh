#!/usr/bin/env bash
# Builds the dashboard in release mode, and fails if the code that every page loads exceeds its size
# limit.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/site.sh"

# Bytes after brotli compression.
bound=350000

scripts/setup.sh web
build_site
bytes="$(stat -c %s target/site/pkg/logboom.wasm.br)"
[[ "$bytes" -le "$bound" ]] || fail "the dashboard's first load is $bytes bytes compressed, and the bound is $bound:" \
    "make a page lazy (app/src/pages/lazy.rs), or the code smaller"
say "the dashboard's first load is $bytes bytes compressed, of at most $bound"
