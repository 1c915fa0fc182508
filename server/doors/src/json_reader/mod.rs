//! An incremental JSON reader. It is for formats in which one invalid value costs only its own record.
//!
//! The caller requests the type it expects. A value of another type is a [`Fault`] with its place. The caller then
//! returns to the start of the value, skips it and continues. Numbers keep their digits. JavaScript's `NaN` and
//! `Infinity` count as numbers, because some senders write them.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json_text;

/// The reason why a value was not read.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The text is not JSON from here on.
    Syntax,
    Fault(Fault),
    /// The whole request is refused.
    Whole(pipeline::Error),
}

/// The error of one value, starting with its place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) String);

pub(crate) type Read<T> = Result<T, Refusal>;

impl Refusal {
    pub(crate) fn fault(reason: impl Into<String>) -> Self {
        Self::Fault(Fault(reason.into()))
    }

    /// Prepends the name of the field to the place.
    pub(crate) fn at(self, place: impl std::fmt::Display) -> Self {
        match self {
            Self::Fault(Fault(reason)) if reason.starts_with(['.', '[', ':']) => {
                Self::fault(format!("{place}{reason}"))
            }
            Self::Fault(Fault(reason)) => Self::fault(format!("{place}.{reason}")),
            other => other,
        }
    }
}

/// A scalar value, or the opening bracket of a composite one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token<'a> {
    Null,
    Bool(bool),
    /// The original digits.
    Number(&'a str),
    Text(Cow<'a, str>),
    List,
    Object,
}

impl Token<'_> {
    /// The type, for errors.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List => "a list",
            Self::Object => "an object",
        }
    }

    /// The error for a value that is not of the `expected` type.
    pub(crate) fn unexpected(&self, expected: &str) -> Refusal {
        Refusal::fault(format!(": {} where {expected} is expected", self.kind()))
    }
}

