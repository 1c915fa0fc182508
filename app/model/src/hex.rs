//! Lower-case hexadecimal: the crate `const-hex`, plus text on the stack for known lengths.
//!
//! The workspace uses no other encoder or decoder. Every record has two ids to decode; this crate does so with vector
//! instructions where there are some.

use std::ops::Deref;

/// Writes `bytes` as lower-case hexadecimal.
pub fn encode(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

/// `N` ASCII characters on the stack.
pub(crate) struct Digits<const N: usize>([u8; N]);

impl<const N: usize> Digits<N> {
    /// The digits of `N / 2` bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        debug_assert_eq!(bytes.len() * 2, N);
        let mut text = [b'0'; N];
        // Fails only for another length; the text is then all zeros.
        let _ = hex::encode_to_slice(bytes, &mut text);
        Self(text)
    }
}

impl Digits<36> {
    /// The digits of 16 bytes in groups of 8, 4, 4, 4 and 12, the text form of a UUID.
    pub(crate) fn of_uuid(bytes: &[u8; 16]) -> Self {
        let digits = Digits::<32>::of(bytes).0;
        let mut text = [b'-'; 36];
        for (group, from) in [(0..8, 0), (9..13, 8), (14..18, 12), (19..23, 16), (24..36, 20)] {
            let length = group.len();
            text[group].copy_from_slice(&digits[from..from + length]);
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
