#!/usr/bin/env bash
# Builds the dashboard in release mode, and fails if the WebAssembly that every page loads exceeds its
# size limit. Also prints the size of everything that a first visit loads beside the page.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/site.sh"

# Bytes after brotli compression.
bound=350000

scripts/setup.sh web
build_site
compressed() { stat -c %s "target/site/pkg/$1.br"; }
wasm="$(compressed logboom.wasm)"
[[ "$wasm" -le "$bound" ]] || fail "the dashboard's WebAssembly is $wasm bytes compressed, and the bound is $bound:" \
    "make a page lazy (app/src/pages/lazy.rs), or the code smaller"
say "the dashboard's WebAssembly is $wasm bytes compressed, of at most $bound"
script="$(compressed logboom.js)" glue="$(compressed __wasm_split.______________________.js)"
styles="$(compressed logboom.css)"
say "a first visit loads $((wasm + script + glue + styles)) bytes compressed, beside the page and its icon:" \
    "WebAssembly $wasm, JavaScript $((script + glue)), styles $styles"
