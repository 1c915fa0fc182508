//! Sets of what messages are made of, to rule out texts.
//!
//! A text of the query language matches any part of a message, so an index of whole words could not rule out anything:
//! `out` is in `timeout`. *Runs* of three bytes can: a text of eight bytes has six of them, and messages that lack one
//! lack the text. If all words of a text are frequent, so are its runs. Then its *seams* discriminate: the two and the
//! three letters before and after a space, because few pairs of words follow one another. Seams of digits are left
//! out, because there are as many as numbers. Messages are folded as in the query language ([`model::query::fold`]), so
//! a text has the same runs in any case.
//!
//! A set is two bitmaps of hashes, one of runs and one of seams, so that ids and other random text, which have no
//! seams, do not fill the bitmap of the seams. Each is halved while it is sparse: at most 8 KiB.
//!
//! Layout: for each set its two bitmaps, each as one byte with the binary logarithm of its bits, then the bits; at the
//! end a CRC32C of all bytes before.

use model::query::fold::fold_into;

use crate::bytes::Damaged;

/// Binary logarithms of the number of bits of a bitmap.
const MOST: u32 = 16;
const LEAST: u32 = 9;
/// The letters of a seam on each side of its space.
const WIDTHS: [usize; 2] = [2, 3];

/// Builds sets, one after another.
#[derive(Debug)]
pub struct Builder {
    /// A bitmap may be halved while at most one in this many bits would be set.
    sparse: usize,
    runs: Bitmap,
    seams: Bitmap,
    folded: Vec<u8>,
    bytes: Vec<u8>,
}

impl Builder {
    /// A builder of bitmaps of which at most one bit in `sparse` is set, unless they have their most bits.
    pub fn new(sparse: usize) -> Self {
        let bitmap = Bitmap::empty;
        Self { sparse, runs: bitmap(), seams: bitmap(), folded: Vec::new(), bytes: Vec::new() }
    }

    /// Adds a message to the set.
    pub fn add(&mut self, message: &str) {
        self.folded.clear();
        fold_into(message, &mut self.folded);
        runs_of(&self.folded, |hash| self.runs.add(hash));
        seams_of(&self.folded, |hash| self.seams.add(hash));
    }

    /// Ends the set; what is added next is in another one.
    pub fn end_set(&mut self) {
        for bitmap in [&mut self.runs, &mut self.seams] {
            let halved = std::mem::replace(bitmap, Bitmap::empty()).halved(self.sparse);
            self.bytes.push(halved.bits as u8);
            self.bytes.extend(halved.words.iter().flat_map(|word| word.to_le_bytes()));
        }
    }

    /// The bytes of the sets that were ended.
    pub fn finish(mut self) -> Vec<u8> {
        let checksum = crc32c::crc32c(&self.bytes);
        self.bytes.extend(checksum.to_le_bytes());
        self.bytes
    }
}

/// Sets of messages, in the order in which they were built.
#[derive(Debug)]
pub struct Sets {
    sets: Vec<[Bitmap; 2]>,
}

impl Sets {
    /// Reads the output of [`Builder::finish`].
    ///
    /// # Errors
    /// The bytes are something else.
    pub fn read(bytes: &[u8]) -> Result<Self, Damaged> {
        let (mut rest, checksum) = bytes.split_last_chunk::<4>().ok_or(Damaged)?;
        if crc32c::crc32c(rest) != u32::from_le_bytes(*checksum) {
            return Err(Damaged);
        }
        let mut sets = Vec::new();
        while !rest.is_empty() {
            sets.push([Bitmap::read(&mut rest)?, Bitmap::read(&mut rest)?]);
        }
        Ok(Self { sets })
    }

    /// The number of sets.
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// The size in memory, in bytes.
    pub fn bytes(&self) -> usize {
        self.sets.iter().flatten().map(|bitmap| bitmap.words.len() * 8).sum()
    }

