//! Compiles a filter expression to an SQL condition.
//!
//! Negation is pushed down to the leaves: the negation of a condition that matches too many rows would match too few. A
//! leaf may be null if the record lacks the field, which counts as no match; hence `is not true` for its negation.

use model::{
    LevelClass,
    query::{Comparison, Expr, Field, Test, fold::Letter},
};

use super::{
    Parameters,
    field::{is_any_of, is_present, number_of, text_of},
};

/// A condition on a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// `None` if it holds for every row.
    pub(super) sql: Option<String>,
    /// Whether it selects exactly the matching rows; otherwise it selects more.
    pub(super) exact: bool,
}

impl Condition {
    const ALL: Self = Self { sql: None, exact: true };
    const UNKNOWN: Self = Self { sql: None, exact: false };

    fn exact(sql: String) -> Self {
        Self { sql: Some(sql), exact: true }
    }
}

/// Compiles the filter, or its negation.
pub(super) fn compile(expr: &Expr, negated: bool, parameters: &mut Parameters) -> Condition {
    match (expr, negated) {
        (Expr::All, false) => Condition::ALL,
        (Expr::All, true) => Condition::exact("false".to_owned()),
        (Expr::Not(operand), _) => compile(operand, !negated, parameters),
        (Expr::And(operands), false) | (Expr::Or(operands), true) => all_of(operands, negated, parameters),
        (Expr::Or(operands), false) | (Expr::And(operands), true) => any_of(operands, negated, parameters),
        (Expr::Contains(text), _) => leaf(contains(text, parameters), negated),
        (Expr::Field(field, test), _) => leaf(holds(field, test, parameters), negated),
    }
}

fn all_of(operands: &[Expr], negated: bool, parameters: &mut Parameters) -> Condition {
    let conditions: Vec<_> = operands.iter().map(|operand| compile(operand, negated, parameters)).collect();
    let exact = conditions.iter().all(|condition| condition.exact);
    let parts: Vec<_> = conditions.into_iter().filter_map(|condition| condition.sql).collect();
    Condition { sql: (!parts.is_empty()).then(|| format!("({})", parts.join(" and "))), exact }
}

fn any_of(operands: &[Expr], negated: bool, parameters: &mut Parameters) -> Condition {
    if operands.is_empty() {
        return Condition::exact("false".to_owned());
    }
    let conditions: Vec<_> = operands.iter().map(|operand| compile(operand, negated, parameters)).collect();
    let exact = conditions.iter().all(|condition| condition.exact);
    // One operand that holds for every row makes the whole disjunction hold.
    let parts: Option<Vec<_>> = conditions.into_iter().map(|condition| condition.sql).collect();
    Condition { sql: parts.map(|parts| format!("({})", parts.join(" or "))), exact }
}

fn leaf(condition: Condition, negated: bool) -> Condition {
    match condition {
        condition if !negated => condition,
        Condition { sql: Some(sql), exact: true } => Condition::exact(format!("({sql}) is not true")),
        Condition { sql: None, exact: true } => Condition::exact("false".to_owned()),
        Condition { exact: false, .. } => Condition::UNKNOWN,
    }
}

/// The message contains the text, ignoring case.
///
/// `lower`, under the column's collation, changes only ASCII letters. Locales know more or less than simple case
/// folding, so each letter beyond ASCII is searched in all its forms.
fn contains(text: &str, parameters: &mut Parameters) -> Condition {
    if has_nul(text) {
        return Condition::exact("false".to_owned());
    }
    let has_forms = |character: char| !character.is_ascii() && Letter::of(character).forms().len() > 1;
    if text.chars().any(has_forms) {
        return Condition::exact(format!("message ~ {}", parameters.bind(any_form(text))));
    }
    let needle = parameters.bind(text.to_ascii_lowercase());
    if !text.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return Condition::exact(format!("position({needle} in message) > 0"));
    }
    let plainly = format!("position({needle} in lower(message)) > 0");
    // Two ASCII letters have a form beyond ASCII, which few messages contain.
    let lower = text.to_ascii_lowercase();
    let beyond: Vec<_> =
        [('s', '\u{17f}'), ('k', '\u{212a}')].into_iter().filter(|(letter, _)| lower.contains(*letter)).collect();
    if beyond.is_empty() {
        return Condition::exact(plainly);
    }
    let replaced = beyond
        .iter()
        .fold("message".to_owned(), |text, (letter, form)| format!("replace({text}, '{form}', '{letter}')"));
    Condition::exact(format!(
        "({plainly} or (octet_length(message) <> length(message) and position({needle} in lower({replaced})) > 0))"
    ))
}

/// A case-insensitive regular expression of PostgreSQL for the text. It lists every form, so its matches do not depend
/// on a locale.
fn any_form(text: &str) -> String {
    let mut pattern = String::new();
    for character in text.chars() {
        match Letter::of(character).forms() {
            [one] => {
                if one.is_ascii_punctuation() {
                    pattern.push('\\');
                }
                pattern.push(*one);
            }
            forms => {
                for (place, form) in forms.iter().enumerate() {
                    pattern.push_str(if place == 0 { "(?:" } else { "|" });
                    pattern.push(*form);
                }
                pattern.push(')');
            }
        }
    }
    pattern
}

