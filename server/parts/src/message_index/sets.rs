//! The sets of a block, and the test of a text against them.

use std::ops::Range;

use super::windows::{Folding, Padded};

/// The size of a kind of sets.
pub(super) struct Shape {
    /// The binary logarithm of the most bits of a set.
    pub(super) most: u32,
    /// A set may be halved while at most one in this many bits would be set.
    pub(super) sparse: usize,
}

/// A text has many runs, most of them frequent, so their set must be sparse.
pub(super) const RUNS: Shape = Shape { most: 17, sparse: 8 };
/// The seams of two long words have six hashes, so their set may be denser. It is larger, because there are far more
/// pairs of words than runs.
pub(super) const SEAMS: Shape = Shape { most: 19, sparse: 4 };
/// The most letters on each side of a seam.
pub(super) const LETTERS: u32 = 6;

/// The bytes of a checksum.
const CHECKSUM: usize = 4;

impl Shape {
    /// The binary logarithm of the fewest bits of a set.
    pub(super) const LEAST: u32 = 9;

    #[inline]
    pub(super) const fn place_of_run(&self, hash: u32) -> u32 {
        hash >> (32 - self.most)
    }

    #[inline]
    pub(super) const fn place_of_seam(&self, hash: u64) -> u32 {
        (hash >> (64 - self.most)) as u32
    }

    /// The bytes of a set; `None` for a size that no set has.
    fn bytes(&self, bits: u8) -> Option<usize> {
        match u32::from(bits) {
            0 => Some(0),
            bits if (Self::LEAST..=self.most).contains(&bits) => Some((1 << bits) / 8),
            _ => None,
        }
    }
}

/// The windows that a message has if it contains a text, in any case.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Places in the largest sets.
    runs: Vec<u32>,
    seams: Vec<u32>,
}

impl Wanted {
    /// The windows of the text. A text of fewer than three bytes has none.
    pub fn of(text: &str) -> Self {
        let mut padded = Padded::default();
        padded.set(text, Folding::Simple);
        let mut wanted = Self::default();
        padded.runs(|hash| wanted.runs.push(RUNS.place_of_run(hash)));
        padded.seams(LETTERS, |hash| wanted.seams.push(SEAMS.place_of_seam(hash)));
        wanted
    }
}

/// Where the sets of each block are in the bytes of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory(Vec<Place>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    start: u64,
    /// The bytes of the two sets.
    runs: usize,
    seams: usize,
}

impl Directory {
    /// The number of bytes at the start of an index that are its directory.
    pub fn length(blocks: usize) -> usize {
        2 * blocks + CHECKSUM
    }

    /// Parses the directory, which takes all of the bytes. `None` if they are damaged.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (sizes, checksum) = bytes.split_last_chunk::<CHECKSUM>()?;
        if crc32c::crc32c(sizes) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let (sizes, []) = sizes.as_chunks::<2>() else { return None };
        let mut start = bytes.len() as u64;
        let mut places = Vec::with_capacity(sizes.len());
        for [runs, seams] in sizes {
            let place = Place { start, runs: RUNS.bytes(*runs)?, seams: SEAMS.bytes(*seams)? };
            start += place.length() as u64;
            places.push(place);
        }
        Some(Self(places))
    }

    /// The number of blocks.
    pub fn blocks(&self) -> usize {
        self.0.len()
    }

    /// The bytes of a block, counted from the start of the index; `None` if there is no such block.
    pub fn range(&self, block: usize) -> Option<Range<u64>> {
        let place = self.0.get(block)?;
        Some(place.start..place.start + place.length() as u64)
    }

    /// Parses the bytes of a block. `None` if they are damaged, or if there is no such block.
    pub fn sets(&self, block: usize, mut bytes: Vec<u8>) -> Option<Sets> {
        let place = self.0.get(block)?;
        let (sets, checksum) = bytes.split_last_chunk::<CHECKSUM>()?;
        if bytes.len() != place.length() || crc32c::crc32c(sets) != u32::from_le_bytes(*checksum) {
            return None;
        }
        bytes.truncate(place.runs + place.seams);
        Some(Sets { bytes, runs: place.runs })
    }
}

impl Place {
    fn length(&self) -> usize {
        self.runs + self.seams + CHECKSUM
    }
}

/// The sets of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sets {
    /// The set of runs, then the one of seams.
    bytes: Vec<u8>,
    /// The bytes of the set of runs.
    runs: usize,
}

impl Sets {
    /// Whether a message of the block may contain the text. `false` is certain.
    pub fn may_contain(&self, wanted: &Wanted) -> bool {
        let (runs, seams) = self.bytes.split_at(self.runs);
        wanted.runs.iter().all(|place| has(runs, *place)) && wanted.seams.iter().all(|place| has(seams, *place))
    }
}

/// Whether a set has a place; a set that is left out has all.
fn has(set: &[u8], place: u32) -> bool {
    // The number of bits is a power of two, so a halved set has the lowest bits of the place.
    let Some(last) = (set.len() * 8).checked_sub(1) else { return true };
    let place = place as usize & last;
    set.get(place / 8).is_some_and(|byte| byte & (1 << (place % 8)) != 0)
}
