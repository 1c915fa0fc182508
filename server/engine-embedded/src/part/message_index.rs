//! What occurs in the messages of a block of rows: runs of bytes, and where words meet.
//!
//! A word of the query language is any part of a message, so a filter of whole words
//! could not rule out a block: `out` is in `timeout`. Runs of three bytes can: a text of
//! eight bytes has six of them, and a block that lacks one lacks the text. Where all words
//! of a text are frequent, its runs are too; then its seams tell, the two and the three
//! letters before and after a space, because words follow one another in few ways. Seams
//! of digits are as many as there are numbers, and are left out. Capital ASCII letters
//! count as small ones, as in the language.
//!
//! A block's set is a bitmap of hashed runs and seams, halved while it stays sparse: at
//! most 8 KiB for [`BLOCK_ROWS`] rows, an eighth of a byte each, and less where messages
//! are alike. The sets of a part stand behind its last row group, where no Parquet reader
//! looks, and the file's metadata says where. Layout: for each block one byte, the
//! binary logarithm of its set's bits, then the set; at the end a CRC32C of all that.

use pipeline::{Error, Result};

/// Rows of one set; a row group holds a whole number of blocks, but for its last one.
pub(crate) const BLOCK_ROWS: usize = 65_536;
/// Binary logarithms of the bits of a set.
const MOST: u32 = 16;
const LEAST: u32 = 9;
const WORDS: usize = (1 << MOST) / 64;
/// A set may be halved while at most one of so many bits would be taken.
const SPARSE: usize = 8;

/// The sets of all blocks of a part, in the order of its rows.
#[derive(Debug, Default)]
pub(crate) struct MessageIndex {
    blocks: Vec<Set>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Set {
    bits: u32,
    words: Vec<u64>,
}

/// Builds the sets as messages are written.
pub(crate) struct Builder {
    done: Vec<u8>,
    words: Box<[u64; WORDS]>,
    rows: usize,
    /// The message at hand, in small letters.
    small: Vec<u8>,
}

impl Default for Builder {
    fn default() -> Self {
        Self { done: Vec::new(), words: Box::new([0; WORDS]), rows: 0, small: Vec::new() }
    }
}

impl Builder {
    /// Adds the message of the next row.
    pub(crate) fn add(&mut self, message: &str) {
        if self.rows == BLOCK_ROWS {
            self.end_block();
        }
        self.small.clear();
        self.small.extend_from_slice(message.as_bytes());
        self.small.make_ascii_lowercase();
        // The type of a hash tells the compiler that it is within the array.
        for_each(&self.small, |hash| self.words[usize::from(hash / 64)] |= 1 << (hash % 64));
        self.rows += 1;
    }

    /// Ends the block early: a row group begins with a block of its own.
    pub(crate) fn end_block(&mut self) {
        if self.rows == 0 {
            return;
        }
        let set = Set { bits: MOST, words: self.words.to_vec() }.halved();
        self.done.push(set.bits as u8);
        self.done.extend(set.words.iter().flat_map(|word| word.to_le_bytes()));
        self.words.fill(0);
        self.rows = 0;
    }

    /// The bytes that [`MessageIndex::read`] reads.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.end_block();
        let checksum = crc32c::crc32c(&self.done);
        self.done.extend(checksum.to_le_bytes());
        self.done
    }
}

impl MessageIndex {
    /// Reads what [`Builder::finish`] wrote.
    ///
    /// # Errors
    /// `Corrupt` where it is something else.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self> {
        let corrupt = || Error::corrupt("its index of messages does not read");
        let (mut rest, checksum) = bytes.split_last_chunk::<4>().ok_or_else(corrupt)?;
        if crc32c::crc32c(rest) != u32::from_le_bytes(*checksum) {
            return Err(corrupt());
        }
        let mut blocks = Vec::new();
        while let Some((&bits, after)) = rest.split_first() {
            let bits = u32::from(bits);
            if !(LEAST..=MOST).contains(&bits) {
                return Err(corrupt());
            }
            let (set, after) = after.split_at_checked((1 << bits) / 8).ok_or_else(corrupt)?;
            let words = set.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
            blocks.push(Set { bits, words });
            rest = after;
        }
        Ok(Self { blocks })
    }

    /// Whether a message of the block may contain the text, in any case of its ASCII
    /// letters. Texts of fewer than three bytes always may.
    pub(crate) fn may_contain(&self, block: usize, text: &str) -> bool {
        let Some(set) = self.blocks.get(block) else { return true };
        let mut all = true;
        for_each(text.to_ascii_lowercase().as_bytes(), |hash| all &= set.has(hash));
        all
    }
}

impl Set {
    fn has(&self, hash: u16) -> bool {
        let place = u32::from(hash) & ((1 << self.bits) - 1);
        self.words.get(place as usize / 64).is_some_and(|word| word & (1 << (place % 64)) != 0)
    }

