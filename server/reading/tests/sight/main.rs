//! A caller with a limited sight finds a forbidden word in no answer, and all allowed records.

#![allow(clippy::unwrap_used)]

mod answers;
mod audit;
mod limits;
mod store;

use std::{collections::BTreeSet, fs, path::Path};

use model::Sight;

use self::{
    answers::{Answers, all_answers},
    store::{WORD, limited},
};

/// Types that hold no store: parameters in text form.
const PARAMETERS: [&str; 3] = ["Clock", "LetterFilter", "RangeText"];
/// Methods that ask nothing.
const NO_QUESTIONS: [&str; 3] = ["new", "seen_by", "shows_field"];

#[tokio::test]
async fn the_forbidden_word_is_in_no_answer_and_every_allowed_record_is_there() {
    let answers = all_answers(&limited()).await;
    for (method, answer) in &answers {
        assert!(!answer.to_lowercase().contains(WORD), "{method}: {answer}");
    }
    for method in ["logs", "search", "recent", "pages", "context", "record"] {
        contains(&answers, &format!("Reader::{method}"), &["order 1 paid"]);
    }
    for method in ["Reader::logs", "Reader::search", "Reader::recent", "Reader::pages", "Tail::next"] {
        contains(
            &answers,
            method,
            &["order 1 paid", "order 2 paid", "order 3 refunded", "\"amount\":5", "\"card\":\"visa\""],
        );
    }
    contains(&answers, "Reader::count", &["\"count\":3"]);
    contains(&answers, "Reader::patterns", &[r#""template":"order <*>""#, "order 3 refunded"]);
    contains(&answers, "Reader::histogram", &["\"counts\":{\"info\":1}"]);
    contains(&answers, "Reader::facets", &[r#""shop","count":3"#, "user is hidden", "card.number is hidden"]);
    contains(&answers, "Reader::fields", &[r#""name":"amount","count":3,"values":3,"records":3"#]);
    contains(&answers, "Reader::first_seen", &["2026-01-02T03:04:0"]);
    contains(&answers, "Reader::record", &["no record has the id"]);
    for method in ["Figures::now", "Figures::watch"] {
        contains(
            &answers,
            method,
            &["\"limited\":true", r#""service":"shop","count":3"#, "\"records\":0", "\"services\":[]"],
        );
    }
    contains(&answers, "Views::list", &["[]"]);
    contains(&answers, "Views::address", &["no view is saved"]);
    let refused =
        ["Letters::", "Losses::", "Parts::", "Transfer::", "Views::save", "Views::remove", "Reader::preview_deletion"];
    let refused = |method: &str| refused.iter().any(|refused| method.starts_with(refused));
    for (method, answer) in answers.iter().filter(|(method, _)| refused(method)) {
        assert!(answer.contains("your access is limited"), "{method}: {answer}");
    }
}

/// The same questions find the word without the limits: otherwise the test above would show nothing.
#[tokio::test]
async fn without_limits_the_word_is_in_the_answers() {
    let answers = all_answers(&Sight::default()).await;
    for method in [
        "Reader::logs",
        "Reader::search",
        "Reader::recent",
        "Reader::pages",
        "Reader::facets",
        "Reader::fields",
        "Reader::patterns",
        "Reader::preview_redaction",
        "Reader::preview_deletion",
        "Reader::record",
        "Reader::context",
        "Tail::next",
        "Figures::now",
        "Figures::watch",
        "Views::list",
        "Views::address",
        "Letters::list",
        "Letters::page",
        "Letters::show",
        "Letters::payload",
        "Letters::lines",
        "Losses::rows",
        "Transfer::export",
    ] {
        contains(&answers, method, &[WORD]);
    }
    contains(&answers, "Reader::count", &["\"count\":6"]);
}

/// Goes over the sources, so that a new method is asked too.
#[tokio::test]
async fn every_public_method_is_asked() {
    let asked: BTreeSet<String> =
        all_answers(&Sight::default()).await.into_iter().map(|(method, _)| method.to_owned()).collect();
    let mut methods = BTreeSet::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
        let source = fs::read_to_string(entry.unwrap().path()).unwrap();
        let mut of = "";
        for line in source.lines() {
            if let Some(rest) = line.strip_prefix("impl ") {
                of = rest.split(|letter: char| !letter.is_alphanumeric()).next().unwrap();
            }
            let method = line.strip_prefix("    pub fn ").or_else(|| line.strip_prefix("    pub async fn "));
            let Some(method) = method.and_then(|rest| rest.split(['(', '<']).next()) else { continue };
            if !PARAMETERS.contains(&of) && !NO_QUESTIONS.contains(&method) {
                methods.insert(format!("{of}::{method}"));
            }
        }
    }
    assert!(methods.len() > 30, "{methods:?}");
    assert_eq!(asked, methods, "ask each public method in `all_answers`");
}

/// Checks that the answers of a method, together, have these parts.
fn contains(answers: &Answers, method: &str, parts: &[&str]) {
    let of_method: Vec<&str> =
        answers.iter().filter(|(name, _)| *name == method).map(|(_, answer)| answer.as_str()).collect();
    assert!(!of_method.is_empty(), "{method} was not asked");
    for part in parts {
        assert!(of_method.iter().any(|answer| answer.contains(part)), "{method} lacks {part}: {of_method:?}");
    }
}
