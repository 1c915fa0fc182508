//! Marking in a message what the query looked for.

use model::{Query, query::Expr};

/// The words and phrases that the query demands, lower-cased.
pub(crate) fn terms(text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    collect(&Query::parse_or_text(text).0.expr, &mut terms);
    terms
}

fn collect(expr: &Expr, terms: &mut Vec<String>) {
    match expr {
        Expr::Contains(text) => terms.push(text.to_ascii_lowercase()),
        Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| collect(part, terms)),
        Expr::All | Expr::Not(_) | Expr::Field(..) => {}
    }
}

/// Cuts `message` into pieces; true where a piece is one of the terms.
pub(crate) fn pieces<'a>(message: &'a str, terms: &[String]) -> Vec<(bool, &'a str)> {
    let mut pieces = Vec::new();
    let lower = if terms.is_empty() { String::new() } else { message.to_ascii_lowercase() };
    let mut from = 0;
    while from < message.len() {
        // ASCII lower-casing keeps every byte in its place.
        let rest = lower.get(from..).unwrap_or_default();
        let found = terms.iter().filter_map(|term| rest.find(term.as_str()).map(|at| (at, term.len()))).min();
        let Some((at, length)) = found.filter(|found| found.1 > 0) else { break };
        let (start, end) = (from + at, from + at + length);
        if at > 0 {
            pieces.push((false, message.get(from..start).unwrap_or_default()));
        }
        pieces.push((true, message.get(start..end).unwrap_or_default()));
        from = end;
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
        let terms = ["timeout".to_owned(), "디비".to_owned()];
        for (message, marked) in [
            ("TimeOut after timeout", vec!["TimeOut", "timeout"]),
            ("한글 디비 timeout", vec!["디비", "timeout"]),
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
