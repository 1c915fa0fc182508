//! What a network sink is built from.

use std::{sync::Arc, time::Duration};

use pipeline::Result;
use url::Url;

use crate::secrets::Credentials;

/// Reads the secrets of a sink again.
pub(crate) type ReadAgain = Arc<dyn Fn() -> Result<Credentials> + Send + Sync>;

/// The address of a sink. The parameters of its kind come separately.
pub(crate) struct Destination {
    /// Without user information. A scheme such as `elasticsearch+https` has become `https`; `tcp+tls` stays.
    pub(crate) url: Url,
    pub(crate) credentials: Credentials,
    /// For a destination that refuses the credentials.
    pub(crate) read_again: Option<ReadAgain>,
    /// The certificates to trust, as PEM; the system's if `None`.
    pub(crate) ca: Option<Vec<u8>>,
    pub(crate) timing: Timing,
}

impl Destination {
    pub(crate) fn new(url: Url, credentials: Credentials) -> Self {
        Self { url, credentials, read_again: None, ca: None, timing: Timing::default() }
    }

    /// The URL, with `path` if it has no path of its own.
    pub(crate) fn url_with_path(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        if url.path() == "/" {
            url.set_path(path);
        }
        url
    }
}

/// Waits of a sink. Tests use short ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) connect: Duration,
    /// For a whole request with its answer.
    pub(crate) request: Duration,
    /// Before the first repetition within one call; each further one waits twice as long.
    pub(crate) pause: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), request: Duration::from_secs(60), pause: Duration::from_millis(250) }
    }
}
