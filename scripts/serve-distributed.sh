#!/usr/bin/env bash
# Runs Logboom on private RabbitMQ and PostgreSQL servers. Their programs come from
# unpacked Debian packages where they are missing. They keep their data between runs
# and are stopped with Logboom. Options by environment: those of scripts/serve.sh and
# scripts/private-servers.sh.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

exec scripts/private-servers.sh run scripts/serve.sh
