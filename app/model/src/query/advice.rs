//! Suggestions of what a query may have meant: text with a colon in it, or another tool's syntax.
//!
//! Without a suggestion, such a query returns no result and no explanation. Each suggestion names the part in
//! question and a complete query to try instead.

use super::{
    Field, Query,
    lex::{Lexer, RawTest, Token},
    print::quote,
    rewrite,
};

/// One alternative reading of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    pub reason: Reason,
    /// The part of the query in question, as written.
    pub part: String,
    /// The whole query, rewritten.
    pub query: String,
}

/// The reason for a suggestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The part was read as a field test. It may be meant as text.
    ReadAsField,
    /// The part uses the syntax of another tool.
    OtherSyntax,
    /// The query does not parse. The whole may be meant as text.
    Unreadable,
}

impl Advice {
    /// The suggestion as a sentence.
    pub fn message(&self) -> String {
        let Self { part, query, .. } = self;
        match self.reason {
            Reason::ReadAsField => {
                format!("{part} was read as a field test; to search for the text, quote it: {query}")
            }
            Reason::OtherSyntax => format!("this looks like another tool's syntax; the equivalent query is {query}"),
            Reason::Unreadable => format!("to search for this exact text, quote it: {query}"),
        }
    }
}

/// The number of field tests that are suggested as text. Each suggestion repeats the whole query.
const MOST_READ_AS_FIELDS: usize = 8;

/// Returns suggestions for `text`, the likeliest first; none for most queries.
pub fn advise(text: &str) -> Vec<Advice> {
    let text = text.trim();
    let parsed = Query::parse(text);
    let mut advice = Vec::new();
    if let Some(query) = rewrite::rewrite(text)
        && let Ok(rewritten) = Query::parse(&query)
        && parsed.as_ref() != Ok(&rewritten)
    {
        advice.push(Advice { reason: Reason::OtherSyntax, part: text.to_owned(), query });
    }
    match parsed {
        Ok(_) => advice.extend(read_as_fields(text)),
        Err(_) if Query::contains(text).to_string().len() <= crate::limits::QUERY_BYTES => {
            let query = Query::contains(text).to_string();
            advice.push(Advice { reason: Reason::Unreadable, part: text.to_owned(), query });
        }
        Err(_) => {}
    }
    advice
}

/// Suggests text for the first attribute tests whose names are unquoted.
fn read_as_fields(text: &str) -> Vec<Advice> {
    let mut lexer = Lexer::new(text);
    let mut advice = Vec::new();
    while let Ok(Some((start, token))) = lexer.next() {
        let Token::Test(RawTest { name, .. }) = token else { continue };
        let end = lexer.spans.last().map_or(start, |span| span.end);
        let Some(part) = text.get(start..end) else { continue };
        if Field::is_built_in(&name) || part.starts_with('"') {
            continue;
        }
        let query = format!("{}{}{}", &text[..start], quote(part), &text[end..]);
        advice.push(Advice { reason: Reason::ReadAsField, part: part.to_owned(), query });
        if advice.len() == MOST_READ_AS_FIELDS {
            break;
        }
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advised(text: &str) -> Vec<(Reason, String)> {
        advise(text).into_iter().map(|advice| (advice.reason, advice.query)).collect()
    }

    #[test]
    fn a_test_of_an_attribute_is_offered_as_text() {
        for (written, queries) in [
            ("timeout:30s", vec!["\"timeout:30s\""]),
            ("a nginx:1.25.3 b", vec!["a \"nginx:1.25.3\" b"]),
            ("-api:8080 (x OR redis:6379)", vec!["-\"api:8080\" (x OR redis:6379)", "-api:8080 (x OR \"redis:6379\")"]),
            ("k:\"a b\"", vec!["\"k:\\\"a b\\\"\""]),
            ("x:1,2", vec!["\"x:1,2\""]),
            ("\"x\":1 service:api level:error timeout", vec![]),
            ("", vec![]),
        ] {
            let expected: Vec<_> = queries.into_iter().map(|query| (Reason::ReadAsField, query.to_owned())).collect();
            assert_eq!(advised(written), expected, "{written}");
        }
    }

    #[test]
    fn offers_are_bounded() {
        assert_eq!(advise(&"a:b ".repeat(1_000)).len(), MOST_READ_AS_FIELDS);
    }

    #[test]
    fn what_cannot_be_read_is_offered_as_text() {
        for (written, query) in
            [("Foo.java:42)", "\"Foo.java:42)\""), ("a:b*c", "\"a:b*c\""), ("say \"hi", "\"say \\\"hi\"")]
        {
            assert_eq!(advised(written), [(Reason::Unreadable, query.to_owned())], "{written}");
        }
        assert_eq!(advise(&"(".repeat(crate::limits::QUERY_BYTES)), []);
    }

    #[test]
    fn another_tools_syntax_is_offered_as_ours() {
        for (written, query) in [
            ("level != error", "-level:error"),
            ("level!=error", "-level:error"),
            ("level = error", "level:error"),
            ("level == \"error\" and service = 'my api'", "level:\"error\" AND service:\"my api\""),
            ("status >= 500", "status>=500"),
            ("level : error", "level:error"),
            ("timeout and not health", "timeout AND NOT health"),
            ("a or b", "a OR b"),
            (
                "{service=\"api\", level!=\"info\"} |= \"time out\" != \"health\"",
                "service:\"api\" -level:\"info\" \"time out\" -\"health\"",
            ),
            ("{app=~\"a.*\"} |~ \"x/y\" !~ \"z\"", "app:/a.*/ message:/x\\/y/ -message:/z/"),
            ("status in (500, 502)", "status:500,502"),
            ("service.name:api severity:error", "service:api level:error"),
            ("host.name=web-1", "node:web-1"),
            ("level:'error'", "level:\"error\""),
            ("message like '%time out%'", "\"time out\""),
            ("where level = 'error'", "level:\"error\""),
        ] {
            let got = advised(written);
            assert_eq!(got.first(), Some(&(Reason::OtherSyntax, query.to_owned())), "{written}: {got:?}");
        }
        for ours in ["level:error timeout", "\"a and b\"", "a AND b", "x != ", "it's a 'quoted' word", "{\"a\":1}"] {
            assert!(
                advised(ours).iter().all(|(reason, _)| *reason != Reason::OtherSyntax),
                "{ours}: {:?}",
                advised(ours)
            );
        }
    }
}
