//! Writes a query in its canonical form.

use std::fmt::{self, Display, Formatter, Write};

use super::{Expr, Field, Query, Test, pasted};

impl Display for Query {
    /// Writes text that [`Query::parse`] parses to the same query, with the fewest quotes, escapes and parentheses.
    /// The query for everything is `*`.
    ///
    /// Added operators and quotes may make it longer than the original text.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_char('*'),
            Self::And(operands) => join(f, operands, " ", |operand| matches!(operand, Self::Or(_))),
            Self::Or(operands) => join(f, operands, " OR ", |_| false),
            Self::Not(operand) => {
                f.write_char('-')?;
                grouped(f, operand, matches!(**operand, Self::And(_) | Self::Or(_)))
            }
            Self::Contains(text) if is_bare_word(text) => f.write_str(text),
            Self::Contains(text) => quoted(f, text),
            Self::Field(field, test) => write_test(f, field, test),
        }
    }
}

fn join(f: &mut Formatter<'_>, operands: &[Expr], between: &str, is_group: fn(&Expr) -> bool) -> fmt::Result {
    for (place, operand) in operands.iter().enumerate() {
        if place > 0 {
            f.write_str(between)?;
        }
        grouped(f, operand, is_group(operand))?;
    }
    Ok(())
}

fn grouped(f: &mut Formatter<'_>, expr: &Expr, is_group: bool) -> fmt::Result {
    if is_group { write!(f, "({expr})") } else { expr.fmt(f) }
}

fn write_test(f: &mut Formatter<'_>, field: &Field, test: &Test) -> fmt::Result {
    let name = field.name();
    if is_bare_name(&name) && !is_taken_for_text(&name, test) {
        f.write_str(&name)?
    } else {
        quoted(f, &name)?
    }
    match test {
        Test::Exists => f.write_str(":*"),
        Test::AnyOf(values) => list(f, values.iter().map(String::as_str)),
        Test::LevelIn { classes, words } => {
            list(f, classes.iter().map(|class| class.name()).chain(words.iter().map(String::as_str)))
        }
        Test::LevelCompare(comparison, class) => write!(f, "{}{class}", comparison.symbol()),
        Test::Prefix(prefix) => {
            f.write_char(':')?;
            if is_bare_value(prefix, "*") {
                f.write_str(prefix)?
            } else {
                quoted(f, prefix)?
            }
            f.write_char('*')
        }
        Test::Regex(pattern) => {
            f.write_str(":/")?;
            write_regex(f, pattern.source())?;
            f.write_char('/')
        }
        Test::Compare(comparison, number) => {
            f.write_str(comparison.symbol())?;
            // Plain digits up to the range of 64-bit integers, then an exponent.
            let is_long = *number != 0.0 && !(1e-6..1e21).contains(&number.abs());
            if is_long { write!(f, "{number:e}") } else { write!(f, "{number}") }
        }
    }
}

fn list<'a>(f: &mut Formatter<'_>, values: impl Iterator<Item = &'a str>) -> fmt::Result {
    for (place, value) in values.enumerate() {
        f.write_char(if place == 0 { ':' } else { ',' })?;
        if is_bare_value(value, "") { f.write_str(value)? } else { quoted(f, value)? }
    }
    Ok(())
}

/// The source has no escaped slashes, so every slash gets a backslash.
fn write_regex(f: &mut Formatter<'_>, source: &str) -> fmt::Result {
    let mut characters = source.chars();
    while let Some(character) = characters.next() {
        if character == '/' {
            f.write_char('\\')?;
        }
        f.write_char(character)?;
        if character == '\\' {
            characters.next().map_or(Ok(()), |escaped| f.write_char(escaped))?;
        }
    }
    Ok(())
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str(&quote(text))
}

/// The text in quotes.
pub(super) fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Whether the text needs no quotes before a blank.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\\' | '(' | ')' | '*'))
}

fn is_bare_word(text: &str) -> bool {
    is_plain(text)
        && !text.contains([':', '<', '>', '='])
        && !text.starts_with(['-', '!'])
        && !matches!(text, "AND" | "OR" | "NOT" | "&&" | "||")
}

/// Whether the test with an unquoted name would parse as pasted text or as another tool's syntax. Quotes around the
/// name always force a test.
fn is_taken_for_text(name: &str, test: &Test) -> bool {
    let value = match test {
        _ if name == "_exists_" => return true,
        Test::AnyOf(values) => values.join(","),
        Test::Prefix(prefix) => format!("{prefix}*"),
        Test::Regex(pattern) => format!("/{}/", pattern.source()),
        _ => return false,
    };
    pasted::classify(&format!("{name}:{value}"), name.len()).is_some()
}

/// `suffix` follows the value directly.
fn is_bare_value(value: &str, suffix: &str) -> bool {
    // `/a/` would parse as a regular expression, and `/a` might start one. Before `//` or another colon a name is not
    // a name.
    let is_regex = value.strip_prefix('/').is_some_and(|rest| match rest.find('/') {
        Some(place) => place == 0 || place + 1 == rest.len() && suffix.is_empty(),
        None => true,
    });
    is_plain(value) && !value.contains(',') && !value.starts_with([':', '<', '>', '[', '{']) && !is_regex
}

/// Stricter than the lexer, whose rule depends on the text that follows.
fn is_bare_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_alphabetic() || matches!(first, '_' | '@'))
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@' | '/'))
        && !name.ends_with('-')
}
