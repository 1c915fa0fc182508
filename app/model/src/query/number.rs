//! Numeric texts.

/// Parses a text that is entirely a decimal number: `^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$`, in ASCII digits.
///
/// `None` for anything else, such as `inf`, `NaN`, `0x10` or surrounding blanks, and for numbers too large to be
/// finite.
pub fn parse_number(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    // Rust also parses `inf`, `infinity` and `nan`; these do not start with a digit or a point.
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_number_in_whole() {
        for (text, number) in
            [("0", 0.0), ("+1.5", 1.5), ("-2.", -2.0), (".5", 0.5), ("1e3", 1000.0), ("1E-2", 0.01), ("007", 7.0)]
        {
            assert_eq!(parse_number(text), Some(number), "{text}");
        }
        for text in [
            "",
            ".",
            "+",
            "-",
            "e5",
            ".e5",
            "1e",
            "1e+",
            " 1",
            "1 ",
            "1,5",
            "0x10",
            "inf",
            "NaN",
            "-infinity",
            "1e999",
            "٣",
            "--1",
            "500ms",
        ] {
            assert_eq!(parse_number(text), None, "{text}");
        }
    }
}
