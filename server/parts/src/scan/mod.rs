//! Tests messages on the bytes of their pages, without decoding them to Arrow.
//!
//! Messages are most of a part, and most of them pass no test. A page has the lengths of its messages and then their
//! bytes in one piece ([`Page`]). A text is searched in that piece, and the lengths are decoded only at a match. Arrow
//! would copy all messages, check their encoding and make offsets of their lengths first.

mod lengths;
mod page;
mod pages;
#[cfg(test)]
mod tests;

use pipeline::Result;

pub use self::page::Page;
pub(crate) use self::pages::KEPT_BYTES;

/// A test of messages.
pub trait MessageTest: Send {
    /// Clears the entries of messages that do not pass. `passes` has one entry for each message of the page. Entries
    /// that are clear stay so, and their messages need no test.
    ///
    /// # Errors
    /// `Corrupt` if the page is damaged.
    fn scan(&mut self, page: &Page<'_>, passes: &mut [bool]) -> Result<()>;
}
