//! The grammar of a rule: `NAME=PRESET|/regex/[i]|any [in FIELD,…|*] [mask|hash|drop]`.
//!
//! `PRESET` alone is short for `PRESET=PRESET`. Without `in`, a rule applies to every text of a record. Fields are named
//! as in the query language; a name with spaces or commas stands in quotes. An expression with groups changes only
//! what its groups match.

use std::ops::Range;

use model::{Text, query::Field};
use regex::{Regex, RegexBuilder};

use super::presets::{PRESETS, Preset};

/// The limit of a rule's text, in bytes.
const RULE_BYTES: usize = 4096;
/// The limit of the compiled form of an expression, in bytes. Classes of Unicode are large.
const EXPRESSION_BYTES: usize = 2 << 20;
/// The limit of a rule's name, in bytes.
const NAME_BYTES: usize = 32;
/// The matches of an expression in one text. After them, the rest of the text is one match: the search for each may
/// take a time in proportion to the text.
const MATCHES: usize = 2000;

/// One rule.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) name: Text,
    pattern: Pattern,
    /// Empty: every text.
    places: Vec<Place>,
    pub(super) action: Action,
}

/// What a rule looks for.
#[derive(Debug, Clone)]
enum Pattern {
    Preset(Preset, Regex),
    Expression(Regex),
    /// The whole value of a field.
    Any,
}

/// A part of a record that a rule can be limited to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Message,
    Service,
    Node,
    Level,
    Attribute(Text),
}

/// What happens to a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// `[NAME]` replaces it.
    Mask,
    /// `[NAME:hash]` replaces it; equal values get equal hashes.
    Hash,
    /// The attribute goes; in other texts the match goes.
    Drop,
}

impl Action {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Mask => "mask",
            Self::Hash => "hash",
            Self::Drop => "drop",
        }
    }
}

impl Place {
    fn parse(name: &str) -> Result<Self, String> {
        match Field::parse_name(name) {
            Some(Field::Message) => Ok(Self::Message),
            Some(Field::Service) => Ok(Self::Service),
            Some(Field::Node) => Ok(Self::Node),
            Some(Field::Level) => Ok(Self::Level),
            Some(Field::Attribute(name)) => Ok(Self::Attribute(name.into())),
            Some(_) => Err(format!("{name} is not redacted; name message, service, node, level or an attribute")),
            None => Err("a field has no name; write in message, or in user.email".to_owned()),
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Message => "message".to_owned(),
            Self::Service => "service".to_owned(),
            Self::Node => "node".to_owned(),
            Self::Level => "level".to_owned(),
            Self::Attribute(name) => Field::Attribute(name.to_string()).name().into_owned(),
        }
    }
}

