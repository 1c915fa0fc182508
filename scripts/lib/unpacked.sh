# Programs for the tests, from Debian packages that are unpacked but not installed. Sourced after
# common.sh.
#
# Installing these packages would start a service (rabbitmq-server, postgresql, haproxy, docker.io,
# rsyslog) or replace another one (rsyslog replaces syslog-ng, busybox-static replaces busybox). The
# tests need only the program. Installed programs are used as they are.
#
# $tools/bin/PROGRAM links to $unpacked/NAME/bin/PROGRAM, a script that runs the program in
# $unpacked/NAME/root with the unpacked libraries.

unpacked="$tools/debian"
# PostgreSQL does not run as root, and its account cannot read /root.
[[ $EUID -ne 0 || -n "${XDG_CACHE_HOME:-}" ]] || unpacked=/var/cache/logboom/debian

# unpack_packages NAME PACKAGE…: downloads the packages and their missing dependencies, and unpacks
# them into $unpacked/NAME/root. Needs root only if apt-get has no package lists or outdated ones.
unpack_packages() {
    local name=$1 folder="$unpacked/$1" package
    shift
    have apt-get || fail "please install these yourself (no apt-get here), then try again: $*"
    say "downloading and unpacking, without installing: $*"
    rm -rf "$folder"
    mkdir -p "$folder"/{bin,root,packages} "$tools/bin"
    download_packages "$folder/packages" "$@" 2>/dev/null ||
        { update_packages && download_packages "$folder/packages" "$@"; } ||
        fail "apt-get cannot download $*; install them yourself, then try again"
    for package in "$folder"/packages/*.deb; do
        dpkg-deb --extract "$package" "$folder/root"
    done
    rm -rf "$folder/packages"
    cp /etc/os-release "$folder/os-release"
}

# download_packages FOLDER PACKAGE…: downloads them and their missing dependencies.
download_packages() {
    local folder=$1 plan missing
    shift
    # A simulation: the packages that an installation would remove do not matter.
    plan="$(apt-get -s install --no-install-recommends "$@")" || return 1
    # The third column of an installed package that would be upgraded is its version in brackets.
    missing="$(awk '$1 == "Inst" && $3 !~ /^\[/ { print $2 }' <<<"$plan")"
    # shellcheck disable=SC2046 # package names, one per word
    (cd "$folder" && apt-get download -qq $(printf '%s\n' "$@" $missing | sort -u))
}

# needed_by PACKAGE PATTERN: prints its direct and indirect dependencies that match.
needed_by() {
    apt-cache show "$1" >/dev/null 2>&1 || update_packages
    apt-cache depends --recurse --important "$1" | grep -xE "$2" | sort -u
}

# add_program NAME PATH [OPTION…]: links an unpacked program in $tools/bin, with options that are
# always passed.
add_program() {
    local folder="$unpacked/$1" program="$unpacked/$1/root/$2" libraries script
    shift 2
    [[ -x "$program" ]] || fail "the packages have no $program"
    libraries="$(find "$folder/root/lib" "$folder/root/usr/lib" -maxdepth 1 -name '*-linux-gnu*' 2>/dev/null | paste -sd :)" || true
    script="$folder/bin/$(basename "$program")"
    cat >"$script" <<SH
#!/bin/sh
export PATH="$folder/root/usr/sbin:$folder/root/usr/bin:\$PATH"
export LD_LIBRARY_PATH="$folder/root/usr/lib:$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
exec "$program" $* "\$@"
SH
    chmod 755 "$script"
    ln -sf "$script" "$tools/bin/"
}

# has_program NAME PROGRAM: whether it is already unpacked from this release's packages.
has_program() {
    [[ -x "$unpacked/$1/bin/$2" && -x "$tools/bin/$2" ]] && cmp -s /etc/os-release "$unpacked/$1/os-release"
}

setup_rabbitmq() {
    local root
    [[ ! -x /usr/lib/rabbitmq/bin/rabbitmq-server ]] && ! has_program rabbitmq rabbitmqctl || return 0
    # All of Erlang, even if a part is installed, because Erlang looks for its parts in one folder.
    # shellcheck disable=SC2046 # package names, one per word
    unpack_packages rabbitmq rabbitmq-server $(needed_by rabbitmq-server 'erlang-[a-z0-9-]+')
    root="$unpacked/rabbitmq/root"
    # Erlang's launcher contains the path of its folder.
    sed -i "s|=/usr/lib/erlang|=$root/usr/lib/erlang|" "$root/usr/lib/erlang/bin/erl"
    add_program rabbitmq usr/lib/rabbitmq/bin/rabbitmq-server
    add_program rabbitmq usr/lib/rabbitmq/bin/rabbitmqctl
    add_program rabbitmq usr/bin/epmd
}

setup_postgresql() {
    ! compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null && ! has_program postgresql postgres || return 0
    # The server of the release and its client, which may be installed separately.
    # shellcheck disable=SC2046
    unpack_packages postgresql $(needed_by postgresql 'postgresql-(client-)?[0-9]+')
    local programs program
    programs="$(cd "$unpacked/postgresql/root" && compgen -G 'usr/lib/postgresql/*/bin' | sort -V | tail -n 1)"
    for program in initdb pg_config pg_ctl pg_isready psql postgres; do
        add_program postgresql "$programs/$program"
    done
}

