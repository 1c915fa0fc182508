//! Texts of others as pages show them: with a mark for each hidden character. Buttons and forms have the text itself.

use model::hidden::reveal;

/// The text for a page.
pub(crate) fn shown(text: &str) -> String {
    reveal(text, mark).into_owned()
}

/// White space stays. Other controls are shown by their pictures, such as `␛`, and the rest by an escape.
fn mark(letter: char, shown: &mut String) {
    match letter {
        '\t' | '\n' | '\r' => shown.push(letter),
        '\0'..='\u{1f}' => shown.extend(char::from_u32(0x2400 + u32::from(letter))),
        _ => shown.extend(letter.escape_unicode()),
    }
}

/// The same for the texts of HTML. Attributes stay: forms send them back.
#[cfg(feature = "ssr")]
pub(crate) fn shown_in_html(html: &str) -> String {
    let mut is_tag = false;
    let mut result = String::with_capacity(html.len());
    for piece in html.split_inclusive(['<', '>']) {
        if is_tag {
            result.push_str(piece);
        } else {
            result.push_str(&reveal(piece, mark));
        }
        is_tag = piece.ends_with('<');
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_have_marks_and_others_stay() {
        for (text, expected) in [
            ("two\n\tlines, 한국어, עברית", "two\n\tlines, 한국어, עברית"),
            ("\u{1b}[31mred\u{7}", "␛[31mred␇"),
            ("\u{202e}txt.exe\u{202c}", "\\u{202e}txt.exe\\u{202c}"),
            ("sh\u{200b}op\u{7f}", "sh\\u{200b}op\\u{7f}"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[cfg(feature = "ssr")]
    #[test]
    fn what_forms_send_back_stays_as_it_is() {
        let html = "<p>a\u{202e}b<input value=\"a\u{202e}b\"/>\n\u{200b}</p>";
        assert_eq!(shown_in_html(html), "<p>a\\u{202e}b<input value=\"a\u{202e}b\"/>\n\\u{200b}</p>");
    }
}
