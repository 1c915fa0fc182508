//! Completion in the search box: the word at the caret, and its suggestions.

use model::{
    Query,
    api::{FacetValue, FieldView},
    query::{Expr, Field, Test},
};

use super::filter;

/// The maximum number of suggestions shown.
pub(crate) const SHOWN: usize = 9;
/// The fields that every record has or may have.
const CORE: [&str; 7] = ["level", "service", "node", "message", "trace_id", "span_id", "id"];

/// The word at the caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// Its bytes in the text, without a leading `-`, up to the caret.
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: WordKind,
}

/// The kind of the word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WordKind {
    /// A word, or the prefix of a field name.
    Name(String),
    /// The prefix of a field's value.
    Value { field: String, begin: String },
}

/// A suggested replacement of the word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Suggestion {
    pub(crate) text: String,
    /// Whether more text must follow, such as a value after a field name.
    pub(crate) open: bool,
    pub(crate) count: Option<u64>,
}

/// The word at the caret; `None` within a phrase or a regular expression.
pub(crate) fn word(text: &str, caret: usize) -> Option<Word> {
    let before = text.get(..caret)?;
    if before.matches('"').count() % 2 == 1 {
        return None;
    }
    let start = before.rfind([' ', '(']).map_or(0, |place| place + 1);
    let start = if before.get(start..)?.starts_with('-') { start + 1 } else { start };
    let query_name = before.get(start..)?;
    let kind = match query_name.split_once(':') {
        Some((_, value)) if value.starts_with('/') => return None,
        Some((field, values)) => {
            WordKind::Value { field: field.to_owned(), begin: values.rsplit(',').next().unwrap_or_default().to_owned() }
        }
        None => WordKind::Name(query_name.to_owned()),
    };
    Some(Word { start, end: caret, kind })
}

/// Fields whose names contain `begin`; names that start with it come first.
pub(crate) fn names(begin: &str, fields: &[FieldView]) -> Vec<Suggestion> {
    if begin.is_empty() {
        return Vec::new();
    }
    let begin = begin.to_lowercase();
    let all = CORE.iter().map(|name| (*name, None)).chain(fields.iter().map(|field| (&*field.name, Some(field.count))));
    let mut found: Vec<_> = all.filter(|(name, _)| name.to_lowercase().contains(&begin)).collect();
    found.sort_by_key(|(name, _)| !name.to_lowercase().starts_with(&begin));
    found
        .into_iter()
        .filter_map(|(name, count)| Some(Suggestion { text: format!("{}:", query_name(name)?), open: true, count }))
        .take(SHOWN)
        .collect()
}

/// Values that contain `begin`.
pub(crate) fn values(field: &str, begin: &str, values: &[FacetValue]) -> Vec<Suggestion> {
    let begin = begin.to_lowercase();
    let Some(field) = Field::parse_name(field) else { return Vec::new() };
    let matching = values.iter().filter(|value| value.value.to_lowercase().contains(&begin));
    matching
        .filter_map(|value| {
            let part = filter::value_part(field.clone(), &value.value)?;
            Some(Suggestion { text: filter::with("", &part, false), open: false, count: Some(value.count) })
        })
        .take(SHOWN)
        .collect()
}

/// Earlier queries, newest first.
pub(crate) fn earlier(history: &[String]) -> Vec<Suggestion> {
    history.iter().take(SHOWN).map(|text| Suggestion { text: text.clone(), open: false, count: None }).collect()
}

/// Replaces the word by the suggestion. Returns the text and the new caret position.
pub(crate) fn accept(text: &str, word: Option<&Word>, suggestion: &Suggestion) -> (String, usize) {
    let (start, end) = word.map_or((0, text.len()), |word| (word.start, word.end));
    let space = if suggestion.open || word.is_none() { "" } else { " " };
    let begin = format!("{}{}{space}", text.get(..start).unwrap_or_default(), suggestion.text);
    let rest = text.get(end..).unwrap_or_default();
    (format!("{begin}{}", if space.is_empty() { rest } else { rest.trim_start() }), begin.len())
}

/// A field name in query syntax.
fn query_name(name: &str) -> Option<String> {
    let text = Query { expr: Expr::Field(Field::parse_name(name)?, Test::Exists) }.to_string();
    text.strip_suffix(":*").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_at_the_caret_is_a_name_or_a_value() {
        let name = |start, end, text: &str| Some(Word { start, end, kind: WordKind::Name(text.into()) });
        let value = |start, end, field: &str, begin: &str| {
            Some(Word { start, end, kind: WordKind::Value { field: field.into(), begin: begin.into() } })
        };
        for (text, caret, expected) in [
            ("", 0, name(0, 0, "")),
            ("timeout serv", 12, name(8, 12, "serv")),
            ("a -(ser", 7, name(4, 7, "ser")),
            ("-service:a", 10, value(1, 10, "service", "a")),
            ("service:api,we", 14, value(0, 14, "service", "we")),
            ("service:api rest", 9, value(0, 9, "service", "a")),
            ("\"in a phr", 9, None),
            ("message:/ab", 11, None),
            ("한글 ser", 10, name(7, 10, "ser")),
        ] {
            assert_eq!(word(text, caret), expected, "{text}");
        }
    }

    #[test]
    fn what_is_accepted_stands_in_the_words_place() {
        let fields = [FieldView { name: "http.status".into(), count: 7, values: 2, records: 10 }];
        let found = names("stat", &fields);
        assert_eq!(found, [Suggestion { text: "http.status:".into(), open: true, count: Some(7) }]);
        assert_eq!(accept("a stat b", word("a stat b", 6).as_ref(), &found[0]), ("a http.status: b".into(), 14));
        let found = values("service", "PI", &[FacetValue { value: "the api".into(), count: 3 }]);
        assert_eq!(found[0].text, "service:\"the api\"");
        let (text, caret) = accept("-service:pi x", word("-service:pi x", 11).as_ref(), &found[0]);
        assert_eq!((text.as_str(), caret), ("-service:\"the api\" x", 19));
        let levels = values("level", "err", &[FacetValue { value: "error".into(), count: 3 }]);
        assert_eq!(levels[0].text, "level:error");
        assert_eq!(accept("old", None, &earlier(&["new".into()])[0]), ("new".into(), 3));
    }
}
