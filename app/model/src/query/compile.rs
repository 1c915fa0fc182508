//! Compiles the regular expressions of a query within one shared memory limit.

use super::{Expr, InvalidPattern, Pattern, Query, Test, compiled::Limits};
use crate::limits::QUERY_PATTERNS;

impl Query {
    /// Whether the query has regular expressions for [`Query::compile`].
    pub fn has_patterns(&self) -> bool {
        !self.patterns().is_empty()
    }

    /// Compiles all regular expressions within [`limits::QUERY_PATTERN_BYTES`](crate::limits::QUERY_PATTERN_BYTES).
    /// Hostile expressions take some hundred milliseconds of CPU, so do not call this on an async thread.
    ///
    /// # Errors
    /// Names the expression that is invalid or exceeds a limit, and suggests a correction.
    pub fn compile(&self) -> Result<(), InvalidPattern> {
        let patterns = self.patterns();
        if patterns.len() > QUERY_PATTERNS {
            let reason = format!(
                "the query has {} regular expressions; the limit is {QUERY_PATTERNS}; join some with alternatives, \
                 as in /a|b/",
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

/// The number of characters of an expression shown in an error.
const SHOWN: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::QUERY_PATTERN_BYTES;

    fn compiled(text: &str) -> Result<Query, String> {
        let query = Query::parse(text).map_err(|error| error.to_string())?;
        query.compile().map_err(|error| error.to_string())?;
        Ok(query)
    }

    #[test]
    fn the_expressions_of_a_query_share_one_budget() {
        // Each fits on its own.
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
        assert!(error.contains("at most 16"), "{error}");
    }
}
