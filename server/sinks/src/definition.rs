//! The definition of a sink: `NAME=URL`.

use pipeline::{Error, Result, follow::Sink};
use url::Url;

/// Where a new sink starts. One that has a cursor continues there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// With the first record stored after its first start.
    #[default]
    Now,
    /// With the oldest stored record.
    Oldest,
}

/// A sink as a user defined it, checked.
#[derive(Debug, Clone)]
pub struct Definition {
    /// 1 to 64 of `a-z`, `0-9`, `-` and `_`.
    pub name: String,
    /// The URL without secrets, and without `query` and `from`: what the cursor belongs to.
    pub target: String,
    /// The filter in the query language; empty for all records.
    pub query: String,
    pub start: Start,
    /// Whether the URL itself contains a password or a key.
    pub has_plain_secret: bool,
    url: Url,
}

impl Definition {
    /// Parses `NAME=URL`.
    ///
    /// # Errors
    /// `Invalid`, with the name of the part, what is allowed, and no secret.
    pub fn parse(_text: &str) -> Result<Self> {
        Err(Error::invalid("not yet"))
    }

    /// Whether records of any kind of file could be written: such sinks come from flags and configuration files only.
    pub fn is_file(&self) -> bool {
        self.url.scheme() == "file"
    }

    /// Builds the sink. Connects to nothing yet.
    ///
    /// # Errors
    /// `Invalid` if a secret cannot be read.
    pub fn build(&self) -> Result<Box<dyn Sink>> {
        Err(Error::invalid("not yet"))
    }
}
