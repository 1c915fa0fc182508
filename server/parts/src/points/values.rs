//! Decodes values of a page at their places, by the encoding of the page.

use parquet::basic::Type;

use super::{cells::Cells, header::Encoding, runs};
use crate::deltas::Deltas;

/// What a step has found out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Done,
    /// The values have to be decompressed up to this number of bytes.
    Needs(usize),
}

/// The physical type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Physical {
    Boolean,
    Int32,
    Int64,
    /// Values of so many bytes: floats and fixed byte strings.
    Fixed(usize),
    Bytes,
}

impl Physical {
    /// `None` for a type that is not read here.
    pub(super) fn of(physical: Type, length: i32) -> Option<Self> {
        Some(match physical {
            Type::BOOLEAN => Self::Boolean,
            Type::INT32 => Self::Int32,
            Type::INT64 => Self::Int64,
            Type::FLOAT => Self::Fixed(4),
            Type::DOUBLE => Self::Fixed(8),
            Type::FIXED_LEN_BYTE_ARRAY => Self::Fixed(usize::try_from(length).ok().filter(|length| *length > 0)?),
            Type::BYTE_ARRAY => Self::Bytes,
            Type::INT96 => return None,
        })
    }

    /// The bytes of each value, if all have as many.
    pub(super) fn width(self) -> Option<usize> {
        match self {
            Self::Int32 => Some(4),
            Self::Int64 => Some(8),
            Self::Fixed(width) => Some(width),
            Self::Boolean | Self::Bytes => None,
        }
    }
}

/// Appends the values at these places, which are in order, to `cells`. `bytes` are the values of a page as far as they
/// are there, and `all` is the number of bytes of all its values.
///
/// `None` if more bytes are needed and their number is not known, or the page is damaged or not read here.
pub(super) fn at(
    physical: Physical,
    encoding: Encoding,
    bytes: &[u8],
    all: usize,
    places: &[usize],
    cells: &mut Cells,
) -> Option<Step> {
    let Some(last) = places.last().copied() else { return Some(Step::Done) };
    match (encoding, physical) {
        (Encoding::Dictionary, physical) if physical != Physical::Boolean => {
            let (width, keys) = bytes.split_first()?;
            runs::at(keys, *width, places, |key| cells.push_key(key))?;
        }
        (Encoding::Plain, Physical::Boolean) => {
            for place in places {
                cells.push(&[bytes.get(place / 8)? >> (place % 8) & 1]);
            }
        }
        (Encoding::Runs, Physical::Boolean) => {
            let (length, rest) = bytes.split_first_chunk()?;
            let levels = rest.get(..rest.len().min(u32::from_le_bytes(*length) as usize))?;
            runs::at(levels, 1, places, |level| cells.push(&[level as u8]))?;
        }
        (Encoding::Plain, Physical::Bytes) => return texts(bytes, places, cells),
        (Encoding::Plain, physical) => {
            let width = physical.width()?;
            let end = last.checked_add(1)?.checked_mul(width)?;
            if end > bytes.len() {
                return needs(end, bytes, all);
            }
            for place in places {
                cells.push(bytes.get(place * width..(place + 1) * width)?);
            }
        }
        (Encoding::Deltas, Physical::Int64) => {
            Deltas::of(bytes)?.at(places, |number| cells.push(&number.to_le_bytes()))?;
        }
        (Encoding::Deltas, Physical::Int32) => {
            // The differences wrap at 32 bits.
            Deltas::of(bytes)?.at(places, |number| cells.push(&(number as i32).to_le_bytes()))?;
        }
        (Encoding::DeltaLengths, Physical::Bytes) => return texts_by_lengths(bytes, all, places, cells),
        (Encoding::Split, physical) => {
            let width = physical.width()?;
            // The first bytes of all values, then the second ones.
            let stream = all.checked_div(width).filter(|stream| stream.checked_mul(width) == Some(all))?;
            if bytes.len() < all {
                return needs(all, bytes, all);
            }
            let mut value = Vec::with_capacity(width.min(all));
            for place in places {
                if *place >= stream {
                    return None;
                }
                value.clear();
                value.extend(bytes.get(*place..)?.iter().step_by(stream).take(width));
                cells.push(&value);
            }
        }
        _ => return None,
    }
    Some(Step::Done)
}

/// `end` bytes are needed, which the page must have.
fn needs(end: usize, bytes: &[u8], all: usize) -> Option<Step> {
    (bytes.len() < end && end <= all).then_some(Step::Needs(end))
}

/// Texts, each after its length.
fn texts(bytes: &[u8], places: &[usize], cells: &mut Cells) -> Option<Step> {
    let (mut rest, mut before) = (bytes, 0);
    for place in places {
        for _ in before..*place {
            rest = next_text(rest)?.1;
        }
        let (text, after) = next_text(rest)?;
        cells.push(text);
        rest = after;
        before = place.checked_add(1)?;
    }
    Some(Step::Done)
}

/// A text after its length, and what follows.
pub(super) fn next_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

/// The lengths of texts, then the texts.
fn texts_by_lengths(bytes: &[u8], all: usize, places: &[usize], cells: &mut Cells) -> Option<Step> {
    let last = places.last().copied()?;
    let lengths = Deltas::of(bytes)?;
    let texts = lengths.after()?;
    let before = bytes.len().checked_sub(texts.len())?;
    let mut ranges = Vec::with_capacity(places.len());
    let (mut place, mut end, mut wanted) = (0, 0_usize, places.iter().copied().peekable());
    lengths.each(last.checked_add(1)?, |length| {
        let start = end;
        end = end.checked_add(usize::try_from(length).ok()?)?;
        while wanted.next_if_eq(&place).is_some() {
            ranges.push(start..end);
        }
        place += 1;
        Some(())
    })?;
    let needed = before.checked_add(end)?;
    if needed > bytes.len() {
        return needs(needed, bytes, all);
    }
    for range in ranges {
        cells.push(texts.get(range)?);
    }
    Some(Step::Done)
}
