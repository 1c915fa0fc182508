//! Interprets the parts of a field test.

use super::{
    Comparison, Expr, Field, ParseError, Pattern, Test,
    lex::{Lexer, RawTest, RawValue},
    parse_number,
};
use crate::{LevelClass, RecordId, hex, trace};

/// Builds the expression of a test. `lexer` locates errors.
pub(super) fn build(test: RawTest, lexer: &Lexer<'_>) -> Result<Expr, ParseError> {
    let RawTest { name, value_at, value } = test;
    let Some(field) = Field::parse_name(&name) else {
        return Err(lexer.error(value_at, "the field has no name", "write it before the colon, as in service:api"));
    };
    let test = match value {
        RawValue::Any => Test::Exists,
        RawValue::List(values) => return Ok(any_of(field, values)),
        RawValue::Prefix(prefix) if matches!(field, Field::TraceId | Field::SpanId) => {
            return Ok(match id_prefix(&prefix) {
                Some(digits) => Expr::Field(field, Test::Prefix(digits)),
                None => Expr::Field(original(&field), Test::Prefix(prefix)),
            });
        }
        RawValue::Prefix(prefix) => Test::Prefix(fold(&field, prefix)),
        RawValue::Around(text) if field == Field::Message => return Ok(Expr::contains(&text)),
        RawValue::Around(_) => {
            let hint = format!("write a regular expression as in {field}:/text/");
            return Err(lexer.error(value_at, "* is allowed only at the end of a value", hint));
        }
        RawValue::Regex(source) => match Pattern::new(&source) {
            Ok(pattern) => Test::Regex(pattern),
            Err(error) => {
                let message = format!("the regular expression is not valid ({error})");
                return Err(lexer.error(value_at, message, "correct it, or put the value in quotes if it is none"));
            }
        },
        RawValue::Between(low, high) => {
            let mut ends = Vec::new();
            for (comparison, value) in [low, high].into_iter().flatten() {
                let end = RawTest { name: name.clone(), value_at, value: RawValue::Compare(comparison, value) };
                ends.push(build(end, lexer)?);
            }
            return Ok(if ends.is_empty() { Expr::Field(field, Test::Exists) } else { Expr::and(ends) });
        }
        RawValue::Compare(comparison, value) if field == Field::Level => match class(&value.to_ascii_lowercase()) {
            Some(class) => Test::LevelCompare(comparison, class),
            None => {
                let message = format!("{value:?} is not a level");
                return Err(lexer.error(value_at, message, "write trace, debug, info, warn, error or fatal"));
            }
        },
        RawValue::Compare(comparison, value) => Test::Compare(comparison, number(comparison, &value, value_at, lexer)?),
    };
    Ok(Expr::Field(field, test))
}

/// The meaning of `field:a,b`.
pub(super) fn any_of(field: Field, values: Vec<String>) -> Expr {
    match field {
        Field::Message => Expr::or(values.iter().map(|value| Expr::contains(value))),
        Field::Level => {
            let (mut classes, mut words) = (Vec::new(), Vec::new());
            for word in values.iter().map(|word| word.to_lowercase()) {
                match class(&word) {
                    Some(class) => classes.push(class),
                    None => words.push(word),
                }
            }
            classes.sort_unstable();
            classes.dedup();
            Expr::Field(field, Test::LevelIn { classes, words })
        }
        Field::TraceId => any_id::<16>(field, values),
        Field::SpanId => any_id::<8>(field, values),
        _ => {
            let values = values.into_iter().map(|value| fold(&field, value)).collect();
            Expr::Field(field, Test::AnyOf(values))
        }
    }
}

/// Parses ids in any form. A value that is not an id is searched in the attribute that keeps the original.
fn any_id<const N: usize>(field: Field, values: Vec<String>) -> Expr {
    let (mut ids, mut originals) = (Vec::new(), Vec::new());
    for value in values {
        match trace::parse_id::<N>(&value) {
            Some(id) => ids.push(hex::encode(&id)),
            None => {
                ids.extend(trace::from_base64::<N>(&value).map(|id| hex::encode(&id)));
                originals.push(value);
            }
        }
    }
    let kept = original(&field);
    let tests = [(field, ids), (kept, originals)].into_iter().filter(|(_, values)| !values.is_empty());
    Expr::or(tests.map(|(field, values)| Expr::Field(field, Test::AnyOf(values))))
}

/// The attribute that keeps the original text of an invalid id.
fn original(field: &Field) -> Field {
    Field::Attribute(format!("{}.original", field.name()))
}

/// The class that a lower-case word names unambiguously.
pub(super) fn class(word: &str) -> Option<LevelClass> {
    match word {
        "warning" => Some(LevelClass::Warn),
        "err" => Some(LevelClass::Error),
        _ => word.parse().ok(),
    }
}

/// Converts a value to the case and form of the field.
fn fold(field: &Field, value: String) -> String {
    match field {
        Field::Level => value.to_lowercase(),
        Field::Id => match value.parse::<RecordId>() {
            Ok(id) => id.to_string(),
            Err(_) => value.to_ascii_lowercase(),
        },
        _ => value,
    }
}

/// The prefix of an id, in lower case and without hyphens; `None` if it is not hexadecimal.
pub(super) fn id_prefix(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|letter| *letter != '-').collect();
    let is_hex = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| digits.to_ascii_lowercase())
}

fn number(comparison: Comparison, value: &str, at: usize, lexer: &Lexer<'_>) -> Result<f64, ParseError> {
    parse_number(value).ok_or_else(|| {
        let message = format!("{value:?} is not a number");
        let hint = format!("write a number without a unit after {}, or put the text in quotes", comparison.symbol());
        lexer.error(at, message, hint)
    })
}
