//! Looking for a text, ASCII case-insensitively, at the speed of memory.

/// A text to look for.
///
/// The vectorised search runs for the text's rarest byte, in both cases; only where
/// that is found is the whole compared. Making one costs a look at each byte of the
/// text and no allocation.
#[derive(Debug, Clone, Copy)]
pub struct Needle<'a> {
    text: &'a [u8],
    /// Where in the text the byte is that is searched for.
    rare: usize,
    lower: u8,
    upper: u8,
}

impl<'a> Needle<'a> {
    /// Prepares to look for `text`; the empty text is in every text.
    pub fn new(text: &'a str) -> Self {
        let text = text.as_bytes();
        let rare = (0..text.len()).min_by_key(|place| commonness(text[*place])).unwrap_or_default();
        let byte = text.get(rare).copied().unwrap_or_default();
        Self { text, rare, lower: byte.to_ascii_lowercase(), upper: byte.to_ascii_uppercase() }
    }

    /// Whether `haystack` contains the text.
    pub fn is_in(&self, haystack: &str) -> bool {
        self.is_in_bytes(haystack.as_bytes())
    }

    /// [`Needle::is_in`] for bytes, which need not be UTF-8.
    pub fn is_in_bytes(&self, haystack: &[u8]) -> bool {
        // Where the text may start: so many places that its end stays inside.
        let Some(starts) = (haystack.len() + 1).checked_sub(self.text.len()) else { return false };
        if self.text.is_empty() {
            return true;
        }
        let window = &haystack[self.rare..self.rare + starts];
        let found = |start: usize| haystack[start..start + self.text.len()].eq_ignore_ascii_case(self.text);
        if self.lower == self.upper {
            memchr::memchr_iter(self.lower, window).any(found)
        } else {
            memchr::memchr2_iter(self.lower, self.upper, window).any(found)
        }
    }
}

/// How common a byte is in log messages, in either case, roughly: from the letters of
/// English prose, with digits, blanks and the punctuation of structured text.
fn commonness(byte: u8) -> u8 {
    const COMMON: &[u8] = b"zqj~^!;xkvwyb@_fgp-/m:,uhd=cl987654.rs321";
    match byte.to_ascii_lowercase() {
        b' ' | b'e' | b't' | b'0' | b'"' => 63,
        b'a' | b'i' | b'n' | b'o' => 60,
        // The lead bytes of one script are all alike; what follows them is not.
        0xc0.. => 59,
        0x80.. => 20,
        lower => COMMON.iter().position(|other| *other == lower).map_or(0, |place| place as u8 + 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_found_in_either_case_and_anywhere() {
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
            // Only ASCII letters have two cases here.
            ("naïve ÜBER", "über", false),
            ("주문이 실패했습니다", "실패", true),
        ] {
            assert_eq!(Needle::new(text).is_in(haystack), is_in, "{text:?} in {haystack:?}");
        }
    }

    proptest! {
        #[test]
        fn the_search_agrees_with_the_obvious_one(haystack in "[abAB:é ]{0,40}", text in "[abAB:é ]{0,4}") {
            let obvious = haystack.to_ascii_lowercase().contains(&text.to_ascii_lowercase());
            prop_assert_eq!(Needle::new(&text).is_in(&haystack), obvious);
        }
    }
}
