//! What a page shows, as plain data: read from the URL, written back to it.
//!
//! All here is pure and tested without a browser, save `explorer`, which holds the
//! signals that the parts of the Explore page share.

pub(crate) mod clock;
pub(crate) mod complete;
pub(crate) mod explorer;
pub(crate) mod feed;
pub(crate) mod filter;
pub(crate) mod highlight;
pub(crate) mod histogram;
pub(crate) mod url;
pub(crate) mod view;
