//! One table: the hashes of the values of a row group, and the slab of each.
//!
//! It is a compact set of hashes. A hash falls into one of `buckets`, and its next `low_bits` bits tell it from others of
//! its bucket. There are about as many buckets as entries, so a value that is not there is found by mistake with a
//! probability of `2^-low_bits`. An entry takes two bits for its bucket, its low bits, and four bits for its slab.
//!
//! A value in one or two slabs has an entry for each, in ascending order. A value in more slabs has two entries in
//! descending order and counts as being in all of them. A table may leave slabs out ([`Shape::located`]): then its low
//! bits rule out more row groups at the same size.
//!
//! Layout: the offset of each block from the start of the table, and that of the end, 4 bytes each; then the blocks, of
//! [`BLOCK_BUCKETS`] buckets. A block: the number of entries (4 bytes); for each bucket, a one for each entry and a zero;
//! the low bits of all entries; their slabs; a CRC32C (4 bytes), also of the table's offset and the block's number, so
//! that a block in a wrong place is detected. Each list of bits begins with the lowest bit of a byte.

use super::ReadAt;

/// The maximum number of slabs per row group.
pub const SLABS: usize = 16;
/// All slabs of a row group.
pub(super) const ALL: u16 = u16::MAX;

const SLAB_BITS: u32 = 4;
/// The bits of a hash that a table uses: its highest.
const HASH_BITS: u32 = 28;
const BLOCK_BUCKETS: u32 = 512;
/// The maximum number of low bits.
const MOST_LOW_BITS: u32 = 8;
/// The maximum number of slabs listed for one value.
const LISTED: u32 = 2;
/// A longer block is damage: the entries of all cells of a block take less.
const MOST_BLOCK_BYTES: usize = 1 << 20;

/// The location and the form of a table in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Shape {
    /// From the start of the lookup.
    pub(super) offset: u64,
    /// Zero without entries.
    pub(super) buckets: u32,
    pub(super) low_bits: u8,
    /// Whether its entries have slabs.
    pub(super) located: bool,
}

/// A hash with its slab, in the order of the table.
pub(super) fn entry(hash: u64, slab: usize) -> u32 {
    shortened(hash) << SLAB_BITS | slab as u32
}

fn shortened(hash: u64) -> u32 {
    (hash >> (64 - HASH_BITS)) as u32
}

/// Sorts entries and drops those that a table does not need.
pub(super) fn compact(entries: &mut Vec<u32>) {
    entries.sort_unstable();
    entries.dedup();
    let (mut last, mut count) = (None, 0);
    entries.retain(|entry| {
        let hash = Some(entry >> SLAB_BITS);
        count = if hash == last { count + 1 } else { 1 };
        last = hash;
        // One more than listed stands for any number of them.
        count <= LISTED + 1
    });
}

/// The number of distinct hashes in compacted entries.
pub(super) fn distinct(entries: &[u32]) -> usize {
    entries.chunk_by(|one, other| one >> SLAB_BITS == other >> SLAB_BITS).count()
}

impl Shape {
    /// Appends the table of compacted entries to `out`, which begins with the lookup. `most` is the number of low bits for
    /// one entry a row.
    pub(super) fn write(entries: &[u32], rows: usize, most: u32, located: bool, out: &mut Vec<u8>) -> Self {
        let written = |run: &[u32]| if located { (run.len() as u32).min(LISTED) } else { 1 };
        let same_hash = |one: &u32, other: &u32| one >> SLAB_BITS == other >> SLAB_BITS;
        let count: u32 = entries.chunk_by(same_hash).map(written).sum();
        if count == 0 {
            return Self::default();
        }
        let buckets = count.next_multiple_of(BLOCK_BUCKETS);
        let low_bits =
            low_bits(f64::from(count) / rows.max(1) as f64, most).min(HASH_BITS - buckets.next_power_of_two().ilog2());
        let shape = Self { offset: out.len() as u64, buckets, low_bits: low_bits as u8, located };
        let blocks = buckets / BLOCK_BUCKETS;
        let start = out.len();
        out.resize(start + 4 * (blocks as usize + 1), 0);
        let mut runs =
            entries.chunk_by(|one, other| shape.cell(one >> SLAB_BITS) == shape.cell(other >> SLAB_BITS)).peekable();
        for number in 0..blocks {
            write_start(start, number, out);
            let end = (number + 1) * BLOCK_BUCKETS;
            let mut block = BlockBits::default();
            let mut bucket = number * BLOCK_BUCKETS;
            while let Some(run) = runs.next_if(|run| shape.cell_of(run) >> low_bits < end) {
                let cell = shape.cell_of(run);
                block.counts.push_zeros(cell >> low_bits, &mut bucket);
                block.push(slabs_in(run), cell & ((1 << low_bits) - 1), &shape);
            }
            block.counts.push_zeros(end, &mut bucket);
            let from = out.len();
            out.extend_from_slice(&block.entries.to_le_bytes());
            out.append(&mut block.counts.finish());
            out.append(&mut block.lows.finish());
            out.append(&mut block.slabs.finish());
            let checksum = shape.checksum(number, &out[from..]);
            out.extend_from_slice(&checksum.to_le_bytes());
        }
        write_start(start, blocks, out);
        shape
    }

