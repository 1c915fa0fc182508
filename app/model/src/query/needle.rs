//! Case-insensitive substring search at memory bandwidth.

use std::ops::Range;

use super::fold::{Letter, is_alike, is_plain};

/// A text to search for, case-insensitively ([`super::fold`]).
///
/// The vectorised search runs for one byte of the text's rarest character, in all case forms. Only at a hit is the
/// whole text compared. Construction visits each byte of the text once and does not allocate.
#[derive(Debug, Clone, Copy)]
pub struct Needle<'a> {
    text: &'a str,
    /// The byte offset of the rarest character in the text.
    rare: usize,
    character: char,
    /// The first or last bytes of its case forms.
    bytes: [u8; BYTES],
    count: usize,
    /// The offset of the searched byte within the character.
    offset: usize,
    /// Whether comparing bytes, ignoring ASCII case, is sufficient.
    is_plain: bool,
    /// What must follow the searched byte, in either case: most hits end here.
    next: Option<u8>,
}

/// The maximum number of different bytes for the vectorised search. No letter has more at both of its ends.
const BYTES: usize = 3;

impl<'a> Needle<'a> {
    /// Prepares a search for `text`. The empty text is contained in every text.
    pub fn new(text: &'a str) -> Self {
        let rarest = text.char_indices().min_by_key(|(_, character)| commonness(*character));
        let (rare, character) = rarest.unwrap_or_default();
        let mut needle = Self {
            text,
            rare,
            character,
            bytes: [0; BYTES],
            count: 0,
            offset: 0,
            is_plain: text.chars().all(is_plain),
            next: None,
        };
        let is_at_end = needle.choose_bytes();
        let after = text.get(rare + character.len_utf8()..).and_then(|after| after.chars().next());
        // Other letters have forms that begin with another byte.
        needle.next = after.filter(|after| is_at_end && after.is_ascii() && is_plain(*after)).map(|after| after as u8);
        needle
    }

    /// Chooses the last bytes of the letter's forms, or the first ones if there are too many last ones. Returns whether they
    /// are the last ones.
    fn choose_bytes(&mut self) -> bool {
        let letter = Letter::of(self.character);
        for at_end in [true, false] {
            self.count = 0;
            let fits = letter.forms().iter().all(|form| self.add_byte(*form, at_end));
            self.offset = if at_end { self.character.len_utf8() - 1 } else { 0 };
            if fits {
                return at_end;
            }
        }
        false
    }

    fn add_byte(&mut self, form: char, at_end: bool) -> bool {
        let mut buffer = [0; 4];
        let bytes = form.encode_utf8(&mut buffer).as_bytes();
        let byte = if at_end { bytes.last() } else { bytes.first() }.copied().unwrap_or_default();
        if self.bytes[..self.count].contains(&byte) {
            return true;
        }
        let Some(place) = self.bytes.get_mut(self.count) else { return false };
        *place = byte;
        self.count += 1;
        true
    }

    /// Whether `haystack` contains the text.
    pub fn is_in(&self, haystack: &str) -> bool {
        self.find(haystack.as_bytes(), 0).is_some()
    }

    /// The first match in `haystack`, which is UTF-8, at or after `from`.
    pub fn find(&self, haystack: &[u8], from: usize) -> Option<Range<usize>> {
        if self.text.is_empty() {
            return (from <= haystack.len()).then_some(from..from);
        }
        let compare = |at: usize| {
            if let Some(next) = self.next
                && !haystack.get(at + 1)?.eq_ignore_ascii_case(&next)
            {
                return None;
            }
            if self.is_plain { self.at_bytes(haystack, from, at) } else { self.at(haystack, from, at) }
        };
        let window = haystack.get(from..)?;
        let [one, two, three] = self.bytes;
        match self.count {
            1 => memchr::memchr_iter(one, window).find_map(|at| compare(from + at)),
            2 => memchr::memchr2_iter(one, two, window).find_map(|at| compare(from + at)),
            _ => memchr::memchr3_iter(one, two, three, window).find_map(|at| compare(from + at)),
        }
    }

    /// The match for a hit of the searched byte at `at`, if all its characters have the same length as in the text.
    fn at_bytes(&self, haystack: &[u8], from: usize, at: usize) -> Option<Range<usize>> {
        let start = at.checked_sub(self.rare + self.offset).filter(|start| *start >= from)?;
        let found = start..start + self.text.len();
        haystack.get(found.clone())?.eq_ignore_ascii_case(self.text.as_bytes()).then_some(found)
    }

    /// The match for a hit of the searched byte at `at`.
    fn at(&self, haystack: &[u8], from: usize, at: usize) -> Option<Range<usize>> {
        if let Some(found) = self.at_bytes(haystack, from, at) {
            return Some(found);
        }
        let (before, after) = (self.text.get(..self.rare)?, self.text.get(self.rare..)?);
        let middle = start_of_character(haystack, at)?;
        let mut end = middle;
        for character in after.chars() {
            let found = character_at(haystack.get(end..)?)?;
            if !is_alike(found, character) {
                return None;
            }
            end += found.len_utf8();
        }
        let mut start = middle;
        for character in before.chars().rev() {
            start = start_of_character(haystack, start.checked_sub(1)?)?;
            if !is_alike(character_at(haystack.get(start..)?)?, character) {
                return None;
            }
        }
        (start >= from).then_some(start..end)
    }
}

