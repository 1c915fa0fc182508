#!/usr/bin/env bash
# Runs a debug build on http://127.0.0.1:3000. Every change rebuilds it and reloads the browser.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

scripts/setup.sh web
say "building, then watching for changes; Ctrl-C stops"
exec cargo leptos watch "${split[@]}"
