//! Hexadecimal and decimal digits. Lower case alone is accepted, since that is what is printed.

use std::{fmt, ops::Range};

use super::MOST_DIGITS;

const DIGITS: &[u8; 16] = b"0123456789abcdef";
const WRONG: u8 = 0xff;
/// The value of each digit.
static VALUES: [u8; 256] = values();
/// The places of the digits of a UUID, and of their bytes.
const UUID: [(Range<usize>, Range<usize>); 5] =
    [(0..8, 0..4), (9..13, 4..6), (14..18, 6..8), (19..23, 8..10), (24..36, 10..16)];
const UUID_LENGTH: usize = 36;

const fn values() -> [u8; 256] {
    let mut values = [WRONG; 256];
    let mut value = 0;
    while value < DIGITS.len() {
        values[DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    values
}

/// Decodes two digits to each byte; `None` if there are others.
pub(super) fn to_bytes(digits: &[u8], bytes: &mut [u8]) -> Option<()> {
    if digits.len() != 2 * bytes.len() {
        return None;
    }
    let mut all = 0;
    for (pair, byte) in digits.chunks_exact(2).zip(bytes) {
        let (high, low) = (VALUES[usize::from(pair[0])], VALUES[usize::from(pair[1])]);
        all |= high | low;
        *byte = high << 4 | low & 0xf;
    }
    (all < 16).then_some(())
}

/// Decodes the text of a UUID to 16 bytes.
pub(super) fn uuid_to_bytes(text: &[u8], bytes: &mut [u8]) -> Option<()> {
    if text.len() != UUID_LENGTH || bytes.len() != 16 || [8, 13, 18, 23].iter().any(|place| text[*place] != b'-') {
        return None;
    }
    UUID.into_iter().try_for_each(|(digits, own)| to_bytes(&text[digits], &mut bytes[own]))
}

pub(super) fn print(bytes: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    // The longest value has 64 bytes, and one piece is written faster than each digit.
    for bytes in bytes.chunks(64) {
        let mut text = [b'0'; 128];
        for (byte, pair) in bytes.iter().zip(text.chunks_exact_mut(2)) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 0xf)];
        }
        out.write_str(std::str::from_utf8(&text[..2 * bytes.len()]).unwrap_or_default())?;
    }
    Ok(())
}

pub(super) fn print_uuid(bytes: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    for (group, (_, own)) in UUID.into_iter().enumerate() {
        if group > 0 {
            out.write_char('-')?;
        }
        print(bytes.get(own).unwrap_or_default(), out)?;
    }
    Ok(())
}

/// The number of at most [`MOST_DIGITS`] decimal digits without leading zeros.
pub(super) fn number(digits: &[u8]) -> Option<i64> {
    match digits {
        [b'0'] => Some(0),
        [b'1'..=b'9', ..] if digits.len() <= MOST_DIGITS => all(digits),
        _ => None,
    }
}

/// The number of any decimal digits, few enough for 64 bits.
pub(super) fn all(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| match digit {
        b'0'..=b'9' => Some(number * 10 + i64::from(digit - b'0')),
        _ => None,
    })
}
