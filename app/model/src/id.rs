//! Record identifiers: 128 bits, ordered by time of admission (UUID version 7).

use std::{fmt, str::FromStr};

use crate::hex::Digits;

/// A record's identifier and permalink, a UUIDv7 (RFC 9562).
///
/// The records of one batch have consecutive ids: a random base assigned at admission, whose low 16 bits are zero,
/// plus the record's index in the batch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RecordId(pub u128);

impl RecordId {
    /// Builds the base id of a batch from its time of admission and 128 random bits.
    ///
    /// `unix_millis` beyond 48 bits (the year 10889) wraps.
    pub fn base(unix_millis: u64, random: u128) -> Self {
        let time = u128::from(unix_millis & 0xffff_ffff_ffff) << 80;
        let version = 0x7_u128 << 76;
        let variant = 0b10_u128 << 62;
        let random = random & !(0xffff_ffff_ffff_u128 << 80) & !(0xf_u128 << 76) & !(0b11_u128 << 62) & !0xffff;
        Self(time | version | variant | random)
    }

    /// The id of the record at index `place` in the batch with this base.
    pub fn nth(self, place: usize) -> Self {
        Self(self.0.wrapping_add(place as u128))
    }

    /// When the record was admitted, in milliseconds since the Unix epoch.
    pub fn unix_millis(self) -> u64 {
        (self.0 >> 80) as u64
    }

    /// The 16 bytes of the UUID, most significant first.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The UUID's text, without an allocation.
    pub(crate) fn digits(self) -> Digits<36> {
        Digits::of_uuid(&self.to_bytes())
    }

    /// Reads the 16 bytes of [`RecordId::to_bytes`].
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.digits())
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record id is a UUID: 32 hexadecimal digits, with or without hyphens")]
pub struct InvalidId;

impl FromStr for RecordId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let mut value = 0_u128;
        let mut digits = 0;
        for character in text.chars().filter(|character| *character != '-') {
            value = value << 4 | u128::from(character.to_digit(16).ok_or(InvalidId)?);
            digits += 1;
        }
        if digits == 32 { Ok(Self(value)) } else { Err(InvalidId) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_a_uuid_v7_with_room_for_a_batch() {
        let base = RecordId::base(1_700_000_000_123, u128::MAX);
        let text = base.nth(9_999).to_string();
        assert_eq!(base.unix_millis(), 1_700_000_000_123);
        assert_eq!(base.nth(9_999).unix_millis(), 1_700_000_000_123);
        assert_eq!(&text[14..15], "7");
        assert!("89ab".contains(&text[19..20]));
        assert_eq!(text.parse(), Ok(base.nth(9_999)));
    }

    #[test]
    fn what_is_no_uuid_is_refused() {
        for text in ["", "x", "0190", "0190a1b2-0000-7000-8000-00000000000g"] {
            assert_eq!(text.parse::<RecordId>(), Err(InvalidId), "{text}");
        }
    }
}