setup_rsyslog() {
    if [[ -x /usr/sbin/rsyslogd ]] && compgen -G '/usr/lib/*/rsyslog/omelasticsearch.so' >/dev/null &&
        compgen -G '/usr/lib/*/rsyslog/lmnsd_ossl.so' >/dev/null; then
        return 0
    fi
    # One that was unpacked by an earlier version of this script has no TLS.
    if has_program rsyslog rsyslogd && compgen -G "$unpacked/rsyslog/root/usr/lib/*/rsyslog/lmnsd_ossl.so" >/dev/null; then
        return 0
    fi
    unpack_packages rsyslog rsyslog rsyslog-elasticsearch rsyslog-openssl
    add_program rsyslog usr/sbin/rsyslogd -M "$(compgen -G "$unpacked/rsyslog/root/usr/lib/*/rsyslog")"
}

setup_logrotate() {
    [[ ! -x /usr/sbin/logrotate ]] && ! has_program logrotate logrotate || return 0
    unpack_packages logrotate logrotate
    add_program logrotate usr/sbin/logrotate
}

# setup_journal: the program that reads the systemd journal, and one that writes journals for the tests.
setup_journal() {
    if have journalctl && [[ -x /lib/systemd/systemd-journal-remote ]]; then return 0; fi
    ! has_program journal systemd-journal-remote || return 0
    local root="$unpacked/journal/root" packages=(systemd-journal-remote) shared
    have journalctl || packages+=(systemd)
    unpack_packages journal "${packages[@]}"
    # Their common library is in a folder of its own.
    shared="$(find "$root" -name 'libsystemd-shared-*.so' | head -n 1)"
    [[ -z "$shared" ]] || ln -sf "$shared" "$(dirname "$(dirname "$shared")")/"
    add_program journal lib/systemd/systemd-journal-remote
    have journalctl || add_program journal "$(cd "$root" && compgen -G '*bin/journalctl' || printf usr/bin/journalctl)"
}

setup_haproxy() {
    [[ ! -x /usr/sbin/haproxy ]] && ! has_program haproxy haproxy || return 0
    unpack_packages haproxy haproxy
    add_program haproxy usr/sbin/haproxy
}

setup_docker() {
    [[ ! -x /usr/sbin/dockerd && ! -x /usr/bin/dockerd ]] && ! has_program docker dockerd || return 0
    unpack_packages docker docker.io
    add_program docker usr/bin/docker
    add_program docker usr/sbin/dockerd
}

# setup_busybox: a statically linked one, for a container image.
setup_busybox() {
    if [[ -x /bin/busybox ]] && ! ldd /bin/busybox >/dev/null 2>&1; then return 0; fi
    ! has_program busybox busybox || return 0
    unpack_packages busybox busybox-static
    # The program itself, because it is copied.
    local program
    program="$(compgen -G "$unpacked/busybox/root/bin/busybox" || compgen -G "$unpacked/busybox/root/usr/bin/busybox")"
    ln -sf "$program" "$unpacked/busybox/bin/"
    ln -sf "$program" "$tools/bin/"
}
