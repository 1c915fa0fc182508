#!/usr/bin/env bash
# Runs Logboom on private RabbitMQ and PostgreSQL servers, which are installed from
# Debian's packages where they are missing, keep their data from one time to the next,
# and are stopped with Logboom. Options by environment: those of scripts/serve.sh and
# scripts/private-servers.sh.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

exec scripts/private-servers.sh run scripts/serve.sh
