//! The text form of a cursor: opaque to clients, `<time>.<position>` internally.

use model::Position;
use pipeline::{Cursor, Error, Result};

pub(super) fn print(cursor: Cursor) -> String {
    format!("{}.{}", cursor.time, cursor.position)
}

pub(super) fn parse(text: &str) -> Result<Cursor> {
    text.split_once('.')
        .and_then(|(time, position)| {
            Some(Cursor { time: time.parse().ok()?, position: Position(position.parse().ok()?) })
        })
        .ok_or_else(|| Error::invalid("cursor is not the next_cursor of an earlier page"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        let cursor = Cursor { time: -5, position: Position(i64::MAX) };
        assert_eq!(parse(&print(cursor)).ok(), Some(cursor));
        for text in ["x", "1", "1.", ".1", "1.2.3", "9223372036854775808.1"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
