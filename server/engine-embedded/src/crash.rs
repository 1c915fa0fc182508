//! Points at which the crash tests (`tests/crash`) end the process, or fill its disk.
//!
//! Without the feature `failpoints` there is nothing of them in the program. With it,
//! the environment variable `CRASH_AT` says where to end: `wal::group-synced=3` is
//! after three other groups were synced. `FULL_AT` says where the disk is full, the next
//! three times.

/// Ends the process here, as `kill -9` would, when a crash test asks for it.
macro_rules! crash_point {
    ($name:literal) => {
        #[cfg(feature = "failpoints")]
        $crate::crash::reached($name);
    };
}

/// Returns from here with what `$error` makes of a full disk, when a crash test asks for it.
macro_rules! full_disk_point {
    ($name:literal, $error:expr) => {
        #[cfg(feature = "failpoints")]
        if let Some(error) = $crate::crash::full($name) {
            return Err($error(error));
        }
    };
}

#[cfg(feature = "failpoints")]
pub(crate) use failpoints::{full, reached};

#[cfg(feature = "failpoints")]
mod failpoints {
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

    pub(crate) fn reached(name: &str) {
        static AT: LazyLock<Option<At>> = LazyLock::new(|| At::read("CRASH_AT"));
        if AT.as_ref().and_then(|at| at.left(name)) == Some(0) {
            // Runs no destructor and flushes nothing, so nothing tidies up behind it.
            std::process::abort();
        }
    }

    pub(crate) fn full(name: &str) -> Option<io::Error> {
        static AT: LazyLock<Option<At>> = LazyLock::new(|| At::read("FULL_AT"));
        let left = AT.as_ref()?.left(name)?;
        (-FULL < left && left <= 0).then(|| io::Error::from_raw_os_error(28))
    }
}