    /// Whether a message of the set may contain the text. `true` for a set that is not there.
    pub fn may_contain(&self, set: usize, text: &Text) -> bool {
        let Some([runs, seams]) = self.sets.get(set) else { return true };
        text.seams.iter().all(|hash| seams.has(*hash)) && text.runs.iter().all(|hash| runs.has(*hash))
    }
}

/// The runs and seams of a text to look for.
#[derive(Debug, Clone)]
pub struct Text {
    runs: Vec<u16>,
    seams: Vec<u16>,
}

impl Text {
    pub fn of(text: &str) -> Self {
        let (mut folded, mut runs, mut seams) = (Vec::new(), Vec::new(), Vec::new());
        fold_into(text, &mut folded);
        runs_of(&folded, |hash| runs.push(hash));
        seams_of(&folded, |hash| seams.push(hash));
        Self { runs, seams }
    }

    /// Whether it is too short to rule out anything.
    pub fn is_everywhere(&self) -> bool {
        self.runs.is_empty()
    }
}

#[derive(Debug)]
struct Bitmap {
    bits: u32,
    words: Vec<u64>,
}

impl Bitmap {
    fn empty() -> Self {
        Self { bits: MOST, words: vec![0; (1 << MOST) / 64] }
    }

    fn add(&mut self, hash: u16) {
        if let Some(word) = self.words.get_mut(usize::from(hash) / 64) {
            *word |= 1 << (hash % 64);
        }
    }

    fn has(&self, hash: u16) -> bool {
        let place = u32::from(hash) & ((1 << self.bits) - 1);
        self.words.get(place as usize / 64).is_some_and(|word| word & (1 << (place % 64)) != 0)
    }

    /// Halves the bitmap as often as it stays sparse.
    fn halved(mut self, sparse: usize) -> Self {
        while self.bits > LEAST {
            let half = self.words.len() / 2;
            let (low, high) = self.words.split_at(half);
            let folded: Vec<u64> = low.iter().zip(high).map(|(low, high)| low | high).collect();
            let taken: usize = folded.iter().map(|word| word.count_ones() as usize).sum();
            if taken * sparse > half * 64 {
                break;
            }
            self = Self { bits: self.bits - 1, words: folded };
        }
        self
    }

    fn read(bytes: &mut &[u8]) -> Result<Self, Damaged> {
        let (&bits, rest) = bytes.split_first().ok_or(Damaged)?;
        let bits = u32::from(bits);
        if !(LEAST..=MOST).contains(&bits) {
            return Err(Damaged);
        }
        let (set, rest) = rest.split_at_checked((1 << bits) / 8).ok_or(Damaged)?;
        *bytes = rest;
        Ok(Self { bits, words: set.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect() })
    }
}

fn runs_of(folded: &[u8], mut call: impl FnMut(u16)) {
    for run in folded.windows(3) {
        if let &[a, b, c] = run {
            let run = u32::from_le_bytes([a, b, c, 0]);
            call((run.wrapping_mul(0x9e37_79b1) >> (32 - MOST)) as u16);
        }
    }
}

/// Seams are far rarer than runs. A seam of two letters on each side has two hashes, which must both be there, because
/// there are few such seams and each collision would hide one.
fn seams_of(folded: &[u8], mut call: impl FnMut(u16)) {
    let spaces = folded.iter().enumerate().filter(|(_, byte)| **byte == b' ');
    for (space, _) in spaces {
        for width in WIDTHS {
            let before = space.checked_sub(width).and_then(|start| folded.get(start..space));
            let (Some(before), Some(after)) = (before, folded.get(space + 1..space + 1 + width)) else { break };
            if !before.iter().chain(after).all(u8::is_ascii_lowercase) {
                break;
            }
            let seam = before.iter().chain(after).fold(width as u64, |seam, letter| seam << 8 | u64::from(*letter));
            call(hash(seam, 0x9e37_79b1_85eb_ca87));
            if width == 2 {
                call(hash(seam, 0xc2b2_ae3d_27d4_eb4f));
            }
        }
    }
}

