//! Sinks: the destinations to which stored records go on, and their protocols.
//!
//! A [`Definition`] is what a user writes: a name and a URL. It builds a [`pipeline::follow::Sink`], which a follower
//! of the pipeline feeds.
//!
//! | file | content |
//! |---|---|
//! | `definition` | the URL's grammar |
//! | `document` | a record as a line of JSON |
//! | `kinds` | the table of kinds: scheme and constructor |
//! | `parameters` | the parameters of a URL |
//! | `secrets` | passwords, keys and tokens from the URL or the environment |
//! | `template` | names made from a record, such as `{service}-{yyyy}-{MM}-{dd}` |
//! | `via` | the stores that passed a record on; ends loops |

mod definition;
mod document;
mod file;
mod kinds;
mod parameters;
mod secrets;
mod tcp;
mod template;
mod via;

pub use definition::{Definition, Start};
