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
#   scripts/private-servers.sh sql QUERY      prints the rows of a query to Logboom's database
#   scripts/private-servers.sh control COMMAND…
#                                             runs rabbitmqctl for the running (first) broker
#
# LOGBOOM_SERVERS       the folder; default: ~/.local/state/logboom-distributed, and for
#                       root /var/lib/logboom-distributed, because PostgreSQL does not
#                       run as root and its account cannot look into /root
# LOGBOOM_SERVERS_PORT  RabbitMQ's port, 27670 by default; the two after it are for
#                       Erlang, the third is PostgreSQL's
# LOGBOOM_SERVERS_TIMESCALE=no
#                       does not load TimescaleDB where it is installed, so that Logboom stores
#                       on plain PostgreSQL
# LOGBOOM_SERVERS_BROKERS=3
#                       starts three brokers of RabbitMQ as one cluster, so that a quorum queue has
#                       three replicas. LOGBOOM_QUEUE is the first one. The four ports after
#                       PostgreSQL's are those of the second broker (clients, Erlang) and of the
#                       third. `stop` stops all brokers, also without this setting
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
brokers="${LOGBOOM_SERVERS_BROKERS:-1}"
most_brokers=3
[[ "$brokers" == 1 || "$brokers" == "$most_brokers" ]] || fail "LOGBOOM_SERVERS_BROKERS must be 1 or $most_brokers: $brokers"
# The last port is PostgreSQL's, or that of the last broker.
highest_port=$((65534 - 2 * brokers))
[[ "$rabbitmq_port" =~ ^[0-9]+$ && "$rabbitmq_port" -ge 1024 && "$rabbitmq_port" -le $highest_port ]] ||
    fail "LOGBOOM_SERVERS_PORT must be a number from 1024 to $highest_port: $rabbitmq_port"
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

# suffix BROKER: of its name and of its files. The first one has the names of a broker that is alone.
suffix() { [[ $1 -eq 1 ]] || echo "-$1"; }

# broker_port BROKER: its port for clients; the one after it is for Erlang.
broker_port() { echo $((rabbitmq_port + ($1 == 1 ? 0 : 2 * $1))); }

broker_name() { echo "logboom$(suffix "$1")@localhost"; }

# rabbitmq_environment: exports what servers and rabbitmqctl need. For subshells.
rabbitmq_environment() {
    # The Erlang cookie is in the home folder, so all brokers have the same one.
    export HOME="$rabbitmq" ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT="$epmd_port"
    export RABBITMQ_CONF_ENV_FILE=/dev/null
    export RABBITMQ_ENABLED_PLUGINS_FILE="$rabbitmq/enabled_plugins"
    # Each broker has files of its own name in them.
    export RABBITMQ_MNESIA_BASE="$rabbitmq/data" RABBITMQ_LOG_BASE="$rabbitmq/log"
}

# control COMMAND…: runs rabbitmqctl for the first broker.
control() {
    local program=/usr/lib/rabbitmq/bin/rabbitmqctl
    [[ -x $program ]] || program="$tools/bin/rabbitmqctl"
    (
        rabbitmq_environment
        RABBITMQ_NODENAME="$(broker_name 1)" exec "$program" --quiet "$@"
    )
}

start_rabbitmq() {
    local broker
    # Alone, the first of them would wait for the others, and their queue would have no majority.
    [[ $brokers -ne 1 || ! -d "$rabbitmq/data/$(broker_name 2)" ]] ||
        fail "$rabbitmq has the data of $most_brokers brokers; set LOGBOOM_SERVERS_BROKERS=$most_brokers"
    check_ports
    mkdir -p "$rabbitmq"
    chmod 700 "$rabbitmq"
    # Empty, to override /etc/rabbitmq of the installed service.
    echo '[].' >"$rabbitmq/enabled_plugins"
    rabbitmq_environment
    if ! is_ours "$rabbitmq/epmd.pid"; then
        # Otherwise the machine's Erlang name server would be used, and left running.
        in_background "$rabbitmq/epmd.pid" "$rabbitmq/epmd.log" epmd -address 127.0.0.1 -port "$epmd_port"
        wait_for "Erlang's name server" "$rabbitmq/epmd.pid" "$epmd_port" "$rabbitmq/epmd.log"
    fi
    for ((broker = 1; broker <= brokers; broker++)); do
        if [[ -d "$rabbitmq/data/$(broker_name "$broker")" ]]; then
            # With data, it may need brokers that ended after it, so all are started before any is waited for.
            start_broker "$broker"
        else
            # A new one joins those that run. If it found none, it would begin a cluster of its own.
            [[ $broker -eq 1 ]] || wait_for_broker 1
            start_broker "$broker"
            wait_for_broker "$broker"
        fi
    done
    for ((broker = 1; broker <= brokers; broker++)); do
        wait_for_broker "$broker"
    done
    [[ $brokers -eq 1 ]] || control await_online_nodes "$brokers" --timeout 60 >&2 ||
        fail "the $brokers brokers are not one cluster; their logs are $rabbitmq/server*.log"
}

