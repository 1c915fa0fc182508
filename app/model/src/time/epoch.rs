//! Numbers since the Unix epoch.

use super::{
    Nanos,
    reader::{digit_value, nanos_of},
};

/// Parses a number of seconds, milliseconds, microseconds or nanoseconds since 1970. Its size determines the unit
/// (from 10^11, 10^14 and 10^17 on). `None` if out of the range of [`Nanos`].
pub fn from_epoch(number: i64) -> Option<Nanos> {
    number.checked_mul(unit(number))
}

/// The unit of a number since 1970, in nanoseconds.
fn unit(number: i64) -> Nanos {
    match number.unsigned_abs().checked_ilog10().unwrap_or_default() {
        0..11 => 1_000_000_000,
        11..14 => 1_000_000,
        14..17 => 1_000,
        _ => 1,
    }
}

/// The maximum length of a number with an exponent.
const LONGEST_NUMBER: usize = 32;

/// Parses a decimal number since the epoch, also with an exponent as in Java.
pub(super) fn read(text: &[u8]) -> Option<Nanos> {
    if text.iter().any(|byte| matches!(byte, b'e' | b'E')) && text.len() <= LONGEST_NUMBER {
        let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
        return number.is_finite().then(|| read(format!("{number}").as_bytes())).flatten();
    }
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let point = unsigned.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point {
        Some(at) => (&unsigned[..at], &unsigned[at + 1..]),
        None => (unsigned, &[][..]),
    };
    if whole.is_empty() || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut value = 0_i64;
    for digit in whole {
        value = value.checked_mul(10)?.checked_add(i64::from(digit_value(*digit)?))?;
    }
    let unit = unit(value);
    // The fraction is in billionths of the unit.
    let magnitude = value.checked_mul(unit)?.checked_add(nanos_of(fraction) * unit / 1_000_000_000)?;
    Some(if negative { -magnitude } else { magnitude })
}
