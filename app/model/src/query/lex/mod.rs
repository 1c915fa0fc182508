//! The lexer: splits a query into tokens and highlighted spans.

mod value;

use super::{
    Comparison, Field, ParseError,
    pasted::{self, Pasted},
    span::{Span, SpanKind},
};
use value::range_length;

/// One token. Texts are unquoted and unescaped.
#[derive(Debug)]
pub(super) enum Token {
    Open,
    Close,
    And,
    Or,
    /// `NOT`, or a prefix `-`.
    Not,
    /// A word or phrase. The empty text matches everything: `*` or `""`.
    Text(String),
    Test(RawTest),
    /// Either a field test or this text: `user=alice`, `localhost:8080`.
    Either(RawTest, String),
}

/// A field test as written; [`super::term`] interprets it.
#[derive(Debug)]
pub(super) struct RawTest {
    pub(super) name: String,
    /// The byte offset of the value in the query.
    pub(super) value_at: usize,
    pub(super) value: RawValue,
}

/// The value after the operator.
#[derive(Debug)]
pub(super) enum RawValue {
    /// `*`
    Any,
    /// `a`, `"a"`, `a,b`
    List(Vec<String>),
    /// `a*`
    Prefix(String),
    /// `*a*`
    Around(String),
    /// `/a/`, without the slashes and with its escapes unchanged.
    Regex(String),
    /// After `<`, `<=`, `>` or `>=`.
    Compare(Comparison, String),
    /// `[a TO b]`; a brace excludes its end, and `*` leaves it open.
    Between(Option<(Comparison, String)>, Option<(Comparison, String)>),
}

