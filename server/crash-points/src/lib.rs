//! Points at which the crash tests (`engine-embedded/tests/crash`) end the process or simulate a full disk.
//!
//! Without the feature `enabled` they compile to nothing. With it, the environment variable `CRASH_AT` names the point
//! at which to exit: `wal::group-synced=3` exits there after three earlier passes. `FULL_AT` names the point at which
//! the disk is full, for three passes in a row.

/// Ends the process here, like `kill -9`, if a crash test selects this point.
#[cfg(feature = "enabled")]
#[macro_export]
macro_rules! crash_point {
    ($name:literal) => {
        $crate::reached($name);
    };
}

/// Does nothing: the feature `enabled` is off.
#[cfg(not(feature = "enabled"))]
#[macro_export]
macro_rules! crash_point {
    ($name:literal) => {};
}

/// Returns a full disk's error, converted by `$error`, if a crash test selects this point.
#[cfg(feature = "enabled")]
#[macro_export]
macro_rules! full_disk_point {
    ($name:literal, $error:expr) => {
        if let Some(error) = $crate::full($name) {
            return Err($error(error));
        }
    };
}

/// Does nothing: the feature `enabled` is off.
#[cfg(not(feature = "enabled"))]
#[macro_export]
macro_rules! full_disk_point {
    ($name:literal, $error:expr) => {};
}

#[cfg(feature = "enabled")]
#[doc(hidden)]
pub use points::{full, reached};

#[cfg(feature = "enabled")]
mod points {
    use std::{
        io,
        sync::{
            LazyLock,
            atomic::{AtomicI32, Ordering},
        },
    };

    /// The number of consecutive passes with a full disk.
    const FULL: i32 = 3;

    /// A point, and the number of passes before it takes effect.
    struct At(String, AtomicI32);

    impl At {
        fn read(variable: &str) -> Option<Self> {
            let at = std::env::var(variable).ok()?;
            let (point, passed) = at.split_once('=')?;
            Some(Self(point.to_owned(), AtomicI32::new(passed.parse().ok()?)))
        }

        /// The remaining number of passes, if this is the selected point.
        fn left(&self, name: &str) -> Option<i32> {
            let Self(point, passed) = self;
            (point == name).then(|| passed.fetch_sub(1, Ordering::Relaxed))
        }
    }

    pub fn reached(name: &str) {
        static AT: LazyLock<Option<At>> = LazyLock::new(|| At::read("CRASH_AT"));
        if AT.as_ref().and_then(|at| at.left(name)) == Some(0) {
            // Runs no destructor and flushes nothing, like a kill.
            std::process::abort();
        }
    }

    pub fn full(name: &str) -> Option<io::Error> {
        static AT: LazyLock<Option<At>> = LazyLock::new(|| At::read("FULL_AT"));
        let left = AT.as_ref()?.left(name)?;
        (-FULL < left && left <= 0).then(|| io::Error::from_raw_os_error(28))
    }
}
