//! Points at which the crash tests end the process (`tests/crash`).
//!
//! Without the feature `failpoints` there is nothing of them in the program. With it,
//! the environment variable `CRASH_AT` says where to end: `wal::group-synced=3` is
//! after three other groups were synced.

/// Ends the process here, as `kill -9` would, when a crash test asks for it.
macro_rules! crash_point {
    ($name:literal) => {
        #[cfg(feature = "failpoints")]
        $crate::crash::reached($name);
    };
}

#[cfg(feature = "failpoints")]
pub(crate) fn reached(name: &str) {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    };

    /// The point, and how often it is still passed.
    static AT: LazyLock<Option<(String, AtomicU32)>> = LazyLock::new(|| {
        let at = std::env::var("CRASH_AT").ok()?;
        let (point, passed) = at.split_once('=')?;
        Some((point.to_owned(), AtomicU32::new(passed.parse().ok()?)))
    });
    if let Some((point, passed)) = &*AT
        && point == name
        && passed.fetch_sub(1, Ordering::Relaxed) == 0
    {
        // Runs no destructor and flushes nothing, so nothing tidies up behind it.
        std::process::abort();
    }
}