/// Reads tokens from left to right and records their spans.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    pub(super) spans: Vec<Span>,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, spans: Vec::new() }
    }

    /// The next token and its byte offset; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(usize, Token)>, ParseError> {
        self.at = self.text.len() - self.remaining().trim_start().len();
        let start = self.at;
        let rest = self.remaining();
        let token = match rest.chars().next() {
            None => return Ok(None),
            Some('(') => self.take(1, SpanKind::Paren, Token::Open),
            Some(')') => self.take(1, SpanKind::Paren, Token::Close),
            Some('-') if negates(rest) => self.take(1, SpanKind::Negation, Token::Not),
            Some('!') if starts_operand(&rest[1..]) => self.take(1, SpanKind::Negation, Token::Not),
            Some('"') => {
                let text = self.quoted()?;
                if operator(self.remaining()).is_some() {
                    self.test(start, text)?
                } else {
                    self.span(start, SpanKind::Text);
                    Token::Text(text)
                }
            }
            Some(_) => match name_length(rest) {
                Some(length) => self.named_word(start, length)?,
                None => self.word(),
            },
        };
        Ok(Some((start, token)))
    }

    fn remaining(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn span(&mut self, start: usize, kind: SpanKind) {
        self.spans.push(Span { start, end: self.at, kind });
    }

    fn take(&mut self, length: usize, kind: SpanKind, token: Token) -> Token {
        let start = self.at;
        self.at += length;
        self.span(start, kind);
        token
    }

    /// Reads a word that starts with a field name of `length` bytes and an operator.
    fn named_word(&mut self, start: usize, length: usize) -> Result<Token, ParseError> {
        let rest = self.remaining();
        let name = rest[..length].to_owned();
        let word = &rest[..run_length(rest, false)];
        let text = || word.trim_matches('*').to_owned();
        match rest.as_bytes().get(length) {
            // Assignment, as in logfmt and other query languages.
            Some(b'=') => {
                self.at += length;
                self.span(start, SpanKind::Field);
                let operator = word[length..].len() - word[length..].trim_start_matches('=').len();
                self.at += operator;
                self.span(start + length, SpanKind::Operator);
                let value_at = self.at;
                let (value, _) = self.element(false)?;
                self.span(value_at, SpanKind::Value);
                let text = self.text[start..self.at].to_owned();
                Ok(Token::Either(RawTest { name, value_at, value: RawValue::List(vec![value]) }, text))
            }
            Some(b':') if name == "_exists_" => {
                let Token::Test(RawTest { value_at, value: RawValue::List(mut names), .. }) =
                    self.test_at(start, length, name)?
                else {
                    return Err(self.error(
                        start,
                        "a name is missing",
                        "write field:* for records that have the field",
                    ));
                };
                Ok(Token::Test(RawTest { name: names.swap_remove(0), value_at, value: RawValue::Any }))
            }
            Some(b':') => match pasted::classify(word, length) {
                Some(Pasted::Text) => Ok(self.take(word.len(), SpanKind::Text, Token::Text(text()))),
                Some(Pasted::Either) => {
                    let value = word[length + 1..].trim_end_matches([',', ';', '.', ']', '\'']).to_owned();
                    let test = RawTest { name, value_at: start + length + 1, value: RawValue::List(vec![value]) };
                    Ok(self.take(word.len(), SpanKind::Text, Token::Either(test, text())))
                }
                // `error: connection refused`
                None if is_label(&rest[length..]) && !Field::is_built_in(&name) => {
                    Ok(self.take(length + 1, SpanKind::Text, Token::Text(rest[..=length].to_owned())))
                }
                None => self.test_at(start, length, name),
            },
            _ => self.test_at(start, length, name),
        }
    }

    fn test_at(&mut self, start: usize, length: usize, name: String) -> Result<Token, ParseError> {
        self.at += length;
        self.test(start, name)
    }

    fn word(&mut self) -> Token {
        let word = &self.remaining()[..run_length(self.remaining(), false)];
        match word {
            "&&" => self.take(word.len(), SpanKind::Operator, Token::And),
            "||" => self.take(word.len(), SpanKind::Operator, Token::Or),
            "AND" => self.take(word.len(), SpanKind::Operator, Token::And),
            "OR" => self.take(word.len(), SpanKind::Operator, Token::Or),
            "NOT" => self.take(word.len(), SpanKind::Negation, Token::Not),
            // Wildcards around a word do not change a substring search.
            _ => self.take(word.len(), SpanKind::Text, Token::Text(word.trim_matches('*').to_owned())),
        }
    }

    /// Reads the operator and value after a field name that starts at `start`.
    fn test(&mut self, start: usize, name: String) -> Result<Token, ParseError> {
        self.span(start, SpanKind::Field);
        let (length, comparison) = operator(self.remaining()).unwrap_or_default();
        let operator_at = self.at;
        self.at += length;
        self.span(operator_at, SpanKind::Operator);
        let value_at = self.at;
        match self.remaining().chars().next() {
            None | Some(')') => return Err(self.value_missing(operator_at)),
            Some(next) if next.is_whitespace() => return Err(self.value_missing(operator_at)),
            Some(_) => {}
        }
        let value = match (comparison, self.remaining().as_bytes()) {
            (Some(comparison), _) => RawValue::Compare(comparison, self.element(false)?.0),
            (None, [b'(', ..]) => self.group()?,
            (None, [b'[' | b'{', ..]) if range_length(self.remaining()).is_some() => self.between(),
            (None, _) => self.value()?,
        };
        self.span(value_at, SpanKind::Value);
        Ok(Token::Test(RawTest { name, value_at, value }))
    }

    /// Reads a quoted text. `\"` and `\\` are escapes; a backslash before any other character is literal.
    fn quoted(&mut self) -> Result<String, ParseError> {
        let mut text = String::new();
        let mut characters = self.remaining().char_indices().skip(1).peekable();
        while let Some((place, character)) = characters.next() {
            match character {
                '"' => {
                    self.at += place + 1;
                    return Ok(text);
                }
                '\\' => {
                    text.push(characters.next_if(|(_, next)| matches!(next, '"' | '\\')).map_or('\\', |(_, next)| next))
                }
                _ => text.push(character),
            }
        }
        Err(self.error(self.at, "a quote is not closed", "put a \" at the end of the phrase"))
    }

    fn value_missing(&self, operator_at: usize) -> ParseError {
        self.error(
            operator_at,
            "a value is missing",
            "write the value right after the operator, or put the text in quotes",
        )
    }

    pub(super) fn error(&self, at: usize, message: impl Into<String>, hint: impl Into<String>) -> ParseError {
        ParseError { position: self.text[..at].chars().count(), message: message.into(), hint: hint.into() }
    }
}

