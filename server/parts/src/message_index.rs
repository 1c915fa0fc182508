//! An index of the messages in each block of rows: byte trigrams ("runs") and word boundaries ("seams").
//!
//! A word of the query language matches any part of a message, so an index of whole words could not rule out a block:
//! `out` is in `timeout`. Runs of three bytes can: a text of eight bytes has six of them, and a block that lacks one
//! lacks the text. If all words of a text are frequent, so are its runs. Then its seams discriminate: the two and the
//! three letters before and after a space, because few pairs of words follow one another. Seams of digits are
//! excluded, because there are as many as numbers. Messages are folded as in the query language
//! ([`model::query::fold`]), so a text has the same runs in any case.
//!
//! Parts of earlier versions fold ASCII letters only. There, only runs of characters without other case forms are
//! tested ([`Folding::Ascii`]).
//!
//! The set of a block is a bitmap of hashed runs and seams, halved while it is sparse: at most 8 KiB for
//! [`BLOCK_ROWS`] rows, an eighth of a byte per row, and less for similar messages. The sets of a part follow its
//! last row group, where no Parquet reader looks; the file's metadata has the offset. Layout: for each block one
//! byte, the binary logarithm of its set's bits, then the set; at the end a CRC32C of all preceding bytes.

use model::query::fold::{Letter, fold_into, is_plain};
use pipeline::{Error, Result};

/// Rows per set. A row group holds a whole number of blocks, except the last one.
pub const BLOCK_ROWS: usize = 65_536;
/// Binary logarithms of the number of bits of a set.
const MOST: u32 = 16;
const LEAST: u32 = 9;
const WORDS: usize = (1 << MOST) / 64;
/// A set may be halved while at most one in this many bits would be set.
const SPARSE: usize = 8;

/// The case folding applied before runs are extracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folding {
    /// Simple case folding, of every script.
    Simple,
    /// ASCII lower case, in parts of earlier versions.
    Ascii,
}

/// The sets of all blocks of a part, in row order.
#[derive(Debug)]
pub struct MessageIndex {
    folding: Folding,
    blocks: Vec<Set>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Set {
    bits: u32,
    words: Vec<u64>,
}

/// Builds the sets while messages are written.
pub(crate) struct Builder {
    folding: Folding,
    done: Vec<u8>,
    words: Box<[u64; WORDS]>,
    rows: usize,
    text: Padded,
}

impl Default for Builder {
    fn default() -> Self {
        let (folding, text) = (Folding::Simple, Padded::default());
        Self { folding, done: Vec::new(), words: Box::new([0; WORDS]), rows: 0, text }
    }
}

impl Builder {
    /// Adds the message of the next row.
    pub(crate) fn add(&mut self, message: &str) {
        if self.rows == BLOCK_ROWS {
            self.end_block();
        }
        self.text.set(message, self.folding);
        // The hash is `u16`, so the compiler can omit the bounds check.
        self.text.for_each(|hash| self.words[usize::from(hash / 64)] |= 1 << (hash % 64));
        self.rows += 1;
    }

    /// Ends the block early, because each row group starts a new block.
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

    /// Returns the bytes for [`MessageIndex::read`].
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.end_block();
        let checksum = crc32c::crc32c(&self.done);
        self.done.extend(checksum.to_le_bytes());
        self.done
    }
}

impl MessageIndex {
    /// Parses the output of [`Builder::finish`].
    ///
    /// # Errors
    /// `Corrupt` if the bytes are invalid.
    pub(crate) fn read(bytes: &[u8], folding: Folding) -> Result<Self> {
        let corrupt = || Error::corrupt("its message index cannot be read");
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
        Ok(Self { folding, blocks })
    }

    /// Whether a message of the block may contain the text, case-insensitively. Always `true` for texts of fewer than
    /// three bytes.
    pub fn may_contain(&self, block: usize, text: &str) -> bool {
        let Some(set) = self.blocks.get(block) else { return true };
        let mut padded = Padded::default();
        let mut may_contain = |text: &str| {
            let mut all = true;
            padded.set(text, self.folding);
            padded.for_each(|hash| all &= set.has(hash));
            all
        };
        match self.folding {
            Folding::Simple => may_contain(text),
            Folding::Ascii => {
                // The Kelvin sign is a run of its own. If the block lacks it, `k` has no other form there.
                let no_kelvin = !set.has(hash_of_run(u32::from_le_bytes(*b"\xe2\x84\xaa\0")));
                text.split(|character| !has_ascii_cases(character, no_kelvin)).all(may_contain)
            }
        }
    }
}

