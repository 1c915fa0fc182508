//! Growing files: reads the lines appended to them, over rotation and truncation.
//!
//! | file | content |
//! |---|---|
//! | `place` | which file it is, and how far it was read |
//! | `reader` | the lines of one path |

mod place;
mod reader;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    place::Place,
    reader::{Lines, Reader},
};
