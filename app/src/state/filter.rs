//! Edits queries by their syntax tree rather than their text.

use model::{
    LevelClass, ParseError, Query,
    query::{Expr, Field, Test},
};

/// The parse error, if the text is searched as plain text.
pub(crate) fn fault(text: &str) -> Option<ParseError> {
    Query::parse_or_text(text).1
}

/// The levels that the query requires; empty without a level filter.
pub(crate) fn levels(text: &str) -> Vec<LevelClass> {
    let parts = read(text);
    parts.iter().find_map(level_classes).cloned().unwrap_or_default()
}

/// Adds `level` to the query's level filter, or removes it.
pub(crate) fn toggle_level(text: &str, level: LevelClass) -> String {
    let mut classes = levels(text);
    match classes.iter().position(|class| *class == level) {
        Some(place) => drop(classes.remove(place)),
        None => classes.push(level),
    }
    set_levels(text, classes)
}

/// Replaces the query's level filter; none means all levels.
pub(crate) fn set_levels(text: &str, mut classes: Vec<LevelClass>) -> String {
    classes.sort();
    let mut parts = read(text);
    parts.retain(|part| level_classes(part).is_none());
    if !classes.is_empty() {
        parts.insert(0, Expr::Field(Field::Level, Test::LevelIn { classes, words: Vec::new() }));
    }
    write(parts)
}

/// Adds `part` to the query, negated if `out`. Removes its opposite.
pub(crate) fn with(text: &str, part: &Expr, out: bool) -> String {
    let mut parts = without_part(text, part);
    parts.push(if out { Expr::Not(Box::new(part.clone())) } else { part.clone() });
    write(parts)
}

/// Removes the tests of `field` from the query. Also returns whether there were any: counts of other values need the
/// query without them.
pub(crate) fn without(text: &str, field: &Field) -> (String, bool) {
    let mut parts = read(text);
    let before = parts.len();
    parts.retain(|part| !is_about(part, field));
    let removed = parts.len() < before;
    (write(parts), removed)
}

fn is_about(part: &Expr, field: &Field) -> bool {
    match part {
        Expr::Field(tested, _) => tested == field,
        Expr::Not(part) => is_about(part, field),
        Expr::Or(parts) => parts.iter().all(|part| is_about(part, field)),
        _ => false,
    }
}

/// Whether the query requires (`true`) or excludes (`false`) exactly this part.
pub(crate) fn filter_state(text: &str, part: &Expr) -> Option<bool> {
    let refused = Expr::Not(Box::new(part.clone()));
    read(text).iter().find_map(|other| match other {
        other if other == part => Some(true),
        other if *other == refused => Some(false),
        _ => None,
    })
}

/// Removes `part` and its negation from the query.
pub(crate) fn drop_part(text: &str, part: &Expr) -> String {
    write(without_part(text, part))
}

/// The parts other than `part` and its negation.
fn without_part(text: &str, part: &Expr) -> Vec<Expr> {
    let refused = Expr::Not(Box::new(part.clone()));
    let mut parts = read(text);
    parts.retain(|other| other != part && *other != refused);
    parts
}

/// Adds all parts of another query, or its negation.
pub(crate) fn with_text(text: &str, other: &str, out: bool) -> String {
    let part = Query::parse_or_text(other).0.expr;
    match part {
        // Separately, so that each can be removed again.
        Expr::And(parts) if !out => parts.iter().fold(text.to_owned(), |text, part| with(&text, part, false)),
        part => with(text, &part, out),
    }
}

/// The test that `field` has exactly this value; `None` for an empty value. A level is tested by its class, or by its
/// own word.
pub(crate) fn value_part(field: Field, value: &str) -> Option<Expr> {
    if value.is_empty() {
        return None;
    }
    let test = match (&field, value.parse()) {
        (Field::Level, Ok(class)) => Test::LevelIn { classes: vec![class], words: Vec::new() },
        (Field::Level, Err(_)) => Test::LevelIn { classes: Vec::new(), words: vec![value.to_owned()] },
        _ => Test::AnyOf(vec![value.to_owned()]),
    };
    Some(Expr::Field(field, test))
}

fn level_classes(part: &Expr) -> Option<&Vec<LevelClass>> {
    match part {
        Expr::Field(Field::Level, Test::LevelIn { classes, words }) if words.is_empty() => Some(classes),
        _ => None,
    }
}

/// The operands of the top-level conjunction.
fn read(text: &str) -> Vec<Expr> {
    match Query::parse_or_text(text).0.expr {
        Expr::All => Vec::new(),
        Expr::And(parts) => parts,
        part => vec![part],
    }
}

fn write(mut parts: Vec<Expr>) -> String {
    let expr = match parts.len() {
        0 => return String::new(),
        1 => parts.remove(0),
        _ => Expr::And(parts),
    };
    Query { expr }.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_toggled_in_place() {
        let one = toggle_level("timeout", LevelClass::Error);
        assert_eq!(levels(&one), [LevelClass::Error]);
        let two = toggle_level(&one, LevelClass::Warn);
        assert_eq!(levels(&two), [LevelClass::Warn, LevelClass::Error]);
        let none = toggle_level(&toggle_level(&two, LevelClass::Warn), LevelClass::Error);
        assert_eq!(none, "timeout");
        assert_eq!(set_levels("", Vec::new()), "");
    }

    #[test]
    fn filtering_out_undoes_filtering_in() {
        let Some(part) = value_part(Field::Service, "api") else { panic!("api is a value") };
        let wanted = with("timeout", &part, false);
        assert_eq!(wanted, "timeout service:api");
        assert_eq!(with(&wanted, &part, false), wanted);
        assert_eq!(with(&wanted, &part, true), "timeout -service:api");
    }

    #[test]
    fn what_is_said_of_a_field_is_left_out() {
        let query = "timeout service:api -service:web (service:a OR service:b) node:n1";
        assert_eq!(without(query, &Field::Service), ("timeout node:n1".to_owned(), true));
        assert_eq!(without("timeout", &Field::Service), ("timeout".to_owned(), false));
    }

    #[test]
    fn a_part_is_demanded_refused_or_neither() {
        let Some(part) = value_part(Field::Service, "api") else { panic!("api is a value") };
        assert_eq!(filter_state("a service:api", &part), Some(true));
        assert_eq!(filter_state("a -service:api", &part), Some(false));
        assert_eq!(filter_state("a", &part), None);
        assert_eq!(drop_part("a -service:api", &part), "a");
        assert_eq!(with_text("a", "\"of the\" node", false), "a \"of the\" node");
        assert_eq!(with_text("a", "\"of the\" node", true), "a -(\"of the\" node)");
    }

    #[test]
    fn a_text_that_does_not_parse_is_kept_as_text() {
        let text = "level:";
        assert!(fault(text).is_some());
        let toggled = toggle_level(text, LevelClass::Error);
        assert!(fault(&toggled).is_none(), "{toggled}");
        assert_eq!(levels(&toggled), [LevelClass::Error]);
    }
}
