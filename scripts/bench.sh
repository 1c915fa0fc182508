#!/usr/bin/env bash
# Measures the program as built by `make release`, and prints one table. With
# VICTORIA_LOGS=/path/to/victoria-logs, measures that as well in the same run.
#
#  BENCH_RECORDS=5000000   the number of records to load
#  BENCH=sinks             only the sinks; `agent`: only an agent; `breadth`: only the corpora of other shapes;
#                          `main`: everything else
#  BENCH=scale             a store that grows to 200 million records (half an hour and more, 25 GB of disk)
#  BENCH=readers           20 readers of 40 million records while more arrive
#  BENCH=distributed       nodes on private RabbitMQ and PostgreSQL servers, with TimescaleDB and without
#  BENCH_FOLDER=/tmp       the folder for the data of the run; PostgreSQL's account must be able to enter it
#
# The last three run only by name. Options are those of the chosen benchmark, and without BENCH those of the corpora:
#
#  breadth                 --corpus wide,cjk --only ingest|queries --records N --rounds N --json FILE
#  scale                   --records 5000000,40000000 --corpus traces --values 500000 --spread-hours N --json FILE
#  readers                 --records N --readers N --rate N --seconds N --think SECONDS --json FILE
#  distributed             --layout timescale,plain --only queries,rates,live,costs,nodes --records N --rate N
#                          --stream-rate N --nodes N --brokers 1|3 --json FILE
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

(( $# == 0 )) || BENCH="${BENCH:-breadth}"
have python3 || install_packages python3
scripts/release.sh
cargo build --release -p loadgen
say "measuring; this takes some minutes, and wants the machine for itself"
export LOGBOOM_PROGRAM="$target/release/logboom" LOADGEN_PROGRAM="$target/release/loadgen" PYTHONDONTWRITEBYTECODE=1
[[ "${BENCH:-main}" != main ]] || python3 scripts/bench.py
[[ "${BENCH:-breadth}" != breadth ]] || python3 scripts/bench_breadth.py "$@"
[[ "${BENCH:-sinks}" != sinks ]] || python3 scripts/bench_sinks.py
[[ "${BENCH:-agent}" != agent ]] || python3 scripts/bench_agent.py
[[ "${BENCH:-}" != scale ]] || python3 scripts/bench_scale.py "$@"
[[ "${BENCH:-}" != readers ]] || python3 scripts/bench_readers.py "$@"
[[ "${BENCH:-}" != distributed ]] || python3 scripts/bench_distributed.py "$@"
