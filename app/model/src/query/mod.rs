//! The query language: one small language for the search box, the API, the tail
//! and alerts.
//!
//! `parse` reads it, `print` writes it in its one canonical form, `matches` is what
//! it means. Every engine's own evaluation must agree with [`Query::matches`]
//! (invariant C7).
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
//! # How it is written
//!
//! - `AND`, `OR` and `NOT` are operators in upper case only. A `-` negates what it
//!   stands directly before, except in `->`, `--flag` and alone.
//! - A word ends at a blank or at a parenthesis it did not open, so `f(x)` is one
//!   word; `*` around a word changes nothing.
//! - A word is a test of a field where a name and an operator start it: a letter, `_`
//!   or `@`, then letters, digits and `_ . - @ /`, then `:`, `<`, `<=`, `>` or `>=`. So
//!   `12:30:01` and `[::1]:80` are texts, and so is what has `://` or `::` after the
//!   name. The value, which follows without a blank, may hold further colons:
//!   `path:/api/x:y`.
//! - Quotes make a text of anything: a phrase, a value (`service:"a b"`, `"a b",c`, a
//!   prefix `"a b"*`) or a name (`"my key":1`). Inside them `\"` is a quote and `\\` a
//!   backslash; before anything else, and everywhere outside quotes, a backslash is
//!   itself.
//! - Some words of that shape are texts, because people paste them from a log: IPv6 and
//!   MAC addresses, `C:\path`, and a label such as `error:` before a blank. A host with a
//!   port, a file with a line (`main.go:60`), a digest and an assignment (`user=alice`)
//!   are either: the test of a field, or the text. Quotes around the name make a test,
//!   quotes around the whole make a text.
//! - What other tools write is understood where it means nothing else: `&&`, `||`, `!a`,
//!   `f:(a OR b)` for `f:a,b`, `_exists_:f` for `f:*`. For the rest, [`advise`] has ours.
//! - A bare value is split at commas. A `*` at its end makes a prefix, elsewhere it
//!   needs quotes.
//! - A value from one slash to a next one that ends it is a regular expression, with
//!   blanks if need be and `\/` for a slash; `/api/users` is none, and `"/api/"` with
//!   quotes is none either.
//! - `message:a` is the word `a`; `message:a,b` is `(a OR b)`.
//! - A name is one of `level service node message trace_id span_id id` or else an
//!   attribute's key; `attr.` in front always names an attribute.
//! - Levels are compared in lower case: a class's name, `warning` and `err` mean the
//!   class, another word the level's own text. Ids are compared in lower case.
//! - `trace_id` and `span_id` take every form that an id is sent in ([`crate::trace`]); what
//!   cannot be one is looked for in `trace_id.original` and `span_id.original`.

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

/// Why a query does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at character {position}; {hint}")]
pub struct ParseError {
    /// In characters, from 0.
    pub position: usize,
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

/// The text is no regular expression that may be used; the reason is for the reader.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPattern(String);
