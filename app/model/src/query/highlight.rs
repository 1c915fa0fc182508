//! The spans of a query, for highlighting and completion in the search box.

use super::{
    ParseError,
    lex::Lexer,
    parse,
    span::{Span, SpanKind},
};

/// Splits any text into query spans, in order and without overlap. If the text does not parse, one span is an error,
/// unless the text is only incomplete.
pub fn highlight(text: &str) -> Vec<Span> {
    let mut lexer = Lexer::new(text);
    let Err(error) = parse::parse(text, &mut lexer) else { return lexer.spans };

    // The parser has stopped, but the rest can still be highlighted.
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
        // The error may be at the end of a partly read token.
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
