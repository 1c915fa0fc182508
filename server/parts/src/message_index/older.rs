//! The index of parts of earlier versions: one set a block, of runs and of seams with two and three letters.
//!
//! Still earlier parts fold ASCII letters only. There, only runs of characters without other case forms are tested
//! ([`Folding::Ascii`]).
//!
//! The set of a block is a bitmap of at most 8 KiB, halved while it is sparse. Layout: for each block one byte, the
//! binary logarithm of its set's bits, then the set; at the end a CRC32C of all preceding bytes.

use model::query::fold::{Letter, is_plain};
use pipeline::{Error, Result};

use super::windows::{Folding, Padded, hash_of_run};

/// Binary logarithms of the number of bits of a set.
const MOST: u32 = 16;
const LEAST: u32 = 9;
/// The most letters on each side of a seam.
const LETTERS: u32 = 3;

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

impl MessageIndex {
    /// Parses the index of a part.
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
            for_each_hash(&padded, |hash| all &= set.has(hash));
            all
        };
        match self.folding {
            Folding::Simple => may_contain(text),
            Folding::Ascii => {
                // The Kelvin sign is a run of its own. If the block lacks it, `k` has no other form there.
                let no_kelvin = !set.has(of_run(hash_of_run(u32::from_le_bytes(*b"\xe2\x84\xaa\0"))));
                text.split(|character| !has_ascii_cases(character, no_kelvin)).all(may_contain)
            }
        }
    }
}

/// Calls `call` with the [`MOST`]-bit hash of each run and seam.
fn for_each_hash(text: &Padded, mut call: impl FnMut(u16)) {
    text.runs(|hash| call(of_run(hash)));
    text.seams(LETTERS, |hash| call((hash >> (64 - MOST)) as u16));
}

fn of_run(hash: u32) -> u16 {
    (hash >> (32 - MOST)) as u16
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
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::BLOCK_ROWS, *};

    /// As earlier versions wrote it; `kept` is the binary logarithm of the bits that are left of a set.
    fn written(folding: Folding, messages: &[String], kept: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut padded = Padded::default();
        for block in messages.chunks(BLOCK_ROWS) {
            let mut set = vec![0_u8; (1 << kept) / 8];
            for message in block {
                padded.set(message, folding);
                for_each_hash(&padded, |hash| {
                    let place = usize::from(hash) % (1 << kept);
                    set[place / 8] |= 1 << (place % 8);
                });
            }
            bytes.push(kept as u8);
            bytes.extend(set);
        }
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend(checksum.to_le_bytes());
        bytes
    }

    fn built_with(folding: Folding, messages: &[String]) -> MessageIndex {
        MessageIndex::read(&written(folding, messages, MOST), folding).unwrap()
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
            kept in LEAST..=MOST,
        ) {
            let folding = if simple { Folding::Simple } else { Folding::Ascii };
            let sets = MessageIndex::read(&written(folding, &messages, kept), folding).unwrap();
            let message: Vec<char> = pick.get(&messages).chars().collect();
            let part = message.iter().skip(from.index(message.len() + 1)).take(length);
            let text: String = part.zip(forms).map(|(character, form)| *form.get(Letter::of(*character).forms())).collect();
            prop_assert!(sets.may_contain(0, &text), "{text:?}");
        }
    }

    #[test]
    fn what_occurs_nowhere_is_ruled_out_and_blocks_are_told_apart() {
        let mut messages = vec!["connection to 10.0.0.1 was reset by peer".to_owned(); BLOCK_ROWS];
        messages.push("payment 4711 was refused".to_owned());
        let sets = built_with(Folding::Simple, &messages);
        assert_eq!(sets.blocks.len(), 2);
        assert!(sets.may_contain(0, "RESET by") && !sets.may_contain(0, "refused"));
        assert!(sets.may_contain(1, "refused") && !sets.may_contain(1, "reset by"));
        assert!(!sets.may_contain(0, "zebra") && sets.may_contain(0, "zz") && sets.may_contain(7, "zebra"));
        assert!(!sets.may_contain(0, "peer was"));
    }

    #[test]
    fn a_damaged_index_is_refused() {
        let mut bytes = written(Folding::Simple, &["some message".to_owned()], LEAST);
        assert!(MessageIndex::read(&bytes, Folding::Simple).is_ok());
        bytes[3] ^= 1;
        assert!(MessageIndex::read(&bytes, Folding::Simple).is_err());
        assert!(MessageIndex::read(&[], Folding::Simple).is_err());
    }

    #[test]
    fn a_text_of_any_script_is_ruled_out_where_it_is_nowhere() {
        let messages = ["Ошибка подключения", "주문이 실패했습니다", "Σφάλμα σύνδεσης", "reset"].map(str::to_owned);
        let (sets, older) = (built_with(Folding::Simple, &messages), built_with(Folding::Ascii, &messages));
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
