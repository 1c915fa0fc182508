//! What this process is called where nobody says so.

use std::env;

/// The host's name; empty where the system does not tell it.
pub(crate) fn node() -> String {
    #[cfg(unix)]
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let name = env::var("COMPUTERNAME").unwrap_or_default();
    name
}

/// The name of the program's file, without its extension; empty where that is unknown.
pub(crate) fn service() -> String {
    let program = env::current_exe().ok();
    let stem = program.as_deref().and_then(|path| path.file_stem());
    stem.map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
