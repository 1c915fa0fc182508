//! Tells the linker to pack relocations, and the compiler where the dashboard's files are, for a program that holds
//! them.

use std::{env, path::PathBuf, process::Command};

/// The first glibc that reads packed relocations.
const PACKED_SINCE: (u32, u32) = (2, 36);

fn main() {
    println!("cargo:rerun-if-env-changed=LOGBOOM_SITE_AT_BUILD");
    if own_glibc().is_some_and(|version| version >= PACKED_SINCE) {
        // Each pointer in the program's data is relocated at the start. The list takes 2 MB of memory unless it is packed.
        println!("cargo:rustc-link-arg-bin=logboom=-Wl,-z,pack-relative-relocs");
    }
    if env::var_os("CARGO_FEATURE_EMBED_SITE").is_some() {
        embed_site();
    }
}

/// The version of this machine's glibc, if the program is built for this machine. A program needs the glibc with which it
/// was built, or a newer one, in any case.
fn own_glibc() -> Option<(u32, u32)> {
    if env::var_os("HOST") != env::var_os("TARGET") || env::var("CARGO_CFG_TARGET_ENV").ok()? != "gnu" {
        return None;
    }
    let answer = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    // Such as `glibc 2.36`.
    let text = String::from_utf8(answer.stdout).ok()?;
    let (major, minor) = text.trim().rsplit_once(' ')?.1.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}

fn embed_site() {
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