/// A position in a JSON text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte after blanks.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
        self.at += blanks;
        rest.get(blanks).copied()
    }

    fn take(&mut self, byte: u8) -> Read<()> {
        if self.peek() != Some(byte) {
            return Err(Refusal::Syntax);
        }
        self.at += 1;
        Ok(())
    }

    /// Reads a scalar value, or the opening bracket of a composite one.
    pub(crate) fn token(&mut self) -> Read<Token<'a>> {
        Ok(match self.peek().ok_or(Refusal::Syntax)? {
            b'"' => Token::Text(self.string()?),
            b'{' => {
                self.at += 1;
                Token::Object
            }
            b'[' => {
                self.at += 1;
                Token::List
            }
            _ => {
                let rest = &self.text.as_bytes()[self.at..];
                let length = rest.iter().take_while(|byte| is_of_word(**byte)).count();
                let word = &self.text[self.at..self.at + length];
                self.at += length;
                match word {
                    "null" => Token::Null,
                    "true" => Token::Bool(true),
                    "false" => Token::Bool(false),
                    "NaN" | "Infinity" | "-Infinity" => Token::Number(word),
                    number if is_number(number.as_bytes()) => Token::Number(number),
                    _ => return Err(Refusal::Syntax),
                }
            }
        })
    }

    fn string(&mut self) -> Read<Cow<'a, str>> {
        let (quoted, is_escaped) = self.quoted()?;
        if !is_escaped {
            return Ok(Cow::Borrowed(&quoted[1..quoted.len() - 1]));
        }
        json_text::read(quoted.as_bytes()).map(Cow::Owned).map_err(|_| Refusal::Syntax)
    }

    /// Skips a string. Returns it with its quotes, and whether it contains escapes.
    fn quoted(&mut self) -> Read<(&'a str, bool)> {
        let begin = self.at;
        let mut is_escaped = false;
        let mut at = begin + 1;
        loop {
            let rest = self.text.as_bytes().get(at..).ok_or(Refusal::Syntax)?;
            at += memchr::memchr2(b'"', b'\\', rest).ok_or(Refusal::Syntax)?;
            if self.text.as_bytes()[at] == b'"' {
                self.at = at + 1;
                return Ok((&self.text[begin..self.at], is_escaped));
            }
            is_escaped = true;
            at += 2;
        }
    }

    /// Reads a list or `null`; `each` reads an element.
    pub(crate) fn list(&mut self, each: impl FnMut(&mut Self, usize) -> Read<()>) -> Read<()> {
        match self.token()? {
            Token::List => self.elements(each),
            Token::Null => Ok(()),
            other => Err(other.unexpected("a list")),
        }
    }

    /// Reads an object; `each` reads the value of a field. Returns `false` for `null`.
    pub(crate) fn object(&mut self, each: impl FnMut(&mut Self, Cow<'a, str>) -> Read<()>) -> Read<bool> {
        match self.token()? {
            Token::Object => self.fields(each).map(|()| true),
            Token::Null => Ok(false),
            other => Err(other.unexpected("an object")),
        }
    }

    /// Reads a number or a text, which many formats treat alike; `None` for `null`.
    pub(crate) fn scalar(&mut self, expected: &str) -> Read<Option<Cow<'a, str>>> {
        match self.token()? {
            Token::Null => Ok(None),
            Token::Number(text) => Ok(Some(Cow::Borrowed(text))),
            Token::Text(text) => Ok(Some(text)),
            other => Err(other.unexpected(expected)),
        }
    }

    /// Reads the elements of a list after its opening bracket; `each` reads one.
    pub(crate) fn elements(&mut self, mut each: impl FnMut(&mut Self, usize) -> Read<()>) -> Read<()> {
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        for place in 0.. {
            each(self, place)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                _ => return self.take(b']'),
            }
        }
        Ok(())
    }

    /// Reads the fields of an object after its opening bracket; `each` reads one value.
    pub(crate) fn fields(&mut self, mut each: impl FnMut(&mut Self, Cow<'a, str>) -> Read<()>) -> Read<()> {
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(Refusal::Syntax);
            }
            let name = self.string()?;
            self.take(b':')?;
            each(self, name)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                _ => return self.take(b'}'),
            }
        }
    }

    /// Skips a value of any type and depth, and returns its text.
    pub(crate) fn skip(&mut self) -> Read<&'a str> {
        self.peek();
        let begin = self.at;
        // The closing brackets of the open values.
        let mut ends = Vec::new();
        loop {
            let end = match self.peek() {
                Some(b'"') => self.quoted().map(|_| None)?,
                _ => match self.token()? {
                    Token::List => Some(b']'),
                    Token::Object => Some(b'}'),
                    _ => None,
                },
            };
            if let Some(end) = end {
                ends.push(end);
                if self.peek() != Some(end) {
                    self.skip_name(end)?;
                    continue;
                }
            }
            loop {
                // Does not peek at the following text, which would skip its blanks.
                let Some(end) = ends.last().copied() else { return Ok(&self.text[begin..self.at]) };
                match self.peek() {
                    Some(byte) if byte == end => {
                        self.at += 1;
                        ends.pop();
                    }
                    Some(b',') => {
                        self.at += 1;
                        self.skip_name(end)?;
                        break;
                    }
                    _ => return Err(Refusal::Syntax),
                }
            }
        }
    }

    /// Skips the name before the next value, if that is in an object.
    fn skip_name(&mut self, end: u8) -> Read<()> {
        if end != b'}' {
            return Ok(());
        }
        if self.peek() != Some(b'"') {
            return Err(Refusal::Syntax);
        }
        self.quoted()?;
        self.take(b':')
    }

    /// The text text_since an earlier position.
    pub(crate) fn text_since(&self, before: Self) -> &'a str {
        self.text[before.at..self.at].trim_ascii_start()
    }

    /// Reads a value. Skips it and returns the fault if it has one.
    pub(crate) fn or_fault<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Result<T, Fault>> {
        let before = *self;
        match read(self) {
            Ok(value) => Ok(Ok(value)),
            Err(Refusal::Fault(fault)) => {
                *self = before;
                self.skip()?;
                Ok(Err(fault))
            }
            Err(other) => Err(other),
        }
    }

    /// Checks that only blanks remain.
    pub(crate) fn end(&mut self) -> Read<()> {
        if self.peek().is_none() { Ok(()) } else { Err(Refusal::Syntax) }
    }

    /// Explains to the client why the whole text was refused.
    pub(crate) fn explain(&self, refusal: &Refusal) -> String {
        if let Refusal::Fault(Fault(reason)) = refusal {
            return reason.trim_start_matches([':', ' ']).to_owned();
        }
        match serde_json::from_str::<&RawValue>(self.text) {
            Err(error) => json_text::explained(&error),
            // Only this reader refuses the text.
            Ok(_) => format!("it cannot be parsed at byte {}", self.at),
        }
    }
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

/// Whether this is a number by JSON's grammar.
fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text[0] == b'0') {
        return false;
    }
    let mut rest = &text[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = &fraction[length..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"-").or_else(|| exponent.strip_prefix(b"+")).unwrap_or(exponent);
        return !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests;
