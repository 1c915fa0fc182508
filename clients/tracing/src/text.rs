//! Texts of limited length.

use std::{
    borrow::Cow,
    error::Error,
    fmt::{self, Write},
    iter,
};

/// The mark at the end of a cut text.
pub(crate) const CUT: &str = "…[cut]";

/// The maximum number of errors of a chain; a longer chain may be cyclic.
const LINKS: usize = 32;

/// Keeps the start of the written text.
pub(crate) struct Bounded {
    text: String,
    limit: usize,
    over: bool,
}

impl Bounded {
    /// Accepts at most `limit` bytes, which must fit the mark.
    pub(crate) fn new(limit: usize) -> Self {
        Self { text: String::new(), limit, over: false }
    }

    pub(crate) fn finish(self) -> String {
        let Self { mut text, limit, over } = self;
        if over {
            mark(&mut text, limit);
        }
        text
    }
}

impl Write for Bounded {
    /// Never fails, because a `Debug` that unwraps a write error would panic.
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if !self.over {
            let room = self.limit - self.text.len();
            self.over = part.len() > room;
            self.text.push_str(&part[..part.floor_char_boundary(room)]);
        }
        Ok(())
    }
}

/// The text; if longer than `limit` bytes, its start with the mark.
pub(crate) fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let mut beginning = text[..text.floor_char_boundary(limit)].to_owned();
    mark(&mut beginning, limit);
    Cow::Owned(beginning)
}

/// Replaces the end by the mark, within `limit` bytes.
fn mark(text: &mut String, limit: usize) {
    text.truncate(text.floor_char_boundary(limit.saturating_sub(CUT.len())));
    text.push_str(CUT);
}

/// Writes an error and its sources, outermost first: `a: b: c`.
pub(crate) fn write_chain(text: &mut impl Write, error: &(dyn Error + 'static)) -> fmt::Result {
    let chain = iter::successors(Some(error), |&error| error.source());
    for (place, error) in chain.take(LINKS).enumerate() {
        let separator = if place == 0 { "" } else { ": " };
        write!(text, "{separator}{error}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(limit: usize, parts: &[&str]) -> String {
        let mut text = Bounded::new(limit);
        parts.iter().for_each(|part| text.write_str(part).unwrap());
        text.finish()
    }

    #[test]
    fn a_text_is_cut_at_a_character_and_says_so() {
        assert_eq!(CUT.len(), 8);
        let cases: [(&[&str], &str); 6] = [
            (&["0123456789"], "0123456789"),
            (&["01234", "56789"], "0123456789"),
            (&["0123456789a"], "01…[cut]"),
            (&["0123456789", "a"], "01…[cut]"),
            // The letter takes two bytes, but only one is left.
            (&["0ü23456789"], "0…[cut]"),
            // Text after the cut is dropped, even if a byte is left.
            (&["012345678", "ü", "a"], "01…[cut]"),
        ];
        for (parts, expected) in cases {
            assert_eq!(written(10, parts), expected, "{parts:?}");
            assert_eq!(cut(&parts.concat(), 10), expected, "{parts:?}");
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{name}")]
    struct Link {
        name: &'static str,
        source: Option<Box<Link>>,
    }

    #[test]
    fn an_error_is_written_with_what_it_comes_from() {
        let first = Link { name: "disk full", source: None };
        let error = Link { name: "order lost", source: Some(Box::new(first)) };
        let mut text = String::new();
        write_chain(&mut text, &error).unwrap();
        assert_eq!(text, "order lost: disk full");
    }
}
