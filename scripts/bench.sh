#!/usr/bin/env bash
# Measures the program as built by `make release`, and prints one table. With
# VICTORIA_LOGS=/path/to/victoria-logs, measures that as well in the same run.
#
#  BENCH_RECORDS=5000000   the number of records to load
#  BENCH=sinks             only the sinks; `agent`: only an agent; `breadth`: only the corpora of other shapes;
#                          `main`: everything else
#  BENCH_FOLDER=/tmp       the folder for the data of the run
#
# Options are those of the corpora and choose `breadth`: --corpus wide,cjk --only ingest|queries --records N
# --rounds N --json FILE
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

(( $# == 0 )) || BENCH=breadth
have python3 || install_packages python3
scripts/release.sh
cargo build --release -p loadgen
say "measuring; this takes some minutes, and wants the machine for itself"
export LOGBOOM_PROGRAM="$target/release/logboom" LOADGEN_PROGRAM="$target/release/loadgen" PYTHONDONTWRITEBYTECODE=1
[[ "${BENCH:-main}" != main ]] || python3 scripts/bench.py
[[ "${BENCH:-breadth}" != breadth ]] || python3 scripts/bench_breadth.py "$@"
[[ "${BENCH:-sinks}" != sinks ]] || python3 scripts/bench_sinks.py
[[ "${BENCH:-agent}" != agent ]] || python3 scripts/bench_agent.py
