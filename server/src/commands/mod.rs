//! The commands of the program other than `serve`.

pub(crate) mod archive;
pub(crate) mod check;
pub(crate) mod client;
pub(crate) mod dead_letters;
pub(crate) mod documents;
pub(crate) mod export;
pub(crate) mod ledger;
pub(crate) mod parts;
pub(crate) mod print;
pub(crate) mod printable;
pub(crate) mod replay;
pub(crate) mod search;
pub(crate) mod send;
pub(crate) mod tail;
