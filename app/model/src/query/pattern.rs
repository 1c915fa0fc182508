//! Regular expressions: compiled on the server, only carried about in the browser.

/// A regular expression in the syntax of the `regex` crate.
///
/// With the feature `regex` it is known to compile. Without, as in the browser, only
/// its source is kept: the server is the one to judge it, and nothing matches it.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    #[cfg(feature = "regex")]
    regex: regex::Regex,
}

/// The text is no regular expression that may be used; the reason is for the reader.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPattern(String);

impl Pattern {
    /// Compiles `source`; its automaton is bounded to 1 MiB.
    pub fn new(source: &str) -> Result<Self, InvalidPattern> {
        let source = canonical(source).ok_or_else(|| InvalidPattern("it ends with a lone backslash".to_owned()))?;
        #[cfg(feature = "regex")]
        {
            let regex = regex::RegexBuilder::new(&source)
                .size_limit(1 << 20)
                .build()
                .map_err(|error| InvalidPattern(reason(&error)))?;
            Ok(Self { source, regex })
        }
        #[cfg(not(feature = "regex"))]
        Ok(Self { source })
    }

    /// The expression; slashes are not escaped in it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether some part of `text` matches; never, without the feature `regex`.
    pub fn is_match(&self, text: &str) -> bool {
        #[cfg(feature = "regex")]
        {
            self.regex.is_match(text)
        }
        #[cfg(not(feature = "regex"))]
        {
            let _ = text;
            false
        }
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

/// The last line of the crate's message: the lines before draw the expression.
#[cfg(feature = "regex")]
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
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
    fn a_pattern_that_does_not_compile_says_why_in_one_line() {
        assert_eq!(Pattern::new("a(").unwrap_err().to_string(), "unclosed group");
        let large = Pattern::new("(?:a{1000}){1000}").unwrap_err().to_string();
        assert!(large.contains("size limit"), "{large}");
    }
}
