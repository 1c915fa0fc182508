//! The lengths at the start of a page: Parquet's `DELTA_BINARY_PACKED`, for lengths alone.
//!
//! A header has the number of values in a block, the number of miniblocks in a block, the number of values, and the first
//! value. Each block has its least delta, the bit width of each miniblock, and the miniblocks: deltas less the least one,
//! packed. The last miniblock with values is complete; those after it take no space, whatever their width.
//!
//! Source: [`Encodings.md`](https://github.com/apache/parquet-format/blob/master/Encodings.md).

use crate::varint::{varint, zigzag};

/// The most bits of a packed delta. Lengths have 31 bits, so the difference of two deltas has at most 32.
const MOST_WIDTH: u8 = 32;
/// The most values in a block that are accepted. The usual number is 128.
const MOST_VALUES: u64 = 1 << 16;

/// The packed lengths of the messages of a page.
#[derive(Debug, Clone)]
pub(super) struct Lengths<'p> {
    /// After the header.
    blocks: &'p [u8],
    /// Miniblocks in a block.
    miniblocks: usize,
    /// Values in a miniblock.
    values: usize,
    count: usize,
    first: i64,
}

impl<'p> Lengths<'p> {
    /// Splits a page with `count` messages into their lengths and their bytes. `None` if the page is damaged.
    ///
    /// Visits the headers of the blocks only.
    pub(super) fn split(page: &'p [u8], count: usize) -> Option<(Self, &'p [u8])> {
        let mut rest = page;
        let in_block = varint(&mut rest).filter(|values| *values <= MOST_VALUES && values.is_multiple_of(128))?;
        let miniblocks = varint(&mut rest).filter(|miniblocks| (1..=in_block).contains(miniblocks))?;
        let values = in_block / miniblocks;
        if !in_block.is_multiple_of(miniblocks) || !values.is_multiple_of(32) {
            return None;
        }
        varint(&mut rest).filter(|total| *total == count as u64)?;
        let first = zigzag(varint(&mut rest)?);
        let lengths = Self { blocks: rest, miniblocks: miniblocks as usize, values: values as usize, count, first };
        let mut left = count.saturating_sub(1);
        while left > 0 {
            let (_, miniblocks) = lengths.block(&mut rest)?;
            for width in miniblocks {
                if left == 0 {
                    break;
                }
                lengths.miniblock(*width, &mut rest)?;
                left = left.saturating_sub(lengths.values);
            }
        }
        Some((lengths, rest))
    }

    /// The number of messages.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The end of each message in `bytes` bytes. `None` if the lengths are damaged.
    pub(super) fn ends(&self, bytes: usize) -> Option<Vec<u32>> {
        let mut ends = Vec::with_capacity(self.count);
        if self.count == 0 {
            return Some(ends);
        }
        let bytes = u32::try_from(bytes).ok()?;
        let mut length = self.first;
        let mut end = u32::try_from(length).ok().filter(|end| *end <= bytes)?;
        ends.push(end);
        let mut rest = self.blocks;
        while ends.len() < self.count {
            let (least, widths) = self.block(&mut rest)?;
            for width in widths {
                let values = (self.count - ends.len()).min(self.values);
                if values == 0 {
                    break;
                }
                let packed = self.miniblock(*width, &mut rest)?;
                for value in 0..values {
                    let delta = unpacked(packed, value * usize::from(*width), *width).checked_add(least)?;
                    length = length.checked_add(delta)?;
                    end = u32::try_from(length).ok()?.checked_add(end).filter(|end| *end <= bytes)?;
                    ends.push(end);
                }
            }
        }
        Some(ends)
    }

    /// Reads the header of a block: its least delta and the widths of its miniblocks.
    fn block(&self, rest: &mut &'p [u8]) -> Option<(i64, &'p [u8])> {
        let least = zigzag(varint(rest)?);
        let (widths, after) = rest.split_at_checked(self.miniblocks)?;
        *rest = after;
        Some((least, widths))
    }

