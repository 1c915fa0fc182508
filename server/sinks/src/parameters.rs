//! The parameters of a sink's URL: each is taken once, and what nobody takes is refused.

use std::str;

use percent_encoding::percent_decode_str;
use pipeline::{Error, Result};

/// The parameters after `?` that are not taken yet.
#[derive(Clone, Default)]
pub(crate) struct Parameters {
    remaining: Vec<(String, String)>,
    /// The names that were asked for: the allowed ones.
    allowed: Vec<String>,
}

impl Parameters {
    /// Reads the part of a URL after `?`. `+` is a plus sign; a space is written as such or as `%20`.
    ///
    /// # Errors
    /// `Invalid` if a parameter is doubled, or is not UTF-8.
    pub(crate) fn read(query: &str) -> Result<Self> {
        let mut remaining: Vec<(String, String)> = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if remaining.iter().any(|(other, _)| *other == name) {
                return Err(Error::invalid(format!("{} is given twice; give it once", shown(&name))));
            }
            remaining.push((name, value));
        }
        Ok(Self { remaining, allowed: Vec::new() })
    }

    /// The value of a parameter, once.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        if !self.allowed.iter().any(|known| known == name) {
            self.allowed.push(name.to_owned());
        }
        let place = self.remaining.iter().position(|(other, _)| other == name)?;
        Some(self.remaining.remove(place).1)
    }

    /// The value of a parameter, read by `parse`.
    ///
    /// # Errors
    /// `Invalid` with the text `PARAM=VALUE: expected EXPECTED`.
    pub(crate) fn parse<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let parsed = parse(&value).ok_or_else(|| Error::invalid(format!("{name}={value}: expected {expected}")))?;
        Ok(Some(parsed))
    }

    /// The remaining parameters with these names, as they are written after a path, with the `?`. Their values are not
    /// encoded.
    pub(crate) fn to_text(&self, names: &[&str]) -> String {
        let parts = self.remaining.iter().filter(|(name, _)| names.contains(&name.as_str())).enumerate();
        parts.map(|(n, (name, value))| format!("{}{name}={value}", if n == 0 { '?' } else { '&' })).collect()
    }

    /// # Errors
    /// `Invalid` if a parameter was not taken; it lists the allowed ones.
    pub(crate) fn finish(&self) -> Result<()> {
        let Some((name, _)) = self.remaining.first() else { return Ok(()) };
        let allowed = self.allowed.join(", ");
        Err(Error::invalid(format!(
            "{} is unknown here; allowed: {allowed}. Inside of a value write & as %26",
            shown(name)
        )))
    }
}

/// A parameter in an error. Text that is no plausible name may be a part of a secret, and is left out.
fn shown(name: &str) -> String {
    let is_plausible = name.len() <= 32
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphabetic() || b"_-".contains(&byte));
    if is_plausible { format!("parameter `{name}`") } else { "a parameter".to_owned() }
}

/// Decodes percent-encoded text. A `%` that starts no code stays.
///
/// # Errors
/// `Invalid` if the result is not UTF-8.
pub(crate) fn decode(text: &str) -> Result<String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(String::from).map_err(|_| Error::invalid("a percent-encoded text of the URL is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_plain_or_percent_encoded() {
        let mut parameters = Parameters::read("query=level>=warn&a=x%26y+z%20%3D&b=50%&c").unwrap();
        assert_eq!(parameters.take("query").as_deref(), Some("level>=warn"));
        assert_eq!(parameters.take("query"), None);
        assert_eq!(parameters.take("a").as_deref(), Some("x&y+z ="));
        assert_eq!(parameters.take("b").as_deref(), Some("50%"));
        assert_eq!(parameters.take("c").as_deref(), Some(""));
        assert!(parameters.finish().is_ok());
    }

    #[test]
    fn a_leftover_is_refused_with_what_is_allowed() {
        let mut parameters = Parameters::read("compres=gzip").unwrap();
        assert_eq!(parameters.take("compress"), None);
        let error = parameters.finish().unwrap_err().to_string();
        assert!(error.contains("`compres`") && error.contains("allowed: compress"), "{error}");
    }

    #[test]
    fn a_doubled_parameter_is_refused() {
        let error = Parameters::read("from=now&from=start").err().unwrap().to_string();
        assert!(error.contains("`from` is given twice"), "{error}");
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        let error = Parameters::read("s3cret@host/x").unwrap().finish().unwrap_err().to_string();
        assert!(!error.contains("s3cret"), "{error}");
    }

    #[test]
    fn a_value_that_cannot_be_read_names_what_is_expected() {
        let mut parameters = Parameters::read("rotate=often").unwrap();
        let error = parameters.parse("rotate", "1h", |text| text.parse::<u32>().ok()).unwrap_err();
        assert_eq!(error.to_string(), "rotate=often: expected 1h");
    }
}
