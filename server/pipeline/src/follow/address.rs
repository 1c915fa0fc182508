//! Where a sink sends to, as it is stored with a cursor or a replay.

use std::fmt;

/// A destination without secrets. A cursor, and a replay under way, belong to one destination.
#[derive(Clone)]
pub struct Address {
    text: String,
    normalise: fn(&str) -> String,
}

impl Address {
    /// `normalise` returns the text that a stored address has now, if an earlier version wrote it in another way.
    pub fn new(text: String, normalise: fn(&str) -> String) -> Self {
        Self { text, normalise }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a stored address is this one.
    pub(crate) fn is(&self, stored: &str) -> bool {
        (self.normalise)(stored) == self.text
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An address whose text has always been written like this.
impl From<&str> for Address {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned(), str::to_owned)
    }
}
