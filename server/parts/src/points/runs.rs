//! Runs of numbers of the same width: Parquet's `RLE`, of levels, keys of dictionaries and booleans.
//!
//! A run is one number that repeats, or numbers that are packed, eight at a time. Runs before the wanted numbers are
//! jumped over.
//!
//! Source: [`Encodings.md`](https://github.com/apache/parquet-format/blob/master/Encodings.md).

use crate::varint::varint;

/// The most bits of a number.
const MOST_WIDTH: u8 = 32;

/// A run of numbers.
enum Run<'p> {
    Repeated(u32),
    Packed(&'p [u8]),
}

/// Reads the next run and the number of its numbers. The last run may be cut off.
fn next<'p>(rest: &mut &'p [u8], width: u8) -> Option<(usize, Run<'p>)> {
    let head = varint(rest)?;
    let count = usize::try_from(head >> 1).ok()?;
    if head & 1 == 1 {
        let length = count.checked_mul(usize::from(width))?.min(rest.len());
        let (packed, after) = rest.split_at_checked(length)?;
        *rest = after;
        return Some((count.checked_mul(8)?, Run::Packed(packed)));
    }
    let (bytes, after) = rest.split_at_checked(usize::from(width).div_ceil(8))?;
    *rest = after;
    let number = bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte));
    Some((count, Run::Repeated(number)))
}

/// Hands the numbers at these places, which are in order, to `take`. `None` if the runs end before, or are damaged.
pub(super) fn at(runs: &[u8], width: u8, places: &[usize], mut take: impl FnMut(u32)) -> Option<()> {
    if width > MOST_WIDTH {
        return None;
    }
    let (mut rest, mut places, mut start) = (runs, places, 0_usize);
    while let Some(first) = places.first() {
        let (count, run) = next(&mut rest, width)?;
        let end = start.checked_add(count)?;
        if *first < end {
            let here = places.partition_point(|place| *place < end);
            let (now, later) = places.split_at_checked(here)?;
            for place in now {
                take(match run {
                    Run::Repeated(number) => number,
                    Run::Packed(packed) => unpacked(packed, place.checked_sub(start)?, width)?,
                });
            }
            places = later;
        }
        start = end;
    }
    Some(())
}

/// For each of these rows, which are in order, its place among the values; `None` for a null. The levels are 1 where
/// there is a value, else 0.
pub(super) fn places_of(levels: &[u8], rows: &[usize]) -> Option<Vec<Option<usize>>> {
    let mut places = Vec::with_capacity(rows.len());
    let (mut rest, mut rows) = (levels, rows);
    // The rows and the values before the run.
    let (mut start, mut before) = (0_usize, 0_usize);
    while let Some(first) = rows.first() {
        let (count, run) = next(&mut rest, 1)?;
        let end = start.checked_add(count)?;
        let here = if *first < end { rows.partition_point(|row| *row < end) } else { 0 };
        let (now, later) = rows.split_at_checked(here)?;
        match run {
            Run::Repeated(level) => {
                for row in now {
                    places.push(if level == 1 { Some(before.checked_add(row.checked_sub(start)?)?) } else { None });
                }
                before = before.checked_add(if level == 1 { count } else { 0 })?;
            }
            Run::Packed(packed) => {
                // The ones up to the row.
                let (mut counted, mut ones) = (0, before);
                for row in now {
                    let bit = row.checked_sub(start)?;
                    let byte = packed.get(bit / 8)?;
                    ones += count_ones(packed.get(counted..bit / 8)?);
                    counted = bit / 8;
                    let below = byte & ((1_u8 << (bit % 8)) - 1);
                    let is_value = byte >> (bit % 8) & 1 == 1;
                    places.push(is_value.then_some(ones + below.count_ones() as usize));
                }
                before = before.checked_add(count_ones(packed))?;
            }
        }
        rows = later;
        start = end;
    }
    Some(places)
}

fn count_ones(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    let of_words: u32 = words.iter().map(|word| u64::from_le_bytes(*word).count_ones()).sum();
    let of_rest: u32 = rest.iter().map(|byte| byte.count_ones()).sum();
    (of_words + of_rest) as usize
}

