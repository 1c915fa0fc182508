#!/usr/bin/env bash
# The dependencies of the release, without our own sources: for a layer of the Dockerfile that stays while only sources
# change.
#
#   scripts/dependencies.sh copy FOLDER   copies the manifests, with an empty file for each source that they need
#   scripts/dependencies.sh build         in such a folder: compiles the dependencies of `make release`
#   scripts/dependencies.sh check         checks that cargo accepts such a folder
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"

# copy FOLDER: the packages of the workspace, without sources of their own.
copy() {
    local folder=$1 manifest package path
    mkdir -p "$folder"
    cp -r --parents .cargo Cargo.lock rust-toolchain.toml "$folder"
    find . \( -path ./fuzz -o -path "${target/#$repository/.}" -o -name node_modules -o -name .git \) -prune \
        -o -name Cargo.toml -print | while read -r manifest; do
        package="$(dirname "$manifest")"
        cp --parents "$manifest" "$folder"
        # Sources in their usual places, those whose path is in the manifest, and benchmarks.
        {
            printf '%s\n' src/lib.rs src/main.rs build.rs
            sed -nE 's/^path = "(.*\.rs)"$/\1/p' "$manifest"
            sed -nE '/^\[\[bench\]\]/,/^$/s/^name = "(.*)"$/benches\/\1.rs/p' "$manifest"
        } | while read -r path; do
            [[ -f "$package/$path" ]] || continue
            mkdir -p "$(dirname "$folder/$package/$path")"
            case $path in
                *lib.rs) : >"$folder/$package/$path" ;;
                *) echo 'fn main() {}' >"$folder/$package/$path" ;;
            esac
        done
    done
    mkdir -p "$folder"/{public,style}
    : >"$folder/style/main.css"
}

# check: compiles nothing.
check() {
    local folder
    folder="$(mktemp -d)"
    copy "$folder"
    (cd "$folder" && cargo metadata --locked --no-deps --format-version 1 >/dev/null) ||
        fail "the Dockerfile's layer of dependencies cannot be built: a manifest needs a file that scripts/dependencies.sh" \
            "does not copy"
    rm -rf "$folder"
}

# build: runs the same builds as `make release`, because other flags or features would not be reused.
build() {
    say "compiling the dependencies of the dashboard"
    # The dependencies are compiled first. The last steps may fail, because empty sources make no dashboard.
    cargo leptos build --release --frontend-only "${split[@]}" || say "the dashboard itself is built later"
    say "compiling the dependencies of the program"
    cargo build --release -p server --bin logboom --features server/embed-site
}

case ${1:-} in
    copy) copy "${2:?the folder}" ;;
    build) build ;;
    check) check ;;
    *) fail "usage: scripts/dependencies.sh copy FOLDER | build | check" ;;
esac
