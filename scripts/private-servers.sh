#!/usr/bin/env bash
# Runs private RabbitMQ and PostgreSQL servers on separate loopback ports, with their data in one
# folder. The programs are the installed ones, or from unpacked Debian packages. Installed services
# are never touched, and none is installed.
#
#   scripts/private-servers.sh run COMMAND…   starts both, runs the command with
#                                             LOGBOOM_QUEUE and LOGBOOM_STORE set, and
#                                             stops them when it ends
#   scripts/private-servers.sh start          starts both and leaves them running
#   scripts/private-servers.sh stop           stops them; their data stays
#   scripts/private-servers.sh env            prints the two settings for `eval`
#
# LOGBOOM_SERVERS       the folder; default: ~/.local/state/logboom-distributed, and for
#                       root /var/lib/logboom-distributed, because PostgreSQL does not
#                       run as root and its account cannot look into /root
# LOGBOOM_SERVERS_PORT  RabbitMQ's port, 27670 by default; the two after it are for
#                       Erlang, the third is PostgreSQL's
# LOGBOOM_SERVERS_TIMESCALE=no
#                       does not load TimescaleDB where it is installed, so that Logboom stores
#                       on plain PostgreSQL
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/unpacked.sh"

if [[ $EUID -eq 0 ]]; then
    default_folder=/var/lib/logboom-distributed
else
    default_folder="${XDG_STATE_HOME:-$HOME/.local/state}/logboom-distributed"
