//! Key cells as bytes with the same sort order.
//!
//! Groups are looked up by the bytes of their keys, so a lookup of an existing group allocates nothing. A cell is a
//! tag, then the value: a text with each NUL followed by `FF`, terminated by `00 01`; a number or a time as eight
//! big-endian bytes with the sign bit flipped.

use std::{
    fmt::{self, Write as _},
    io::Write,
};

use model::{Nanos, Value, aggregate::Cell};
use parts::form::Form;

const MISSING: u8 = 0;
const TEXT: u8 = 1;
const TIME: u8 = 3;

const SIGN: u64 = 1 << 63;

/// Appends a text; an empty one counts as missing.
pub(super) fn put_text(text: &str, bytes: &mut Vec<u8>) {
    if text.is_empty() {
        return put_missing(bytes);
    }
    bytes.push(TEXT);
    if memchr::memchr(0, text.as_bytes()).is_none() {
        bytes.extend_from_slice(text.as_bytes());
    } else {
        text.bytes().for_each(|byte| match byte {
            0 => bytes.extend([0, 0xff]),
            byte => bytes.push(byte),
        });
    }
    bytes.extend([0, 1]);
}

/// Appends the text form of a number.
pub(super) fn put_number(number: &Value, bytes: &mut Vec<u8>) {
    bytes.push(TEXT);
    let _ = write!(bytes, "{number}");
    bytes.extend([0, 1]);
}

/// The length of the longest key of a number: a tag, a prefix of 32 bytes, 20 characters, and the terminator.
const MOST_NUMBER_KEY: usize = 1 + 32 + 20 + 2;

/// The bytes of a key of one cell, the text of a number. Without a form it is an integer.
pub(super) struct NumberKey {
    bytes: [u8; MOST_NUMBER_KEY],
    length: usize,
}

impl NumberKey {
    pub(super) fn new(form: Option<&Form>, number: i64) -> Self {
        let mut key = Self { bytes: [0; MOST_NUMBER_KEY], length: 1 };
        key.bytes[0] = TEXT;
        // There is room for each text.
        let _ = match form {
            Some(form) => form.print_number(number, &mut key),
            None => write!(key, "{number}"),
        };
        let _ = key.write_str("\u{0}\u{1}");
        key
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Write for NumberKey {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// The number of which these are the bytes of [`NumberKey`].
pub(super) fn number(form: Option<&Form>, bytes: &[u8]) -> Option<i64> {
    let text = bytes.strip_prefix(&[TEXT])?.strip_suffix(&[0, 1])?;
    let text = std::str::from_utf8(text).ok()?;
    let number = match form {
        Some(form) => form.to_number(text)?,
        None => text.parse().ok()?,
    };
    (NumberKey::new(form, number).as_slice() == bytes).then_some(number)
}

pub(super) fn put_missing(bytes: &mut Vec<u8>) {
    bytes.push(MISSING);
}

pub(super) fn put_time(time: Nanos, bytes: &mut Vec<u8>) {
    bytes.push(TIME);
    bytes.extend((time.cast_unsigned() ^ SIGN).to_be_bytes());
}

/// Decodes all cells. Invalid bytes end the list.
pub(super) fn cells(mut bytes: &[u8]) -> Vec<Cell> {
    let mut cells = Vec::new();
    while let Some((cell, rest)) = cell(bytes) {
        cells.push(cell);
        bytes = rest;
    }
    cells
}

fn cell(bytes: &[u8]) -> Option<(Cell, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    match *tag {
        MISSING => Some((Cell::Missing, rest)),
        TEXT => text(rest),
        TIME => {
            let (number, rest) = rest.split_first_chunk()?;
            let number = u64::from_be_bytes(*number);
            let cell = Cell::Time((number ^ SIGN).cast_signed());
            Some((cell, rest))
        }
        _ => None,
    }
}

fn text(bytes: &[u8]) -> Option<(Cell, &[u8])> {
    let mut text = Vec::new();
    let mut rest = bytes;
    loop {
        let end = memchr::memchr(0, rest)?;
        text.extend_from_slice(rest.get(..end)?);
        let (mark, after) = rest.get(end + 1..)?.split_first()?;
        rest = after;
        match mark {
            0xff => text.push(0),
            _ => return Some((Cell::Text(String::from_utf8(text).ok()?), rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn put(cells: &[Cell]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for cell in cells {
            match cell {
                Cell::Missing | Cell::Count(_) => put_missing(&mut bytes),
                Cell::Text(text) => put_text(text, &mut bytes),
                Cell::Time(time) => put_time(*time, &mut bytes),
            }
        }
        bytes
    }

    fn keys() -> impl Strategy<Value = Vec<Cell>> {
        let text = prop_oneof!["[ab\\x00]{1,4}", "[\\x00\\x01\u{7f}\u{80}é한]{1,3}"];
        let cell = prop_oneof![Just(Cell::Missing), text.prop_map(Cell::Text), any::<i64>().prop_map(Cell::Time)];
        prop::collection::vec(cell, 3)
    }

    #[test]
    fn only_the_text_form_of_an_integer_is_its_key() {
        for integer in [0, 7, -1, 42, i64::MIN, i64::MAX] {
            let bytes = put(&[Cell::Text(integer.to_string())]);
            assert_eq!(NumberKey::new(None, integer).as_slice(), bytes);
            assert_eq!(number(None, &bytes), Some(integer));
        }
        for text in ["017", "+7", "-0", "7 ", "1.0", "9223372036854775808", "a", "7\u{0}1"] {
            assert_eq!(number(None, &put(&[Cell::Text(text.to_owned())])), None, "{text}");
        }
        assert_eq!(number(None, &put(&[Cell::Missing])), None);
        assert_eq!(number(None, &put(&[Cell::Text("7".to_owned()), Cell::Text("7".to_owned())])), None);
    }

    #[test]
    fn a_number_of_a_form_has_the_key_of_its_text() {
        let long = "x".repeat(32);
        let (short_number, long_number) = (format!("{long}5"), format!("{long}999999999999999999"));
        let number_of = |prefix: &str| Form::Number { prefix: prefix.to_owned() };
        for (form, texts, others) in [
            (number_of("u"), ["u0", "u17"], ["u01", "17"]),
            (number_of(&long), [short_number.as_str(), long_number.as_str()], ["x5", ""]),
            (Form::Ipv4, ["10.0.0.1", "255.255.255.255"], ["010.0.0.1", "10.0.0"]),
            (Form::Time { digits: 9 }, ["2026-01-02T03:04:05.000000006Z", "1969-12-31T23:59:59.999999999Z"], ["", "T"]),
            (Form::Decimal { scale: 2 }, ["1.5", "-0.07"], ["1.50", "-0"]),
        ] {
            for text in texts {
                let bytes = put(&[Cell::Text(text.to_owned())]);
                let found = number(Some(&form), &bytes).unwrap();
                assert_eq!(NumberKey::new(Some(&form), found).as_slice(), bytes, "{text}");
            }
            for text in others {
                assert_eq!(number(Some(&form), &put(&[Cell::Text(text.to_owned())])), None, "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn bytes_read_back_and_sort_as_the_cells_do(one in keys(), other in keys()) {
            prop_assert_eq!(cells(&put(&one)), one.clone());
            prop_assert_eq!(put(&one).cmp(&put(&other)), one.cmp(&other));
        }
    }
}