/// Whether a value may end at the start of `rest`.
fn ends_value(rest: &str) -> bool {
    rest.chars().next().is_none_or(|next| next.is_whitespace() || next == ')')
}

/// Whether the leading `-` is a negation: not in `->`, `--flag` or alone.
fn negates(rest: &str) -> bool {
    rest[1..].chars().next().is_some_and(|next| !next.is_whitespace() && !matches!(next, '-' | '>' | ')'))
}

/// Whether a `!` before `rest` is a negation: not in `!=` and `!!`.
fn starts_operand(rest: &str) -> bool {
    rest.starts_with(|next: char| next.is_alphanumeric() || matches!(next, '_' | '@' | '"' | '('))
}

/// Whether `rest` is the colon of a label, as in `error: connection refused`.
fn is_label(rest: &str) -> bool {
    rest.strip_prefix(':').is_some_and(|rest| rest.starts_with(char::is_whitespace) && !rest.trim().is_empty())
}

/// The length of the leading field name, if an operator follows. A name followed by `://` or `::` is the start of a
/// URL or a code path.
fn name_length(rest: &str) -> Option<usize> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@' | '/');
    if !rest.starts_with(|first: char| first.is_alphabetic() || matches!(first, '_' | '@')) {
        return None;
    }
    let length = rest.find(|c| !is_name(c))?;
    let after = &rest[length..];
    let is_text = after.starts_with("://") || after.starts_with("::") || rest[..length].ends_with('-');
    (!is_text && (operator(after).is_some() || assigns(after))).then_some(length)
}

/// Whether `rest` is an assignment with a value: not in `a=`, `a=>b` and `YWI==`.
fn assigns(rest: &str) -> bool {
    let value = rest.trim_start_matches('=');
    (1..=2).contains(&(rest.len() - value.len()))
        && !value.starts_with(|next: char| next.is_whitespace() || matches!(next, ')' | '>' | '~'))
        && !value.is_empty()
}

/// The length of the leading operator, and its comparison.
fn operator(rest: &str) -> Option<(usize, Option<Comparison>)> {
    let colon = usize::from(rest.starts_with(':'));
    let (length, comparison) = match rest.as_bytes().get(colon..)? {
        [b'<', b'=', ..] => (2, Some(Comparison::LessOrEqual)),
        [b'>', b'=', ..] => (2, Some(Comparison::GreaterOrEqual)),
        [b'<', ..] => (1, Some(Comparison::Less)),
        [b'>', ..] => (1, Some(Comparison::Greater)),
        _ if colon == 1 => (0, None),
        _ => return None,
    };
    Some((colon + length, comparison))
}

/// The length of the leading bare word or value. It ends at a blank, at an unbalanced closing parenthesis, or, in a
/// list, at a comma.
fn run_length(rest: &str, in_list: bool) -> usize {
    let mut opened = 0_usize;
    for (place, character) in rest.char_indices() {
        match character {
            '(' if matches!(&rest[..place], "AND" | "OR" | "NOT") => return place,
            '(' => opened += 1,
            ')' if opened == 0 => return place,
            ')' => opened -= 1,
            ',' if in_list => return place,
            _ if character.is_whitespace() => return place,
            _ => {}
        }
    }
    rest.len()
}