    /// Whether it may come from a file.
    pub(super) fn is_valid(&self) -> bool {
        let cells = u64::from(self.buckets).checked_shl(self.low_bits.into()).unwrap_or(u64::MAX);
        u32::from(self.low_bits) <= MOST_LOW_BITS
            && self.buckets.is_multiple_of(BLOCK_BUCKETS)
            && cells <= 1 << HASH_BITS
    }

    /// The cell of a hash: its bucket and its low bits.
    fn cell(&self, hash: u32) -> u32 {
        ((u64::from(hash) * (u64::from(self.buckets) << self.low_bits)) >> HASH_BITS) as u32
    }

    fn cell_of(&self, run: &[u32]) -> u32 {
        run.first().map_or(0, |entry| self.cell(entry >> SLAB_BITS))
    }

    fn checksum(&self, number: u32, block: &[u8]) -> u32 {
        let place = crc32c::crc32c_append(crc32c::crc32c(&self.offset.to_le_bytes()), &number.to_le_bytes());
        crc32c::crc32c_append(place, block)
    }

    /// The slabs that may hold the value with this hash; `None` if the table cannot be read.
    pub(super) fn slabs(&self, hash: u64, read: &ReadAt<'_>) -> Option<u16> {
        if self.buckets == 0 {
            return Some(0);
        }
        let cell = self.cell(shortened(hash));
        let bucket = cell >> self.low_bits;
        let number = bucket / BLOCK_BUCKETS;
        let mut bounds = [0; 8];
        read(self.offset.checked_add(4 * u64::from(number))?, &mut bounds)?;
        let [from, to] =
            [bounds.first_chunk()?, bounds.last_chunk()?].map(|bytes: &[u8; 4]| u32::from_le_bytes(*bytes));
        let length = to.checked_sub(from)? as usize;
        if length > MOST_BLOCK_BYTES {
            return None;
        }
        let mut bytes = vec![0; length];
        read(self.offset.checked_add(u64::from(from))?, &mut bytes)?;
        let (block, checksum) = bytes.split_last_chunk()?;
        if self.checksum(number, block) != u32::from_le_bytes(*checksum) {
            return None;
        }
        self.search(block, bucket % BLOCK_BUCKETS, cell & ((1 << self.low_bits) - 1))
    }

    fn search(&self, block: &[u8], bucket: u32, low: u32) -> Option<u16> {
        let (entries, rest) = block.split_first_chunk()?;
        let entries = u32::from_le_bytes(*entries) as usize;
        let (counts, rest) = rest.split_at_checked((entries + BLOCK_BUCKETS as usize).div_ceil(8))?;
        let low_bits = usize::from(self.low_bits);
        let (lows, slabs) = rest.split_at_checked((entries * low_bits).div_ceil(8))?;
        let bucket = bucket as usize;
        // The zeros end the buckets, so the ones before a zero are the entries up to it.
        let first = match bucket.checked_sub(1) {
            Some(before) => nth_zero(counts, before)? - before,
            None => 0,
        };
        let end = nth_zero(counts, bucket)? - bucket;
        let mut found = 0;
        let mut last = None;
        for entry in first..end {
            if bits(lows, entry * low_bits, low_bits)? != low {
                continue;
            }
            if !self.located {
                return Some(ALL);
            }
            let slab = bits(slabs, entry * SLAB_BITS as usize, SLAB_BITS as usize)?;
            if last.is_some_and(|last| last > slab) {
                return Some(ALL);
            }
            found |= 1 << slab;
            last = Some(slab);
        }
        Some(found)
    }
}

