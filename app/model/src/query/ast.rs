//! The syntax tree of a parsed query.

use super::Pattern;
use crate::LevelClass;

/// A filter on records. The default matches all records.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    pub expr: Expr,
}

/// A filter expression.
///
/// Canonical: `And` and `Or` hold at least two operands and never one of their own kind, `Not` never holds `Not`, and
/// `All` occurs only at the top or in a `Not` at the top ([`Expr::nothing`]). [`Expr::and`], [`Expr::or`] and
/// [`Expr::not`] keep it canonical.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Expr {
    /// Matches every record.
    #[default]
    All,
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    /// The message contains the text, case-insensitively ([`super::fold`]). Never empty.
    Contains(String),
    Field(Field, Test),
}

/// The field that a test examines.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    Level,
    Service,
    Node,
    /// Never absent, but may be empty.
    Message,
    /// Tested as 32 lower-case hexadecimal digits; absent if the record has none.
    TraceId,
    /// Tested as 16 lower-case hexadecimal digits; absent if the record has none.
    SpanId,
    /// The record's own id, tested as a UUID.
    Id,
    /// An attribute by its key, which is not empty. The prefix `attr.` selects an attribute with the name of a
    /// built-in field.
    Attribute(String),
}

/// The condition of a field test. An absent field fails every test; an empty service or node counts as absent.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    Exists,
    /// The text form of the value equals one of these, case-sensitively. Not used for [`Field::Level`], which has
    /// [`Test::LevelIn`], nor for [`Field::Message`], which has [`Expr::Contains`].
    AnyOf(Vec<String>),
    /// Only for [`Field::Level`]: the severity is in one of the classes, or the level, which is always lower case, is
    /// one of the words. The classes are sorted. No word is the name of a class, `warning` or `err`.
    LevelIn {
        classes: Vec<LevelClass>,
        words: Vec<String>,
    },
    /// Only for [`Field::Level`]: compares the severity classes.
    LevelCompare(Comparison, LevelClass),
    /// The text form of the value starts with this, case-sensitively. Never empty.
    Prefix(String),
    /// The pattern matches some part of the text form of the value.
    Regex(Pattern),
    /// The value is a number, or a text that is entirely a number ([`super::parse_number`]), and the comparison as a
    /// 64-bit float holds. The operand is finite. Booleans and other texts fail.
    Compare(Comparison, f64),
}

impl Query {
    /// Whether a record's service and level class alone decide the match.
    pub fn is_by_service_and_class(&self) -> bool {
        fn only(expr: &Expr) -> bool {
            match expr {
                Expr::All => true,
                Expr::And(operands) | Expr::Or(operands) => operands.iter().all(only),
                Expr::Not(operand) => only(operand),
                Expr::Field(Field::Service, _) => true,
                // A level's own word is not decided by the class.
                Expr::Field(Field::Level, test) => test.is_by_severity(),
                Expr::Field(..) | Expr::Contains(_) => false,
            }
        }
        only(&self.expr)
    }
}

impl Test {
    /// Whether the test depends only on the severity.
    pub fn is_by_severity(&self) -> bool {
        match self {
            Self::LevelIn { words, .. } => words.is_empty(),
            Self::LevelCompare(..) => true,
            _ => false,
        }
    }
}

/// A comparison between the field's value, on the left, and the query's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// The operator's text: `<`, `<=`, `>` or `>=`.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Whether the comparison holds; incomparable values never do.
    pub fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}
