//! The form of a column: whether its values are written as they are, or as what their text stands for.
//!
//! Ids, addresses, times and numbers with a prefix are texts in a record. As bytes and numbers they take about half the
//! space, and are compared, counted and found without a text. A form is exact both ways: a value has it only if it is
//! printed again as the same text, or as the same float bit for bit. All other values of the attribute are in a second
//! column, which is plain.

mod digits;
mod guess;
#[cfg(test)]
mod tests;
mod time;

use std::{fmt, net::Ipv4Addr};

use arrow_schema::{DataType, TimeUnit};
use serde::{Deserialize, Serialize};

pub(crate) use self::guess::{LOOKED_AT, of_floats, of_texts};

/// The least and the greatest number of bytes of [`Form::Hex`].
const LEAST_BYTES: u8 = 4;
const MOST_BYTES: u8 = 64;
/// The maximum length of a prefix in bytes, and of a number in digits.
const MOST_PREFIX: usize = 32;
const MOST_DIGITS: usize = 18;
/// The greatest decimal: up to here, different decimals of one scale are different floats.
const MOST_DECIMAL: i64 = 999_999_999_999_999;
/// The powers of ten by scale; each is exactly a float.
const POWERS: [f64; 10] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/// The number of digits of a decimal in a file; the most that a 64-bit integer holds.
pub(crate) const PRECISION: u8 = 18;

/// How the values of a column are written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// As they are.
    #[default]
    Plain,
    /// Texts of two lower-case hexadecimal digits for each of so many bytes.
    Hex { bytes: u8 },
    /// Texts of 16 bytes as lower-case digits in groups of 8, 4, 4, 4 and 12.
    Uuid,
    /// Texts of an IPv4 address, as a number of 32 bits.
    Ipv4,
    /// Texts of this prefix and a number without leading zeros.
    Number { prefix: String },
    /// Texts of a time by RFC 3339 in UTC, with `Z` and so many digits after the second; as nanoseconds since the epoch.
    Time { digits: u8 },
    /// Floats that are an integer divided by ten to the power of `scale`.
    Decimal { scale: u8 },
}

impl Form {
    pub fn is_plain(&self) -> bool {
        *self == Self::Plain
    }

    /// Whether values are written as numbers.
    pub fn is_of_numbers(&self) -> bool {
        matches!(self, Self::Ipv4 | Self::Number { .. } | Self::Time { .. } | Self::Decimal { .. })
    }

    /// Whether its values are floats; those of other forms are texts.
    pub fn is_of_floats(&self) -> bool {
        matches!(self, Self::Decimal { .. })
    }

    /// The number of bytes of a value, if values are written as bytes.
    pub fn byte_length(&self) -> Option<usize> {
        match self {
            Self::Hex { bytes } => Some(usize::from(*bytes)),
            Self::Uuid => Some(16),
            _ => None,
        }
    }

    /// The end of the name of a column of this form. Without one it has the name of a plain column.
    pub(crate) fn suffix(&self) -> Option<&'static str> {
        match self {
            Self::Plain | Self::Decimal { .. } => None,
            Self::Hex { .. } => Some("hex"),
            Self::Uuid => Some("uuid"),
            Self::Ipv4 => Some("ipv4"),
            Self::Number { .. } => Some("number"),
            Self::Time { .. } => Some("time"),
        }
    }

    /// Whether this program writes such a form. A file may be damaged.
    pub(crate) fn is_known(&self) -> bool {
        match self {
            Self::Plain | Self::Uuid | Self::Ipv4 => true,
            Self::Hex { bytes } => (LEAST_BYTES..=MOST_BYTES).contains(bytes),
            Self::Number { prefix } => is_prefix(prefix),
            Self::Time { digits } => *digits <= time::MOST_DIGITS,
            Self::Decimal { scale } => usize::from(*scale) < POWERS.len(),
        }
    }

    /// The type of a column; `None` if it is plain.
    pub(crate) fn data_type(&self) -> Option<DataType> {
        Some(match self {
            Self::Plain => return None,
            Self::Hex { bytes } => DataType::FixedSizeBinary(i32::from(*bytes)),
            Self::Uuid => DataType::FixedSizeBinary(16),
            // Of 64 bits: Parquet's reader refuses to skip equal differences of 32 bits whose sum does not fit.
            Self::Ipv4 | Self::Number { .. } => DataType::Int64,
            Self::Time { .. } => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            Self::Decimal { scale } => DataType::Decimal64(PRECISION, *scale as i8),
        })
    }

    /// The bytes of a text; `None` if it does not have this form, or the form has no bytes.
    pub fn to_bytes<'b>(&self, text: &str, buffer: &'b mut [u8; 64]) -> Option<&'b [u8]> {
        let bytes = buffer.get_mut(..self.byte_length()?)?;
        match self {
            Self::Uuid => digits::uuid_to_bytes(text.as_bytes(), bytes)?,
            _ => digits::to_bytes(text.as_bytes(), bytes)?,
        }
        Some(bytes)
    }

    /// The number of a text; `None` if it does not have this form, or the form has no numbers. For a decimal, the text form
    /// of the float.
    pub fn to_number(&self, text: &str) -> Option<i64> {
        match self {
            Self::Plain | Self::Hex { .. } | Self::Uuid => None,
            Self::Ipv4 => text.parse::<Ipv4Addr>().ok().map(|address| u32::from(address).into()),
            Self::Number { prefix } => digits::number(text.strip_prefix(prefix.as_str())?.as_bytes()),
            Self::Time { digits } => time::to_nanos(text.as_bytes(), *digits),
            Self::Decimal { .. } => {
                let float: f64 = text.parse().ok()?;
                self.to_decimal(float).filter(|_| float.to_string() == text)
            }
        }
    }

    /// The integer of a float; `None` if it does not have this form, or the form has no floats.
    pub fn to_decimal(&self, value: f64) -> Option<i64> {
        let Self::Decimal { scale } = self else { return None };
        let power = POWERS.get(usize::from(*scale))?;
        let number = (value * power).round();
        // Not so for a value that is no number. Zero has one sign only.
        let is_small = number.abs() <= MOST_DECIMAL as f64;
        (is_small && (number as i64 as f64 / power).to_bits() == value.to_bits()).then_some(number as i64)
    }

    /// The float of a decimal.
    pub fn to_float(&self, number: i64) -> f64 {
        match self {
            Self::Decimal { scale } => number as f64 / POWERS.get(usize::from(*scale)).unwrap_or(&1.0),
            _ => number as f64,
        }
    }

    /// Writes the text of these bytes.
    ///
    /// # Errors
    /// Those of `out`; a string has none.
    pub fn print_bytes(&self, bytes: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Uuid => digits::print_uuid(bytes, out),
            _ => digits::print(bytes, out),
        }
    }

    /// Writes the text of a number, or the text form of a decimal.
    ///
    /// # Errors
    /// Those of `out`; a string has none.
    pub fn print_number(&self, number: i64, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Ipv4 => write!(out, "{}", Ipv4Addr::from(number as u32)),
            Self::Number { prefix } => {
                out.write_str(prefix)?;
                write!(out, "{number}")
            }
            Self::Time { digits } => time::print(number, *digits, out),
            Self::Decimal { .. } => write!(out, "{}", self.to_float(number)),
            Self::Plain | Self::Hex { .. } | Self::Uuid => write!(out, "{number}"),
        }
    }
}

/// Whether a text may be a prefix of numbers.
fn is_prefix(text: &str) -> bool {
    text.len() <= MOST_PREFIX && !text.contains('\0')
}