/// Notes that the block with this number, or the end, is at the end of `out`. The table begins at `start`.
fn write_start(start: usize, number: u32, out: &mut [u8]) {
    let offset = (out.len() - start) as u32;
    let place = start + 4 * number as usize;
    out[place..place + 4].copy_from_slice(&offset.to_le_bytes());
}

/// The low bits for so many entries a row: one less for twice as many, so that records with many values do not grow by all
/// of them. `most` is the number for one entry a row.
fn low_bits(entries_per_row: f64, most: u32) -> u32 {
    (f64::from(most) - entries_per_row.log2().round()).clamp(0.0, f64::from(MOST_LOW_BITS)) as u32
}

fn slabs_in(run: &[u32]) -> u16 {
    run.iter().fold(0, |slabs, entry| slabs | 1 << (entry & ((1 << SLAB_BITS) - 1)))
}

/// A block under construction.
#[derive(Default)]
struct BlockBits {
    entries: u32,
    counts: Bits,
    lows: Bits,
    slabs: Bits,
}

impl BlockBits {
    /// Adds the entries of one cell.
    fn push(&mut self, slabs: u16, low: u32, shape: &Shape) {
        let first = slabs.trailing_zeros();
        let last = SLABS as u32 - 1 - slabs.leading_zeros();
        let written: &[u32] = match slabs.count_ones() {
            _ if !shape.located => &[0],
            1 => &[first],
            LISTED => &[first, last],
            _ => &[last, first],
        };
        for slab in written {
            self.entries += 1;
            self.counts.push(1, 1);
            self.lows.push(low, u32::from(shape.low_bits));
            if shape.located {
                self.slabs.push(*slab, SLAB_BITS);
            }
        }
    }
}

/// A list of bits under construction.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    /// Fewer than eight bits.
    rest: u32,
    used: u32,
}

impl Bits {
    /// Appends at most eight bits.
    fn push(&mut self, value: u32, bits: u32) {
        self.rest |= value << self.used;
        self.used += bits;
        while self.used >= 8 {
            self.bytes.push(self.rest as u8);
            self.rest >>= 8;
            self.used -= 8;
        }
    }

