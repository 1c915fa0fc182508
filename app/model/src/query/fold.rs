//! Case-insensitive comparison of characters by Unicode's simple case folding.
//!
//! Each character folds to one character, usually its lower-case letter. Two texts are equal case-insensitively if
//! their folded characters are equal. So `ς`, `σ` and `Σ` are equal, and so are `K` (Kelvin), `K` and `k`, `ſ` and
//! `s`, `ẞ` and `ß`. `ß` and `ss` differ, because simple folding keeps the number of characters. `İ`, `ı` and `i`
//! differ, because their folding depends on the language. The folding is independent of the locale, so every engine
//! folds alike.
//!
//! Source: [`CaseFolding.txt`](https://www.unicode.org/Public/16.0.0/ucd/CaseFolding.txt).

use super::fold_table::FOLDS;

/// The maximum number of characters that fold alike.
const MOST: usize = 4;

/// Folds a character; characters without case fold to themselves.
pub fn fold(character: char) -> char {
    if character.is_ascii() {
        return character.to_ascii_lowercase();
    }
    if is_caseless(character) {
        return character;
    }
    let code = u32::from(character);
    let place = FOLDS.partition_point(|(_, last, ..)| *last < code);
    match FOLDS.get(place) {
        Some((first, _, step, distance)) if *first <= code && (code - first).is_multiple_of(*step) => {
            code.checked_add_signed(*distance).and_then(char::from_u32).unwrap_or(character)
        }
        _ => character,
    }
}

/// Whether two characters are equal case-insensitively.
pub fn is_alike(one: char, other: char) -> bool {
    one == other || fold(one) == fold(other)
}

/// All characters that fold like `character`, including itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letter {
    forms: [char; MOST],
    count: usize,
}

impl Letter {
    /// Scans the whole table for a non-ASCII character that may have a case.
    pub fn of(character: char) -> Self {
        let folded = fold(character);
        match folded {
            'k' => return Self { forms: ['k', 'K', '\u{212a}', 'k'], count: 3 },
            's' => return Self { forms: ['s', 'S', '\u{17f}', 's'], count: 3 },
            _ if is_plain(folded) => {
                let count = 1 + usize::from(folded.is_ascii_lowercase());
                return Self { forms: [folded, folded.to_ascii_uppercase(), folded, folded], count };
            }
            _ => {}
        }
        let mut letter = Self { forms: [folded; MOST], count: 1 };
        for (first, last, step, distance) in FOLDS {
            let Some(code) = u32::from(folded).checked_add_signed(-distance) else { continue };
            if (*first..=*last).contains(&code)
                && (code - first).is_multiple_of(*step)
                && let (Some(form), Some(place)) = (char::from_u32(code), letter.forms.get_mut(letter.count))
            {
                *place = form;
                letter.count += 1;
            }
        }
        letter
    }

    /// The characters; the folded one is the first.
    pub fn forms(&self) -> &[char] {
        self.forms.get(..self.count).unwrap_or_default()
    }
}

/// Whether the character certainly has no case forms beyond ASCII. Of the ASCII letters, only `k` and `s` have such
/// forms.
pub fn is_plain(character: char) -> bool {
    match character {
        'k' | 's' | 'K' | 'S' => false,
        _ => character.is_ascii() || is_caseless(character),
    }
}

/// Appends the folded text.
pub fn fold_into(text: &str, folded: &mut Vec<u8>) {
    let start = folded.len();
    if text.is_ascii() {
        folded.extend_from_slice(text.as_bytes());
        folded[start..].make_ascii_lowercase();
        return;
    }
    let mut buffer = [0; 4];
    for character in text.chars() {
        folded.extend_from_slice(fold(character).encode_utf8(&mut buffer).as_bytes());
    }
}

/// Whether the character is in an East Asian script block without case.
fn is_caseless(character: char) -> bool {
    matches!(character, '\u{2e80}'..='\u{a63f}' | '\u{abc0}'..='\u{faff}')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

    use super::*;

    /// The case-equivalent characters according to another library.
    fn reference(character: char) -> BTreeSet<char> {
        let mut class = ClassUnicode::new([ClassUnicodeRange::new(character, character)]);
        class.try_case_fold_simple().unwrap();
        class.iter().flat_map(|range| range.start()..=range.end()).collect()
    }

    #[test]
    fn every_character_is_folded_as_the_standard_says() {
        for character in '\0'..=char::MAX {
            let letter = Letter::of(character);
            assert_eq!(letter.forms().iter().copied().collect::<BTreeSet<_>>(), reference(character), "{character:?}");
            assert_eq!(letter.forms()[0], fold(character), "{character:?}");
            assert!(letter.forms().iter().all(|form| fold(*form) == fold(character)), "{character:?}");
        }
    }

    #[test]
    fn letters_of_every_script_have_their_cases() {
        for (one, other, alike) in [
            ('О', 'о', true),
            ('ς', 'Σ', true),
            ('ς', 'σ', true),
            ('\u{212a}', 'k', true),
            ('\u{212b}', 'å', true),
            ('ſ', 'S', true),
            ('ẞ', 'ß', true),
            ('ß', 's', false),
            ('İ', 'i', false),
            ('ı', 'I', false),
            ('Ა', 'ა', true),
            ('Ա', 'ա', true),
            ('Ꭰ', 'ꭰ', true),
            ('𐐀', '𐐨', true),
            ('Ǆ', 'ǅ', true),
            ('Ⱥ', 'ⱥ', true),
            ('é', 'e', false),
            ('한', '글', false),
        ] {
            assert_eq!(is_alike(one, other), alike, "{one} {other}");
        }
    }

    #[test]
    fn a_text_is_folded_character_by_character() {
        for (text, folded) in [
            ("Straße STRASSE", "straße strasse"),
            ("ΟΔΟΣ ὁδός", "οδοσ ὁδόσ"),
            ("\u{212a}elvin ſafe", "kelvin safe"),
            ("İI", "İi"),
            ("", ""),
            ("한국어 A", "한국어 a"),
        ] {
            let mut bytes = b"before".to_vec();
            fold_into(text, &mut bytes);
            assert_eq!(bytes, [b"before", folded.as_bytes()].concat(), "{text}");
        }
    }

    #[test]
    fn what_is_plain_has_no_form_beyond_ascii() {
        for character in ('\0'..=char::MAX).filter(|character| is_plain(*character)) {
            let ascii = BTreeSet::from([character.to_ascii_lowercase(), character.to_ascii_uppercase()]);
            assert_eq!(reference(character), ascii, "{character:?}");
        }
        assert!(['t', '4', '한', '文'].into_iter().all(is_plain));
    }
}
