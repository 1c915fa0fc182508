#!/usr/bin/env bash
# Runs all tests with one build profile: those of the workspace (unit and property tests, engines
# against private RabbitMQ and PostgreSQL servers), then the whole program in a real browser, and its
# API against the OpenAPI document. The last lines list the parts and name what failed; the final one has the total.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

scripts/setup.sh web test
logs="$(mktemp -d)"
trap 'rm -rf "$logs"' EXIT
passed=0 failed=0 summary=()

# count PART PASSED FAILED STATUS: adds the results of a part. A part that fails without a failed
# test, such as by a compile error, counts as one failure.
count() {
    local part=$1 part_passed=$2 part_failed=$3 status=$4 note=""
    if [[ $status -ne 0 && $part_failed -eq 0 ]]; then
        part_failed=1 note=" (ended with status $status)"
    fi
    if [[ $((part_passed + part_failed)) -eq 0 ]]; then
        part_failed=1 note=" (ran no test)"
    fi
    passed=$((passed + part_passed)) failed=$((failed + part_failed))
    summary+=("$part: $part_passed passed, $part_failed failed$note")
}

# sum FILE WORD: adds up the numbers before WORD in cargo's result lines.
sum() {
    sed -nE "s/^test result: .* ([0-9]+) $2.*/\1/p" "$1" | awk '{ total += $1 } END { print total + 0 }'
}

# npm_sum WORD: the number after WORD in npm's test summary, `# pass 9` or `ℹ pass 9`.
npm_sum() {
    { sed -nE "s/^[^ ]+ $1 ([0-9]+)$/\1/p" "$logs/winston" 2>/dev/null || true; } | tail -1 | grep . || echo 0
}

# names: what failed, one a line, by the words of each part; then the tests that passed only when they were run again.
names() {
    local part
    for part in cargo crash; do
        sed -nE "s/^test (.*) \.\.\. FAILED$/$part test failed: \1/p" "$logs/$part" 2>/dev/null || true
    done
    # `✖ name (3.1ms)` or `not ok 3 - name`; the first form occurs twice.
    sed -nE '/✖ failing tests:$/d
        s/ \([0-9.]+ms\)$//
        s/^ *(✖|not ok [0-9]+ -) (.*)$/clients\/winston failed: \2/p' "$logs/winston" 2>/dev/null | awk '!seen[$0]++' || true
    sed -n '/^end2end failed: /p' "$logs/end2end" 2>/dev/null || true
    # The headings of schemathesis: `____ GET /api/v1/logs ____`.
    sed -nE 's/^_+ ([A-Z]+ \/.*[^_ ]) _+$/API failed: \1/p' "$logs/fuzz-api" 2>/dev/null | awk '!seen[$0]++' || true
    sed -n '/^passed only when run again: /p' "$logs/end2end" 2>/dev/null || true
}

say "cargo test: units, laws, and the engines against real servers"
status=0
cargo test --workspace --no-fail-fast 2>&1 | tee "$logs/cargo" || status=$?
count "cargo test --workspace" "$(sum "$logs/cargo" passed)" "$(sum "$logs/cargo" failed)" "$status"
ignored="$(sum "$logs/cargo" ignored)"

say "the crash matrix: the embedded engines killed at each step"
status=0
cargo test -p engine-embedded --features failpoints --test crash 2>&1 | tee "$logs/crash" || status=$?
count "crash matrix" "$(sum "$logs/crash" passed)" "$(sum "$logs/crash" failed)" "$status"

say "building the whole program and the load generator for the end-to-end tests"
built=0
# The same features as above, to avoid recompilation.
{ cargo leptos build --frontend-only "${split[@]}" && cargo build --workspace --bins; } || built=$?

status=$built
if [[ $built -eq 0 ]]; then
    say "clients/winston: the npm transport against the program"
    (cd clients/winston && LOGBOOM_PROGRAM="$target/debug/logboom" LOGBOOM_SITE="$repository/target/site" \
        npm test --silent) 2>&1 | tee "$logs/winston" || status=$?
fi
count "clients/winston (npm test)" "$(npm_sum pass)" "$(npm_sum fail)" "$status"

status=$built
if [[ $built -eq 0 ]]; then
    say "end to end: the whole program in Chromium, on both pairs of engines"
    (cd end2end && LOGBOOM_PROGRAM="$target/debug/logboom" LOADGEN_PROGRAM="$target/debug/loadgen" \
        LOGBOOM_PYTHON="$tools/python/bin/python" \
        npm test --silent) 2>&1 | tee "$logs/end2end" || status=$?
    read -r e2e_passed e2e_failed _ < <(
        sed -nE 's/^end2end: ([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$logs/end2end" | tail -1
    ) || true
fi
count "end2end (Playwright)" "${e2e_passed:-0}" "${e2e_failed:-0}" "$status"

status=$built
if [[ $built -eq 0 ]]; then
    say "the API against its OpenAPI document: any parameters and bodies, with a key, without, and on an open server"
    LOGBOOM_PROGRAM="$target/debug/logboom" scripts/fuzz-api.sh 2>&1 | tee "$logs/fuzz-api" || status=$?
    read -r fuzz_passed fuzz_failed < <(
        sed -nE 's/^fuzz-api: ([0-9]+) passed, ([0-9]+) failed, [0-9]+ skipped$/\1 \2/p' "$logs/fuzz-api" | tail -1
    ) || true
fi
count "API (schemathesis)" "${fuzz_passed:-0}" "${fuzz_failed:-0}" "$status"

printf '\n'
say "what ran"
printf '%s\n' "${summary[@]}"
# Every skipped test is reported.
[[ $ignored -eq 0 ]] || echo "not run: $ignored tests of the workspace are marked as ignored"
sed -n 's/^end2end skipped: /not run: /p' "$logs/end2end" 2>/dev/null || true
# Tests that could not run here: see `testkit::not_run`.
sed -n 's/^.*NOT RUN: /not run: /p' "$logs/cargo" "$logs/crash" | sort -u
# Whoever sees only the end of the output sees these.
mapfile -t named < <(names)
most=15
[[ ${#named[@]} -eq 0 ]] || printf '%s\n' "${named[@]:0:most}"
[[ ${#named[@]} -le $most ]] || echo "and $((${#named[@]} - most)) more"
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