fi
folder="${LOGBOOM_SERVERS:-$default_folder}"
[[ "$folder" == /* ]] || folder="$repository/$folder"
rabbitmq_port="${LOGBOOM_SERVERS_PORT:-27670}"
[[ "$rabbitmq_port" =~ ^[0-9]+$ && "$rabbitmq_port" -ge 1024 && "$rabbitmq_port" -le 65532 ]] ||
    fail "LOGBOOM_SERVERS_PORT must be a number from 1024 to 65532: $rabbitmq_port"
distribution_port=$((rabbitmq_port + 1))
epmd_port=$((rabbitmq_port + 2))
postgresql_port=$((rabbitmq_port + 3))
rabbitmq="$folder/rabbitmq"
postgresql="$folder/postgresql"

# is_ours PIDFILE: whether the process in the file belongs to this folder. The system may have
# reused the pid.
is_ours() {
    local pid
    pid="$(cat "$1" 2>/dev/null)" && [[ -n "$pid" ]] || return 1
    { tr '\0' '\n' <"/proc/$pid/environ"; } 2>/dev/null | grep -qxF "LOGBOOM_PRIVATE_SERVER=$folder"
}

# alive PIDFILE: whether the process in the file runs. An ended one may remain as a zombie if
# nothing reaps orphans, such as in a container.
alive() {
    local stat
    stat="$(cat "/proc/$(cat "$1")/stat" 2>/dev/null)" && [[ "${stat##*) }" != Z* ]]
}

# wait_for WHAT PIDFILE PORT LOG: waits for the port; fails if the server ends.
wait_for() {
    local what=$1 pidfile=$2 port=$3 log=$4 tenths=0
    until answers 127.0.0.1 "$port"; do
        if ! alive "$pidfile" || [[ $tenths -ge 1200 ]]; then
            tail -n 20 "$log" >&2 || true
            fail "$what did not start; its log is $log"
        fi
        sleep 0.1
        tenths=$((tenths + 1))
    done
}

# end PIDFILE: stops the server, waits, and finally kills it.
end() {
    local pidfile=$1 tenths=0
    if is_ours "$pidfile"; then
        kill -TERM "$(cat "$pidfile")" 2>/dev/null || true
        while alive "$pidfile"; do
            [[ $tenths -ne 300 ]] || kill -KILL "$(cat "$pidfile")" 2>/dev/null || true
            sleep 0.1
            tenths=$((tenths + 1))
        done
    fi
    rm -f "$pidfile"
}

# in_background PIDFILE LOG COMMAND…: starts a server in its own session, so that Ctrl-C reaches
# only Logboom, which must end before its servers.
in_background() {
    local pidfile=$1 log=$2
    shift 2
    LOGBOOM_PRIVATE_SERVER="$folder" setsid "$@" </dev/null >>"$log" 2>&1 9>&- &
    echo $! >"$pidfile"
}

start_rabbitmq() {
    if is_ours "$rabbitmq/server.pid"; then
        wait_for RabbitMQ "$rabbitmq/server.pid" "$rabbitmq_port" "$rabbitmq/server.log"
        return
    fi
    local port server=/usr/lib/rabbitmq/bin/rabbitmq-server
    [[ -x $server ]] || server="$tools/bin/rabbitmq-server"
    for port in "$rabbitmq_port" "$distribution_port" "$epmd_port"; do
        ! answers 127.0.0.1 "$port" || is_ours "$rabbitmq/epmd.pid" ||
            fail "something else listens on port $port; set LOGBOOM_SERVERS_PORT"
    done
    say "starting RabbitMQ on port $rabbitmq_port (about ten seconds)"
    mkdir -p "$rabbitmq"
    chmod 700 "$rabbitmq"
    # Empty, to override /etc/rabbitmq of the installed service.
    echo '[].' >"$rabbitmq/enabled_plugins"
    : >"$rabbitmq/rabbitmq.conf"
    export HOME="$rabbitmq" ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT="$epmd_port"
    if ! is_ours "$rabbitmq/epmd.pid"; then
        # Otherwise the machine's Erlang name server would be used, and left running.
        in_background "$rabbitmq/epmd.pid" "$rabbitmq/epmd.log" epmd -address 127.0.0.1 -port "$epmd_port"
        wait_for "Erlang's name server" "$rabbitmq/epmd.pid" "$epmd_port" "$rabbitmq/epmd.log"
    fi
    # ALLOW_INPUT makes the launcher exec the server instead of staying its parent.
    in_background "$rabbitmq/server.pid" "$rabbitmq/server.log" env \
        RABBITMQ_ALLOW_INPUT=true \
        RABBITMQ_CONF_ENV_FILE=/dev/null \
        RABBITMQ_CONFIG_FILE="$rabbitmq/rabbitmq.conf" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$rabbitmq/enabled_plugins" \
        RABBITMQ_MNESIA_BASE="$rabbitmq/data" \
        RABBITMQ_LOG_BASE="$rabbitmq/log" \
        RABBITMQ_PID_FILE="$rabbitmq/broker.pid" \
        RABBITMQ_NODENAME=logboom@localhost \
        RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 \
        RABBITMQ_NODE_PORT="$rabbitmq_port" \
        RABBITMQ_DIST_PORT="$distribution_port" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none' \
        "$server" -noinput
    wait_for RabbitMQ "$rabbitmq/server.pid" "$rabbitmq_port" "$rabbitmq/server.log"
}

# as_postgres COMMAND…: runs it under an account that PostgreSQL accepts: for root the owner of the
# data, or `postgres`, or `nobody` if PostgreSQL is not installed.
as_postgres() {
    if [[ $EUID -eq 0 ]]; then
        (cd / && setpriv --reuid="$(postgresql_account)" --regid="$(id -g "$(postgresql_account)")" --clear-groups "$@")
    else
        (cd / && "$@")
    fi
}

postgresql_account() {
    local owner
    owner="$(stat -c %U "$postgresql" 2>/dev/null || echo root)"
    if [[ "$owner" != root ]]; then
        echo "$owner"
    elif id postgres >/dev/null 2>&1; then
        echo postgres
    else
        echo nobody
    fi
}

# postgresql_programs: prints the folder of the programs for the data, or of the newest ones.
postgresql_programs() {
    local version="*" programs
    # A server cannot read the data of another major version.
    [[ ! -f "$postgresql/data/PG_VERSION" ]] || version="$(cat "$postgresql/data/PG_VERSION")"
    programs="$(compgen -G "/usr/lib/postgresql/$version/bin" | sort -V | tail -n 1)" || true
    if [[ -z "$programs" && -x "$unpacked/postgresql/bin/postgres" ]]; then
        # As in `postgres (PostgreSQL) 15.18`.
        # shellcheck disable=SC2053 # a pattern
        [[ "$("$unpacked/postgresql/bin/postgres" --version | grep -oE '[0-9]+' | head -n 1)" != $version ]] ||
            programs="$unpacked/postgresql/bin"
    fi
    [[ -x "$programs/postgres" ]] || fail "$postgresql/data is PostgreSQL $version's, which is not installed"
    echo "$programs"
}

start_postgresql() {
    local programs data="$postgresql/data" log="$postgresql/server.log" preload=
    programs="$(postgresql_programs)"
    if as_postgres "$programs/pg_ctl" status --silent --pgdata "$data" >/dev/null 2>&1; then
        return
    fi
    ! answers 127.0.0.1 "$postgresql_port" ||
        fail "something else listens on port $postgresql_port; set LOGBOOM_SERVERS_PORT"
    say "starting PostgreSQL on port $postgresql_port"
    mkdir -p "$postgresql"
    chmod 700 "$postgresql"
    [[ $EUID -ne 0 ]] || chown "$(postgresql_account):" "$postgresql"
    as_postgres test -w "$postgresql" ||
        fail "the account $(postgresql_account) cannot reach $postgresql; set LOGBOOM_SERVERS to a folder that it can"
    if [[ ! -f "$data/PG_VERSION" ]]; then
        # A folder without this file is left over from an interrupted attempt.
        as_postgres rm -rf "$data"
        # shellcheck disable=SC2016 # $1 is the inner shell's
        as_postgres sh -c 'umask 077; cat >"$1"' sh "$postgresql/password" <"$folder/password"
        as_postgres "$programs/initdb" --pgdata "$data" --username logboom --pwfile "$postgresql/password" \
            --auth scram-sha-256 --encoding UTF8 --locale C.UTF-8 --no-instructions >>"$folder/initdb.log" ||
            fail "initdb failed; its log is $folder/initdb.log"
        # shellcheck disable=SC2016
        as_postgres sh -c 'echo "include = '\''logboom.conf'\''" >>"$1/postgresql.conf"' sh "$data"
    fi
    [[ "${LOGBOOM_SERVERS_TIMESCALE:-yes}" == no ]] ||
        [[ ! -f "$("$programs/pg_config" --sharedir)/extension/timescaledb.control" ]] || preload=timescaledb
    as_postgres tee "$data/logboom.conf" >/dev/null <<CONF
# Rewritten at each start.
listen_addresses = '127.0.0.1'
port = $postgresql_port
unix_socket_directories = ''
shared_preload_libraries = '$preload'
timescaledb.telemetry_level = off
max_wal_size = 2GB
max_worker_processes = 16
CONF
    # pg_ctl starts the server in its own session.
    as_postgres "$programs/pg_ctl" start --silent --wait --timeout 120 --pgdata "$data" --log "$log" 9>&- ||
        { as_postgres tail -n 20 "$log" >&2 || true; fail "PostgreSQL did not start; its log is $log"; }
    if [[ -z "$(sql "$programs" "select 1 from pg_database where datname = 'logboom'")" ]]; then
        sql "$programs" "create database logboom"
    fi
}

sql() {
    PGPASSWORD="$(cat "$folder/password")" "$1/psql" --no-psqlrc --quiet --tuples-only --no-align \
        --set ON_ERROR_STOP=1 --host 127.0.0.1 --port "$postgresql_port" --username logboom --dbname postgres --command "$2"
}

stop_postgresql() {
    local data="$postgresql/data" programs
    [[ -f "$data/PG_VERSION" ]] || return 0
    programs="$(postgresql_programs)"
    # Fast: sessions are closed, everything is written.
    as_postgres "$programs/pg_ctl" stop --silent --mode fast --timeout 60 --pgdata "$data" >/dev/null 2>&1 || true
}

# locked COMMAND…: runs it exclusively per folder; the lock ends with this script.
locked() {
    exec 9>"$folder/lock"
    flock 9
    "$@"
    exec 9>&-
}

start() {
    setup_rabbitmq
    setup_postgresql
    mkdir -p "$folder"
    # PostgreSQL's account must be able to enter the folder.
    [[ $EUID -ne 0 ]] || chmod go+x "$folder"
    locked start_locked
}

start_locked() {
    if [[ ! -s "$folder/password" ]]; then
        (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$folder/password")
    fi
    # In subshells: both change their environment.
    (start_postgresql)
    (start_rabbitmq)
}

stop() {
    [[ -d "$folder" ]] || return 0
    say "stopping the private servers; their data stays in $folder"
    locked stop_locked
}

stop_locked() {
    end "$rabbitmq/server.pid"
    end "$rabbitmq/epmd.pid"
    stop_postgresql
}

settings() {
    # RabbitMQ accepts its default user only from the local machine.
    LOGBOOM_QUEUE="amqp://guest:guest@127.0.0.1:$rabbitmq_port/%2f"
    LOGBOOM_STORE="postgres://logboom:$(cat "$folder/password")@127.0.0.1:$postgresql_port/logboom"
    export LOGBOOM_QUEUE LOGBOOM_STORE
}

# run COMMAND…: runs it in its own process group and forwards signals to it, so that it ends before
# the servers.
run() {
    local child status=0
    trap stop EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    start
    settings
    set -m
    "$@" </dev/null &
    child=$!
    set +m
    trap 'kill -INT -- "-$child" 2>/dev/null || true' INT
    trap 'kill -TERM -- "-$child" 2>/dev/null || true' TERM HUP
    wait "$child" || status=$?
    # A signal interrupts the wait, not the command.
    while kill -0 "$child" 2>/dev/null; do
        status=0
        wait "$child" || status=$?
    done
    exit "$status"
}

case "${1:-}" in
    run)
        shift
        [[ $# -gt 0 ]] || fail "no command given: scripts/private-servers.sh run COMMAND…"
        run "$@"
        ;;
    start) start ;;
    stop) stop ;;
    env)
        [[ -s "$folder/password" ]] || fail "the private servers were never started: scripts/private-servers.sh start"
        settings
        printf 'export LOGBOOM_QUEUE=%q LOGBOOM_STORE=%q\n' "$LOGBOOM_QUEUE" "$LOGBOOM_STORE"
        ;;
    *) fail "unknown action; use run COMMAND…, start, stop or env" ;;
esac