/// Whether the character has no other forms than its two ASCII cases.
fn has_ascii_cases(character: char, no_kelvin: bool) -> bool {
    match character {
        'k' | 'K' => no_kelvin,
        's' | 'S' => false,
        _ => is_plain(character) || Letter::of(character).forms().len() == 1,
    }
}

impl Set {
    fn has(&self, hash: u16) -> bool {
        let place = u32::from(hash) & ((1 << self.bits) - 1);
        self.words.get(place as usize / 64).is_some_and(|word| word & (1 << (place % 64)) != 0)
    }

    /// Halves the set as often as it stays sparse.
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

/// A folded text with zero padding, so that eight bytes can be read from three before each of its bytes.
#[derive(Default)]
struct Padded(Vec<u8>);

const BEFORE: usize = 3;
const AFTER: usize = 8;

impl Padded {
    fn set(&mut self, text: &str, folding: Folding) {
        self.0.clear();
        self.0.extend_from_slice(&[0; BEFORE]);
        match folding {
            Folding::Simple => fold_into(text, &mut self.0),
            Folding::Ascii => {
                self.0.extend_from_slice(text.as_bytes());
                self.0.make_ascii_lowercase();
            }
        }
        self.0.extend_from_slice(&[0; AFTER]);
    }

    /// Calls `call` with the [`MOST`]-bit hash of each run of three bytes and of each seam. Seams are far rarer than
    /// runs, so a colliding run would be present in every block. Therefore a seam has up to three hashes, which must
    /// all be present.
    fn for_each(&self, mut call: impl FnMut(u16)) {
        let end = self.0.len() - AFTER;
        let mut rest = &self.0[BEFORE..end];
        // Six runs of eight bytes, which are loaded once.
        while let Some(eight) = rest.first_chunk() {
            let word = u64::from_le_bytes(*eight);
            (0..6).for_each(|place| call(hash_of_run((word >> (8 * place)) as u32 & 0xff_ffff)));
            rest = &rest[6..];
        }
        for run in rest.windows(3) {
            if let &[a, b, c] = run {
                call(hash_of_run(u32::from_le_bytes([a, b, c, 0])));
            }
        }
        for at in (BEFORE..end).step_by(8) {
            let mut spaces = equal(self.eight(at), b' ');
            while spaces != 0 {
                let space = at + spaces.trailing_zeros() as usize / 8;
                spaces &= spaces - 1;
                seams(self.eight(space - BEFORE), &mut call);
            }
        }
    }

    fn eight(&self, at: usize) -> u64 {
        self.0.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |eight| u64::from_le_bytes(*eight))
    }
}

/// The seams around the space in the fourth of eight bytes: two letters on each side, and three if there are as many.
fn seams(around: u64, call: &mut impl FnMut(u16)) {
    const TWO: u64 = 0x0000_8080_0080_8000;
    const THREE: u64 = 0x0080_8080_0080_8080;
    let letters = small_letters(around);
    if letters & TWO != TWO {
        return;
    }
    let (before, after) = (around, around >> 32);
    let seam = before >> 8 & 0xffff | (after & 0xffff) << 16 | u64::from_le_bytes(*b"\0\0\0\0aa\0\0");
    call(hash(seam, 0x9e37_79b1_85eb_ca87));
    call(hash(seam, 0xc2b2_ae3d_27d4_eb4f));
    if letters & THREE == THREE {
        call(hash(before & 0xff_ffff | (after & 0xff_ffff) << 24, 0x1656_67b1_9e37_79f9));
    }
}

/// SIMD within a register: the highest bit of each byte is its result.
const ONES: u64 = u64::from_le_bytes([1; 8]);

/// Marks the lower-case ASCII letters among eight bytes.
fn small_letters(bytes: u64) -> u64 {
    let low = bytes & (0x7f * ONES);
    let from_a = low + (0x80 - u64::from(b'a')) * ONES;
    let past_z = low + (0x7f - u64::from(b'z')) * ONES;
    from_a & !past_z & !bytes & (0x80 * ONES)
}

/// Marks the bytes equal to `byte` among eight bytes.
fn equal(bytes: u64, byte: u8) -> u64 {
    let other = bytes ^ (u64::from(byte) * ONES);
    !(((other & (0x7f * ONES)) + 0x7f * ONES) | other) & (0x80 * ONES)
}

fn hash_of_run(run: u32) -> u16 {
    (run.wrapping_mul(0x9e37_79b1) >> (32 - MOST)) as u16
}

