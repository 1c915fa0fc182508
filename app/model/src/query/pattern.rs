//! Regular expressions: compiled on the server, only carried about in the browser.

#[cfg(feature = "regex")]
use std::sync::OnceLock;

use super::InvalidPattern;
#[cfg(feature = "regex")]
use super::compiled::{Compiled, Limits};

/// A regular expression in the syntax of the `regex` crate.
///
/// Making one costs little, also for a hostile source: with the feature `regex` its syntax
/// is checked, without, as in the browser, not even that. It is compiled by
/// [`Query::compile`](super::Query::compile), or else when it is first asked.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    #[cfg(feature = "regex")]
    compiled: OnceLock<Compiled>,
}

impl Pattern {
    /// Reads `source`, and checks its syntax where there is somebody to do it.
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

    /// The expression; slashes are not escaped in it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether some part of `text` matches; never, without the feature `regex`.
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

    /// The longest text, of at least two bytes, that every match contains.
    #[cfg(feature = "regex")]
    pub fn required_literal(&self) -> Option<&str> {
        self.compiled().literal()
    }

    /// Compiles it within the limits; returns how many bytes that takes.
    ///
    /// # Errors
    /// What is wrong with it, or that it does not fit.
    #[cfg(feature = "regex")]
    pub(super) fn compile(&self, limits: Limits) -> Result<usize, InvalidPattern> {
        if let Some(compiled) = self.compiled.get() {
            return Ok(compiled.bytes());
        }
        let compiled = Compiled::new(&self.source, limits)?;
        Ok(self.compiled.get_or_init(|| compiled).bytes())
    }

    /// The bytes that it takes, where it is compiled.
    #[cfg(all(feature = "regex", test))]
    pub(super) fn compiled_bytes(&self) -> Option<usize> {
        self.compiled.get().map(Compiled::bytes)
    }

    /// What is not compiled yet is compiled now; what cannot be matches nothing.
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

/// The one source of the same meaning that can be written between slashes and read
/// back: `\/` becomes `/`, and an empty group goes before what a query could not begin
/// a pattern with. `None` where the last backslash escapes nothing.
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
