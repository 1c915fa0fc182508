//! Growing files: reads the lines appended to them, over rotation and truncation, and groups them to records.
//!
//! | file | content |
//! |---|---|
//! | `entries` | from lines to the texts of records |
//! | `multiline` | which lines continue a record |
//! | `place` | which file it is, and how far it was read |
//! | `reader` | the lines of one path |
//! | `source` | the bytes of an open file, inflated where it is compressed |

mod entries;
mod multiline;
mod place;
mod reader;
mod source;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    entries::{Entry, Format},
    multiline::Multiline,
    place::Place,
    reader::{Lines, Reader, are_related},
    source::is_gzip,
};
