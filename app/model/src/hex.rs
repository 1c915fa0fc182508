//! Lower-case hexadecimal, without an allocation where the length is known.

use std::ops::Deref;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The two digits of a byte.
fn digits(byte: u8) -> [u8; 2] {
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

/// Writes `bytes` as lower-case hexadecimal.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    text.extend(bytes.iter().flat_map(|byte| digits(*byte)).map(char::from));
    text
}

/// `N` characters of ASCII on the stack.
pub(crate) struct Digits<const N: usize>([u8; N]);

impl<const N: usize> Digits<N> {
    /// The digits of `bytes`; the rest, if any, is zeros.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut text = [b'0'; N];
        for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
            pair.copy_from_slice(&digits(*byte));
        }
        Self(text)
    }
}

impl Digits<36> {
    /// The digits of 16 bytes in groups of 8, 4, 4, 4 and 12, as a UUID is written.
    pub(crate) fn of_uuid(bytes: &[u8; 16]) -> Self {
        let mut text = [b'-'; 36];
        let mut at = 0;
        for (place, byte) in bytes.iter().enumerate() {
            at += usize::from(matches!(place, 4 | 6 | 8 | 10));
            text[at..at + 2].copy_from_slice(&digits(*byte));
            at += 2;
        }
        Self(text)
    }
}

impl<const N: usize> Deref for Digits<N> {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_write_the_same_digits() {
        assert_eq!(encode(&[0, 0xff, 0x1a]), "00ff1a");
        assert_eq!(&*Digits::<6>::of(&[0, 0xff, 0x1a]), "00ff1a");
        let uuid = Digits::of_uuid(&0x0190a1b2_c3d4_7000_8000_00000000000f_u128.to_be_bytes());
        assert_eq!(&*uuid, "0190a1b2-c3d4-7000-8000-00000000000f");
    }
}