# check_ports: fails if other programs have the ports.
check_ports() {
    local broker port ports=("$epmd_port")
    ! is_ours "$rabbitmq/epmd.pid" || return 0
    for ((broker = 1; broker <= brokers; broker++)); do
        port="$(broker_port "$broker")"
        ports+=("$port" "$((port + 1))")
    done
    for port in "${ports[@]}"; do
        ! answers 127.0.0.1 "$port" || fail "something else listens on port $port; set LOGBOOM_SERVERS_PORT"
    done
}

# start_broker BROKER: starts it unless it runs, in the environment of rabbitmq_environment.
start_broker() {
    local port peer files server=/usr/lib/rabbitmq/bin/rabbitmq-server
    [[ -x $server ]] || server="$tools/bin/rabbitmq-server"
    port="$(broker_port "$1")"
    files="$(suffix "$1")"
    ! is_ours "$rabbitmq/server$files.pid" || return 0
    say "starting RabbitMQ on port $port (about ten seconds)"
    # Empty for the first one, which joins nobody. A broker with data ignores it.
    if [[ $1 -gt 1 ]]; then
        echo 'cluster_formation.peer_discovery_backend = classic_config'
        for ((peer = 1; peer <= brokers; peer++)); do
            echo "cluster_formation.classic_config.nodes.$peer = $(broker_name "$peer")"
        done
    fi >"$rabbitmq/rabbitmq$files.conf"
    # ALLOW_INPUT makes the launcher exec the server instead of staying its parent.
    in_background "$rabbitmq/server$files.pid" "$rabbitmq/server$files.log" env \
        RABBITMQ_ALLOW_INPUT=true \
        RABBITMQ_CONFIG_FILE="$rabbitmq/rabbitmq$files.conf" \
        RABBITMQ_PID_FILE="$rabbitmq/broker$files.pid" \
        RABBITMQ_NODENAME="$(broker_name "$1")" \
        RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 \
        RABBITMQ_NODE_PORT="$port" \
        RABBITMQ_DIST_PORT="$((port + 1))" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none' \
        "$server" -noinput
}

wait_for_broker() {
    local files
    files="$rabbitmq/server$(suffix "$1")"
    wait_for RabbitMQ "$files.pid" "$(broker_port "$1")" "$files.log"
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

# sql PROGRAMS QUERY [DATABASE]
sql() {
    PGPASSWORD="$(cat "$folder/password")" "$1/psql" --no-psqlrc --quiet --tuples-only --no-align \
        --set ON_ERROR_STOP=1 --host 127.0.0.1 --port "$postgresql_port" --username logboom \
        --dbname "${3:-postgres}" --command "$2"
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
    local broker
    # The first one last, so that it waits for no other one at the next start.
    for ((broker = most_brokers; broker >= 1; broker--)); do
        end "$rabbitmq/server$(suffix "$broker").pid"
    done
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
    sql)
        [[ $# -eq 2 ]] || fail "one argument is needed: scripts/private-servers.sh sql QUERY"
        sql "$(postgresql_programs)" "$2" logboom
        ;;
    control)
        shift
        [[ $# -gt 0 ]] || fail "no command given: scripts/private-servers.sh control COMMAND…"
        control "$@"
        ;;
    *) fail "unknown action; use run COMMAND…, start, stop, env, sql QUERY or control COMMAND…" ;;
esac
