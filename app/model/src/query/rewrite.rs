//! Translates filters of other tools (SQL, KQL, LogQL, Lucene) to the query language.

use super::print::quote;

/// Field names of other tools and their equivalents.
const ALIASES: [(&str, &str); 20] = [
    ("service.name", "service"),
    ("service_name", "service"),
    ("resource.service.name", "service"),
    ("host", "node"),
    ("hostname", "node"),
    ("host.name", "node"),
    ("severity", "level"),
    ("severity_text", "level"),
    ("log.level", "level"),
    ("detected_level", "level"),
    ("loglevel", "level"),
    ("lvl", "level"),
    ("msg", "message"),
    ("_msg", "message"),
    ("body", "message"),
    ("trace.id", "trace_id"),
    ("traceid", "trace_id"),
    ("traceId", "trace_id"),
    ("span.id", "span_id"),
    ("spanId", "span_id"),
];

/// Translates the text; `None` if it contains no syntax of another tool.
pub(super) fn rewrite(text: &str) -> Option<String> {
    let mut reader = Reader { rest: text, in_selector: false, is_other: false };
    let mut written = String::new();
    loop {
        reader.skip_blanks();
        if reader.rest.is_empty() {
            return reader.is_other.then(|| written.replace("( ", "("));
        }
        let Some(part) = reader.part(written.is_empty())? else { continue };
        if !written.is_empty() && part != ")" {
            written.push(' ');
        }
        written.push_str(&part);
    }
}

/// Reads the text part by part.
struct Reader<'a> {
    rest: &'a str,
    /// Between the braces of LogQL's `{app="api", level!="info"}`.
    in_selector: bool,
    /// Whether any part was another tool's syntax.
    is_other: bool,
}

impl<'a> Reader<'a> {
    /// Translates the next part; the inner `None` means that it has no counterpart. `None` if the text cannot be
    /// parsed.
    fn part(&mut self, is_first: bool) -> Option<Option<String>> {
        let rest = self.rest;
        let quoted_after = |operator: &str| {
            rest.strip_prefix(operator).is_some_and(|after| after.trim_start().starts_with(['"', '`']))
        };
        if let Some(operator) = ["|=", "|~", "!=", "!~"].into_iter().find(|operator| quoted_after(operator)) {
            self.take(2);
            self.is_other = true;
            let value = self.value()?;
            let name = if operator.ends_with('~') { "message" } else { "" };
            return Some(Some(test(name, operator, &value)));
        }
        Some(match rest.chars().next()? {
            '{' if starts_selector(rest) => {
                self.take(1);
                (self.in_selector, self.is_other) = (true, true);
                None
            }
            '}' | ',' if self.in_selector => {
                self.in_selector = !self.take(1).starts_with('}');
                None
            }
            '(' | ')' => Some(self.take(1).to_owned()),
            '"' => Some(self.value()?.to_query()),
            first if first.is_alphabetic() || matches!(first, '_' | '@') => self.named_part(is_first)?,
            _ => Some(self.run().to_owned()),
        })
    }

    /// Reads a word that may be a field name or a keyword.
    fn named_part(&mut self, is_first: bool) -> Option<Option<String>> {
        let start = self.rest;
        let name = self.take(start.find(|c| !is_name(c)).unwrap_or(start.len()));
        let after = self.rest.trim_start();
        if let Some(operator) = operator(after)
            && !after[operator.len()..].trim_start().is_empty()
        {
            let is_spaced = after.len() < self.rest.len() || after[operator.len()..].starts_with(char::is_whitespace);
            self.rest = &after[operator.len()..];
            let value = self.value()?;
            let (name, is_alias) = canonical_name(name);
            self.is_other |=
                is_spaced || is_alias || value.is_other || !matches!(operator, ":" | "<" | "<=" | ">" | ">=");
            return Some(Some(test(name, operator, &value)));
        }
        let is_word = self.rest.is_empty() || self.rest.starts_with(|c: char| c.is_whitespace() || c == '(');
        match name.to_ascii_lowercase().as_str() {
            "where" if is_first && is_word && !after.is_empty() => {
                self.is_other = true;
                Some(None)
            }
            // At the beginning and the end they are ordinary words.
            "and" | "or" if is_word && !is_first && !after.is_empty() => Some(Some(self.keyword(name))),
            "not" if is_word && !after.is_empty() => Some(Some(self.keyword(name))),
            _ if is_word && keyword_after(after, "in", '(') => {
                let (values, rest) = after.split_once('(')?.1.split_once(')')?;
                (self.rest, self.is_other) = (rest, true);
                let values = values.split(',').map(|value| {
                    let value = value.trim();
                    let plain = value.trim_matches('\'');
                    if plain.len() < value.len() { quote(plain) } else { value.to_owned() }
                });
                Some(Some(format!("{}:{}", canonical_name(name).0, values.collect::<Vec<_>>().join(","))))
            }
            _ if is_word && keyword_after(after, "like", '\'') => {
                self.rest = &after["like".len()..];
                self.is_other = true;
                let mut value = self.value()?;
                value.text = value.text.trim_matches('%');
                let name = canonical_name(name).0;
                Some(Some(if name == "message" { value.to_query() } else { test(name, "=~", &value) }))
            }
            _ => {
                let length = start.len() - self.rest.len() + self.run().len();
                Some(Some(start[..length].to_owned()))
            }
        }
    }