fn holds(field: &Field, test: &Test, parameters: &mut Parameters) -> Condition {
    if let Field::Attribute(key) = field
        && has_nul(key)
    {
        return Condition::exact("false".to_owned());
    }
    Condition::exact(match test {
        Test::Exists => is_present(field, parameters),
        Test::AnyOf(values) => {
            let values = values.iter().filter(|value| !has_nul(value)).cloned().collect();
            is_any_of(field, values, parameters)
        }
        Test::LevelIn { classes, words } => {
            let classes = parameters.bind(classes.iter().map(|class| class_number(*class)).collect::<Vec<i32>>());
            let by_class = format!("(severity - 1) / 4 = any({classes})");
            let words: Vec<String> = words.iter().filter(|word| !has_nul(word)).cloned().collect();
            // Mostly there are no words; then only the severity is read.
            if words.is_empty() { by_class } else { format!("({by_class} or level = any({}))", parameters.bind(words)) }
        }
        Test::LevelCompare(comparison, class) => {
            let class = parameters.bind(class_number(*class));
            format!("(severity - 1) / 4 {} {class}", operator(*comparison))
        }
        Test::Prefix(prefix) if has_nul(prefix) => "false".to_owned(),
        Test::Prefix(prefix) => {
            let text = text_of(field, parameters);
            format!("starts_with({text}, {})", parameters.bind(prefix.clone()))
        }
        Test::Regex(pattern) => {
            let sql = match pattern.required_literal().filter(|literal| !has_nul(literal)) {
                Some(literal) => {
                    let text = text_of(field, parameters);
                    format!("position({} in {text}) > 0", parameters.bind(literal.to_owned()))
                }
                None => is_present(field, parameters),
            };
            return Condition { sql: Some(sql), exact: false };
        }
        Test::Compare(comparison, number) => {
            let value = number_of(field, parameters);
            format!("{value} {} {}", operator(*comparison), parameters.bind(*number))
        }
    })
}

fn class_number(class: LevelClass) -> i32 {
    class.index() as i32
}

fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

/// PostgreSQL texts cannot contain NUL, so no record matches a text with one.
fn has_nul(text: &str) -> bool {
    text.contains('\0')
}

#[cfg(test)]
mod tests {
    use model::Query;

    use super::*;

    fn condition(query: &str) -> (String, bool) {
        let query = Query::parse(query).unwrap();
        let condition = compile(&query.expr, false, &mut Parameters::default());
        (condition.sql.unwrap_or_else(|| "true".to_owned()), condition.exact)
    }

    #[test]
    fn a_filter_becomes_a_condition_without_its_values() {
        for (query, sql) in [
            ("", "true"),
            ("Time-out", "position($1 in lower(message)) > 0"),
            (
                "reset",
                "(position($1 in lower(message)) > 0 or (octet_length(message) <> length(message) and position($1 in \
                 lower(replace(message, '\u{17f}', 's'))) > 0))",
            ),
            ("주문 Ω", "(position($1 in message) > 0 and message ~ $2)"),
            ("42", "position($1 in message) > 0"),
            ("level>=warn", "(severity - 1) / 4 >= $1"),
            ("service:api,web", "service = any($1)"),
            ("-service:api", "(service = any($1)) is not true"),
            ("path:/api/*", "starts_with(logboom.attribute_text(attributes -> $1), $2)"),
            ("status>=500", "logboom.attribute_number(attributes -> $1) >= $2"),
            ("user_id:*", "attributes ? $1"),
            ("node:* (42 OR 43)", "(node <> '' and (position($1 in message) > 0 or position($2 in message) > 0))"),
            ("NOT (42 OR node:*)", "((position($1 in message) > 0) is not true and (node <> '') is not true)"),
        ] {
            assert_eq!(condition(query), (sql.to_owned(), true), "{query}");
        }
    }

    #[test]
    fn a_text_becomes_an_expression_that_names_each_form() {
        for (text, pattern) in [
            ("Ω1", "(?:ω|Ω|\u{2126})1"),
            ("a.é b", r"(?:a|A)\.(?:é|É) (?:b|B)"),
            ("\\[ſ]*", "\\\\\\[(?:s|S|ſ)\\]\\*"),
            ("ß_주", r"(?:ß|ẞ)\_주"),
        ] {
            assert_eq!(any_form(text), pattern, "{text}");
        }
    }

    #[test]
    fn what_has_to_be_verified_holds_for_more_also_when_negated() {
        for (query, sql) in [
            ("message:/time(d)?out \\d+/", "position($1 in message) > 0"),
            ("-message:/x/", "true"),
            ("42 OR message:/[xy]/", "(position($1 in message) > 0 or true)"),
            ("42 -message:/x/", "(position($1 in message) > 0)"),
            ("42 OR -message:/x/", "true"),
            ("NOT (42 message:/x/)", "true"),
        ] {
            assert_eq!(condition(query), (sql.to_owned(), false), "{query}");
        }
    }
}
