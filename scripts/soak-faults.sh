#!/usr/bin/env bash
# Puts a server with sinks of each kind, and an agent, under load for minutes while they and the destinations are
# killed, stopped and cut off. Then millions of records come to an agent whose destination is away. All must arrive:
# the exit code is 1 if a record is lost, doubled, altered or out of order. Prints the phases and a table.
#
#  LOGBOOM_SOAK_MINUTES=5          the duration of the first part; 0 leaves it out
#  LOGBOOM_SOAK_RATE=1000          the records per second of each of its two loads
#  LOGBOOM_SOAK_RECORDS=10000000   the records of the second part, which take up to 10 GB of disk; 0 leaves it out
#  BENCH_FOLDER=/tmp               the folder for the data of the run
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/site.sh"

have python3 || install_packages python3
scripts/setup.sh web
build_site
say "building the server (the first time this takes minutes)"
cargo build --profile serve -p server --bin logboom -p loadgen --bin loadgen
say "soaking for ${LOGBOOM_SOAK_MINUTES:-5} minutes, then with ${LOGBOOM_SOAK_RECORDS:-10000000} records"
LOGBOOM_PROGRAM="$target/serve/logboom" LOADGEN_PROGRAM="$target/serve/loadgen" LOGBOOM_SITE="$repository/target/site" \
    PYTHONDONTWRITEBYTECODE=1 exec python3 scripts/soak_faults.py
