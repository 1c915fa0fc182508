//! The spans of a query, for a search box that colours and completes.

use super::{
    ParseError,
    lex::Lexer,
    parse,
    span::{Span, SpanKind},
};

/// Splits any text into the spans of a query, in order and without overlap; where it
/// does not parse, one of them is an error, unless it only ends too early.
pub fn highlight(text: &str) -> Vec<Span> {
    let mut lexer = Lexer::new(text);
    let Err(error) = parse::parse(text, &mut lexer) else { return lexer.spans };

    // The parser has stopped, but what follows can still be coloured.
    let mut lexer = Lexer::new(text);
    let unreadable = loop {
        match lexer.next() {
            Ok(Some(_)) => {}
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    let mut spans = lexer.spans;
    if let Some(error) = unreadable {
        let error_at = byte_of(text, &error);
        spans.retain(|span| span.end <= error_at);
        // The error may lie at the end of what was half read.
        let read = spans.last().map_or(0, |span| span.end);
        let start = text.len() - text[read..].trim_start().len();
        spans.extend((start < text.len()).then_some(Span { start, end: text.len(), kind: SpanKind::Error }));
    }
    let error_at = byte_of(text, &error);
    if let Some(span) = spans.iter_mut().find(|span| span.range().contains(&error_at)) {
        span.kind = SpanKind::Error;
    }
    spans
}

fn byte_of(text: &str, error: &ParseError) -> usize {
    text.char_indices().nth(error.position).map_or(text.len(), |(at, _)| at)
}
