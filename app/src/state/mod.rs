//! The state of a page as plain data, parsed from the URL and written back to it.
//!
//! Everything except `explorer`, which holds signals, is pure and tested without a browser.

pub(crate) mod clock;
pub(crate) mod complete;
pub(crate) mod explorer;
pub(crate) mod feed;
pub(crate) mod filter;
pub(crate) mod highlight;
pub(crate) mod histogram;
pub(crate) mod shown;
pub(crate) mod url;
pub(crate) mod view;
