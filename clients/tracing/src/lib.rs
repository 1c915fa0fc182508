#![doc = include_str!("../README.md")]

mod access;
mod batch;
mod buffer;
mod entry;
mod error;
mod fallback;
mod fields;
mod guard;
mod host;
mod layer;
mod limits;
mod options;
mod own_thread;
mod record;
mod sender;
mod shared;
mod stats;
mod text;

pub use error::BuildError;
pub use fallback::Fallback;
pub use guard::Guard;
pub use layer::LogboomLayer;
pub use options::{Builder, builder};
pub use stats::Stats;
