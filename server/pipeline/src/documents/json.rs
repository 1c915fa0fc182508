//! The text of a document.

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Error, Result};

/// Valid JSON, kept as the text that was given: numbers keep their digits, and objects the order
/// of their keys. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json(Arc<str>);

impl Json {
    /// Checks a text.
    ///
    /// # Errors
    /// `Invalid` if it is not JSON, or nested more than 127 levels deep.
    pub fn parse(text: &str) -> Result<Self> {
        // Parsed in full: a lone surrogate or too deep a nesting would fail every later reader.
        match serde_json::from_str::<Value>(text) {
            Ok(_) => Ok(Self(text.trim().into())),
            Err(error) => Err(Error::invalid(format!("the document is not JSON: {error}"))),
        }
    }

    /// The JSON of a value.
    ///
    /// # Errors
    /// `Internal` if the value cannot be written as JSON.
    pub fn from_value<T: Serialize>(value: &T) -> Result<Self> {
        let text = serde_json::to_string(value).map_err(|error| Error::internal(format!("no JSON: {error}")))?;
        Ok(Self(text.into()))
    }

    /// Wraps a text from a store. It was checked before it was stored.
    pub fn from_stored(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Deserialises it to a value.
    ///
    /// # Errors
    /// `Invalid` if it does not have the type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.0).map_err(|error| Error::invalid(error.to_string()))
    }

    /// Whether both are the same value; spaces and the order of keys are ignored.
    pub fn is_same(&self, other: &Self) -> bool {
        let value = |json: &Self| serde_json::from_str::<Value>(&json.0).ok();
        self == other || matches!((value(self), value(other)), (Some(one), Some(other)) if one == other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_kept_and_values_are_compared() {
        let text = "{\"b\": 1.10, \"a\": 12345678901234567890123, \"\\u0000\": \"\u{ac00}\"}";
        let json = Json::parse(text).unwrap();
        assert_eq!(json.as_str(), text);
        let other = Json::parse(&text.replace(' ', "")).unwrap();
        assert!(json != other && json.is_same(&other));
        assert!(!json.is_same(&Json::parse("{}").unwrap()));
        for wrong in ["", "{", "{} {}", "nul", "\"\\ud800\"", &"[".repeat(10_000)] {
            assert!(Json::parse(wrong).is_err(), "{wrong:.20}");
        }
    }
}
