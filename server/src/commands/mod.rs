//! The commands of the program other than `serve`.

pub(crate) mod anonymous;
pub(crate) mod archive;
pub(crate) mod check;
pub(crate) mod client;
pub(crate) mod credentials;
pub(crate) mod dead_letters;
pub(crate) mod delete;
pub(crate) mod documents;
pub(crate) mod export;
mod jobs;
pub(crate) mod key;
pub(crate) mod ledger;
mod listing;
#[cfg(test)]
mod offline_tests;
pub(crate) mod parts;
mod password;
mod place;
pub(crate) mod print;
pub(crate) mod printable;
pub(crate) mod redaction;
pub(crate) mod replay;
pub(crate) mod search;
pub(crate) mod send;
pub(crate) mod session;
pub(crate) mod tail;
pub(crate) mod user;
