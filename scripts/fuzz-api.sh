#!/usr/bin/env bash
# Compares a running server with its OpenAPI document: sends what the document allows and forbids, with a fixed seed,
# and checks that each answer has a status, a content type, headers and a body that the document has. Three times:
#
#   open       a server that lets everybody do everything: all calls, also those that change and delete
#   with a key a server that has users, and the key of an admin: the calls that read, and whether each is refused
#              without a key and with a wrong one
#   without    the same server, no key: no call that needs one may succeed
#
# Uses the program of LOGBOOM_PROGRAM, or builds it. Takes about two minutes on two cores. The last line has the numbers
# of operations. LOGBOOM_KEEP=1 keeps the folder with the logs and reports.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

schemathesis="$tools/schemathesis/bin/schemathesis"
[[ -x "$schemathesis" ]] || scripts/setup.sh test
program="${LOGBOOM_PROGRAM:-}"
if [[ -z "$program" ]]; then
    say "building the program"
    cargo build -p server --bin logboom
    program="$target/debug/logboom"
fi

folder="$(mktemp -d)" pids=()
finish() {
    local pid
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    if [[ -n "${LOGBOOM_KEEP:-}" ]]; then say "logs and reports are in $folder"; else rm -rf "$folder"; fi
}
trap finish EXIT
trap 'exit 130' INT TERM

# free_port: a port below those that the system gives to connections.
free_port() {
    local candidate
    for candidate in $(shuf -i 20000-29999 -n 50); do
        answers 127.0.0.1 "$candidate" || { echo "$candidate" && return; }
    done
    fail "no free port between 20000 and 29999"
}

# serve NAME OPTION…: starts a server with a new data folder, and waits until it is ready. Sets url.
serve() {
    local name=$1 port grpc_port deadline=$((SECONDS + 60))
    shift
    port="$(free_port)"
    grpc_port="$(free_port)"
    url="http://127.0.0.1:$port"
    mkdir -p "$folder/$name"
    (cd "$folder/$name" && exec env LOGBOOM_SITE="$repository/target/site" "$program" serve \
        --listen "127.0.0.1:$port" --grpc-listen "127.0.0.1:$grpc_port" --data "$folder/$name/data" "$@") \
        >"$folder/$name/log" 2>&1 &
    pids+=($!)
    until curl --silent --fail --output /dev/null "$url/readyz"; do
        if ! kill -0 "${pids[-1]}" 2>/dev/null || [[ $SECONDS -ge $deadline ]]; then
            tail -n 20 "$folder/$name/log" >&2
            fail "the server for the run \"$name\" did not start; its last lines are above"
        fi
        sleep 0.2
    done
}

# The checks of the runs on a guarded server: answers that the document has, and none without the right to it.
checks=not_a_server_error,status_code_conformance,content_type_conformance
checks+=,response_headers_conformance,response_schema_conformance,ignored_auth

# ask NAME OPTION…: one run against $url. The calls of the group `live` are left out: their answers do not end, so that
# each would only wait for the timeout (`/api/v1/tail`, `/api/v1/figures/live`, `/logs`). The end-to-end tests read them.
# One worker: two at once meet a fault of Python 3.11 in parsing the source of a lambda.
passed=0 failed=0 skipped=0
ask() {
    local name=$1 status=0 run_passed run_failed run_skipped
    shift
    say "fuzzing the API, $name"
    # In the folder, because it leaves files where it runs.
    (cd "$folder" && SCHEMATHESIS_HOOKS="$repository/scripts/schemathesis_hooks.py" timeout 600 \
        "$schemathesis" --config-file "$repository/scripts/schemathesis.toml" run openapi.json --url "$url" \
        --exclude-tag live --workers 1 --suppress-health-check filter_too_much --no-color --report junit --report-junit-path "$name.xml" "$@") \
        >"$folder/$name.txt" 2>&1 || status=$?
    read -r run_passed run_failed run_skipped < <(python3 - "$folder/$name.xml" <<'PY'
import sys, xml.etree.ElementTree
try:
    cases = list(xml.etree.ElementTree.parse(sys.argv[1]).getroot().iter("testcase"))
except (OSError, xml.etree.ElementTree.ParseError):
    cases = []
is_failed = [any(part.tag in ("failure", "error") for part in case) for case in cases]
is_skipped = [not failed and any(part.tag == "skipped" for part in case) for case, failed in zip(cases, is_failed)]
print(len(cases) - sum(is_failed) - sum(is_skipped), sum(is_failed), sum(is_skipped))
PY
    )
    # A run that could not do its work, or that ended early, has no failed operation.
    [[ $status -eq 0 || $run_failed -gt 0 ]] || run_failed=1
    [[ $((run_passed + run_failed)) -gt 0 ]] || run_failed=1
    # A skipped operation was not asked at all, so nothing is known of it.
    [[ $run_failed -eq 0 && $run_skipped -eq 0 ]] || cat "$folder/$name.txt"
    say "$name: $run_passed operations passed, $run_failed failed, $run_skipped skipped"
    passed=$((passed + run_passed)) failed=$((failed + run_failed)) skipped=$((skipped + run_skipped))
}

# Answers differ with and without records, so there are some.
records() {
    local line
    for line in '"level":"info","message":"started"' '"level":"error","message":"payment of order 4711 failed"'; do
        printf '{"service":"shop","node":"web-1",%s}\n' "$line"
    done | curl --silent --fail --output /dev/null --data-binary @- "$@" "$url/api/v1/push"
}

serve open --open
curl --silent --fail --output "$folder/openapi.json" "$url/api/openapi.json"
records
ask open --phases examples,coverage,fuzzing --max-examples 10

(umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$folder/password")
serve guarded --admin-password-file "$folder/password"
key="$(env -u LOGBOOM_SERVER -u LOGBOOM_STORE "$program" key add fuzz --admin --data "$folder/guarded/data")"
records --header "authorization: Bearer $key"
# Only calls that read: what this run shows is who may, and the open one has shown what the others do.
# With another case of letters, schemathesis does not take the header for the key.
ask with-a-key --header "Authorization: Bearer $key" --include-method GET --checks "$checks" \
    --phases examples,fuzzing --max-examples 3
ask without-a-key --checks "$checks" --phases examples,fuzzing --max-examples 3

echo "fuzz-api: $passed passed, $failed failed, $skipped skipped"
[[ $failed -eq 0 && $skipped -eq 0 ]]
