//! Builds the sets while messages are written.

use super::{
    BLOCK_ROWS,
    sets::{LETTERS, RUNS, SEAMS, Shape},
    windows::{Folding, Padded},
};

/// 64-bit words of the largest sets.
const RUN_WORDS: usize = (1 << RUNS.most) / 64;
const SEAM_WORDS: usize = (1 << SEAMS.most) / 64;

/// Builds an index of messages in the order of their rows.
pub struct Builder {
    /// Two bytes for each block.
    directory: Vec<u8>,
    /// The finished sets.
    sets: Vec<u8>,
    runs: Box<[u64; RUN_WORDS]>,
    seams: Box<[u64; SEAM_WORDS]>,
    rows: usize,
    text: Padded,
    /// The numbers of set bits and of all bits in the finished sets of runs and of seams.
    filled: [(usize, usize); 2],
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            directory: Vec::new(),
            sets: Vec::new(),
            runs: Box::new([0; RUN_WORDS]),
            seams: Box::new([0; SEAM_WORDS]),
            rows: 0,
            text: Padded::default(),
            filled: [(0, 0); 2],
        }
    }
}

impl Builder {
    /// Adds the message of the next row.
    pub fn add(&mut self, message: &str) {
        if self.rows == BLOCK_ROWS {
            self.end_block();
        }
        self.text.set(message, Folding::Simple);
        // A place has as many bits as the largest set, so the compiler can omit the bounds checks.
        self.text.runs(|hash| {
            let place = RUNS.place_of_run(hash);
            self.runs[place as usize / 64] |= 1 << (place % 64);
        });
        self.text.seams(LETTERS, |hash| {
            let place = SEAMS.place_of_seam(hash);
            self.seams[place as usize / 64] |= 1 << (place % 64);
        });
        self.rows += 1;
    }

    /// Ends the block early, for a row group that is not full: the next one starts a new block.
    pub fn end_block(&mut self) {
        if self.rows == 0 {
            return;
        }
        let start = self.sets.len();
        let [of_runs, of_seams] = &mut self.filled;
        let both = [(&RUNS, &mut self.runs[..], of_runs), (&SEAMS, &mut self.seams[..], of_seams)];
        for (shape, words, filled) in both {
            let bits = append(shape, words, &mut self.sets, filled);
            self.directory.push(bits as u8);
            words.fill(0);
        }
        let checksum = crc32c::crc32c(&self.sets[start..]);
        self.sets.extend(checksum.to_le_bytes());
        self.rows = 0;
    }

    /// Returns the bytes of the index: the directory for [`Directory::read`](super::Directory::read), then the sets of
    /// each block.
    pub fn finish(mut self) -> Vec<u8> {
        self.end_block();
        let [runs, seams] = self.filled.map(|(set, all)| set * 100 / all.max(1));
        // A corpus whose sets are full is one whose texts are not ruled out.
        tracing::debug!(
            blocks = self.directory.len() / 2,
            runs,
            seams,
            "percent of the bits of a message index are set"
        );
        let checksum = crc32c::crc32c(&self.directory).to_le_bytes();
        [&self.directory[..], &checksum[..], &self.sets[..]].concat()
    }
}

/// Appends a set, halved as often as it stays sparse. Returns the binary logarithm of its bits; 0 for a set that is left
/// out because it is full.
fn append(shape: &Shape, words: &[u64], output: &mut Vec<u8>, filled: &mut (usize, usize)) -> u32 {
    let set = |words: &[u64]| words.iter().map(|word| word.count_ones() as usize).sum::<usize>();
    let (mut bits, mut words, mut taken) = (shape.most, words.to_vec(), set(words));
    while bits > Shape::LEAST {
        let (low, high) = words.split_at(words.len() / 2);
        let folded: Vec<u64> = low.iter().zip(high).map(|(low, high)| low | high).collect();
        let left = set(&folded);
        if left * shape.sparse > folded.len() * 64 {
            break;
        }
        (bits, words, taken) = (bits - 1, folded, left);
    }
    filled.0 += taken;
    filled.1 += words.len() * 64;
    if taken * 8 > words.len() * 64 * 7 {
        return 0;
    }
    output.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    bits
}
