//! The system clock as a value that tests can replace.

use std::{fmt, sync::Arc, time::SystemTime};

use model::Nanos;

/// Returns the time in nanoseconds since the Unix epoch.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Nanos + Send + Sync>);

impl Clock {
    /// The system clock.
    pub fn system() -> Self {
        Self::from_fn(|| match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => Nanos::try_from(since.as_nanos()).unwrap_or(Nanos::MAX),
            Err(_) => 0,
        })
    }

    /// A clock for tests.
    pub fn from_fn(now: impl Fn() -> Nanos + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub fn now(&self) -> Nanos {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