/// The number at a place of packed ones. `None` if it is cut off.
fn unpacked(packed: &[u8], place: usize, width: u8) -> Option<u32> {
    let bit = place.checked_mul(usize::from(width))?;
    if bit.checked_add(usize::from(width))? > packed.len().checked_mul(8)? {
        return None;
    }
    let from = packed.get(bit / 8..)?;
    let word = match from.first_chunk() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => from.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    Some((word >> (bit % 8) & ((1 << width) - 1)) as u32)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// Writes numbers in runs of these lengths: packed in eights, or the first one repeated.
    fn written(numbers: &mut Vec<u32>, width: u8, runs: &[(bool, usize)]) -> Vec<u8> {
        fn write(bytes: &mut Vec<u8>, mut number: usize) {
            while number >= 0x80 {
                bytes.push(number as u8 | 0x80);
                number >>= 7;
            }
            bytes.push(number as u8);
        }
        let (mut bytes, mut at) = (Vec::new(), 0);
        for (is_packed, length) in runs {
            let length = if *is_packed { length.next_multiple_of(8) } else { *length };
            let Some(run) = numbers.get_mut(at..at + length) else { break };
            if *is_packed {
                write(&mut bytes, ((length / 8) << 1) | 1);
                let start = bytes.len();
                bytes.resize(start + length / 8 * usize::from(width), 0);
                for (place, number) in run.iter().enumerate() {
                    for bit in (0..usize::from(width)).filter(|bit| number >> bit & 1 == 1) {
                        let bit = place * usize::from(width) + bit;
                        bytes[start + bit / 8] |= 1 << (bit % 8);
                    }
                }
            } else {
                write(&mut bytes, length << 1);
                let first = run.first().copied().unwrap_or_default();
                run.fill(first);
                bytes.extend(&first.to_le_bytes()[..usize::from(width).div_ceil(8)]);
            }
            at += length;
        }
        numbers.truncate(at);
        bytes
    }

    proptest! {
        #[test]
        fn numbers_are_read_at_their_places(
            width in 0..=32_u8,
            numbers in vec(any::<u32>(), 0..600),
            runs in vec((any::<bool>(), 0..100_usize), 0..20),
            wanted in vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let mut numbers: Vec<u32> =
                numbers.into_iter().map(|number| (u64::from(number) & ((1 << width) - 1)) as u32).collect();
            let bytes = written(&mut numbers, width, &runs);
            let mut places: Vec<usize> = wanted.iter().map(|place| place.index(numbers.len() + 1)).collect();
            places.sort_unstable();
            let is_there = places.last().is_none_or(|last| *last < numbers.len());
            let mut found = Vec::new();
            prop_assert_eq!(at(&bytes, width, &places, |number| found.push(number)).is_some(), is_there);
            let expected: Vec<u32> = places.iter().filter_map(|place| numbers.get(*place).copied()).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn values_are_counted_up_to_each_row(
            levels in vec(0..2_u32, 0..600),
            runs in vec((any::<bool>(), 0..100_usize), 0..20),
            wanted in vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let mut levels = levels;
            let bytes = written(&mut levels, 1, &runs);
            let mut rows: Vec<usize> = wanted.iter().map(|row| row.index(levels.len().max(1))).collect();
            rows.sort_unstable();
            if levels.is_empty() {
                rows.clear();
            }
            let rank = |row: usize| levels[..row].iter().filter(|level| **level == 1).count();
            let expected: Vec<_> = rows.iter().map(|row| (levels[*row] == 1).then(|| rank(*row))).collect();
            prop_assert_eq!(places_of(&bytes, &rows), Some(expected));
            prop_assert_eq!(places_of(&bytes, &[levels.len()]), None);
        }

        #[test]
        fn any_bytes_are_runs_or_damaged(
            bytes in vec(any::<u8>(), 0..80),
            width in 0..40_u8,
            mut places in vec(prop_oneof![0..100_usize, any::<usize>()], 0..9),
        ) {
            places.sort_unstable();
            at(&bytes, width, &places, |_| {});
            places_of(&bytes, &places);
        }
    }
}
