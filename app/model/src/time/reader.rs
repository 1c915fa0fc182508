//! Reads the parts of a timestamp: digits, separators, a fraction, an offset.

/// The unread rest of a timestamp.
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
}

impl Reader<'_> {
    /// Reads exactly `digits` digits.
    pub(super) fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.bytes.split_at_checked(digits)?;
        let mut value = 0;
        for digit in number {
            value = value * 10 + i64::from(digit_value(*digit)?);
        }
        self.bytes = rest;
        Some(value)
    }

    pub(super) fn one_of(&mut self, choice: &[u8]) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        choice.contains(first).then(|| {
            self.bytes = rest;
            *first
        })
    }

    /// Reads the fraction of a second, in nanoseconds; 0 if there is none.
    pub(super) fn fraction(&mut self) -> i64 {
        if !matches!(self.bytes, [b'.' | b',' | b':', b'0'..=b'9', ..]) {
            return 0;
        }
        let fraction = &self.bytes[1..];
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (fraction, rest) = fraction.split_at(digits);
        self.bytes = rest;
        nanos_of(fraction)
    }

    /// Reads `+09:00`, `+0900` or `+09` as seconds ahead of UTC.
    pub(super) fn offset(&mut self) -> Option<i64> {
        let sign = if self.one_of(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.number(2)?;
        let minutes = match self.bytes {
            [b':', b'0'..=b'9', ..] => {
                self.bytes = &self.bytes[1..];
                self.number(2)?
            }
            [b'0'..=b'9', ..] => self.number(2)?,
            _ => 0,
        };
        (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
    }
}

/// The value of a digit.
pub(super) fn digit_value(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

/// The first nine digits of a fraction of a second, padded with zeros.
pub(super) fn nanos_of(digits: &[u8]) -> i64 {
    let mut value = 0;
    for place in 0..9 {
        value = value * 10 + i64::from(digits.get(place).copied().and_then(digit_value).unwrap_or_default());
    }
    value
}
