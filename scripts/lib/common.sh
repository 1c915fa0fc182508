# Shared functions of the scripts: paths, messages, installation. Installing never removes a package
# or starts a service. Sourced, not run; the caller has set -euo pipefail.

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
# Tools of exact versions are installed separately from the user's own, and survive `cargo clean`
# and a fresh clone.
tools="${XDG_CACHE_HOME:-$HOME/.cache}/logboom/tools"
target="${CARGO_TARGET_DIR:-$repository/target}"
[[ "$target" == /* ]] || target="$repository/$target"
export PATH="$tools/bin:${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
# Options of cargo-leptos: rarely opened pages are split into files of their own. Without them the
# dashboard works, but each page loads more WebAssembly.
split=(--split --lib-features split)
cd "$repository"

# say TEXT…: prints the current step, with the elapsed time.
say() { printf '\033[1;36m==>\033[0m %s  (%02d:%02d)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)) >&2; }
fail() { printf '\033[1;31merror:\033[0m %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# as_root COMMAND…: runs it as root, with sudo if necessary.
as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        fail "this needs root, and there is no sudo; run it yourself, then try again: $*"
    fi
}

# update_packages: updates the package lists, once per script.
update_packages() {
    [[ -z "${packages_updated:-}" ]] || return 0
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    packages_updated=yes
}

# install_packages PACKAGE…: installs Debian or Ubuntu packages; never removes one.
install_packages() {
    local removed
    have apt-get || fail "please install these yourself (no apt-get here), then try again: $*"
    say "installing with apt-get: $*"
    update_packages
    removed="$(apt-get -s install --no-install-recommends "$@" 2>/dev/null | awk '$1 == "Remv" { print $2 }' | paste -sd ' ')"
    [[ -z "$removed" ]] ||
        fail "to install $*, apt-get would remove $removed. Nothing was changed. Install them yourself if you" \
            "agree (sudo apt-get install $*), or work in a container, then try again"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends --no-remove "$@"
}

# locked_version CRATE: prints its version in Cargo.lock.
locked_version() {
    awk -v name="$1" '$0 == "name = \"" name "\"" { getline; gsub(/version = |"/, ""); print; exit }' Cargo.lock
}

# answers HOST PORT: whether a server accepts connections there.
answers() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }
