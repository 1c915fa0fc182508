//! Severity: the OpenTelemetry number, the six classes, and their names.

mod numbers;
mod words;

use std::{fmt, str::FromStr};

pub use numbers::LevelNumbers;
use serde::{Deserialize, Serialize};

/// An OpenTelemetry severity number, 1 to 24.
///
/// Source: <https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Severity(u8);

impl Severity {
    pub const INFO: Self = Self(9);

    /// `None` outside 1 to 24.
    pub fn new(number: u8) -> Option<Self> {
        (1..=24).contains(&number).then_some(Self(number))
    }

    pub fn number(self) -> u8 {
        self.0
    }

    pub fn class(self) -> LevelClass {
        LevelClass::ALL[usize::from((self.0 - 1) / 4)]
    }

    /// The severity of a client's word, in any case; `None` for an unknown word, which counts as [`Severity::INFO`].
    /// See `words.rs` for the accepted forms.
    pub fn from_word(word: &str) -> Option<Self> {
        words::severity(word)
    }

    /// The nearest valid severity.
    fn nearest(number: i64) -> Self {
        Self(number.clamp(1, 24) as u8)
    }
}

/// The six classes used by level filters, histograms and colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LevelClass {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl LevelClass {
    /// In order of severity; the index of a class is `(severity - 1) / 4`.
    pub const ALL: [Self; 6] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    pub fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// The index in [`LevelClass::ALL`], 0 to 5.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The lowest severity of the class: 1, 5, 9, 13, 17 or 21.
    pub fn lowest(self) -> Severity {
        Severity(self as u8 * 4 + 1)
    }

    /// The highest severity of the class: 4, 8, 12, 16, 20 or 24.
    pub fn highest(self) -> Severity {
        Severity(self as u8 * 4 + 4)
    }
}

impl fmt::Display for LevelClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The word is not the name of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a level is one of trace, debug, info, warn, error, fatal")]
pub struct UnknownLevel;

impl FromStr for LevelClass {
    type Err = UnknownLevel;

    /// Parses exactly one of the six names, in any case.
    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        Self::ALL.into_iter().find(|class| class.name().eq_ignore_ascii_case(text)).ok_or(UnknownLevel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_numbers_agree() {
        for class in LevelClass::ALL {
            assert_eq!(class.lowest().class(), class);
            assert_eq!(class.highest().class(), class);
            assert_eq!(Severity::from_word(class.name()), Some(class.lowest()));
            assert_eq!(class.name().to_uppercase().parse(), Ok(class));
        }
    }

    #[test]
    fn numbers_outside_the_table_are_refused() {
        assert_eq!(Severity::new(0), None);
        assert_eq!(Severity::new(25), None);
    }
}