    /// The same runs in as few bits as keep the set sparse.
    fn halved(mut self) -> Self {
        while self.bits > LEAST {
            let half = self.words.len() / 2;
            let (low, high) = self.words.split_at(half);
            let folded: Vec<u64> = low.iter().zip(high).map(|(low, high)| low | high).collect();
            let taken: usize = folded.iter().map(|word| word.count_ones() as usize).sum();
            if taken * SPARSE > half * 64 {
                break;
            }
            self = Self { bits: self.bits - 1, words: folded };
        }
        self
    }
}

/// Calls back with the hash, of [`MOST`] bits, of each run of three bytes and of each seam of
/// a text in small letters. There are far fewer seams than runs, so one that is taken for
/// another by chance would be so in every block: up to three hashes have to say that it is
/// there.
fn for_each(text: &[u8], mut call: impl FnMut(u16)) {
    for run in text.windows(3) {
        if let &[a, b, c] = run {
            call((u32::from_le_bytes([a, b, c, 0]).wrapping_mul(0x9e37_79b1) >> (32 - MOST)) as u16);
        }
    }
    for space in memchr::memchr_iter(b' ', text) {
        let (before, after) = (&text[..space], &text[space + 1..]);
        if let (Some(&[a, b]), Some(&[c, d])) = (before.last_chunk(), after.first_chunk())
            && let Some(seam) = seam([a, b, c, d, b'a', b'a'])
        {
            call(hash(seam, 0x9e37_79b1_85eb_ca87));
            call(hash(seam, 0xc2b2_ae3d_27d4_eb4f));
        }
        if let (Some(&[a, b, c]), Some(&[d, e, f])) = (before.last_chunk(), after.first_chunk())
            && let Some(seam) = seam([a, b, c, d, e, f])
        {
            call(hash(seam, 0x1656_67b1_9e37_79f9));
        }
    }
}

/// The letters as one number; `None` where one of them is no small ASCII letter.
fn seam(letters: [u8; 6]) -> Option<u64> {
    let [a, b, c, d, e, f] = letters;
    letters.iter().all(u8::is_ascii_lowercase).then(|| u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
}

fn hash(key: u64, multiplier: u64) -> u16 {
    (key.wrapping_mul(multiplier) >> (64 - MOST)) as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn built(messages: &[String]) -> MessageIndex {
        let mut builder = Builder::default();
        messages.iter().for_each(|message| builder.add(message));
        MessageIndex::read(&builder.finish()).unwrap()
    }

    proptest! {
        #[test]
        fn a_part_of_a_message_is_never_ruled_out(messages in prop::collection::vec(".{0,40}", 1..20), pick: prop::sample::Index, from: prop::sample::Index, length in 0usize..20) {
            let sets = built(&messages);
            let message: Vec<char> = pick.get(&messages).to_uppercase().chars().collect();
            let message: String = if message.is_empty() { String::new() } else { message.iter().skip(from.index(message.len())).take(length).collect() };
            // Only ASCII letters are alike in both cases.
            let written = pick.get(&messages).to_ascii_uppercase();
            prop_assume!(written.contains(&message));
            prop_assert!(sets.may_contain(0, &message));
        }
    }

    #[test]
    fn what_occurs_nowhere_is_ruled_out_and_blocks_are_told_apart() {
        let mut messages = vec!["connection to 10.0.0.1 was reset by peer".to_owned(); BLOCK_ROWS];
        messages.push("payment 4711 was refused".to_owned());
        let sets = built(&messages);
        assert_eq!(sets.blocks.len(), 2);
        assert!(sets.may_contain(0, "RESET by") && !sets.may_contain(0, "refused"));
        assert!(sets.may_contain(1, "refused") && !sets.may_contain(1, "reset by"));
        assert!(!sets.may_contain(0, "zebra") && sets.may_contain(0, "zz") && sets.may_contain(7, "zebra"));
    }

    #[test]
    fn frequent_words_in_an_order_that_is_nowhere_are_ruled_out() {
        let sets =
            built(&["the cache of the node was read in time".to_owned(), "time of the day was 10 ms".to_owned()]);
        for text in ["the NODE was", "of the", "time of", "10 ms", "e of t"] {
            assert!(sets.may_contain(0, text), "{text}");
        }
        for text in ["the was", "node of the", "time in", "was the cache"] {
            assert!(!sets.may_contain(0, text), "{text}");
        }
    }

    #[test]
    fn a_damaged_index_is_refused() {
        let mut builder = Builder::default();
        builder.add("some message");
        let mut bytes = builder.finish();
        bytes[3] ^= 1;
        assert!(MessageIndex::read(&bytes).is_err());
        assert!(MessageIndex::read(&[]).is_err());
    }
}