impl Rule {
    /// Parses a rule. An error contains the rule's name, but not its expression, which may be a secret.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.len() > RULE_BYTES {
            return Err(format!("redaction: a rule has {} bytes; the limit is {RULE_BYTES}", text.len()));
        }
        let (name, rest) = split_name(text)?;
        if rest.is_empty() {
            return Err("redaction: a rule is empty; write NAME=PRESET or NAME=/regex/".to_owned());
        }
        let wrong = |reason: String| format!("redaction rule {}: {reason}", name.unwrap_or("without a name"));
        let (pattern, rest) = Pattern::parse(rest).map_err(&wrong)?;
        let name = match (name, &pattern) {
            (Some(name), _) => name.to_owned(),
            (None, Pattern::Preset(preset, _)) => preset.name().to_owned(),
            (None, _) => {
                return Err("redaction: a rule has no name; write NAME=/regex/, such as pin=/pin=\\d{4}/".into());
            }
        };
        check_name(&name)?;
        let (places, action) = parse_rest(rest).map_err(&wrong)?;
        if matches!(pattern, Pattern::Any) && places.is_empty() {
            return Err(wrong("any is for single fields; write any in FIELD".to_owned()));
        }
        Ok(Self { name: name.into(), pattern, places, action })
    }

    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.iter()
    }

    /// Whether it applies to a place; `None` is a text without a place, such as the name of an attribute.
    pub(super) fn applies(&self, place: Option<&Place>) -> bool {
        self.places.is_empty() || place.is_some_and(|place| self.places.contains(place))
    }

    /// Whether it is limited to some fields.
    pub(super) fn is_bound(&self) -> bool {
        !self.places.is_empty()
    }

    /// Whether it is limited to attributes.
    pub(super) fn is_for_attributes(&self) -> bool {
        self.is_bound() && self.places.iter().all(|place| matches!(place, Place::Attribute(_)))
    }

    /// Whether a match may depend on where its text begins or ends. An expression may have these characters for another
    /// reason, which only costs time.
    pub(super) fn is_anchored(&self) -> bool {
        let signs = ["^", "$", "\\A", "\\z"];
        matches!(&self.pattern, Pattern::Expression(regex) if signs.iter().any(|sign| regex.as_str().contains(sign)))
    }

    pub(super) fn needs_key(&self) -> bool {
        self.action == Action::Hash
    }

    pub(super) fn pattern_name(&self) -> &'static str {
        match &self.pattern {
            Pattern::Preset(preset, _) => preset.name(),
            Pattern::Expression(_) => "regex",
            Pattern::Any => "any",
        }
    }

    pub(super) fn is_any(&self) -> bool {
        matches!(self.pattern, Pattern::Any)
    }

    /// An expression that matches every text with a match of the rule.
    pub(super) fn filter(&self) -> &str {
        match &self.pattern {
            Pattern::Preset(preset, _) => preset.filter(),
            Pattern::Expression(regex) => regex.as_str(),
            Pattern::Any => "",
        }
    }

    /// The least number that can match, without its sign; `None` if none can.
    pub(super) fn numbers_from(&self) -> Option<u64> {
        match &self.pattern {
            Pattern::Preset(preset, _) => preset.numbers_from(),
            Pattern::Expression(_) | Pattern::Any => Some(0),
        }
    }

    /// Calls `found` with the place of each match.
    pub(super) fn find(&self, text: &str, found: &mut dyn FnMut(Range<usize>)) {
        match &self.pattern {
            Pattern::Any if text.is_empty() => {}
            Pattern::Any => found(0..text.len()),
            Pattern::Preset(preset, regex) => {
                for captures in regex.captures_iter(text) {
                    each_group(&captures, |span| preset.check(text, span, found));
                }
            }
            Pattern::Expression(regex) => {
                for (number, captures) in regex.captures_iter(text).enumerate() {
                    if number == MATCHES {
                        let start = captures.get(0).map_or(0, |whole| whole.start());
                        return found(start..text.len());
                    }
                    each_group(&captures, &mut *found);
                }
            }
        }
    }

    /// Whether the attribute's name says that its whole value is a secret of this rule.
    pub(super) fn is_secret_by_name(&self, attribute: &str, value: &str) -> bool {
        matches!(&self.pattern, Pattern::Preset(preset, _) if preset.is_secret_by_name(attribute, value))
    }

    /// A form of the match that does not depend on how it is written. The hash is made of it.
    pub(super) fn canonical(&self, secret: &str) -> String {
        match &self.pattern {
            Pattern::Preset(preset, _) => preset.canonical(secret),
            Pattern::Expression(_) | Pattern::Any => secret.to_owned(),
        }
    }
}

/// The matched groups, or the whole match if none of them took part.
fn each_group(captures: &regex::Captures<'_>, mut found: impl FnMut(Range<usize>)) {
    let mut has_group = false;
    for group in captures.iter().skip(1).flatten().filter(|group| !group.is_empty()) {
        has_group = true;
        found(group.range());
    }
    if !has_group && let Some(whole) = captures.get(0).filter(|whole| !whole.is_empty()) {
        found(whole.range());
    }
}

