//! Spans: the parts of a query's text, by what they are.

use std::ops::Range;

/// A part of the text of a query. Blanks between tokens belong to none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first byte of the text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    pub kind: SpanKind,
}

impl Span {
    /// The part as a range of bytes, always on the bounds of characters.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// What a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpanKind {
    /// A field's name.
    Field,
    /// `:`, a comparison, `AND` or `OR`.
    Operator,
    /// What a field is tested for.
    Value,
    /// A word or phrase.
    Text,
    /// `NOT` or `-`.
    Negation,
    Paren,
    /// The token that makes the query none, or all from where no token can be read.
    Error,
}

impl SpanKind {
    /// A name in lower case, for a style sheet.
    pub fn name(self) -> &'static str {
        match self {
            Self::Field => "field",
            Self::Operator => "operator",
            Self::Value => "value",
            Self::Text => "text",
            Self::Negation => "negation",
            Self::Paren => "paren",
            Self::Error => "error",
        }
    }
}
