#!/usr/bin/env bash
# Three sample services that log to the server at http://127.0.0.1:3000 until Ctrl-C.
# Options are passed on: scripts/demo.sh --url http://elsewhere:3000 --rate 50
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

program="$target/serve/loadgen"
# `make serve` has already built it.
if [[ ! -x "$program" || -n "$(find server/loadgen app/model proto -newer "$program" -type f -print -quit)" ]]; then
    say "building the sample services"
    cargo build --profile serve -p loadgen
fi
exec "$program" demo "$@"
