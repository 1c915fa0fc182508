//! Spans: classified parts of a query's text.

use std::ops::Range;

/// A part of a query's text. Blanks between tokens belong to no span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first byte of the text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    pub kind: SpanKind,
}

impl Span {
    /// The byte range, always on character boundaries.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// The kind of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpanKind {
    /// A field's name.
    Field,
    /// `:`, a comparison, `AND` or `OR`.
    Operator,
    /// The value of a field test.
    Value,
    /// A word or phrase.
    Text,
    /// `NOT` or `-`.
    Negation,
    Paren,
    /// The token that makes the query invalid, or the rest of the text from where no token can be read.
    Error,
}

impl SpanKind {
    /// The lower-case name, for a style sheet.
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
