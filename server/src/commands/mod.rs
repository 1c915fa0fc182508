//! What the program does besides serving.

pub(crate) mod check;
pub(crate) mod client;
pub(crate) mod dead_letters;
pub(crate) mod export;
pub(crate) mod parts;
