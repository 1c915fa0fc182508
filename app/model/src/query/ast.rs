//! What a query is, once it is read.

use crate::LevelClass;

/// A filter on records; the default matches all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    pub expr: Expr,
}

/// A filter's tree.
///
/// Canonical: `And` and `Or` hold at least two operands and never one of their own
/// kind, `Not` never holds `Not`, and `All` stands alone at the top.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Expr {
    /// Matches every record.
    #[default]
    All,
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    /// The message contains the text, ASCII case-insensitively. Never empty.
    Contains(String),
    Field(Field, Test),
}

/// What a test looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    Level,
    Service,
    Node,
    Message,
    /// Seen as 32 lower-case hexadecimal digits; absent where the record has none.
    TraceId,
    /// Seen as 16 lower-case hexadecimal digits; absent where the record has none.
    SpanId,
    /// The record's own id, seen as a UUID.
    Id,
    /// An attribute by its key; `attr.` in front names one that is called like a
    /// field above.
    Attribute(String),
}

/// What a test asks. A field that the record does not have (an empty service or node
/// counts as absent) fails every test.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    Exists,
    /// The text form of the value equals one of these, case-sensitively; for
    /// [`Field::Level`] see [`Test::LevelIn`].
    AnyOf(Vec<String>),
    /// Only for [`Field::Level`]: the severity is of one of the classes, or the level,
    /// which is always lower case, is one of the words.
    LevelIn {
        classes: Vec<LevelClass>,
        words: Vec<String>,
    },
    /// Only for [`Field::Level`]: by the order of severities, class against class.
    LevelCompare(Comparison, LevelClass),
    /// The text form of the value begins with this, case-sensitively.
    Prefix(String),
    /// Some part of the text form of the value matches.
    Regex(Pattern),
    /// A number, or a text that is one in whole (`^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$`),
    /// compared as a 64-bit float. Booleans and other texts fail.
    Compare(Comparison, f64),
}

/// An order to hold between the field's value, on the left, and the query's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A regular expression in the syntax of the `regex` crate, known to compile.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    regex: regex::Regex,
}

impl Pattern {
    /// Compiles `source`; its automaton is bounded to 1 MiB.
    pub fn new(source: &str) -> Result<Self, regex::Error> {
        let regex = regex::RegexBuilder::new(source).size_limit(1 << 20).build()?;
        Ok(Self { source: source.to_owned(), regex })
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}
