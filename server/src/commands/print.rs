//! Prints records for people and programs.

use std::io::{IsTerminal as _, Write};

use clap::ValueEnum;
use model::{LevelClass, api::RecordView};

use super::printable;
use crate::export::csv;

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Output {
    /// Time, level, service, message and attributes, in colours on a terminal. Hidden characters, such as terminal
    /// escapes, are shown by their codes.
    #[default]
    Text,
    /// One JSON object per line, as in the API.
    Json,
    /// Comma-separated values with a header line; on a terminal with hidden characters shown by their codes.
    Csv,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    Always,
    Never,
}

/// Prints records.
pub(super) struct Printer<W> {
    output: Output,
    color: bool,
    header: bool,
    /// A person reads the output.
    is_terminal: bool,
    writer: W,
}

impl Printer<std::io::Stdout> {
    pub(super) fn new(output: Output, color: Color) -> Self {
        let writer = std::io::stdout();
        let is_terminal = writer.is_terminal();
        let color = match color {
            Color::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            Color::Always => true,
            Color::Never => false,
        };
        Self { output, color, header: true, is_terminal, writer }
    }
}

impl<W: Write> Printer<W> {
    /// # Errors
    /// The output is closed.
    pub(super) fn print(&mut self, records: &[RecordView]) -> anyhow::Result<()> {
        match self.output {
            Output::Text => {
                for record in records {
                    text(&mut self.writer, record, self.color)?;
                }
            }
            Output::Json => {
                for record in records {
                    writeln!(self.writer, "{}", printable::json(&serde_json::to_string(record)?))?;
                }
            }
            Output::Csv => {
                let header = std::mem::replace(&mut self.header, false);
                let rows = csv::encode(records.iter().cloned(), header)?;
                if self.is_terminal {
                    self.writer.write_all(printable::lines(&String::from_utf8_lossy(&rows)).as_bytes())?;
                } else {
                    self.writer.write_all(&rows)?;
                }
            }
        }
        Ok(self.writer.flush()?)
    }
}

const RESET: &str = "\x1b[0m";
const QUIET: &str = "\x1b[2m";

fn color_of(class: LevelClass) -> &'static str {
    match class {
        LevelClass::Trace | LevelClass::Debug => "\x1b[2m",
        LevelClass::Info => "\x1b[32m",
        LevelClass::Warn => "\x1b[33m",
        LevelClass::Error => "\x1b[31m",
        LevelClass::Fatal => "\x1b[1;31m",
    }
}

fn text(writer: &mut impl Write, record: &RecordView, color: bool) -> std::io::Result<()> {
    let on = |code: &'static str| if color { code } else { "" };
    let (quiet, reset) = (on(QUIET), on(RESET));
    write!(
        writer,
        "{quiet}{}{reset} {}{:<5}{reset} {} {}",
        printable::text(&record.time),
        on(color_of(record.class())),
        printable::text(&record.level),
        printable::text(&record.service),
        printable::text(&record.message),
    )?;
    let ids = [("trace_id", &record.trace_id), ("span_id", &record.span_id)];
    for (key, id) in ids.into_iter().filter_map(|(key, id)| Some((key, id.as_ref()?))) {
        write!(writer, " {quiet}{key}={reset}{}", printable::text(id))?;
    }
    for (key, value) in &record.attributes {
        write!(writer, " {quiet}{}={reset}{}", printable::text(key), printable::text(&value.to_string()))?;
    }
    writer.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use model::Value;

    use super::*;

    fn printed(output: Output, color: bool, is_terminal: bool) -> String {
        let record = RecordView {
            id: "1".into(),
            position: "1".into(),
            time: "2026-01-02T03:04:05.000000000Z".into(),
            observed_time: "2026-01-02T03:04:05.000000000Z".into(),
            level: "error".into(),
            severity: 17,
            service: "shop".into(),
            node: "a1".into(),
            message: "broken\n\x1b[2J\u{202e}by \"design\"".into(),
            trace_id: Some("ab".into()),
            span_id: None,
            attributes: [("n".to_owned(), Value::Int(7))].into(),
        };
        let mut printer = Printer { output, color, header: true, is_terminal, writer: Vec::new() };
        printer.print(std::slice::from_ref(&record)).unwrap();
        printer.print(&[record]).unwrap();
        String::from_utf8(printer.writer).unwrap()
    }

    #[test]
    fn text_is_a_line_a_record_and_moves_no_cursor() {
        let line =
            "2026-01-02T03:04:05.000000000Z error shop broken\\n\\u{1b}[2J\\u{202e}by \"design\" trace_id=ab n=7\n";
        assert_eq!(printed(Output::Text, false, false), line.repeat(2));
        assert!(printed(Output::Text, true, true).contains("\x1b[31merror\x1b[0m"));
    }

    #[test]
    fn programs_get_what_they_read() {
        let json = printed(Output::Json, true, true);
        assert_eq!(json.lines().count(), 2);
        assert!(json.contains("\\u202eby"), "{json}");
        assert!(serde_json::from_str::<RecordView>(json.lines().next().unwrap()).is_ok());
        let csv = printed(Output::Csv, true, false);
        assert!(csv.starts_with("id,time,") && csv.matches("id,time,").count() == 1, "{csv}");
        assert!(csv.contains("\x1b[2J\u{202e}"), "{csv:?}");
        let csv = printed(Output::Csv, true, true);
        assert!(csv.contains("broken\n\\u{1b}[2J\\u{202e}by"), "{csv:?}");
    }
}
