//! Evaluates a query on a record. This is the reference for every engine's own evaluation.

use super::{Expr, Field, Needle, Query, Test, parse_number};
use crate::{Record, Value};

impl Query {
    /// Whether the record matches the query.
    ///
    /// Allocates only for the text of a float longer than 24 bytes, and for the regex engine's cache.
    pub fn matches(&self, record: &Record) -> bool {
        self.expr.matches(record)
    }
}

impl Expr {
    /// Whether this expression holds for the record.
    pub fn matches(&self, record: &Record) -> bool {
        match self {
            Self::All => true,
            Self::And(operands) => operands.iter().all(|operand| operand.matches(record)),
            Self::Or(operands) => operands.iter().any(|operand| operand.matches(record)),
            Self::Not(operand) => !operand.matches(record),
            Self::Contains(text) => Needle::new(text).is_in(&record.message),
            Self::Field(field, test) => test.holds(field, record),
        }
    }
}

impl Test {
    /// Whether the record's field passes the test.
    pub fn holds(&self, field: &Field, record: &Record) -> bool {
        match self {
            Self::Exists => field.is_present(record),
            Self::AnyOf(values) => field.is_text(record, |text| values.iter().any(|value| value == text)),
            Self::LevelIn { classes, words } => {
                classes.contains(&record.severity.class()) || words.iter().any(|word| *word == record.level)
            }
            Self::LevelCompare(comparison, class) => comparison.holds(record.severity.class(), *class),
            Self::Prefix(prefix) => field.is_text(record, |text| text.starts_with(prefix.as_str())),
            Self::Regex(pattern) => field.is_text(record, |text| pattern.is_match(text)),
            Self::Compare(comparison, number) => {
                numeric(field, record).is_some_and(|value| comparison.holds(value, *number))
            }
        }
    }
}

/// The field's value as a number, if it is numeric.
fn numeric(field: &Field, record: &Record) -> Option<f64> {
    match field {
        Field::Attribute(key) => match record.attribute(key)? {
            Value::Int(value) => Some(*value as f64),
            Value::Float(value) => Some(*value),
            Value::Text(text) => parse_number(text),
            Value::Bool(_) => None,
        },
        _ => parse_number(&field.text(record)?),
    }
}
