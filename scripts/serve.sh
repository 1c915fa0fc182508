#!/usr/bin/env bash
# Builds the release server and the dashboard, and runs them on http://127.0.0.1:3000.
# Options are the server's own, by environment: LOGBOOM_LISTEN, LOGBOOM_DATA, …
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/site.sh"

scripts/setup.sh web
listen="${LOGBOOM_LISTEN:-127.0.0.1:3000}"
host="${listen%:*}" port="${listen##*:}"
[[ "$host" != 0.0.0.0 ]] || host=127.0.0.1
url="http://$host:$port"
! answers "$host" "$port" || fail "something already listens on $listen; stop it, or set LOGBOOM_LISTEN"

# Prints the next steps once the server is ready. Ends with this script.
next_steps() {
    until answers "$host" "$port"; do
        sleep 0.2
        kill -0 $$ 2>/dev/null || exit 0
    done
    sleep 0.3
    cat >&2 <<TEXT
  What to do next:

    open $url in a browser
    make demo, in another terminal, for three services that log
    Ctrl-C here to stop; what was acknowledged is kept in ${LOGBOOM_DATA:-./data}

TEXT
}

build_site
say "building the server and starting it (the first time this takes minutes)"
next_steps &
# Builds the sample services of `make demo` as well. Built separately, cargo would recompile shared
# crates with other features.
exec cargo leptos serve --release --server-only \
    --bin-cargo-args=--package=loadgen --bin-cargo-args=--bin=loadgen
