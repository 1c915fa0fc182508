//! The template of a pattern: the text that its messages share, with marks such as `<*>` or `<ip>` for the parts that
//! vary.

/// A piece of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Part of every message. Never empty.
    Text(&'a str),
    /// A varying part; the name between the angle brackets.
    Mark(&'a str),
}

/// Splits a template into its pieces, in order. A bracket that starts no mark is text.
pub fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((text, after)) = rest.split_once('<') {
        // The name of a mark contains no blank.
        let Some((name, after)) = after.split_once('>').filter(|(name, _)| !name.contains(' ')) else { break };
        pieces.extend((!text.is_empty()).then_some(Piece::Text(text)));
        pieces.push(Piece::Mark(name));
        rest = after;
    }
    pieces.extend((!rest.is_empty()).then_some(Piece::Text(rest)));
    pieces
}

#[cfg(test)]
mod tests {
    use super::{Piece::*, *};

    #[test]
    fn marks_are_told_from_text() {
        assert_eq!(
            pieces("GET /orders/<*> in <n> ms"),
            [Text("GET /orders/"), Mark("*"), Text(" in "), Mark("n"), Text(" ms")]
        );
        assert_eq!(pieces("<*><ip>"), [Mark("*"), Mark("ip")]);
        assert_eq!(pieces("a < b > c"), [Text("a < b > c")]);
        assert_eq!(pieces("a <"), [Text("a <")]);
        assert_eq!(pieces(""), []);
    }
}