    /// Reads the packed deltas of a miniblock.
    fn miniblock(&self, width: u8, rest: &mut &'p [u8]) -> Option<&'p [u8]> {
        if width > MOST_WIDTH {
            return None;
        }
        let (packed, after) = rest.split_at_checked(self.values / 8 * usize::from(width))?;
        *rest = after;
        Some(packed)
    }
}

/// The value of `width` bits from the bit `bit` on, which are within `packed`.
fn unpacked(packed: &[u8], bit: usize, width: u8) -> i64 {
    let from = packed.get(bit / 8..).unwrap_or_default();
    let word = match from.first_chunk() {
        Some(eight) => u64::from_le_bytes(*eight),
        // The last bytes of the miniblock.
        None => from.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    (word >> (bit % 8) & ((1 << width) - 1)) as i64
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// The lengths as Parquet's writers write them, with blocks of 128 values.
    fn packed(lengths: &[u32], miniblocks: usize) -> Vec<u8> {
        fn write(bytes: &mut Vec<u8>, mut number: u64) {
            while number >= 0x80 {
                bytes.push(number as u8 | 0x80);
                number >>= 7;
            }
            bytes.push(number as u8);
        }
        let signed = |number: i64| (number << 1 ^ number >> 63) as u64;
        let mut bytes = Vec::new();
        write(&mut bytes, 128);
        write(&mut bytes, miniblocks as u64);
        write(&mut bytes, lengths.len() as u64);
        write(&mut bytes, signed(lengths.first().copied().unwrap_or_default().into()));
        let deltas: Vec<i64> = lengths.windows(2).map(|pair| i64::from(pair[1]) - i64::from(pair[0])).collect();
        for block in deltas.chunks(128) {
            let least = block.iter().min().copied().unwrap_or_default();
            write(&mut bytes, signed(least));
            let values = 128 / miniblocks;
            let width = |miniblock: &[i64]| {
                let most = miniblock.iter().map(|delta| (delta - least) as u64).max().unwrap_or_default();
                64 - most.leading_zeros()
            };
            let widths: Vec<u32> = block.chunks(values).map(width).collect();
            // The width of a miniblock without values may be anything.
            bytes.extend((0..miniblocks).map(|place| widths.get(place).map_or(0xff, |width| *width as u8)));
            for (miniblock, width) in block.chunks(values).zip(widths) {
                let start = bytes.len();
                bytes.resize(start + values / 8 * width as usize, 0);
                for (place, delta) in miniblock.iter().enumerate() {
                    for bit in (0..width as usize).filter(|bit| (delta - least) as u64 >> bit & 1 == 1) {
                        let at = place * width as usize + bit;
                        bytes[start + at / 8] |= 1 << (at % 8);
                    }
                }
            }
        }
        bytes
    }

    proptest! {
        #[test]
        fn lengths_are_read_as_they_were_written(
            lengths in vec(prop_oneof![0..3_u32, 100..200_u32, 0..1_000_000_u32], 0..600),
            miniblocks in prop::sample::select(vec![1_usize, 2, 4]),
            more in vec(any::<u8>(), 0..9),
        ) {
            let mut page = packed(&lengths, miniblocks);
            let start = page.len();
            page.extend(&more);
            let (read, bytes) = Lengths::split(&page, lengths.len()).unwrap();
            prop_assert_eq!(bytes, &page[start..]);
            prop_assert_eq!(read.count(), lengths.len());
            let total: u32 = lengths.iter().sum();
            let ends: Vec<u32> = lengths.iter().scan(0, |end, length| { *end += length; Some(*end) }).collect();
            prop_assert_eq!(read.ends(total as usize), Some(ends));
            // Messages that are longer than the page has bytes.
            prop_assert!(total == 0 || read.ends(total as usize - 1).is_none());
            prop_assert!(Lengths::split(&page, lengths.len() + 1).is_none());
            prop_assert!(Lengths::split(&page[..start - 1], lengths.len()).is_none());
        }

        #[test]
        fn any_bytes_are_lengths_or_damaged(
            header in prop::option::of(prop::sample::select(vec![1_usize, 2, 4])),
            bytes in vec(any::<u8>(), 0..300),
            count in 0..700_usize,
        ) {
            let mut page = Vec::new();
            if let Some(miniblocks) = header {
                page.extend_from_slice(&packed(&vec![0; count], miniblocks)[..5.min(count + 2)]);
            }
            page.extend(bytes);
            if let Some((lengths, bytes)) = Lengths::split(&page, count)
                && let Some(ends) = lengths.ends(bytes.len())
            {
                prop_assert_eq!(ends.len(), count);
                prop_assert!(ends.is_sorted() && ends.last().is_none_or(|last| *last as usize <= bytes.len()));
            }
        }
    }
}
