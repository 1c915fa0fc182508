//! The query language of the search box, the API and the tail.
//!
//! `parse` reads a query, `print` writes its canonical form, and `matches` defines its meaning. Every engine's own
//! evaluation must agree with [`Query::matches`] (invariant C7).
//!
//! ```text
//! timeout                 word: the message contains it, in any case ([`fold`])
//! "connection reset"      phrase: likewise
//! level:error             class of the severity; another word: the level itself
//! level>=warn             by severity
//! service:api,web         any of; whole values, case-sensitive
//! path:/api/*             prefix
//! status>=500             numeric; also status:>=500
//! user_id:*               exists
//! message:/re(gex)?/      regular expression
//! -health  NOT health     negation
//! user=alice              user:alice, or the text user=alice
//! status:[500 TO 599]     a range; a brace excludes its end, * leaves it open
//! a OR b, ( … )           AND is implied; NOT binds tighter than AND, AND than OR
//! *                       everything, like the empty query
//! ```
//!
//! # Syntax
//!
//! - `AND`, `OR` and `NOT` are operators in upper case only. A `-` directly before an operand negates it, except in
//!   `->`, `--flag` and alone.
//! - A word ends at a blank or at an unbalanced closing parenthesis, so `f(x)` is one word. A `*` around a word
//!   changes nothing.
//! - A word is a field test if it starts with a name and an operator: a letter, `_` or `@`, then letters, digits and
//!   `_ . - @ /`, then `:`, `<`, `<=`, `>` or `>=`. So `12:30:01` and `[::1]:80` are texts. A name followed by `://`
//!   or `::` is text as well. The value follows without a blank and may contain further colons: `path:/api/x:y`.
//! - Quotes make anything literal: a phrase, a value (`service:"a b"`, `"a b",c`, a prefix `"a b"*`) or a name
//!   (`"my key":1`). Inside quotes `\"` is a quote and `\\` a backslash. Any other backslash is literal.
//! - Some words of this form are texts, because people paste them from logs: IPv6 and MAC addresses, `C:\path`, and a
//!   label such as `error:` before a blank. A host with a port, a file with a line (`main.go:60`), a digest and an
//!   assignment (`user=alice`) match as either: the field test, or the text. Quotes around the name force a test;
//!   quotes around the whole force text.
//! - Syntax of other tools is accepted where it is unambiguous: `&&`, `||`, `!a`, `f:(a OR b)` for
//!   `f:a,b`, `_exists_:f` for `f:*`. For the rest, [`advise`] suggests the equivalent.
//! - A bare value is split at commas. A `*` at its end makes a prefix; elsewhere it must be quoted.
//! - A value between two slashes, of which the second ends it, is a regular expression. It may contain blanks, and
//!   `\/` is a slash. `/api/users` is not one, and neither is the quoted `"/api/"`.
//! - `message:a` is the word `a`; `message:a,b` is `(a OR b)`.
//! - A name is one of `level service node message trace_id span_id id`, or else an attribute key. The prefix `attr.`
//!   always selects an attribute.
//! - Levels are compared in lower case. The name of a class, `warning` and `err` mean the class; another word means
//!   the level's own text. Ids are compared in lower case.
//! - `trace_id` and `span_id` accept every form in which ids are sent ([`crate::trace`]). A value that cannot be an
//!   id is searched in `trace_id.original` and `span_id.original`.

mod advice;
mod ast;
#[cfg(feature = "regex")]
mod compile;
#[cfg(feature = "regex")]
mod compiled;
mod construct;
mod field;
pub mod fold;
mod fold_table;
mod highlight;
#[cfg(test)]
mod laws;
mod lex;
mod matches;
mod needle;
mod number;
mod parse;
mod pasted;
mod pattern;
mod print;
mod rewrite;
mod span;
mod term;
#[cfg(test)]
mod tests;

pub use advice::{Advice, Reason, advise};
pub use ast::{Comparison, Expr, Field, Query, Test};
pub use highlight::highlight;
pub use needle::Needle;
pub use number::parse_number;
pub use pattern::Pattern;
pub use span::{Span, SpanKind};

/// The reason why a query does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at character {position}; {hint}")]
pub struct ParseError {
    /// Offset in characters, from 0.
    pub position: usize,
    pub message: String,
    /// A suggested correction.
    pub hint: String,
}

/// The text is not a valid regular expression or exceeds a limit. The reason is shown to the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPattern(String);
