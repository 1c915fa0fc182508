//! What a query is, once it is read.

use super::Pattern;
use crate::LevelClass;

/// A filter on records; the default matches all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    pub expr: Expr,
}

/// A filter's tree.
///
/// Canonical: `And` and `Or` hold at least two operands and never one of their own
/// kind, `Not` never holds `Not`, and `All` stands alone at the top, or in the one
/// `Not` at the top ([`Expr::nothing`]). [`Expr::and`], [`Expr::or`] and [`Expr::not`]
/// keep it so.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Expr {
    /// Matches every record.
    #[default]
    All,
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    /// The message contains the text, in any case ([`super::fold`]). Never empty.
    Contains(String),
    Field(Field, Test),
}

/// What a test looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    Level,
    Service,
    Node,
    /// Never absent, but may be empty.
    Message,
    /// Seen as 32 lower-case hexadecimal digits; absent where the record has none.
    TraceId,
    /// Seen as 16 lower-case hexadecimal digits; absent where the record has none.
    SpanId,
    /// The record's own id, seen as a UUID.
    Id,
    /// An attribute by its key, which is not empty; `attr.` in front names one that is
    /// called like a field above.
    Attribute(String),
}

/// What a test asks. A field that the record does not have (an empty service or node
/// counts as absent) fails every test.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    Exists,
    /// The text form of the value equals one of these, case-sensitively. Not for
    /// [`Field::Level`], which has [`Test::LevelIn`], nor for [`Field::Message`], which
    /// is asked by [`Expr::Contains`].
    AnyOf(Vec<String>),
    /// Only for [`Field::Level`]: the severity is of one of the classes, or the level,
    /// which is always lower case, is one of the words. The classes are in order, and
    /// no word is a class's name, `warning` or `err`.
    LevelIn {
        classes: Vec<LevelClass>,
        words: Vec<String>,
    },
    /// Only for [`Field::Level`]: by the order of severities, class against class.
    LevelCompare(Comparison, LevelClass),
    /// The text form of the value begins with this, case-sensitively. Never empty.
    Prefix(String),
    /// Some part of the text form of the value matches.
    Regex(Pattern),
    /// A number, or a text that is one in whole ([`super::parse_number`]), compared as a
    /// 64-bit float; the number asked for is finite. Booleans and other texts fail.
    Compare(Comparison, f64),
}

impl Query {
    /// Whether a record's service and level class alone say if it matches.
    pub fn is_by_service_and_class(&self) -> bool {
        fn only(expr: &Expr) -> bool {
            match expr {
                Expr::All => true,
                Expr::And(operands) | Expr::Or(operands) => operands.iter().all(only),
                Expr::Not(operand) => only(operand),
                Expr::Field(Field::Service, _) => true,
                // A level's own word is another matter.
                Expr::Field(Field::Level, test) => test.is_by_severity(),
                Expr::Field(..) | Expr::Contains(_) => false,
            }
        }
        only(&self.expr)
    }
}

impl Test {
    /// Whether it is about the level, and about nothing of it but the severity.
    pub fn is_by_severity(&self) -> bool {
        match self {
            Self::LevelIn { words, .. } => words.is_empty(),
            Self::LevelCompare(..) => true,
            _ => false,
        }
    }
}

/// An order to hold between the field's value, on the left, and the query's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// As it is written: `<`, `<=`, `>` or `>=`.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Whether `left` and `right` stand in this order; what is not comparable does not.
    pub fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}
