//! What occurs in the messages of a block of rows: runs of bytes, and where words meet.
//!
//! A word of the query language is any part of a message, so a filter of whole words
//! could not rule out a block: `out` is in `timeout`. Runs of three bytes can: a text of
//! eight bytes has six of them, and a block that lacks one lacks the text. Where all words
//! of a text are frequent, its runs are too; then its seams tell, the two and the three
//! letters before and after a space, because words follow one another in few ways. Seams
//! of digits are as many as there are numbers, and are left out. Messages are folded, as in
//! the language ([`model::query::fold`]), so a text in any case has the same runs.
//!
//! Parts of earlier programs have sets in which only capital ASCII letters count as small
//! ones. Of these, runs are asked for where all characters are the same in every case
//! ([`Folding::Ascii`]).
//!
//! A block's set is a bitmap of hashed runs and seams, halved while it stays sparse: at
//! most 8 KiB for [`BLOCK_ROWS`] rows, an eighth of a byte each, and less where messages
//! are alike. The sets of a part stand behind its last row group, where no Parquet reader
//! looks, and the file's metadata says where. Layout: for each block one byte, the
//! binary logarithm of its set's bits, then the set; at the end a CRC32C of all that.

use model::query::fold::{Letter, fold_into, is_plain};
use pipeline::{Error, Result};

/// Rows of one set; a row group holds a whole number of blocks, but for its last one.
pub const BLOCK_ROWS: usize = 65_536;
/// Binary logarithms of the bits of a set.
const MOST: u32 = 16;
const LEAST: u32 = 9;
const WORDS: usize = (1 << MOST) / 64;
/// A set may be halved while at most one of so many bits would be taken.
const SPARSE: usize = 8;

/// What was done about the case of letters before runs were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folding {
    /// Simple case folding, of every script.
    Simple,
    /// Capital ASCII letters became small ones: so in parts of earlier programs.
    Ascii,
}

/// The sets of all blocks of a part, in the order of its rows.
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

/// Builds the sets as messages are written.
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
        // The type of a hash tells the compiler that it is within the array.
        self.text.for_each(|hash| self.words[usize::from(hash / 64)] |= 1 << (hash % 64));
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
    pub(crate) fn read(bytes: &[u8], folding: Folding) -> Result<Self> {
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
        Ok(Self { folding, blocks })
    }

    /// Whether a message of the block may contain the text, in any case. Texts of fewer than
    /// three bytes always may.
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
                // The Kelvin sign is a run by itself, so it is known where `k` has no other form.
                let no_kelvin = !set.has(hash_of_run(u32::from_le_bytes(*b"\xe2\x84\xaa\0")));
                text.split(|character| !has_ascii_cases(character, no_kelvin)).all(may_contain)
            }
        }
    }
}

/// Whether the character has no form but itself and the other case of ASCII.
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

/// A folded text with zeros around it, so that eight bytes can be read from three
/// before each of its bytes.
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

    /// Calls back with the hash, of [`MOST`] bits, of each run of three bytes and of each seam.
    /// There are far fewer seams than runs, so one that is taken for another by chance would
    /// be so in every block: up to three hashes have to say that it is there.
    fn for_each(&self, mut call: impl FnMut(u16)) {
        let end = self.0.len() - AFTER;
        let mut rest = &self.0[BEFORE..end];
        // Six runs of eight bytes, which are read once.
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

/// The seams around the space in the fourth byte of eight: two letters on each side, and
/// three where there are as many.
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

/// A byte of each, to work on eight at a time: the highest bit of a byte says whether it is so.
const ONES: u64 = u64::from_le_bytes([1; 8]);

/// Which of eight bytes are small ASCII letters.
fn small_letters(bytes: u64) -> u64 {
    let low = bytes & (0x7f * ONES);
    let from_a = low + (0x80 - u64::from(b'a')) * ONES;
    let past_z = low + (0x7f - u64::from(b'z')) * ONES;
    from_a & !past_z & !bytes & (0x80 * ONES)
}

/// Which of eight bytes are this one.
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

    /// As the module describes it, a byte at a time.
    fn plainly(text: &str) -> Vec<u16> {
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
            prop_assert_eq!(hashes, plainly(&text));
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
        // Of an older part, what has one form only still tells.
        assert!(
            !older.may_contain(0, "결제가") && !older.may_contain(0, "kernel panic") && older.may_contain(0, "ssss")
        );
    }
}
