//! Characters that a reader does not see, or that change the order of what is read.
//!
//! Records are written by others. A text that shows one thing and is another one misleads whoever reads it: an override
//! of the direction turns `exe.txt` around, and a name with a character of no width looks like the name of another
//! service. Terminals and pages therefore show these characters by marks; what is stored, sent and copied has none.

use std::borrow::Cow;

/// Whether a character is hidden: controls of C0 and C1, controls of the direction, separators of lines, letters, joiners
/// and selectors without width, tags, and fillers that look like blanks.
pub const fn is_hidden(letter: char) -> bool {
    matches!(
        letter,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Whether a joiner beside this character may mean something: not in Latin, Greek, Cyrillic, Hangul, Han and Kana.
const fn is_joined(letter: char) -> bool {
    !is_hidden(letter)
        && !matches!(
            letter,
            '\0'..='\u{52f}'
                | '\u{1100}'..='\u{11ff}'
                | '\u{1e00}'..='\u{1fff}'
                | '\u{2e80}'..='\u{9fff}'
                | '\u{a960}'..='\u{a97f}'
                | '\u{ac00}'..='\u{d7ff}'
                | '\u{f900}'..='\u{faff}'
                | '\u{ff00}'..='\u{ffef}'
                | '\u{20000}'..='\u{3ffff}'
        )
}

/// Appends to the shown text what `mark` makes of each hidden character. A joiner stays between two characters of the
/// scripts that are written with it, such as emoji, Persian and Indian ones, and one selector of a form stays after a
/// visible character beyond ASCII.
pub fn reveal(text: &str, mut mark: impl FnMut(char, &mut String)) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    // The base is the character before, without the selector of its form.
    let (mut before, mut base) = (' ', ' ');
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let is_selector = matches!(letter, '\u{fe00}'..='\u{fe0f}');
        let stays = match letter {
            '\u{200c}' | '\u{200d}' => is_joined(base) && letters.peek().is_some_and(|after| is_joined(*after)),
            _ if is_selector => !before.is_ascii() && !is_hidden(before),
            _ => !is_hidden(letter),
        };
        if stays {
            shown.push(letter);
        } else {
            mark(letter, &mut shown);
        }
        if !(stays && is_selector) {
            base = letter;
        }
        before = letter;
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revealed(text: &str) -> String {
        reveal(text, |letter, shown| shown.extend(letter.escape_default())).into_owned()
    }

    #[test]
    fn what_nobody_sees_gets_a_mark() {
        for (text, shown) in [
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{1b}[31m\u{9b}2J\u{7f}", "\\u{1b}[31m\\u{9b}2J\\u{7f}"),
            ("\u{202e}txt.exe\u{202c}", "\\u{202e}txt.exe\\u{202c}"),
            ("\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}", "\\u{2066}\\u{2069}\\u{200e}\\u{200f}\\u{61c}"),
            ("sh\u{200b}op\u{2060}\u{feff}", "sh\\u{200b}op\\u{2060}\\u{feff}"),
            ("a\u{2028}b\u{2029}\u{85}", "a\\u{2028}b\\u{2029}\\u{85}"),
            ("\u{17b4}\u{180b}\u{180f}\u{2800}", "\\u{17b4}\\u{180b}\\u{180f}\\u{2800}"),
            ("\u{fff0}\u{fffb}\u{1d173}\u{e0fff}", "\\u{fff0}\\u{fffb}\\u{1d173}\\u{e0fff}"),
            ("a\u{fe00}", "a\\u{fe00}"),
            ("❤\u{fe0f}\u{fe0e}", "❤\u{fe0f}\\u{fe0e}"),
            ("\u{e0041}\u{3164}\u{ad}", "\\u{e0041}\\u{3164}\\u{ad}"),
        ] {
            assert_eq!(revealed(text), shown, "{text:?}");
        }
    }

    #[test]
    fn what_is_seen_stays() {
        for text in ["", "shop, 한국어, עברית, ¶ — 'quoted' \\", "a\u{a0}b", "e\u{301}"] {
            assert!(matches!(reveal(text, |_, _| panic!("nothing is hidden")), Cow::Borrowed(_)), "{text:?}");
        }
    }

    #[test]
    fn joiners_stay_where_scripts_and_emoji_need_them() {
        for text in
            ["❤\u{fe0f}", "👩\u{200d}👧", "🏃\u{200d}♀\u{fe0f}", "❤\u{fe0f}\u{200d}🔥", "می\u{200c}خواهم", "क्\u{200d}ष"]
        {
            assert_eq!(revealed(text), text);
        }
        for (text, shown) in [
            ("shop\u{200d}", "shop\\u{200d}"),
            ("sh\u{200c}op", "sh\\u{200c}op"),
            ("é\u{200d}é", "é\\u{200d}é"),
            ("ж\u{200c}ж", "ж\\u{200c}ж"),
            ("漢\u{200d}か", "漢\\u{200d}か"),
            ("한\u{200d}글", "한\\u{200d}글"),
            ("👩\u{200d}\u{200d}👧", "👩\\u{200d}\\u{200d}👧"),
            ("한\u{200d}\u{200d}글", "한\\u{200d}\\u{200d}글"),
            ("\u{200d}", "\\u{200d}"),
        ] {
            assert_eq!(revealed(text), shown, "{text:?}");
        }
    }
}
