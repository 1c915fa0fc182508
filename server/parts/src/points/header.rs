//! The header of a page: a Thrift structure in the compact protocol.
//!
//! Parquet's own reader of it is not public, and the public reader of pages sets up a compressor and a decompressor for
//! each column.
//!
//! Source: [`parquet.thrift`](https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift),
//! [compact protocol](https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).

use crate::varint::{varint, zigzag};

/// The most structures within structures.
const MOST_DEPTH: usize = 8;

/// How the values of a page are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    Dictionary,
    /// Runs of booleans.
    Runs,
    Deltas,
    DeltaLengths,
    Split,
}

impl Encoding {
    /// By its number in the format; `None` for one that is not read here.
    fn of(number: i64) -> Option<Self> {
        Some(match number {
            0 => Self::Plain,
            2 | 8 => Self::Dictionary,
            3 => Self::Runs,
            5 => Self::Deltas,
            6 => Self::DeltaLengths,
            9 => Self::Split,
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Dictionary,
    /// A page of the first version. Its levels are compressed with its values.
    Data,
    /// A page of the second version, with the bytes of its levels. They come first and are not compressed.
    Second {
        levels: usize,
        is_compressed: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) encoding: Encoding,
    /// The number of values, with nulls.
    pub(super) values: usize,
    /// The bytes of the page without the header.
    pub(super) compressed: usize,
    pub(super) uncompressed: usize,
}

/// The fields of a structure that are numbers or truth values, by their ids.
type Fields = [Option<i64>; 9];

impl Header {
    /// Reads the header at the start of a page, and leaves the rest. `None` if it is damaged or not read here.
    pub(super) fn read(page: &mut &[u8]) -> Option<Self> {
        let mut own: Fields = [None; 9];
        // The structures 5, 7 and 8: only one is there.
        let mut inner = None;
        let mut last = 0;
        while let Some((id, kind)) = field(page, &mut last)? {
            match (id, kind) {
                (5 | 7 | 8, STRUCT) => inner = Some((id, fields(page)?)),
                _ => take(page, id, kind, &mut own)?,
            }
        }
        let size = |place: usize| usize::try_from(own.get(place).copied().flatten()?).ok();
        let (id, inner) = inner?;
        let of = |place: usize| inner.get(place).copied().flatten();
        let count = |place: usize| usize::try_from(of(place)?).ok();
        let (kind, encoding) = match (size(1)?, id) {
            // Levels in another encoding are deprecated.
            (0, 5) if of(3)? == 3 => (Kind::Data, of(2)?),
            (2, 7) => (Kind::Dictionary, of(2)?),
            (3, 8) if of(6)? == 0 => {
                (Kind::Second { levels: count(5)?, is_compressed: of(7).is_none_or(|is| is == 1) }, of(4)?)
            }
            _ => return None,
        };
        let encoding = Encoding::of(encoding)?;
        Some(Self { kind, encoding, values: count(1)?, compressed: size(3)?, uncompressed: size(2)? })
    }
}

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;

/// Reads the id and the type of the next field; `Some(None)` at the end of the structure.
fn field(rest: &mut &[u8], last: &mut i64) -> Option<Option<(i64, u8)>> {
    let head = byte(rest)?;
    if head == 0 {
        return Some(None);
    }
    *last = match head >> 4 {
        0 => zigzag(varint(rest)?),
        more => last.checked_add(i64::from(more))?,
    };
    Some(Some((*last, head & 0xf)))
}

/// Reads the fields of a structure up to its end.
fn fields(rest: &mut &[u8]) -> Option<Fields> {
    let (mut fields, mut last) = ([None; 9], 0);
    while let Some((id, kind)) = field(rest, &mut last)? {
        take(rest, id, kind, &mut fields)?;
    }
    Some(fields)
}

/// Reads the value of a field, and notes it if it is a number or a truth value.
fn take(rest: &mut &[u8], id: i64, kind: u8, fields: &mut Fields) -> Option<()> {
    let value = match kind {
        TRUE => 1,
        FALSE => 0,
        I16 | I32 | I64 => zigzag(varint(rest)?),
        _ => return skip(rest, kind, 0),
    };
    if let Some(field) = usize::try_from(id).ok().and_then(|id| fields.get_mut(id)) {
        *field = Some(value);
    }
    Some(())
}

/// Skips a value, such as the statistics of a page.
fn skip(rest: &mut &[u8], kind: u8, depth: usize) -> Option<()> {
    if depth > MOST_DEPTH {
        return None;
    }
    match kind {
        TRUE | FALSE => {}
        BYTE => {
            byte(rest)?;
        }
        I16 | I32 | I64 => {
            varint(rest)?;
        }
        DOUBLE => {
            bytes(rest, 8)?;
        }
        BINARY => {
            let length = usize::try_from(varint(rest)?).ok()?;
            bytes(rest, length)?;
        }
        LIST | SET => {
            let head = byte(rest)?;
            let count = match head >> 4 {
                15 => varint(rest)?,
                count => u64::from(count),
            };
            (0..count).try_for_each(|_| element(rest, head & 0xf, depth))?;
        }
        MAP => {
            let count = varint(rest)?;
            if count > 0 {
                let kinds = byte(rest)?;
                (0..count).try_for_each(|_| {
                    element(rest, kinds >> 4, depth)?;
                    element(rest, kinds & 0xf, depth)
                })?;
            }
        }
        STRUCT => {
            let mut last = 0;
            while let Some((_, kind)) = field(rest, &mut last)? {
                skip(rest, kind, depth + 1)?;
            }
        }
        _ => return None,
    }
    Some(())
}

/// Skips an element of a collection. Each has at least one byte, also a truth value.
fn element(rest: &mut &[u8], kind: u8, depth: usize) -> Option<()> {
    match kind {
        TRUE | FALSE => byte(rest).map(|_| ()),
        kind => skip(rest, kind, depth + 1),
    }
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    Some(*first)
}

fn bytes<'b>(rest: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (first, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(first)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn headers_of_each_kind_are_read() {
        // Fields 1 to 3 of a page: its type, 300 bytes, 20 bytes.
        let start = |kind: u8| vec![0x15, 2 * kind, 0x15, 0xd8, 4, 0x15, 40];
        let sized = |kind, encoding, values| Header { kind, encoding, values, compressed: 20, uncompressed: 300 };
        // A checksum, and statistics with a list, a map, texts and a structure, which are skipped.
        let statistics = [
            0x1c, 0x18, 2, b'a', b'b', 0x19, 0x25, 2, 4, 0x1b, 1, 0x8c, 1, b'k', 0x15, 2, 0, 0x11, 0x12, 0x13, 9, 0x17,
            0, 0, 0, 0, 0, 0, 0, 0, 0x16, 5, 0x14, 7, 0,
        ];
        let mut data = start(0);
        data.extend([0x15, 6, 0x1c, 0x15, 14, 0x15, 12, 0x15, 6, 0x15, 6]);
        data.extend(statistics);
        data.extend([0, 0, b'x']);
        let mut dictionary = start(2);
        dictionary.extend([0x4c, 0x15, 14, 0x15, 4, 0x11, 0, 0, b'x']);
        let mut second = start(3);
        second.extend([0x5c, 0x15, 14, 0x15, 2, 0x15, 14, 0x15, 16, 0x15, 10, 0x15, 0, 0x12, 0, 0, b'x']);
        for (page, header) in [
            (data, sized(Kind::Data, Encoding::DeltaLengths, 7)),
            (dictionary, sized(Kind::Dictionary, Encoding::Dictionary, 7)),
            (second, sized(Kind::Second { levels: 5, is_compressed: false }, Encoding::Dictionary, 7)),
        ] {
            let mut rest = &page[..];
            assert_eq!(Header::read(&mut rest), Some(header));
            assert_eq!(rest, b"x");
            for length in 0..page.len() - 1 {
                assert_eq!(Header::read(&mut &page[..length]), None);
            }
        }
    }

    #[test]
    fn collections_of_any_length_within_collections_end() {
        let mut nested = vec![0x19; 40];
        nested.extend([0xff; 9]);
        assert_eq!(Header::read(&mut &nested[..]), None);
        let long = [0x19, 0xf3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3];
        assert_eq!(Header::read(&mut &long[..]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_header_or_none(bytes in vec(any::<u8>(), 0..80)) {
            let mut rest = &bytes[..];
            Header::read(&mut rest);
            prop_assert!(rest.len() <= bytes.len());
        }
    }
}
