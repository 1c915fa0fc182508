//! The query language: one small language for the search box, the API, the tail
//! and alerts.
//!
//! `parse` reads it, `print` writes it in its one canonical form, `matches` is what
//! it means. Every engine's own evaluation must agree with [`Matcher`] (invariant C7).
//!
//! ```text
//! timeout                 word: the message contains it, ASCII case-insensitively
//! "connection reset"      phrase: likewise
//! level:error             class of the severity; another word: the level itself
//! level>=warn             by severity
//! service:api,web         any of; whole values, case-sensitive
//! path:/api/*             prefix
//! status>=500             numeric
//! user_id:*               exists
//! message:/re(gex)?/      regular expression
//! -health  NOT health     negation
//! a OR b, ( … )           AND is implied
//! ```

mod ast;

pub use ast::{Comparison, Expr, Field, Pattern, Query, Test};

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