    /// Ends the buckets from `bucket` up to `end`.
    fn push_zeros(&mut self, end: u32, bucket: &mut u32) {
        while *bucket < end {
            self.push(0, 1);
            *bucket += 1;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.used > 0 {
            self.bytes.push(self.rest as u8);
        }
        self.bytes
    }
}

/// At most eight bits from the place on.
fn bits(bytes: &[u8], place: usize, bits: usize) -> Option<u32> {
    if bits == 0 {
        return Some(0);
    }
    let low = u32::from(*bytes.get(place / 8)?);
    let high = bytes.get(place / 8 + 1).copied().map_or(0, u32::from);
    Some((low | high << 8) >> (place % 8) & ((1 << bits) - 1))
}

/// The place of the zero with this number, from 0.
fn nth_zero(bytes: &[u8], number: usize) -> Option<usize> {
    let mut left = number;
    for (place, byte) in bytes.iter().enumerate() {
        let zeros = byte.count_zeros() as usize;
        if left < zeros {
            let bit = (0..8).filter(|bit| byte >> bit & 1 == 0).nth(left)?;
            return Some(8 * place + bit);
        }
        left -= zeros;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn written(entries: &[(u64, usize)], rows: usize, most: u32, located: bool) -> (Vec<u8>, Shape) {
        let mut compacted = entries.iter().map(|(hash, slab)| entry(*hash, *slab)).collect();
        compact(&mut compacted);
        // What stands before a table is not its own.
        let mut bytes = vec![0xff; 7];
        let shape = Shape::write(&compacted, rows, most, located, &mut bytes);
        (bytes, shape)
    }

    fn found(bytes: &[u8], shape: &Shape, hash: u64) -> Option<u16> {
        shape.slabs(hash, &|offset, buffer: &mut [u8]| {
            let from = usize::try_from(offset).ok()?;
            buffer.copy_from_slice(bytes.get(from..from.checked_add(buffer.len())?)?);
            Some(())
        })
    }

    /// Hashes as of values, by their number.
    fn hash(number: u64) -> u64 {
        super::super::hash::integer(7, number as i64)
    }

    proptest! {
        #[test]
        fn no_slab_of_a_value_is_ruled_out(
            entries in prop::collection::vec((prop_oneof![any::<u64>(), (0_u64..40).prop_map(|high| high << 58)], 0..SLABS), 0..2_000),
            rows in 1_usize..4_000,
            most in 0_u32..6,
            located in any::<bool>(),
        ) {
            let (bytes, shape) = written(&entries, rows, most, located);
            for (hash, slab) in &entries {
                let slabs = found(&bytes, &shape, *hash);
                prop_assert!(slabs.is_some_and(|slabs| slabs & 1 << slab != 0), "{hash} in {slab}: {slabs:?}");
            }
        }
    }

    #[test]
    fn a_value_of_one_or_two_slabs_is_found_there_and_no_other_slab_is_read() {
        let entries =
            [(hash(1), 3), (hash(2), 0), (hash(2), 15), (hash(3), 1), (hash(3), 2), (hash(3), 9), (hash(1), 3)];
        let (bytes, shape) = written(&entries, 100, 4, true);
        let slabs = [1, 2, 3].map(|number| found(&bytes, &shape, hash(number)));
        assert_eq!(slabs, [Some(1 << 3), Some(1 | 1 << 15), Some(ALL)]);
        let (bytes, shape) = written(&entries, 100, 4, false);
        let slabs = [1, 2, 3].map(|number| found(&bytes, &shape, hash(number)));
        assert_eq!(slabs, [Some(ALL); 3]);
        let (bytes, shape) = written(&[], 100, 4, true);
        assert_eq!((found(&bytes, &shape, hash(1)), bytes.len()), (Some(0), 7));
    }

    #[test]
    fn values_that_are_nowhere_are_found_as_rarely_as_the_size_allows() {
        const ROWS: u64 = 131_072;
        for (share, most, located, low_bits, bits) in
            [(2, 4, false, 5, 7.3), (2, 3, true, 4, 10.3), (1, 3, true, 3, 9.3), (32, 4, true, 8, 14.4)]
        {
            let entries: Vec<(u64, usize)> =
                (0..ROWS / share).map(|number| (hash(number), (number * share / 8_192) as usize)).collect();
            let (bytes, shape) = written(&entries, ROWS as usize, most, located);
            assert_eq!(u32::from(shape.low_bits), low_bits);
            let size = (bytes.len() - 7) as f64 * 8.0 / entries.len() as f64;
            assert!(size <= bits, "{size} bits an entry with {low_bits} low bits");
            const ASKED: u64 = 100_000;
            let wrong = (0..ASKED).filter(|number| found(&bytes, &shape, hash(!number)) != Some(0)).count();
            let nominal = ASKED as f64 / f64::from(1 << low_bits);
            assert!((wrong as f64) < 2.0 * nominal, "{wrong} instead of {nominal} with {low_bits} low bits");
        }
    }

    #[test]
    fn many_values_a_row_get_fewer_bits_each() {
        let bits: Vec<u32> = [0.001, 0.5, 1.0, 2.0, 5.8, 9.3, 100.0].map(|entries| low_bits(entries, 3)).into();
        assert_eq!(bits, [8, 4, 3, 2, 0, 0, 0]);
    }

    #[test]
    fn damage_of_any_byte_rules_nothing_out_that_is_there() {
        let entries: Vec<(u64, usize)> = (0..1_200).map(|number| (hash(number), (number % 16) as usize)).collect();
        for located in [true, false] {
            let (bytes, shape) = written(&entries, 2_400, 4, located);
            let asked: HashMap<u64, usize> = entries.iter().step_by(97).copied().collect();
            for place in 0..bytes.len() {
                let mut damaged = bytes.clone();
                damaged[place] ^= 1 << (place % 8);
                for (hash, slab) in &asked {
                    let slabs = found(&damaged, &shape, *hash);
                    assert!(slabs.is_none_or(|slabs| slabs & 1 << slab != 0), "byte {place}: {slabs:?}");
                }
            }
            // Blocks in each other's place.
            let mut swapped = bytes.clone();
            let starts: Vec<[u8; 4]> = (0..3).map(|number| bytes[7 + 4 * number..][..4].try_into().unwrap()).collect();
            swapped[7..11].copy_from_slice(&starts[1]);
            swapped[11..15].copy_from_slice(&starts[2]);
            let unread = asked.keys().filter(|hash| found(&swapped, &shape, **hash).is_none()).count();
            assert!(unread > 0);
        }
    }
}