/// The start of the character that contains the byte at `at`.
fn start_of_character(text: &[u8], at: usize) -> Option<usize> {
    (at.saturating_sub(3)..=at).rev().find(|at| text.get(*at).is_some_and(|byte| byte & 0xc0 != 0x80))
}

/// The first character of the text.
fn character_at(text: &[u8]) -> Option<char> {
    let length = match text.first()? {
        byte @ ..0x80 => return Some(char::from(*byte)),
        ..0xe0 => 2,
        ..0xf0 => 3,
        _ => 4,
    };
    std::str::from_utf8(text.get(..length)?).ok()?.chars().next()
}

/// The approximate frequency of a character in log messages, in either case: from the letters of English prose,
/// digits, blanks and the punctuation of structured text.
fn commonness(character: char) -> u8 {
    const COMMON: &[u8] = b"zqj~^!;xkvwyb@_fgp-/m:,uhd=cl987654.rs321";
    match character.to_ascii_lowercase() {
        ' ' | 'e' | 't' | '0' | '"' => 63,
        'a' | 'i' | 'n' | 'o' => 60,
        // Searched by its last byte, because characters of one script share their first bytes.
        '\u{80}'.. => 20,
        lower => COMMON.iter().position(|other| char::from(*other) == lower).map_or(0, |place| place as u8 + 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::fold::fold, *};

    #[test]
    fn a_text_is_found_in_any_case_and_anywhere() {
        for (haystack, text, is_in) in [
            ("Connection RESET by peer", "reset", true),
            ("connection reset", "CONNECTION", true),
            ("connection reset", "RESET", true),
            ("connection rese", "reset", false),
            ("", "a", false),
            ("", "", true),
            ("a", "", true),
            ("zzzz zz zza", "ZZA", true),
            ("naïve ÜBER", "ÜBER", true),
            ("naïve ÜBER", "über", true),
            ("naïve ÜBER", "NAÏVE", true),
            ("주문이 실패했습니다", "실패", true),
            ("Ошибка подключения", "ошибка ПОДКЛЮЧЕНИЯ", true),
            ("Ошибка подключения", "ошибка: ", false),
            ("ΟΔΟΣ", "οδος", true),
            ("οδος", "ΟΔΟΣ", true),
            ("οδοσ", "οδος", true),
            ("Straße", "STRAẞE", true),
            ("Straße", "strasse", false),
            ("İstanbul", "istanbul", false),
            ("İSTANBUL", "İstanbul", true),
            ("ışık", "IŞIK", false),
            ("ქართული", "ᲥᲐᲠᲗᲣᲚᲘ", true),
            ("ՀԱՅԵՐԵՆ", "հայերեն", true),
            ("300 \u{212a}elvin", "K", true),
            ("300 \u{212a}elvin", "kelvin", true),
            ("KELVIN", "\u{212a}elvin", true),
            ("\u{212a}", "k", true),
            ("\u{17f}\u{17f}", "Ss", true),
            ("pre\u{17f}s", "press", true),
            ("Ⱥ", "ⱥ", true),
            ("k\u{212a}", "\u{212a}k", true),
        ] {
            assert_eq!(Needle::new(text).is_in(haystack), is_in, "{text:?} in {haystack:?}");
        }
    }

    #[test]
    fn it_is_told_where_a_text_is() {
        for (haystack, from, text, range) in [
            ("a TIMEOUT", 0, "timeout", Some(2..9)),
            ("время ВРЕМЯ", 0, "Время", Some(0..10)),
            ("время ВРЕМЯ", 1, "Время", Some(11..21)),
            ("x\u{212a}elvin k", 0, "kelvin", Some(1..9)),
            ("x\u{212a}elvin k", 2, "kelvin", None),
            ("x\u{212a}elvin k", 2, "k", Some(10..11)),
            ("abab", 1, "ab", Some(2..4)),
            ("ab", 2, "", Some(2..2)),
            ("ab", 3, "", None),
            ("ab", 3, "a", None),
        ] {
            assert_eq!(
                Needle::new(text).find(haystack.as_bytes(), from),
                range,
                "{text:?} in {haystack:?} from {from}"
            );
        }
    }

    #[test]
    fn every_letter_is_found_by_few_bytes() {
        for character in '\0'..=char::MAX {
            let text = character.to_string();
            let needle = Needle::new(&text);
            for form in Letter::of(character).forms() {
                assert!(needle.is_in(&format!("x{form}")), "{character:?} as {form:?}");
            }
        }
    }

    fn obvious(haystack: &str, from: usize, text: &str) -> Option<Range<usize>> {
        let folded = |text: &str| text.chars().map(fold).collect::<Vec<_>>();
        let text = folded(text);
        let mut starts: Vec<usize> = haystack.char_indices().map(|(at, _)| at).collect();
        starts.push(haystack.len());
        starts.iter().enumerate().filter(|(_, start)| **start >= from).find_map(|(place, start)| {
            let end = *starts.get(place + text.len())?;
            (folded(&haystack[*start..end]) == text).then_some(*start..end)
        })
    }

    proptest! {
        #[test]
        fn the_search_agrees_with_the_obvious_one(
            haystack in "[abABkKsS\u{212a}ſ:éÉσςΣθϑϴоОтТᲄ한 ]{0,40}",
            text in "[abABkKsS\u{212a}ſ:éÉσςΣθϑϴоОтТᲄ한 ]{1,4}",
            from in 0..10_usize,
        ) {
            prop_assume!(from <= haystack.len());
            prop_assert_eq!(Needle::new(&text).find(haystack.as_bytes(), from), obvious(&haystack, from, &text));
        }
    }
}
