//! Compiled regular expressions, and how much memory those of one query may take.

use regex_automata::meta::{self, BuildError};
use regex_syntax::hir::{Hir, HirKind};

use super::{Expr, InvalidPattern, Pattern, Query, Test};
use crate::limits::{QUERY_PATTERN_BYTES, QUERY_PATTERNS};

/// The states that a thread keeps while it runs the patterns of one query, in bytes for each
/// thread, and the least that one pattern needs to be quick.
const STATES_BYTES: usize = 4 << 20;
const LEAST_STATES_BYTES: usize = 256 << 10;

/// How much memory a pattern may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Compiled.
    bytes: usize,
    /// For each thread that runs it.
    states: usize,
}

impl Limits {
    /// What one of so many patterns of a query may take, before any of them is compiled.
    pub(super) fn of_query(patterns: usize) -> Self {
        let states = (STATES_BYTES / patterns.max(1)).max(LEAST_STATES_BYTES);
        Self { bytes: QUERY_PATTERN_BYTES, states }
    }
}

/// A regular expression that can be run; the default matches nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Compiled {
    regex: Option<meta::Regex>,
    literal: Option<String>,
    bytes: usize,
}

impl Compiled {
    /// Compiles `source`, which takes up to some hundred milliseconds for a hostile one.
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

impl Query {
    /// Whether [`Query::compile`] has something to do.
    pub fn has_patterns(&self) -> bool {
        !self.patterns().is_empty()
    }

    /// Compiles the regular expressions, all within [`QUERY_PATTERN_BYTES`]. A hostile one
    /// takes some hundred milliseconds of a core: not on a thread that others wait for.
    ///
    /// # Errors
    /// Names the expression that is not valid, or is one too many, and the way out.
    pub fn compile(&self) -> Result<(), InvalidPattern> {
        let patterns = self.patterns();
        if patterns.len() > QUERY_PATTERNS {
            let reason = format!(
                "{} regular expressions are too many; a query may have {QUERY_PATTERNS}, and one may have many \
                 alternatives, as in /a|b/",
                patterns.len()
            );
            return Err(InvalidPattern(reason));
        }
        let mut limits = Limits::of_query(patterns.len());
        for pattern in patterns {
            let bytes = pattern.compile(limits).map_err(|InvalidPattern(reason)| {
                let source: String = pattern.source().chars().take(SHOWN).collect();
                let more = if source.len() < pattern.source().len() { "…" } else { "" };
                InvalidPattern(format!("the regular expression /{source}{more}/ is not valid ({reason})"))
            })?;
            limits.bytes = limits.bytes.saturating_sub(bytes);
        }
        Ok(())
    }

    fn patterns(&self) -> Vec<&Pattern> {
        fn visit<'e>(expr: &'e Expr, patterns: &mut Vec<&'e Pattern>) {
            match expr {
                Expr::And(operands) | Expr::Or(operands) => {
                    operands.iter().for_each(|operand| visit(operand, patterns))
                }
                Expr::Not(operand) => visit(operand, patterns),
                Expr::Field(_, Test::Regex(pattern)) => patterns.push(pattern),
                Expr::All | Expr::Contains(_) | Expr::Field(..) => {}
            }
        }
        let mut patterns = Vec::new();
        visit(&self.expr, &mut patterns);
        patterns
    }
}

/// The characters of an expression that an error shows.
const SHOWN: usize = 60;

fn refused(error: &BuildError) -> InvalidPattern {
    match (error.size_limit(), error.syntax_error()) {
        (Some(_), _) => too_large(),
        (None, Some(error)) => InvalidPattern(reason(error)),
        (None, None) => InvalidPattern(error.to_string()),
    }
}

fn too_large() -> InvalidPattern {
    InvalidPattern(format!(
        "compiled, the regular expressions of a query may take {} MiB together; repeat less, or write (?-u) in front where \
         ASCII is enough",
        QUERY_PATTERN_BYTES >> 20
    ))
}

/// The last line of the crate's message: the lines before draw the expression.
fn reason(error: &regex_syntax::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// The longest text, of at least two bytes, that every match contains.
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

    fn compiled(text: &str) -> Result<Query, String> {
        let query = Query::parse(text).map_err(|error| error.to_string())?;
        query.compile().map_err(|error| error.to_string())?;
        Ok(query)
    }

    #[test]
    fn the_expressions_of_a_query_share_one_budget() {
        // Each fits by itself.
        let one = r"a:/[\w-]{8}/";
        assert!(compiled(one).is_ok());
        let many = [one; QUERY_PATTERNS].join(" OR ");
        let error = compiled(&many).unwrap_err();
        assert!(error.contains("may take 4 MiB together"), "{error}");
        let query = Query::parse(&many).unwrap();
        query.compile().unwrap_err();
        let bytes: usize = query.patterns().iter().filter_map(|pattern| pattern.compiled_bytes()).sum();
        assert!(bytes <= QUERY_PATTERN_BYTES, "{bytes} bytes are kept");
    }

    #[test]
    fn an_expression_that_would_explode_is_refused_by_name() {
        for source in ["(?:a{1000}){1000}", r"(\w{100}){100}", r"((\pL{9}){9}){9}"] {
            let error = compiled(&format!("-(a OR m:/{source}/)")).unwrap_err();
            assert!(error.contains(source) && error.contains("4 MiB"), "{error}");
        }
        let long = format!("a:/{}(/", "x".repeat(100));
        assert!(compiled(&long).unwrap_err().contains("unclosed group"));
        let error = compiled(&format!("a:/{}\\p{{None}}/", "x".repeat(100))).unwrap_err();
        assert!(error.contains("xxx…/ is not valid (Unicode property not found)"), "{error}");
    }

    #[test]
    fn a_query_has_so_many_expressions_and_no_more() {
        let tests = |count: usize| vec!["m:/x/"; count].join(" ");
        assert!(compiled(&tests(QUERY_PATTERNS)).is_ok());
        let error = compiled(&tests(QUERY_PATTERNS + 1)).unwrap_err();
        assert!(error.contains("too many"), "{error}");
    }

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
            assert_eq!(Pattern::new(pattern).unwrap().required_literal(), literal, "{pattern}");
        }
    }
}
