//! Highlights the query's terms in a message.

use model::{
    Query,
    query::{Expr, Needle},
};

/// The words and phrases that the query requires.
pub(crate) fn terms(text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    collect(Query::parse_or_text(text).0.expr, &mut terms);
    terms
}

fn collect(expr: Expr, terms: &mut Vec<String>) {
    match expr {
        Expr::Contains(text) => terms.push(text),
        Expr::And(parts) | Expr::Or(parts) => parts.into_iter().for_each(|part| collect(part, terms)),
        Expr::All | Expr::Not(_) | Expr::Field(..) => {}
    }
}

/// Splits `message` into pieces; `true` marks a term, case-insensitively.
pub(crate) fn pieces<'a>(message: &'a str, terms: &[String]) -> Vec<(bool, &'a str)> {
    let needles: Vec<Needle<'_>> = terms.iter().map(|term| Needle::new(term)).collect();
    let mut pieces = Vec::new();
    let mut from = 0;
    while from < message.len() {
        let found = needles
            .iter()
            .filter_map(|needle| needle.find(message.as_bytes(), from))
            .min_by_key(|found| (found.start, found.end));
        let Some(found) = found.filter(|found| !found.is_empty()) else { break };
        if found.start > from {
            pieces.push((false, message.get(from..found.start).unwrap_or_default()));
        }
        pieces.push((true, message.get(found.clone()).unwrap_or_default()));
        from = found.end;
    }
    if from < message.len() {
        pieces.push((false, message.get(from..).unwrap_or_default()));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_to_the_message_and_mark_each_term() {
        let terms = terms("timeout OR 디비 OR οδός OR \"K s\"");
        for (message, marked) in [
            ("TimeOut after timeout", vec!["TimeOut", "timeout"]),
            ("한글 디비 timeout", vec!["디비", "timeout"]),
            ("η ΟΔΌΣ και οδός", vec!["ΟΔΌΣ", "οδός"]),
            ("300 \u{212a} \u{17f}", vec!["\u{212a} \u{17f}"]),
            ("nothing", vec![]),
            ("", vec![]),
        ] {
            let pieces = pieces(message, &terms);
            assert_eq!(pieces.iter().map(|piece| piece.1).collect::<String>(), message);
            assert_eq!(pieces.iter().filter(|piece| piece.0).map(|piece| piece.1).collect::<Vec<_>>(), marked);
        }
        assert_eq!(pieces("abc", &[]), [(false, "abc")]);
    }
}
