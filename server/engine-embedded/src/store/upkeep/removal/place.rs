//! The position of a pass between two steps, as text: the next step continues from it.

use std::fmt;

use pipeline::{Error, Result};

/// The rest of a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// The parts after the one of this name, then the files.
    After { part: String, has_removed: bool },
    /// The files. So many steps have waited for them.
    Files { looks: u32, has_removed: bool },
}

/// At the end of a place: the pass has removed records.
const REMOVED: &str = " removed";

/// The file name of a part. Such names are UUIDs of version 7, so they are in the order of creation.
pub(super) fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

impl Place {
    /// # Errors
    /// `Invalid` if it is not the text of a place.
    pub(super) fn read(text: &str) -> Result<Self> {
        let (rest, has_removed) = match text.strip_suffix(REMOVED) {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let place = match rest.split_once(' ') {
            Some(("after", part)) if part.ends_with(".parquet") => {
                Some(Self::After { part: part.to_owned(), has_removed })
            }
            Some(("files", looks)) => looks.parse().ok().map(|looks| Self::Files { looks, has_removed }),
            _ => None,
        };
        place.ok_or_else(|| Error::invalid("a deletion goes on from where its last step ended, and nowhere else"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_removed = match self {
            Self::After { part, has_removed } => {
                write!(f, "after {part}")?;
                *has_removed
            }
            Self::Files { looks, has_removed } => {
                write!(f, "files {looks}")?;
                *has_removed
            }
        };
        f.write_str(if has_removed { REMOVED } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use pipeline::ErrorClass;

    use super::*;

    #[test]
    fn a_place_is_read_back_and_other_text_is_refused() {
        let name = name("2026-11-21/0198c3e0-0000-7000-8000-000000000000.parquet").to_owned();
        for has_removed in [false, true] {
            for place in [
                Place::After { part: name.clone(), has_removed },
                Place::Files { looks: 0, has_removed },
                Place::Files { looks: 31, has_removed },
            ] {
                assert_eq!(Place::read(&place.to_string()).unwrap(), place);
            }
        }
        for text in [
            "removed",
            " removed",
            "files removed",
            "after removed",
            "",
            "after",
            "after ",
            "after 2026",
            "files",
            "files x",
            "files -1",
            "2026-11-21T04",
        ] {
            assert_eq!(Place::read(text).unwrap_err().class, ErrorClass::Invalid, "{text:?}");
        }
    }
}
