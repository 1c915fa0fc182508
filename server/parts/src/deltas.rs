//! Numbers as differences: Parquet's `DELTA_BINARY_PACKED`, of integers and of the lengths of texts.
//!
//! A header has the number of values in a block, the number of miniblocks in a block, the number of values, and the first
//! value. Each block has its least delta, the bit width of each miniblock, and the miniblocks: deltas less the least one,
//! packed. The last miniblock with values is complete; those after it take no space, whatever their width.
//!
//! Source: [`Encodings.md`](https://github.com/apache/parquet-format/blob/master/Encodings.md).

use crate::varint::{varint, zigzag};

/// The most values in a block that are accepted. The usual number is 128.
const MOST_VALUES: u64 = 1 << 16;

/// Packed numbers.
pub(crate) struct Deltas<'p> {
    /// After the header.
    blocks: &'p [u8],
    /// Miniblocks in a block.
    miniblocks: usize,
    /// Values in a miniblock.
    values: usize,
    pub(crate) count: usize,
    first: i64,
}

impl<'p> Deltas<'p> {
    /// Reads the header of numbers at the start of `bytes`.
    pub(crate) fn of(bytes: &'p [u8]) -> Option<Self> {
        let mut rest = bytes;
        let in_block = varint(&mut rest).filter(|values| *values <= MOST_VALUES && values.is_multiple_of(128))?;
        let miniblocks = varint(&mut rest).filter(|miniblocks| (1..=in_block).contains(miniblocks))?;
        let values = in_block / miniblocks;
        if !in_block.is_multiple_of(miniblocks) || !values.is_multiple_of(32) {
            return None;
        }
        let count = usize::try_from(varint(&mut rest)?).ok()?;
        let first = zigzag(varint(&mut rest)?);
        Some(Self { blocks: rest, miniblocks: miniblocks as usize, values: values as usize, count, first })
    }

    /// What follows the numbers. Visits the headers of the blocks only.
    pub(crate) fn after(&self) -> Option<&'p [u8]> {
        let (mut rest, mut left) = (self.blocks, self.count.saturating_sub(1));
        while left > 0 {
            let (_, widths) = self.block(&mut rest)?;
            for width in widths {
                if left == 0 {
                    break;
                }
                self.miniblock(*width, &mut rest)?;
                left = left.saturating_sub(self.values);
            }
        }
        Some(rest)
    }

    /// Hands the first `most` numbers to `take`, as long as it returns `Some`.
    pub(crate) fn each(&self, most: usize, mut take: impl FnMut(i64) -> Option<()>) -> Option<()> {
        if most == 0 {
            return Some(());
        }
        if most > self.count {
            return None;
        }
        let (mut number, mut left, mut rest) = (self.first, most - 1, self.blocks);
        take(number)?;
        while left > 0 {
            let (least, widths) = self.block(&mut rest)?;
            for width in widths {
                let values = left.min(self.values);
                if values == 0 {
                    break;
                }
                let packed = self.miniblock(*width, &mut rest)?;
                for place in 0..values {
                    // Deltas wrap: the difference of two numbers may not be one.
                    let delta = unpacked(packed, place * usize::from(*width), *width).wrapping_add(least);
                    number = number.wrapping_add(delta);
                    take(number)?;
                }
                left -= values;
            }
        }
        Some(())
    }

    /// Hands the numbers at these places, which are in order, to `take`.
    pub(crate) fn at(&self, places: &[usize], mut take: impl FnMut(i64)) -> Option<()> {
        let (mut place, mut wanted) = (0, places.iter().copied().peekable());
        let most = places.last().map_or(Some(0), |last| last.checked_add(1))?;
        self.each(most, |number| {
            while wanted.next_if_eq(&place).is_some() {
                take(number);
            }
            place += 1;
            Some(())
        })
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
        if width > 64 {
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
    let shift = (bit % 8) as u32;
    let mut value = word >> shift;
    if u32::from(width) + shift > 64 {
        // The ninth byte.
        value |= u64::from(from.get(8).copied().unwrap_or_default()) << (64 - shift);
    }
    let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
    (value & mask) as i64
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// Numbers as Parquet's writers write them, with blocks of 128 values.
    pub(crate) fn packed(numbers: &[i64], miniblocks: usize) -> Vec<u8> {
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
        write(&mut bytes, numbers.len() as u64);
        write(&mut bytes, signed(numbers.first().copied().unwrap_or_default()));
        let deltas: Vec<i64> = numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
        for block in deltas.chunks(128) {
            let least = block.iter().min().copied().unwrap_or_default();
            write(&mut bytes, signed(least));
            let values = 128 / miniblocks;
            let width = |miniblock: &[i64]| {
                let most = miniblock.iter().map(|delta| delta.wrapping_sub(least) as u64).max().unwrap_or_default();
                64 - most.leading_zeros()
            };
            let widths: Vec<u32> = block.chunks(values).map(width).collect();
            // The width of a miniblock without values may be anything.
            bytes.extend((0..miniblocks).map(|place| widths.get(place).map_or(0xff, |width| *width as u8)));
            for (miniblock, width) in block.chunks(values).zip(widths) {
                let start = bytes.len();
                bytes.resize(start + values / 8 * width as usize, 0);
                for (place, delta) in miniblock.iter().enumerate() {
                    let delta = delta.wrapping_sub(least) as u64;
                    for bit in (0..width as usize).filter(|bit| delta >> bit & 1 == 1) {
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
        fn numbers_are_read_as_they_were_written(
            numbers in vec(prop_oneof![0..9_i64, any::<i32>().prop_map(i64::from), any::<i64>()], 0..600),
            miniblocks in prop::sample::select(vec![1_usize, 2, 4]),
            wanted in vec(any::<prop::sample::Index>(), 0..9),
        ) {
            let mut bytes = packed(&numbers, miniblocks);
            bytes.push(7);
            let deltas = Deltas::of(&bytes).unwrap();
            prop_assert_eq!(deltas.count, numbers.len());
            prop_assert_eq!(deltas.after(), Some(&[7_u8][..]));
            let mut places: Vec<usize> = wanted.iter().map(|place| place.index(numbers.len() + 1)).collect();
            places.sort_unstable();
            let mut found = Vec::new();
            let is_there = places.last().is_none_or(|last| *last < numbers.len());
            prop_assert_eq!(deltas.at(&places, |number| found.push(number)).is_some(), is_there);
            if is_there {
                let expected: Vec<i64> = places.iter().map(|place| numbers[*place]).collect();
                prop_assert_eq!(found, expected);
            }
        }

        #[test]
        fn any_bytes_are_numbers_or_damaged(
            miniblocks in prop::option::of(prop::sample::select(vec![1_usize, 2, 4])),
            more in vec(any::<u8>(), 0..300),
            mut places in vec(prop_oneof![0..700_usize, any::<usize>()], 0..9),
        ) {
            places.sort_unstable();
            let mut bytes = miniblocks.map(|miniblocks| packed(&[0; 500], miniblocks)[..6].to_vec()).unwrap_or_default();
            bytes.extend(more);
            if let Some(deltas) = Deltas::of(&bytes) {
                deltas.at(&places, |_| {});
                deltas.after();
            }
        }
    }
}
