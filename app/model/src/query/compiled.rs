//! Compiled regular expressions and their memory limits.

use regex_automata::meta::{self, BuildError};
use regex_syntax::hir::{Hir, HirKind};

use super::InvalidPattern;
use crate::limits::QUERY_PATTERN_BYTES;

/// The lazy DFA cache of each thread for all patterns of one query, in bytes; and the minimum per pattern for
/// acceptable speed.
const STATES_BYTES: usize = 4 << 20;
const LEAST_STATES_BYTES: usize = 256 << 10;

/// The memory limits of a pattern.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes of the compiled form.
    pub(super) bytes: usize,
    /// Bytes of DFA cache per thread.
    states: usize,
}

impl Limits {
    /// The limits of each pattern in a query of `patterns` patterns, before any is compiled.
    pub(super) fn of_query(patterns: usize) -> Self {
        let states = (STATES_BYTES / patterns.max(1)).max(LEAST_STATES_BYTES);
        Self { bytes: QUERY_PATTERN_BYTES, states }
    }
}

/// A compiled regular expression. The default matches nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Compiled {
    regex: Option<meta::Regex>,
    literal: Option<String>,
    bytes: usize,
}

impl Compiled {
    /// Compiles `source`. A hostile source takes up to some hundred milliseconds.
    pub(super) fn new(source: &str, limits: Limits) -> Result<Self, InvalidPattern> {
        let hir = regex_syntax::parse(source).map_err(|error| InvalidPattern(reason(&error)))?;
        let config = meta::Config::new().nfa_size_limit(Some(limits.bytes)).hybrid_cache_capacity(limits.states);
        let regex = meta::Builder::new().configure(config).build_from_hir(&hir).map_err(|error| refused(&error))?;
        let bytes = regex.memory_usage();
        if bytes > limits.bytes {
            return Err(too_large());
        }
        Ok(Self { literal: required_literal(&hir), regex: Some(regex), bytes })
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex.as_ref().is_some_and(|regex| regex.is_match(text))
    }

    pub(super) fn literal(&self) -> Option<&str> {
        self.literal.as_deref()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

fn refused(error: &BuildError) -> InvalidPattern {
    match (error.size_limit(), error.syntax_error()) {
        (Some(_), _) => too_large(),
        (None, Some(error)) => InvalidPattern(reason(error)),
        (None, None) => InvalidPattern(error.to_string()),
    }
}

fn too_large() -> InvalidPattern {
    InvalidPattern(format!(
        "the compiled regular expressions of a query may take {} MiB together; repeat less, or prefix (?-u) if ASCII \
         is enough",
        QUERY_PATTERN_BYTES >> 20
    ))
}

/// The last line of the crate's message. The lines before it draw the expression.
fn reason(error: &regex_syntax::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// The longest literal, of at least two bytes, that every match contains.
fn required_literal(hir: &Hir) -> Option<String> {
    fn visit<'h>(hir: &'h Hir, longest: &mut Option<&'h str>) {
        match hir.kind() {
            HirKind::Literal(literal) => {
                if let Ok(text) = std::str::from_utf8(&literal.0)
                    && text.len() > longest.map_or(1, str::len)
                {
                    *longest = Some(text);
                }
            }
            HirKind::Capture(capture) => visit(&capture.sub, longest),
            HirKind::Repetition(repetition) if repetition.min > 0 => visit(&repetition.sub, longest),
            HirKind::Concat(parts) => parts.iter().for_each(|part| visit(part, longest)),
            HirKind::Empty
            | HirKind::Class(_)
            | HirKind::Look(_)
            | HirKind::Repetition(_)
            | HirKind::Alternation(_) => {}
        }
    }
    let mut longest = None;
    visit(hir, &mut longest);
    longest.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_text_of_every_match_is_found() {
        for (pattern, literal) in [
            ("timeout", Some("timeout")),
            ("^conn(ection)? reset by (peer)+$", Some(" reset by ")),
            ("(order) \\d+ shipped", Some(" shipped")),
            ("a|b", None),
            ("(?i)timeout", None),
            ("(timeout)?", None),
            ("x", None),
            (".*", None),
        ] {
            assert_eq!(Compiled::new(pattern, Limits::of_query(1)).unwrap().literal(), literal, "{pattern}");
        }
    }
}
