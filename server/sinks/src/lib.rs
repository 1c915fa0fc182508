//! Sinks: the destinations to which stored records go on, and their protocols.
//!
//! A [`Definition`] is what a user writes: a name and a URL. It builds a [`pipeline::follow::Sink`], which a follower
//! of the pipeline feeds.
//!
//! | file | content |
//! |---|---|
//! | `definition` | the URL's grammar |
//! | `target` | what of a URL identifies the destination |
//! | `kinds` | the table of kinds: scheme and constructor |
//! | `parameters` | the parameters of a URL |
//! | `secrets` | passwords, keys and tokens from the URL, files or the environment |
//! | `authorization` | the header with them |
//! | `template` | names made from a record, such as `{service}-{yyyy}-{MM}-{dd}` |
//! | `cut` | names that are too long |
//! | `via` | the stores that passed a record on; ends loops |
//! | `parts` | delivers a batch in parts, and resumes after an error |
//! | `ahead` | what was prepared for the next batch |
//! | `client`, `destination` | HTTP: limits, headers, and what a status means |
//! | `document` | a record as JSON |
//! | `file` | files on this machine |
//! | `tcp` | lines over a connection |
//! | `http`, `elasticsearch`, `loki`, `otlp`, `logboom` | one protocol each |

mod ahead;
mod authorization;
mod client;
mod cut;
mod definition;
mod destination;
mod document;
mod elasticsearch;
#[cfg(test)]
mod examples;
mod file;
mod http;
mod kinds;
mod logboom;
mod loki;
mod otlp;
mod parameters;
mod parts;
mod secrets;
mod target;
mod tcp;
mod template;
#[cfg(test)]
mod tests;
mod via;

pub use definition::Definition;
pub use secrets::Key;
pub use target::target_of;
