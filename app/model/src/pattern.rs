//! The template of a pattern: what its messages have in common, and marks such as `<*>` or
//! `<ip>` where they differ.

/// A piece of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Stands in every message. Never empty.
    Text(&'a str),
    /// What varies, by its name between the angle brackets.
    Mark(&'a str),
}

/// The pieces of a template, in order. A bracket that begins no mark is text.
pub fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((text, after)) = rest.split_once('<') {
        // What is put for what varies holds no blank.
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
