//! Points at which the crash tests (`engine-embedded/tests/crash`) end the process, or fill its
//! disk.
//!
//! Without the feature `enabled` there is nothing of them in the program. With it, the
//! environment variable `CRASH_AT` says where to end: `wal::group-synced=3` is after three
//! other groups were synced. `FULL_AT` says where the disk is full, the next three times.

/// Ends the process here, as `kill -9` would, when a crash test asks for it.
#[cfg(feature = "enabled")]
#[macro_export]
macro_rules! crash_point {
    ($name:literal) => {
        $crate::reached($name);
    };
}

/// Nothing: the feature `enabled` is off.
#[cfg(not(feature = "enabled"))]
#[macro_export]
macro_rules! crash_point {
    ($name:literal) => {};
}

/// Returns from here with what `$error` makes of a full disk, when a crash test asks for it.
#[cfg(feature = "enabled")]
#[macro_export]
macro_rules! full_disk_point {
    ($name:literal, $error:expr) => {
        if let Some(error) = $crate::full($name) {
            return Err($error(error));
        }
    };
}

/// Nothing: the feature `enabled` is off.
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

    /// How often in a row the disk is full.
    const FULL: i32 = 3;

    /// A point, and how often it is still passed.
    struct At(String, AtomicI32);

    impl At {
        fn read(variable: &str) -> Option<Self> {
            let at = std::env::var(variable).ok()?;
            let (point, passed) = at.split_once('=')?;
            Some(Self(point.to_owned(), AtomicI32::new(passed.parse().ok()?)))
        }

        /// How often this point will still be passed, if it is this one.
        fn left(&self, name: &str) -> Option<i32> {
            let Self(point, passed) = self;
            (point == name).then(|| passed.fetch_sub(1, Ordering::Relaxed))
        }
    }

    pub fn reached(name: &str) {
        static AT: LazyLock<Option<At>> = LazyLock::new(|| At::read("CRASH_AT"));
        if AT.as_ref().and_then(|at| at.left(name)) == Some(0) {
            // Runs no destructor and flushes nothing, so nothing tidies up behind it.
            std::process::abort();
        }
    }

    pub fn full(name: &str) -> Option<io::Error> {
        static AT: LazyLock<Option<At>> = LazyLock::new(|| At::read("FULL_AT"));
        let left = AT.as_ref()?.left(name)?;
        (-FULL < left && left <= 0).then(|| io::Error::from_raw_os_error(28))
    }
}
