//! The syntax tree of a parsed query.

use super::Pattern;
use crate::{LevelClass, Record};

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

    /// Splits a query such as `level:error -(service:a x:1)` in two, for the other services and for `a`: the first part
    /// depends on service and level class alone, and no record matches both. `None` if there is no such split.
    pub fn split_by_service(&self) -> Option<(Self, Self)> {
        let mut services = Vec::new();
        let mut operands = Vec::new();
        for operand in self.required() {
            if (Self { expr: operand.clone() }).is_by_service_and_class() {
                operands.push(operand.clone());
                continue;
            }
            // For other services than the named ones it holds.
            let Expr::Not(excluded) = operand else { return None };
            let Expr::And(excluded) = &**excluded else { return None };
            let named = excluded.iter().find_map(|test| match test {
                Expr::Field(Field::Service, Test::AnyOf(services)) => Some(services),
                _ => None,
            });
            services.extend_from_slice(named?);
        }
        if services.is_empty() {
            return None;
        }
        let named = Expr::Field(Field::Service, Test::AnyOf(services));
        operands.push(Expr::not(named.clone()));
        Some((Self { expr: Expr::and(operands) }, Self { expr: Expr::and([self.expr.clone(), named]) }))
    }

    /// Whether a record matches of which only the service and the level class are known; `None` if its other fields
    /// decide. The filter of audit records is decided for all services but one.
    pub fn decided_by_service_and_class(&self, record: &Record) -> Option<bool> {
        /// `decisive`: the outcome of one operand that is the outcome of all.
        fn joined(operands: &[Expr], record: &Record, decisive: bool) -> Option<bool> {
            let mut outcome = Some(!decisive);
            for operand in operands {
                match decided(operand, record) {
                    Some(operand) if operand == decisive => return Some(decisive),
                    Some(_) => {}
                    None => outcome = None,
                }
            }
            outcome
        }
        fn decided(expr: &Expr, record: &Record) -> Option<bool> {
            match expr {
                Expr::All => Some(true),
                Expr::And(operands) => joined(operands, record, false),
                Expr::Or(operands) => joined(operands, record, true),
                Expr::Not(operand) => decided(operand, record).map(|is_match| !is_match),
                Expr::Field(field @ Field::Service, test) => Some(test.holds(field, record)),
                Expr::Field(field @ Field::Level, test) if test.is_by_severity() => Some(test.holds(field, record)),
                Expr::Field(..) | Expr::Contains(_) => None,
            }
        }
        decided(&self.expr, record)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RecordId;

    #[test]
    fn a_query_that_excludes_some_records_of_a_service_is_split() {
        let split = |text: &str| {
            let parts = Query::parse(text).unwrap().split_by_service();
            parts.map(|(others, named)| (others.to_string(), named.to_string()))
        };
        let some = |others: &str, named: &str| Some((others.to_owned(), named.to_owned()));
        assert_eq!(split("-(service:a x:1)"), some("-service:a", "-(service:a x:1) service:a"));
        assert_eq!(
            split("level:error -(service:a x:1) -(y:2 service:b)"),
            some("level:error -service:a,b", "level:error -(service:a x:1) -(y:2 service:b) service:a,b")
        );
        for text in ["", "level:error", "-service:a", "x:1", "-(x:1 y:2)", "-(service:a x:1) word", "service:a OR x:1"]
        {
            assert_eq!(split(text), None, "{text}");
        }
    }

    #[test]
    fn service_and_level_class_decide_as_far_as_no_other_field_matters() {
        let mut record = Record {
            id: RecordId(7),
            time: 1,
            observed_time: 2,
            severity: LevelClass::Error.lowest(),
            level: "error".into(),
            service: "shop".into(),
            node: "n1".into(),
            message: String::new(),
            attributes: Vec::new(),
            trace_id: None,
            span_id: None,
        };
        let audit = "-(service:logboom audit:true)";
        for (text, of_shop, of_logboom) in [
            ("", Some(true), Some(true)),
            ("level:error", Some(true), Some(true)),
            ("level>error", Some(false), Some(false)),
            ("service:shop", Some(true), Some(false)),
            (audit, Some(true), None),
            (&format!("level:info {audit}"), Some(false), Some(false)),
            (&format!("level:error {audit}"), Some(true), None),
            (&format!("word {audit}"), None, None),
            ("word OR service:shop", Some(true), None),
            ("node:n1", None, None),
            ("level:http", None, None),
        ] {
            let query = Query::parse(text).unwrap();
            for (service, expected) in [("shop", of_shop), ("logboom", of_logboom)] {
                record.service = service.into();
                assert_eq!(query.decided_by_service_and_class(&record), expected, "{text} of {service}");
            }
        }
    }
}
