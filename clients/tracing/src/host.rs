//! Default names of this process.

use std::env;

/// The host name; empty if unknown.
pub(crate) fn node() -> String {
    #[cfg(unix)]
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let name = env::var("COMPUTERNAME").unwrap_or_default();
    name
}

/// The name of the executable without extension; empty if unknown.
pub(crate) fn service() -> String {
    let program = env::current_exe().ok();
    let stem = program.as_deref().and_then(|path| path.file_stem());
    stem.map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
