//! Texts within a bound.

use std::{
    borrow::Cow,
    error::Error,
    fmt::{self, Write},
    iter,
};

/// Stands at the end of a text that was cut.
pub(crate) const CUT: &str = "…[cut]";

/// The errors of a chain that are written; a chain that is longer has no end.
const LINKS: usize = 32;

/// Keeps the beginning of what is written to it.
pub(crate) struct Bounded {
    text: String,
    limit: usize,
    over: bool,
}

impl Bounded {
    /// Takes at most `limit` bytes, which must be enough for the mark.
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
    /// Never fails: a `Debug` that unwraps what it writes would bring the program down.
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if !self.over {
            let room = self.limit - self.text.len();
            self.over = part.len() > room;
            self.text.push_str(&part[..part.floor_char_boundary(room)]);
        }
        Ok(())
    }
}

/// The text, or its beginning and the mark where it has more than `limit` bytes.
pub(crate) fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let mut beginning = text[..text.floor_char_boundary(limit)].to_owned();
    mark(&mut beginning, limit);
    Cow::Owned(beginning)
}

/// Puts the mark at the end, where `limit` bytes leave room for it.
fn mark(text: &mut String, limit: usize) {
    text.truncate(text.floor_char_boundary(limit.saturating_sub(CUT.len())));
    text.push_str(CUT);
}

/// Writes an error and what it comes from, from the outermost to the first: `a: b: c`.
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
            // The letter takes two bytes, of which there is room for one.
            (&["0ü23456789"], "0…[cut]"),
            // What comes after the cut stays out, even where a byte was left.
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
