# The dashboard's files of a release. Sourced after common.sh.

# build_site: builds target/site, unless it is up to date. cargo-leptos always rebuilds it, and
# optimising and compressing take a while.
build_site() {
    local wasm=target/site/pkg/logboom.wasm stamp=target/site.release
    local sources=(app style public Cargo.toml Cargo.lock .cargo rust-toolchain.toml)
    # Includes the optimiser, because one of its versions has broken the dashboard before.
    made_of() { cksum <"$wasm" && wasm-opt --version; }
    if [[ -f "$wasm" && "$(cat "$stamp" 2>/dev/null)" == "$(made_of)" ]] &&
        [[ -z "$(find "${sources[@]}" -newer "$stamp" -type f -print -quit)" ]]; then
        return
    fi
    say "building the dashboard (the first time this takes minutes)"
    # The time before the build, so that a file saved during it counts as newer.
    local began
    began="$(mktemp)"
    cargo leptos build --release --precompress --frontend-only "${split[@]}"
    node scripts/lib/compress.mjs target/site/pkg/*.wasm
    made_of >"$stamp"
    touch -r "$began" "$stamp"
    rm -f "$began"
}
