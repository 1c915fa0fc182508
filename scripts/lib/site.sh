# The dashboard's files as a release serves them. Sourced after common.sh.

# build_site: builds target/site, unless it was built from these very sources already.
# cargo-leptos makes it anew each time, and optimising and compressing take a while.
build_site() {
    local wasm=target/site/pkg/logboom.wasm stamp=target/site.release
    local sources=(app style public Cargo.toml Cargo.lock .cargo rust-toolchain.toml)
    # The optimiser as well: a version of it has broken the dashboard before.
    made_of() { cksum <"$wasm" && wasm-opt --version; }
    if [[ -f "$wasm" && "$(cat "$stamp" 2>/dev/null)" == "$(made_of)" ]] &&
        [[ -z "$(find "${sources[@]}" -newer "$stamp" -type f -print -quit)" ]]; then
        return
    fi
    say "building the dashboard (the first time this takes minutes)"
    # From before the build, so that a file that is saved during it counts as newer.
    local began
    began="$(mktemp)"
    cargo leptos build --release --precompress --frontend-only "${split[@]}"
    made_of >"$stamp"
    touch -r "$began" "$stamp"
    rm -f "$began"
}
