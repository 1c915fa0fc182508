//! Names that are too long for their destination: a digest replaces their tail.

use std::borrow::Cow;

use model::hex;
use sha2::{Digest as _, Sha256};

/// The length of a digest: 64 bits, so that two names of one sink practically never have the same.
const DIGEST: usize = 16;

/// A name of at most `most` bytes, which is at least 32: the name itself, or its beginning and a digest of all of it.
/// Two long names stay different, and the same name always gives the same.
pub(crate) fn cut(name: &str, most: usize) -> Cow<'_, str> {
    if name.len() <= most { Cow::Borrowed(name) } else { Cow::Owned(with_digest(name, "", name, most)) }
}

/// The beginning of `stem`, `-`, the digest of `whole`, and `ending`: at most `most` bytes. An ending has to leave room
/// for the digest.
pub(crate) fn with_digest(stem: &str, ending: &str, whole: &str, most: usize) -> String {
    let digest = hex::encode(&Sha256::digest(whole));
    let digest = digest.get(..DIGEST).unwrap_or_default();
    let kept = most.saturating_sub(1 + DIGEST + ending.len());
    let stem = stem.get(..stem.floor_char_boundary(kept)).unwrap_or_default();
    format!("{stem}-{digest}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_at_a_character_and_stays_different() {
        let cases = [("a", 255), ("a", 256), ("a", 4000), ("é", 127), ("é", 128), ("한", 85), ("한", 86), ("😀", 64)];
        for (letter, letters) in cases {
            let name = letter.repeat(letters);
            let found = cut(&name, 255);
            assert!(found.len() <= 255, "{letters} of {letter}: {}", found.len());
            assert_eq!(found == name, name.len() <= 255, "{letters} of {letter}");
            assert_eq!(found, cut(&name, 255));
            // Only the end differs.
            let other = format!("{name}x");
            assert_ne!(found, cut(&other, 255), "{letters} of {letter}");
        }
        let found = cut(&"a".repeat(300), 32).into_owned();
        assert_eq!((found.len(), &found[..16]), (32, "aaaaaaaaaaaaaaa-"));
    }
}
