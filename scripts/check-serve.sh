#!/usr/bin/env bash
# Checks that `cargo leptos serve` works: builds and starts the server with it, waits until the server is healthy, then
# loads a page, its script and its WebAssembly. Arguments are options of `cargo leptos serve`.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

scripts/setup.sh web
folder="$(mktemp -d)" pid=""
# stop_serving: cargo-leptos stops the server, then ends.
stop_serving() {
    [[ -n "$pid" ]] || return 0
    kill "$pid" 2>/dev/null || true
    wait "$pid" || true
    pid=""
}
trap 'stop_serving; rm -rf "$folder"' EXIT
# A free port below those that the system gives to connections.
port=""
for candidate in $(shuf -i 20000-29999 -n 50); do
    answers 127.0.0.1 "$candidate" || { port="$candidate" && break; }
done
[[ -n "$port" ]] || fail "no free port between 20000 and 29999"
url="http://127.0.0.1:$port"

say "cargo leptos serve $*"
LOGBOOM_LISTEN="127.0.0.1:$port" LOGBOOM_DATA="$folder/data" cargo leptos serve "$@" >"$folder/log" 2>&1 &
pid=$!

# stopped TEXT: fails with the last lines of the log.
stopped() {
    tail -n 40 "$folder/log" >&2
    fail "cargo leptos serve: $1; the last lines of its output are above"
}
# A first build compiles everything.
deadline=$((SECONDS + 3600))
until curl --silent --fail --output /dev/null "$url/healthz"; do
    kill -0 "$pid" 2>/dev/null || stopped "it ended before the server was healthy"
    [[ $SECONDS -lt $deadline ]] || stopped "the server is not healthy after an hour"
    sleep 0.5
done
curl --silent --fail "$url/" >"$folder/page" || stopped "the page / cannot be loaded"
grep -q '<title>Logboom' "$folder/page" || stopped "the page / has no title"
for file in logboom.js logboom.wasm logboom.css; do
    # The page names it with the version of the program.
    path="$(grep -oE "/[^\"'() ]*/pkg/$file" "$folder/page" | head -n 1)" || stopped "the page names no $file"
    curl --silent --fail --output "$folder/$file" "$url$path" || stopped "$path cannot be loaded"
done
# Each WebAssembly file begins with these bytes.
[[ "$(head -c 4 "$folder/logboom.wasm" | od -An -tx1 | tr -d ' ')" == 0061736d ]] || stopped "logboom.wasm is none"
stop_serving
! answers 127.0.0.1 "$port" || fail "cargo leptos serve has ended, and the server still listens on port $port"
say "cargo leptos serve: healthy, the page and its files are loaded, and it ends when it is stopped"
