#!/usr/bin/env bash
# Runs Logboom on private RabbitMQ and PostgreSQL servers. Missing programs come from unpacked
# Debian packages. The servers keep their data between runs and are stopped with Logboom. Options by
# environment: those of scripts/serve.sh and scripts/private-servers.sh.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

exec scripts/private-servers.sh run scripts/serve.sh
