//! The text that whatever matches a regular expression must contain.

use regex_syntax::hir::{Hir, HirKind};

/// The longest text, of at least two bytes, that every match contains.
pub(super) fn required_literal(pattern: &str) -> Option<String> {
    let hir = regex_syntax::Parser::new().parse(pattern).ok()?;
    let mut longest: Option<&str> = None;
    visit(&hir, &mut longest);
    longest.filter(|literal| !literal.contains('\0')).map(str::to_owned)
}

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
        HirKind::Empty | HirKind::Class(_) | HirKind::Look(_) | HirKind::Repetition(_) | HirKind::Alternation(_) => {}
    }
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
            ("(", None),
        ] {
            assert_eq!(required_literal(pattern).as_deref(), literal, "{pattern}");
        }
    }
}
