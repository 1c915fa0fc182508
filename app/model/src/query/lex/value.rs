//! Lexes the values of field tests: lists, wildcards, groups, ranges and regular expressions.

use super::{Lexer, RawValue, ends_value, run_length};
use crate::query::{Comparison, ParseError};

impl Lexer<'_> {
    pub(super) fn value(&mut self) -> Result<RawValue, ParseError> {
        let start = self.at;
        if let Some(length) = regex_length(self.remaining()) {
            self.at += length;
            return Ok(RawValue::Regex(self.text[start + 1..self.at - 1].to_owned()));
        }
        let mut values = Vec::new();
        loop {
            let (value, quoted) = self.element(true)?;
            let more = self.remaining().starts_with(',');
            if !quoted && value.contains('*') || quoted && self.remaining().starts_with('*') {
                self.at += usize::from(quoted);
                let only = values.is_empty() && ends_value(self.remaining());
                return self.wildcard(start, value, quoted, only);
            }
            values.push(value);
            if !more {
                return Ok(RawValue::List(values));
            }
            self.at += 1;
        }
    }

    /// `(a OR "b c")`, the syntax of other languages for `a,"b c"`.
    pub(super) fn group(&mut self) -> Result<RawValue, ParseError> {
        let start = self.at;
        let refused = |lexer: &Self| {
            lexer.error(
                start,
                "a value's parentheses may hold only plain values joined by OR",
                "write field:a,b for any of several values, or put the value in quotes",
            )
        };
        self.at += 1;
        let mut values = Vec::new();
        loop {
            self.skip_blanks();
            let value = match self.remaining().as_bytes() {
                [b'"', ..] => self.quoted()?,
                _ => {
                    let value = &self.remaining()[..run_length(self.remaining(), true)];
                    if value.is_empty() || value.contains([':', '*', '<', '>', '"', '=']) || is_operator(value) {
                        return Err(refused(self));
                    }
                    self.at += value.len();
                    value.to_owned()
                }
            };
            values.push(value);
            self.skip_blanks();
            match self.remaining() {
                rest if rest.starts_with(')') && ends_value(&rest[1..]) => {
                    self.at += 1;
                    return Ok(RawValue::List(values));
                }
                rest if rest.starts_with("OR ") || rest.starts_with("||") => self.at += 2,
                rest if rest.starts_with(',') => self.at += 1,
                // Lucene's default operator is OR.
                _ => {}
            }
        }
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.remaining().trim_start().len();
    }

    /// `[500 TO 599]`; [`range_length`] has already recognised it.
    pub(super) fn between(&mut self) -> RawValue {
        let range = &self.remaining()[..range_length(self.remaining()).unwrap_or_default()];
        self.at += range.len();
        let (low, high) = range[1..range.len() - 1].split_once(" TO ").unwrap_or_default();
        let end = |text: &str, excludes, with, without| {
            let comparison = if excludes { without } else { with };
            let text = text.trim().trim_matches('"');
            (text != "*").then(|| (comparison, text.to_owned()))
        };
        RawValue::Between(
            end(low, range.starts_with('{'), Comparison::GreaterOrEqual, Comparison::Greater),
            end(high, range.ends_with('}'), Comparison::LessOrEqual, Comparison::Less),
        )
    }

    fn wildcard(&self, start: usize, value: String, quoted: bool, only: bool) -> Result<RawValue, ParseError> {
        if !only {
            return Err(self.error(
                start,
                "* is allowed only at the end of a single value",
                "join several tests with OR, or put the value in quotes",
            ));
        }
        if quoted {
            return Ok(if value.is_empty() { RawValue::Any } else { RawValue::Prefix(value) });
        }
        let inner = value.trim_matches('*');
        Ok(match (value.starts_with('*'), value.ends_with('*')) {
            _ if inner.is_empty() => RawValue::Any,
            (false, true) if !inner.contains('*') => RawValue::Prefix(inner.to_owned()),
            (true, true) if !inner.contains('*') => RawValue::Around(inner.to_owned()),
            _ => {
                return Err(self.error(
                    start,
                    "* is allowed only at the end of a value",
                    "write a regular expression as in field:/a.*b/, or put the value in quotes",
                ));
            }
        })
    }

    /// Reads one value, quoted or bare. Returns whether it was quoted.
    pub(super) fn element(&mut self, in_list: bool) -> Result<(String, bool), ParseError> {
        if self.remaining().starts_with('"') {
            let value = self.quoted()?;
            let goes_on = in_list && self.remaining().starts_with([',', '*']);
            if !goes_on && !ends_value(self.remaining()) {
                return Err(self.error(
                    self.at,
                    "text after a closing quote",
                    "add a blank between them, or \\\" for a quote inside",
                ));
            }
            return Ok((value, true));
        }
        let length = run_length(self.remaining(), in_list);
        if length == 0 {
            return Err(self.error(self.at, "a value is missing", "write \"\" for the empty value"));
        }
        let value = self.remaining()[..length].to_owned();
        self.at += length;
        Ok((value, false))
    }
}

/// The length of the leading range: `[a TO b]`.
pub(super) fn range_length(rest: &str) -> Option<usize> {
    let length = rest.find([']', '}'])? + 1;
    let (low, high) = rest[1..length - 1].split_once(" TO ")?;
    let is_end = |text: &str| !text.trim().is_empty() && !text.trim().contains(char::is_whitespace);
    (is_end(low) && is_end(high) && ends_value(&rest[length..])).then_some(length)
}

/// The length of the leading regular expression, including the slashes. The second slash must end the value, so
/// `/api/users` is not a regular expression. The first slash must not be followed by a blank or a slash.
fn regex_length(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('/')?;
    if body.starts_with(|first: char| first.is_whitespace() || first == '/') {
        return None;
    }
    let mut characters = body.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            '/' => {
                return ends_value(&body[place + 1..]).then_some(place + 2);
            }
            _ => {}
        }
    }
    None
}

fn is_operator(word: &str) -> bool {
    matches!(word, "AND" | "OR" | "NOT" | "&&" | "||")
}
