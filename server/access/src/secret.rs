//! Secrets: their text, their random parts and their hashes.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The characters of a key.
const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
/// The characters of a key's public part.
pub(crate) const PUBLIC: usize = 8;
/// The characters of a key's secret part: 165 bits.
const HIDDEN: usize = 32;
/// The beginning of a key.
const PREFIX: &str = "lb_";

/// A secret text. Its `Debug` shows nothing of it, and it cannot be compared: [`is_same`] takes the same time for all.
#[derive(Clone)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// The SHA-256 of a secret.
pub(crate) type Hash = [u8; 32];

pub(crate) fn hash(secret: &str) -> Hash {
    Sha256::digest(secret.as_bytes()).into()
}

/// Compares without telling by its duration where the two differ.
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// Reads a hash from its hexadecimal form.
pub(crate) fn read_hash(text: &str) -> Option<Hash> {
    hex::decode_to_array(text).ok()
}

/// A token of 256 random bits.
pub(crate) fn new_token() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// The public part of a new key, and the whole key: `lb_<8>_<32>`.
pub(crate) fn new_key() -> (String, String) {
    // `random_range` draws from a generator that is fit for secrets.
    let text = |length: usize| -> String {
        (0..length).map(|_| char::from(ALPHABET[rand::random_range(0..ALPHABET.len())])).collect()
    };
    let id = text(PUBLIC);
    let secret = format!("{PREFIX}{id}_{}", text(HIDDEN));
    (id, secret)
}

/// The public part of a text that has the form of a key.
pub(crate) fn public_part(secret: &str) -> Option<&str> {
    let (id, hidden) = secret.strip_prefix(PREFIX)?.split_once('_')?;
    let is_text = |text: &str, length| text.len() == length && text.bytes().all(|byte| ALPHABET.contains(&byte));
    (is_text(id, PUBLIC) && is_text(hidden, HIDDEN)).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_has_its_form_and_never_comes_twice() {
        let (id, secret) = new_key();
        assert_eq!(public_part(&secret), Some(&*id));
        assert_eq!((secret.len(), &secret[..3], &secret[3..11], &secret[11..12]), (44, "lb_", &*id, "_"));
        assert_ne!(new_key().1, secret);
        assert_eq!(new_token().len(), 43);
        assert_ne!(new_token(), new_token());
    }

    #[test]
    fn other_texts_are_no_keys() {
        let hidden = "a".repeat(32);
        for text in [
            String::new(),
            "lb_".to_owned(),
            format!("lb_abcd1234{hidden}"),
            format!("lb_abcd123_{hidden}"),
            format!("lb_abcd1234_{hidden}a"),
            format!("lb_ABCD1234_{hidden}"),
            format!("LB_abcd1234_{hidden}"),
            format!("lb_abcd1234_{hidden} "),
            format!("lb_abcd12\u{e9}_{hidden}"),
        ] {
            assert_eq!(public_part(&text), None, "{text}");
        }
    }

    #[test]
    fn debug_shows_nothing_and_hashes_are_compared_whole() {
        assert_eq!(format!("{:?}", Some(Secret("hunter22".to_owned()))), "Some(Secret)");
        assert!(is_same(&hash("a"), &hash("a")) && !is_same(&hash("a"), &hash("b")) && !is_same(b"a", b"ab"));
        assert_eq!(read_hash(&hex::encode(hash("a"))), Some(hash("a")));
        assert_eq!(read_hash("ab"), None);
    }
}