fn hash(key: u64, multiplier: u64) -> u16 {
    (key.wrapping_mul(multiplier) >> (64 - MOST)) as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn built(messages: &[String]) -> MessageIndex {
        built_with(Folding::Simple, messages)
    }

    fn built_with(folding: Folding, messages: &[String]) -> MessageIndex {
        let mut builder = Builder { folding, ..Builder::default() };
        messages.iter().for_each(|message| builder.add(message));
        MessageIndex::read(&builder.finish(), folding).unwrap()
    }

    proptest! {
        #[test]
        fn a_part_of_a_message_is_never_ruled_out_in_any_case(
            messages in prop::collection::vec("(.|[a-z ]|[kKsSſ\u{212a}ßẞσςΣоОІᲀİıეკაԱաÅåⱥȺ한中]){0,40}", 1..20),
            pick in any::<prop::sample::Index>(),
            from in any::<prop::sample::Index>(),
            length in 0_usize..20,
            forms in prop::collection::vec(any::<prop::sample::Index>(), 20),
            simple in any::<bool>(),
        ) {
            let sets = built_with(if simple { Folding::Simple } else { Folding::Ascii }, &messages);
            let message: Vec<char> = pick.get(&messages).chars().collect();
            let part = message.iter().skip(from.index(message.len() + 1)).take(length);
            let text: String = part.zip(forms).map(|(character, form)| *form.get(Letter::of(*character).forms())).collect();
            prop_assert!(sets.may_contain(0, &text), "{text:?}");
        }
    }

    /// The algorithm of the module documentation, byte by byte.
    fn naive_hashes(text: &str) -> Vec<u16> {
        let text = text.to_ascii_lowercase().into_bytes();
        let letters = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_lowercase);
        let number =
            |bytes: &[u8]| bytes.iter().zip((0..).step_by(8)).map(|(byte, bit)| u64::from(*byte) << bit).sum::<u64>();
        let mut hashes: Vec<u16> = text.windows(3).map(|run| hash_of_run(number(run) as u32)).collect();
        for (place, _) in text.iter().enumerate().filter(|(_, byte)| **byte == b' ') {
            for width in [2, 3] {
                let around = (place.checked_sub(width).and_then(|from| text.get(from..place)), text.get(place + 1..));
                let (Some(before), Some(after)) = around else { continue };
                let Some(after) = after.get(..width).filter(|after| letters(before) && letters(after)) else {
                    continue;
                };
                let seam = [before, after].concat();
                if width == 2 {
                    let seam = [&seam[..], b"aa"].concat();
                    hashes.push(hash(number(&seam), 0x9e37_79b1_85eb_ca87));
                    hashes.push(hash(number(&seam), 0xc2b2_ae3d_27d4_eb4f));
                } else {
                    hashes.push(hash(number(&seam), 0x1656_67b1_9e37_79f9));
                }
            }
        }
        hashes.sort_unstable();
        hashes
    }

    proptest! {
        #[test]
        fn eight_bytes_at_a_time_are_as_one_at_a_time(text in "([ a-zA-Z`{@\\[0-9é한\u{0}-\u{7f}]| [a-z]{1,4} ?){0,40}") {
            let mut padded = Padded::default();
            padded.set("something that was here before", Folding::Ascii);
            padded.set(&text, Folding::Ascii);
            let mut hashes = Vec::new();
            padded.for_each(|hash| hashes.push(hash));
            hashes.sort_unstable();
            prop_assert_eq!(hashes, naive_hashes(&text));
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
        assert!(MessageIndex::read(&bytes, Folding::Simple).is_err());
        assert!(MessageIndex::read(&[], Folding::Simple).is_err());
    }

    #[test]
    fn a_text_of_any_script_is_ruled_out_where_it_is_nowhere() {
        let messages = ["Ошибка подключения", "주문이 실패했습니다", "Σφάλμα σύνδεσης", "reset"].map(str::to_owned);
        let (sets, older) = (built(&messages), built_with(Folding::Ascii, &messages));
        for (text, is_there) in [
            ("ОШИБКА", true),
            ("ПРЕВЫШЕН", false),
            ("주문이", true),
            ("결제가", false),
            ("ΣΎΝΔΕΣΗΣ", true),
            ("ΆΓΝΩΣΤΟ", false),
            ("RE\u{17f}ET", true),
            ("RESETS", false),
        ] {
            assert_eq!(sets.may_contain(0, text), is_there, "{text}");
            assert!(older.may_contain(0, text) || !is_there, "{text}");
        }
        // In an older part, runs of characters with only one form still rule out blocks.
        assert!(
            !older.may_contain(0, "결제가") && !older.may_contain(0, "kernel panic") && older.may_contain(0, "ssss")
        );
    }
}
