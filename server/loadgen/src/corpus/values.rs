//! Attribute values.

use std::fmt::{self, Write as _};

use model::{Text, Value};

/// A text; up to 24 bytes without an allocation.
pub(super) fn text(arguments: fmt::Arguments<'_>) -> Value {
    let mut text = Text::default();
    // Writing into memory cannot fail.
    let _ = text.write_fmt(arguments);
    Value::Text(text)
}

/// Sixteen hexadecimal digits.
pub(super) fn hex16(bits: u64) -> Value {
    let mut digits = [0; 16];
    let _ = hex::encode_to_slice(bits.to_be_bytes(), &mut digits);
    Value::Text(digits.iter().map(|&digit| char::from(digit)).collect())
}

/// Eight hexadecimal digits.
pub(super) fn hex8(bits: u32) -> Value {
    let mut digits = [0; 8];
    let _ = hex::encode_to_slice(bits.to_be_bytes(), &mut digits);
    Value::Text(digits.iter().map(|&digit| char::from(digit)).collect())
}