fn hash(key: u64, factor: u64) -> u16 {
    (key.wrapping_mul(factor) >> (64 - MOST)) as u16
}

#[cfg(test)]
mod tests {
    use model::query::fold::Letter;
    use proptest::prelude::*;

    use super::*;

    fn built(sets: &[&[String]]) -> Sets {
        let mut builder = Builder::new(8);
        for messages in sets {
            messages.iter().for_each(|message| builder.add(message));
            builder.end_set();
        }
        Sets::read(&builder.finish()).unwrap()
    }

    fn may_contain(sets: &Sets, set: usize, text: &str) -> bool {
        sets.may_contain(set, &Text::of(text))
    }

    proptest! {
        #[test]
        fn a_part_of_a_message_is_never_ruled_out_in_any_case(
            messages in prop::collection::vec("(.|[a-z ]|[kKsSſ\u{212a}ßẞσςΣоОІᲀİıეკაԱաÅåⱥȺ한中]){0,40}", 1..20),
            pick in any::<prop::sample::Index>(),
            from in any::<prop::sample::Index>(),
            length in 0_usize..20,
            forms in prop::collection::vec(any::<prop::sample::Index>(), 20),
        ) {
            let sets = built(&[&messages]);
            let message: Vec<char> = pick.get(&messages).chars().collect();
            let part = message.iter().skip(from.index(message.len() + 1)).take(length);
            let text: String = part.zip(forms).map(|(character, form)| *form.get(Letter::of(*character).forms())).collect();
            prop_assert!(may_contain(&sets, 0, &text), "{text:?}");
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let sealed = [&bytes[..], &crc32c::crc32c(&bytes).to_le_bytes()].concat();
            for bytes in [bytes, sealed] {
                if let Ok(sets) = Sets::read(&bytes) {
                    let _ = may_contain(&sets, 0, "some text");
                }
            }
        }
    }

    #[test]
    fn what_occurs_nowhere_is_ruled_out_and_sets_are_told_apart() {
        let one = vec!["connection to 10.0.0.1 was reset by peer".to_owned(); 1_000];
        let other = ["payment 4711 was refused".to_owned()];
        let sets = built(&[&one, &other, &[]]);
        assert_eq!(sets.len(), 3);
        for (set, text, expected) in [
            (0, "RESET by", true),
            (0, "refused", false),
            (1, "refused", true),
            (1, "reset by", false),
            (0, "zebra", false),
            (0, "zz", true),
            (2, "reset", false),
            (7, "zebra", true),
        ] {
            assert_eq!(may_contain(&sets, set, text), expected, "{text} in {set}");
        }
    }

    #[test]
    fn frequent_words_in_an_order_that_is_nowhere_are_ruled_out_also_among_random_text() {
        let mut messages =
            vec!["the cache of the node was read in time".to_owned(), "time of the day was 10 ms".to_owned()];
        // Fills the bitmap of the runs.
        let mut state = 1_u64;
        for _ in 0..5_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            messages.push(format!("{state:x}{:x}", state.rotate_left(17)));
        }
        let sets = built(&[&messages]);
        for text in ["the NODE was", "of the", "time of", "10 ms", "e of t"] {
            assert!(may_contain(&sets, 0, text), "{text}");
        }
        for text in ["the was", "node of the", "time in", "was the cache"] {
            assert!(!may_contain(&sets, 0, text), "{text}");
        }
    }

    #[test]
    fn a_damaged_set_is_refused() {
        let mut builder = Builder::new(8);
        builder.add("some message");
        builder.end_set();
        let mut bytes = builder.finish();
        bytes[3] ^= 1;
        assert!(Sets::read(&bytes).is_err() && Sets::read(&[]).is_err());
    }
}