    fn keyword(&mut self, word: &str) -> String {
        self.is_other |= word.bytes().any(|byte| byte.is_ascii_lowercase());
        word.to_ascii_uppercase()
    }

    /// Reads the value after an operator.
    fn value(&mut self) -> Option<Value<'a>> {
        self.skip_blanks();
        let quote = self.rest.chars().next()?;
        if !matches!(quote, '"' | '\'' | '`') {
            let text = self.run();
            return (!text.is_empty()).then_some(Value { text, is_quoted: false, is_other: false });
        }
        let mut is_escaped = false;
        let end = self.rest[1..].find(|c| {
            let is_end = c == quote && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            is_end
        })?;
        let text = &self.take(end + 2)[1..=end];
        Some(Value { text, is_quoted: true, is_other: quote != '"' })
    }

    /// Reads up to a blank or a parenthesis.
    fn run(&mut self) -> &'a str {
        let in_selector = self.in_selector;
        let is_end = |c: char| c.is_whitespace() || matches!(c, '(' | ')') || in_selector && matches!(c, ',' | '}');
        self.take(self.rest.find(is_end).unwrap_or(self.rest.len()))
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

/// A value without its quotes, with its escapes unchanged.
struct Value<'a> {
    text: &'a str,
    is_quoted: bool,
    /// Whether the quotes are another tool's.
    is_other: bool,
}

impl Value<'_> {
    fn to_query(&self) -> String {
        if !self.is_quoted {
            return self.text.to_owned();
        }
        if self.is_other { quote(self.text) } else { format!("\"{}\"", self.text) }
    }
}

/// Writes the test. Without a name it is a test of the message.
fn test(name: &str, operator: &str, value: &Value<'_>) -> String {
    let not = if operator.starts_with('!') || operator == "<>" { "-" } else { "" };
    match operator {
        "<" | "<=" | ">" | ">=" => format!("{name}{operator}{}", value.text),
        "=~" | "!~" | "|~" => format!("{not}{name}:/{}/", value.text.replace('/', "\\/")),
        _ if name.is_empty() => format!("{not}{}", value.to_query()),
        _ => format!("{not}{name}:{}", value.to_query()),
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@' | '/')
}

/// The leading operator. `://` and `::` are not operators.
fn operator(rest: &str) -> Option<&'static str> {
    const OPERATORS: [&str; 11] = ["!=", "!~", "=~", "==", "<>", "<=", ">=", "=", "<", ">", ":"];
    let found = OPERATORS.into_iter().find(|operator| rest.starts_with(operator))?;
    (!rest.starts_with("::") && !rest.starts_with("://") && !rest.starts_with("=>")).then_some(found)
}

fn starts_selector(rest: &str) -> bool {
    let inner = rest[1..].trim_start();
    let after = inner.trim_start_matches(is_name);
    after.len() < inner.len() && matches!(operator(after.trim_start()), Some("=" | "!=" | "=~" | "!~"))
}

/// Whether `rest` starts with the keyword, case-insensitively, followed by `next`.
fn keyword_after(rest: &str, keyword: &str, next: char) -> bool {
    rest.get(..keyword.len()).is_some_and(|word| word.eq_ignore_ascii_case(keyword))
        && rest[keyword.len()..].trim_start().starts_with(next)
}

/// The equivalent field name, and whether it differs.
fn canonical_name(name: &str) -> (&str, bool) {
    match ALIASES.iter().find(|(other, _)| *other == name) {
        Some((_, canonical)) => (canonical, true),
        None => (name, false),
    }
}
