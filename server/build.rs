//! Tells the compiler where the dashboard's files are, for a program that holds them.

use std::{env, path::PathBuf};

fn main() {
    println!("cargo:rerun-if-env-changed=LOGBOOM_SITE_AT_BUILD");
    if env::var_os("CARGO_FEATURE_EMBED_SITE").is_none() {
        return;
    }
    let site = env::var_os("LOGBOOM_SITE_AT_BUILD").map_or_else(
        || PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../target/site"),
        PathBuf::from,
    );
    assert!(
        site.join("pkg").is_dir(),
        "no dashboard in {}: run `cargo leptos build --release` first, or `make release`, which does both",
        site.display()
    );
    println!("cargo:rerun-if-changed={}", site.display());
    println!("cargo:rustc-env=LOGBOOM_SITE_AT_BUILD={}", site.display());
}
