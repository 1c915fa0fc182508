//! The parser: recursive descent over the tokens, limited in length and depth.

use super::{
    Expr, ParseError, Query,
    lex::{Lexer, RawTest, RawValue, Token},
    term,
};
use crate::limits::{QUERY_BYTES, QUERY_DEPTH, QUERY_PATTERNS};

impl Query {
    /// Parses a query. The empty query matches everything.
    ///
    /// # Errors
    /// Returns the position and a correction, also for more than [`QUERY_BYTES`] bytes, nesting deeper than
    /// [`QUERY_DEPTH`] or more regular expressions than [`QUERY_PATTERNS`]. The regular expressions are not compiled
    /// yet: see [`Query::compile`].
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(text);
        parse(text, &mut lexer).map(|expr| Self { expr })
    }

    /// Parses a query. Text that does not parse becomes a search for the text in the message, returned with the
    /// error. Only the first [`QUERY_BYTES`] bytes of a longer text are used.
    pub fn parse_or_text(text: &str) -> (Self, Option<ParseError>) {
        match Self::parse(text) {
            Ok(query) => (query, None),
            Err(error) => {
                let text = &text[..text.floor_char_boundary(QUERY_BYTES)];
                (Self::contains(text.trim()), Some(error))
            }
        }
    }
}

/// Parses the whole of `text`. Leaves the spans of what was read in `lexer`.
pub(super) fn parse(text: &str, lexer: &mut Lexer<'_>) -> Result<Expr, ParseError> {
    if text.len() > QUERY_BYTES {
        let message = format!("the query has {} bytes; the limit is {QUERY_BYTES}", text.len());
        return Err(lexer.error(text.floor_char_boundary(QUERY_BYTES), message, "shorten it"));
    }
    let mut parser = Parser { next: None, end: text.len(), patterns: 0, lexer };
    parser.advance()?;
    if parser.next.is_none() {
        return Ok(Expr::All);
    }
    let expr = parser.or(0)?;
    match parser.next {
        // Only a closing parenthesis can remain; anything else is read as an operand.
        Some((at, _)) => Err(parser.lexer.error(
            at,
            "a closing parenthesis has no opening one",
            "remove it, or put the text in quotes",
        )),
        None => Ok(expr),
    }
}

struct Parser<'p, 'a> {
    lexer: &'p mut Lexer<'a>,
    /// The lookahead token and its offset.
    next: Option<(usize, Token)>,
    end: usize,
    /// The number of regular expressions so far.
    patterns: usize,
}

impl Parser<'_, '_> {
    fn advance(&mut self) -> Result<Option<(usize, Token)>, ParseError> {
        let following = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.next, following))
    }

    fn or(&mut self, depth: usize) -> Result<Expr, ParseError> {
        let mut operands = vec![self.and(depth)?];
        while let Some((_, Token::Or)) = self.next {
            self.advance()?;
            operands.push(self.and(depth)?);
        }
        Ok(Expr::or(operands))
    }

    fn and(&mut self, depth: usize) -> Result<Expr, ParseError> {
        let mut operands = vec![self.operand(depth)?];
        loop {
            match self.next {
                None | Some((_, Token::Or | Token::Close)) => return Ok(Expr::and(operands)),
                Some((_, Token::And)) => {
                    self.advance()?;
                }
                Some(_) => {}
            }
            operands.push(self.operand(depth)?);
        }
    }

    fn operand(&mut self, depth: usize) -> Result<Expr, ParseError> {
        let at = self.next.as_ref().map_or(self.end, |(at, _)| *at);
        if depth > QUERY_DEPTH {
            let message = format!("parentheses and negations are nested deeper than {QUERY_DEPTH}");
            return Err(self.lexer.error(at, message, "reduce the nesting"));
        }
        match self.advance()?.map(|(_, token)| token) {
            Some(Token::Text(text)) => Ok(Expr::contains(&text)),
            Some(Token::Test(test)) => self.test(test, at, depth),
            Some(Token::Either(test, text)) => {
                let test = term::build(test, self.lexer)?;
                self.printable(Expr::or([test, Expr::contains(&text)]), at, depth)
            }
            Some(Token::Not) => Ok(Expr::not(self.operand(depth + 1)?)),
            Some(Token::Open) => {
                let expr = self.or(depth + 1)?;
                match self.advance()? {
                    Some((_, Token::Close)) => Ok(expr),
                    _ => Err(self.lexer.error(at, "a parenthesis is not closed", "put a ) at the end of the group")),
                }
            }
            Some(Token::And | Token::Or) => Err(self.lexer.error(
                at,
                "an operator has no left operand",
                "put \"AND\" or \"OR\" in quotes to look for the word",
            )),
            Some(Token::Close) => Err(self.lexer.error(
                at,
                "an expression is missing before the parenthesis",
                "add an expression, or remove it",
            )),
            None => {
                Err(self.lexer.error(at, "the query is incomplete", "add an expression, or remove the last operator"))
            }
        }
    }

    fn test(&mut self, test: RawTest, at: usize, depth: usize) -> Result<Expr, ParseError> {
        self.patterns += usize::from(matches!(test.value, RawValue::Regex(_)));
        if self.patterns > QUERY_PATTERNS {
            let message = format!("a query may have at most {QUERY_PATTERNS} regular expressions");
            return Err(self.lexer.error(at, message, "join some, as in /a|b/, or look for words"));
        }
        let expr = term::build(test, self.lexer)?;
        self.printable(expr, at, depth)
    }

    /// Refuses a test that prints as a group, such as `message:a,b`, if the group would be nested too deeply to parse
    /// again.
    fn printable(&self, expr: Expr, at: usize, depth: usize) -> Result<Expr, ParseError> {
        if matches!(expr, Expr::Or(_) | Expr::And(_)) && depth >= QUERY_DEPTH {
            let message = format!("parentheses and negations are nested deeper than {QUERY_DEPTH}");
            return Err(self.lexer.error(at, message, "reduce the nesting"));
        }
        Ok(expr)
    }
}
