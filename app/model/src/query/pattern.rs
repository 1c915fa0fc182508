//! Regular expressions: compiled on the server, opaque in the browser.

#[cfg(feature = "regex")]
use std::sync::OnceLock;

use super::InvalidPattern;
#[cfg(feature = "regex")]
use super::compiled::{Compiled, Limits};

/// A regular expression in the syntax of the `regex` crate.
///
/// Construction is cheap, also for a hostile source. The feature `regex` checks the syntax; without it, as in the
/// browser, nothing is checked. [`Query::compile`](super::Query::compile) compiles it; otherwise the first use does.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    #[cfg(feature = "regex")]
    compiled: OnceLock<Compiled>,
}

impl Pattern {
    /// Creates a pattern. Checks the syntax with the feature `regex`.
    pub fn new(source: &str) -> Result<Self, InvalidPattern> {
        let source = canonical(source).ok_or_else(|| InvalidPattern("it ends with a lone backslash".to_owned()))?;
        #[cfg(feature = "regex")]
        regex_syntax::ast::parse::Parser::new()
            .parse(&source)
            .map_err(|error| InvalidPattern(error.kind().to_string()))?;
        Ok(Self {
            source,
            #[cfg(feature = "regex")]
            compiled: OnceLock::new(),
        })
    }

    /// The source; slashes in it are not escaped.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether some part of `text` matches. Always `false` without the feature `regex`.
    pub fn is_match(&self, text: &str) -> bool {
        #[cfg(feature = "regex")]
        {
            self.compiled().is_match(text)
        }
        #[cfg(not(feature = "regex"))]
        {
            let _ = text;
            false
        }
    }

    /// The longest literal, of at least two bytes, that every match contains.
    #[cfg(feature = "regex")]
    pub fn required_literal(&self) -> Option<&str> {
        self.compiled().literal()
    }

    /// Compiles the pattern within the limits. Returns its size in bytes.
    ///
    /// # Errors
    /// The pattern is invalid or exceeds a limit.
    #[cfg(feature = "regex")]
    pub(super) fn compile(&self, limits: Limits) -> Result<usize, InvalidPattern> {
        if let Some(compiled) = self.compiled.get() {
            return Ok(compiled.bytes());
        }
        let compiled = Compiled::new(&self.source, limits)?;
        Ok(self.compiled.get_or_init(|| compiled).bytes())
    }

    /// The size in bytes, if compiled.
    #[cfg(all(feature = "regex", test))]
    pub(super) fn compiled_bytes(&self) -> Option<usize> {
        self.compiled.get().map(Compiled::bytes)
    }

    /// Compiles the pattern on first use. A pattern that does not compile matches nothing.
    #[cfg(feature = "regex")]
    fn compiled(&self) -> &Compiled {
        self.compiled.get_or_init(|| Compiled::new(&self.source, Limits::of_query(1)).unwrap_or_default())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// The canonical source that can be written between slashes and parsed back: `\/` becomes `/`, and an empty group
/// precedes a character that cannot start a pattern in a query. `None` if the last backslash escapes nothing.
fn canonical(source: &str) -> Option<String> {
    let mut result = String::with_capacity(source.len());
    if source.chars().next().is_none_or(char::is_whitespace) {
        result.push_str("(?:)");
    }
    let mut characters = source.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            result.push(character);
            continue;
        }
        let escaped = characters.next()?;
        if escaped != '/' {
            result.push('\\');
        }
        result.push(escaped);
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_slash_is_a_slash() {
        for (written, kept) in
            [(r"a\/b", "a/b"), (r"\\/", r"\\/"), ("", "(?:)"), (" a", "(?:) a"), (r"\d+", r"\d+"), ("é/", "é/")]
        {
            let pattern = Pattern::new(written).unwrap();
            assert_eq!(pattern.source(), kept);
            assert_eq!(Pattern::new(kept).unwrap(), pattern, "canonical stays as it is");
        }
        assert!(Pattern::new(r"a\").is_err());
    }

    #[cfg(feature = "regex")]
    #[test]
    fn a_pattern_that_cannot_be_read_says_why_in_one_line() {
        for (source, reason) in [
            ("a(", "unclosed group"),
            ("[z-a]", "invalid character class range"),
            ("*", "repetition operator missing expression"),
        ] {
            let error = Pattern::new(source).unwrap_err().to_string();
            assert!(error.starts_with(reason) && !error.contains('\n'), "{source}: {error}");
        }
    }

    #[cfg(feature = "regex")]
    #[test]
    fn making_a_pattern_does_not_compile_it() {
        let pattern = Pattern::new("(?:a{1000}){1000}").unwrap();
        assert!(pattern.compiled.get().is_none());
        assert!(!pattern.is_match("a"), "what cannot be compiled matches nothing");
    }
}