/// Splits off `NAME=`.
fn split_name(text: &str) -> Result<(Option<&str>, &str), String> {
    let end = text.find(|letter: char| letter == '=' || letter == '/' || letter.is_whitespace()).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    match rest.trim_start().strip_prefix('=') {
        Some(rest) => check_name(name).map(|()| (Some(name), rest.trim_start())),
        None => Ok((None, text)),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    if (1..=NAME_BYTES).contains(&name.len()) && name.bytes().all(is_letter) {
        return Ok(());
    }
    Err(format!(
        "redaction: a rule's name has 1 to {NAME_BYTES} of a-z, 0-9, - and _; write NAME=PRESET or NAME=/regex/"
    ))
}

impl Pattern {
    /// Parses a pattern; returns the rest of the rule.
    fn parse(text: &str) -> Result<(Self, &str), String> {
        if let Some(text) = text.strip_prefix('/') {
            return Self::parse_expression(text);
        }
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        if word == "any" {
            return Ok((Self::Any, rest));
        }
        match Preset::parse(word) {
            Some(preset) => Ok((Self::Preset(preset, compile(preset.expression(), false)?), rest)),
            None => {
                let known = PRESETS.join(", ");
                Err(format!("there is no such preset; write one of {known}, or /regex/, or any in FIELD"))
            }
        }
    }

    fn parse_expression(text: &str) -> Result<(Self, &str), String> {
        let mut is_escaped = false;
        let end = text.find(|letter: char| {
            let is_end = letter == '/' && !is_escaped;
            is_escaped = letter == '\\' && !is_escaped;
            is_end
        });
        let end = end.ok_or("the expression has no end; write /regex/, and \\/ for a slash in it")?;
        let (source, rest) = (&text[..end], &text[end + 1..]);
        if source.is_empty() {
            return Err("the expression is empty; write /regex/".to_owned());
        }
        let flags = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (flags, rest) = rest.split_at(flags);
        let ignores_case = match flags {
            "" => false,
            "i" => true,
            _ => return Err("after the expression there may be i, which ignores case, and then a space".to_owned()),
        };
        let regex = compile(source, ignores_case)?;
        if regex.is_match("") {
            return Err("the expression matches the empty text, and so every text; require a character".to_owned());
        }
        Ok((Self::Expression(regex), rest))
    }
}

fn compile(source: &str, ignores_case: bool) -> Result<Regex, String> {
    // The flag is part of the source, because the filter is made of the source.
    let source = if ignores_case { format!("(?i){source}") } else { source.to_owned() };
    RegexBuilder::new(&source).size_limit(EXPRESSION_BYTES).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => format!(
            "the expression is too large; the limit of its compiled form is {} MiB; repeat less, or begin it with \
             (?-u) if ASCII is enough",
            limit >> 20
        ),
        other => {
            let text = other.to_string();
            // The lines before the last one show the expression.
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            format!("the expression is not understood: {reason}")
        }
    })
}

/// Parses `[in FIELD,…] [ACTION]`.
fn parse_rest(rest: &str) -> Result<(Vec<Place>, Action), String> {
    let mut words = words(rest)?.into_iter().peekable();
    let mut places = Vec::new();
    if words.next_if(|word| word == "in").is_some() {
        let fields = words.next().ok_or("after in comes a field, such as in message")?;
        if fields != "*" {
            for field in split_outside_quotes(&fields, |letter| letter == ',') {
                places.push(Place::parse(&unquoted(field))?);
            }
        }
    }
    let action = match words.next().as_deref() {
        None | Some("mask") => Action::Mask,
        Some("hash") => Action::Hash,
        Some("drop") => Action::Drop,
        Some(_) => return Err("after the pattern comes in FIELD, and then mask, hash or drop".to_owned()),
    };
    match words.next() {
        None => Ok((places, action)),
        Some(_) => Err("there is something after the action; a rule ends with mask, hash or drop".to_owned()),
    }
}

/// The words of a text. Quotes keep spaces together.
fn words(text: &str) -> Result<Vec<String>, String> {
    if text.matches('"').count() % 2 == 1 {
        return Err("a quotation mark is missing".to_owned());
    }
    let words = split_outside_quotes(text, char::is_whitespace);
    Ok(words.into_iter().filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

fn split_outside_quotes(text: &str, is_separator: impl Fn(char) -> bool) -> Vec<&str> {
    let mut is_quoted = false;
    text.split(|letter: char| {
        is_quoted ^= letter == '"';
        !is_quoted && is_separator(letter)
    })
    .collect()
}

fn unquoted(field: &str) -> String {
    field.strip_prefix('"').and_then(|field| field.strip_suffix('"')).unwrap_or(field).to_owned()
}
