//! Adding to a query and taking from it, by its tree rather than its text.

use model::{
    LevelClass, ParseError, Query,
    api::RecordView,
    query::{Expr, Field, Test},
};

/// Why the text of the search box is searched as it stands, if it is.
pub(crate) fn fault(text: &str) -> Option<ParseError> {
    Query::parse_or_text(text).1
}

/// The levels that the query as a whole demands; empty where it does not care.
pub(crate) fn levels(text: &str) -> Vec<LevelClass> {
    let parts = read(text);
    parts.iter().find_map(level_classes).cloned().unwrap_or_default()
}

/// The query with `level` added to its levels, or taken from them.
pub(crate) fn toggle_level(text: &str, level: LevelClass) -> String {
    let mut classes = levels(text);
    match classes.iter().position(|class| *class == level) {
        Some(place) => drop(classes.remove(place)),
        None => classes.push(level),
    }
    set_levels(text, classes)
}

/// The query with just these levels; none means all.
pub(crate) fn set_levels(text: &str, mut classes: Vec<LevelClass>) -> String {
    classes.sort();
    let mut parts = read(text);
    parts.retain(|part| level_classes(part).is_none());
    if !classes.is_empty() {
        parts.insert(0, Expr::Field(Field::Level, Test::LevelIn { classes, words: Vec::new() }));
    }
    write(parts)
}

/// The query with `part` demanded, or refused where `out`; its opposite goes.
pub(crate) fn with(text: &str, part: &Expr, out: bool) -> String {
    let refused = Expr::Not(Box::new(part.clone()));
    let mut parts = read(text);
    parts.retain(|other| other != part && *other != refused);
    parts.push(if out { refused } else { part.clone() });
    write(parts)
}

/// What can be asked of a record's level: its class, or its own word.
pub(crate) fn level_part(record: &RecordView) -> Expr {
    let test = match record.level.parse() {
        Ok(class) => Test::LevelIn { classes: vec![class], words: Vec::new() },
        Err(_) => Test::LevelIn { classes: Vec::new(), words: vec![record.level.clone()] },
    };
    Expr::Field(Field::Level, test)
}

/// That `field` has exactly this value; nothing to ask where it has none.
pub(crate) fn value_part(field: Field, value: &str) -> Option<Expr> {
    (!value.is_empty()).then(|| Expr::Field(field, Test::AnyOf(vec![value.to_owned()])))
}

fn level_classes(part: &Expr) -> Option<&Vec<LevelClass>> {
    match part {
        Expr::Field(Field::Level, Test::LevelIn { classes, words }) if words.is_empty() => Some(classes),
        _ => None,
    }
}

/// The parts that must all hold.
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
    fn a_text_that_does_not_parse_is_kept_as_text() {
        let text = "level:";
        assert!(fault(text).is_some());
        let toggled = toggle_level(text, LevelClass::Error);
        assert!(fault(&toggled).is_none(), "{toggled}");
        assert_eq!(levels(&toggled), [LevelClass::Error]);
    }
}
