//! Sinks: the destinations to which stored records go on, and their protocols.
//!
//! A [`Definition`] is what a user writes: a name and a URL. It builds a [`pipeline::follow::Sink`], which a follower
//! of the pipeline feeds.
//!
//! | file | content |
//! |---|---|
//! | `definition` | the URL's grammar, the table of kinds, secrets |
//! | `template` | names made from a record, such as `{service}-{yyyy}-{MM}-{dd}` |

mod definition;
// Its users follow.
#[allow(dead_code)]
mod template;

pub use definition::{Definition, Start};
