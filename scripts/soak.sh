#!/usr/bin/env bash
# Runs a live view with 2,000 records per second for ten minutes. Memory, page size and frame rate
# must stay as after the first minute. Prints the figures.
#
#  LOGBOOM_SOAK_SECONDS=600   the duration
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/site.sh"

scripts/setup.sh web test
build_site
say "building the server (the first time this takes minutes)"
cargo build --profile serve -p server --bin logboom -p loadgen --bin loadgen
say "soaking for ${LOGBOOM_SOAK_SECONDS:-600} s"
cd end2end
LOGBOOM_PROGRAM="$target/serve/logboom" LOADGEN_PROGRAM="$target/serve/loadgen" \
    LOGBOOM_SOAK_SECONDS="${LOGBOOM_SOAK_SECONDS:-600}" exec npx playwright test --project=embedded specs/soak.spec.ts
