//! Records of several lines, such as stack traces.
//!
//! A rule decides for each line whether it continues the record before it. The decision depends on this line and the
//! lines of the record alone, so the same bytes always become the same records, also when they are read again.
//!
//! | file | content |
//! |---|---|
//! | `presets` | the rules of common runtimes |

mod presets;
#[cfg(test)]
mod tests;

use std::{str::FromStr, sync::Arc};

use regex::bytes::{Regex, RegexBuilder};

use self::presets::{Head, PRESETS, Preset};

/// The most lines of a record. The next line begins a new one.
pub(crate) const RECORD_LINES: usize = 1000;
/// The most bytes of a record: a quarter of the limit of a message, so that a batch has room for several.
pub(crate) const RECORD_BYTES: usize = 256 << 10;
/// The most bytes of a compiled expression.
const EXPRESSION_BYTES: usize = 1 << 20;

/// The rule of `--multiline`.
#[derive(Debug, Clone)]
pub(crate) struct Multiline(Arc<Rule>);

#[derive(Debug)]
enum Rule {
    /// A line that matches begins a record.
    Start(Regex),
    Preset(Compiled),
}

/// The expressions of a preset; see [`Preset`].
#[derive(Debug)]
struct Compiled {
    start: Option<Regex>,
    head: Regex,
    more: Regex,
    inside: Regex,
    source: Option<Regex>,
    preset: &'static Preset,
}

/// What is known of the record up to now.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct State {
    lines: usize,
    /// The record has a stack trace.
    is_trace: bool,
    /// The record begins with an excerpt of source code, and the error is still to come.
    is_source: bool,
    is_after_indent: bool,
    is_after_blank: bool,
}

/// The lines between the place of an error and the error, as Node.js prints them.
const SOURCE_LINES: usize = 8;

impl Multiline {
    /// Whether the line continues the record of `state`. Updates the state; a line that does not continue begins a new
    /// record. `line` has no newline.
    pub(crate) fn continues(&self, state: &mut State, line: &[u8]) -> bool {
        let continues = match &*self.0 {
            Rule::Start(start) => state.lines > 0 && !start.is_match(line),
            Rule::Preset(preset) => preset.continues(state, line),
        };
        if !continues {
            let fresh = State { is_trace: state.is_trace, is_source: state.is_source, ..State::default() };
            *state = fresh;
        }
        state.lines += 1;
        state.is_after_indent = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        state.is_after_blank = line.trim_ascii().is_empty();
        continues
    }
}

impl Compiled {
    fn continues(&self, state: &mut State, line: &[u8]) -> bool {
        let is_head = self.head.is_match(line);
        let is_more = self.more.is_match(line);
        if state.lines > 0 && is_more && !self.starts(line) {
            return true;
        }
        let continues = state.lines > 0 && self.continues_at_the_margin(state, line, is_head);
        let is_source = self.source.as_ref().is_some_and(|source| source.is_match(line));
        if !continues {
            // Of the new record.
            state.is_trace = is_head || self.starts(line);
            state.is_source = is_source;
        } else if is_head {
            (state.is_trace, state.is_source) = (true, false);
        }
        continues
    }

    /// Decides about a line without indentation.
    fn continues_at_the_margin(&self, state: &State, line: &[u8], is_head: bool) -> bool {
        if self.starts(line) {
            return false;
        }
        if state.is_source {
            return state.lines < SOURCE_LINES;
        }
        if !state.is_trace {
            return is_head && state.lines == 1 && matches!(self.preset.head_after, Head::Line);
        }
        self.inside.is_match(line)
            || self.preset.ends_at_margin && state.is_after_indent && !line.is_empty()
            || self.preset.is_chained && is_head && state.is_after_blank
    }

    fn starts(&self, line: &[u8]) -> bool {
        self.start.as_ref().is_some_and(|start| start.is_match(line))
    }
}

impl FromStr for Multiline {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(expression) = text.strip_prefix("start:") {
            if expression.is_empty() {
                return Err("start: needs a regular expression; write it as start:^[0-9]{4}-".into());
            }
            return compile(expression).map(|start| Self(Arc::new(Rule::Start(start))));
        }
        let Some(preset) = PRESETS.iter().find(|preset| preset.name == text) else {
            let names = PRESETS.map(|preset| preset.name).join(", ");
            return Err(format!("{text:?} is no preset; use {names}, or start:REGEX for the first line of a record"));
        };
        let optional = |expression: &str| (!expression.is_empty()).then(|| compile(expression)).transpose();
        let compiled = Compiled {
            start: optional(preset.start)?,
            head: compile(preset.head)?,
            more: compile(preset.more)?,
            inside: compile(preset.inside)?,
            source: optional(preset.source)?,
            preset,
        };
        Ok(Self(Arc::new(Rule::Preset(compiled))))
    }
}

fn compile(expression: &str) -> Result<Regex, String> {
    RegexBuilder::new(expression).size_limit(EXPRESSION_BYTES).build().map_err(|error| {
        format!("the expression after start: is not valid or needs more than {EXPRESSION_BYTES} bytes: {error}")
    })
}
