//! The program's own log and metrics.
//!
//! Texts of clients get into the log: names, addresses, errors of destinations. Hidden characters are shown by their
//! codes there, because they would begin another line, or command the terminal of whoever reads the log.

use std::{
    fmt,
    io::{self, IsTerminal as _},
};

use anyhow::Context as _;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::field::Field;
use tracing_subscriber::{
    EnvFilter,
    fmt::format::{Writer, debug_fn},
};

use crate::{commands::printable, config::LogFormat};

/// Writes the program's log to stderr. Each line of a worker has its number.
///
/// # Errors
/// The filter is invalid, or a log is already set up.
pub(crate) fn log(filter: &str, format: LogFormat, worker: Option<u32>) -> anyhow::Result<()> {
    let mut filter = EnvFilter::try_new(filter)
        .with_context(|| format!("--log {filter}: write a level such as info, or module=level pairs with commas"))?;
    let given = filter.to_string();
    for (library, directive) in [
        // The client library logs expected failures as errors; the engine handles and logs them itself.
        ("lapin", "lapin=off"),
        // Notices of the database, for instance that there was nothing to do.
        ("sqlx", "sqlx::postgres::notice=warn"),
    ] {
        if !given.contains(library) {
            filter = filter.add_directive(directive.parse().context("a log directive")?);
        }
    }
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || Lines { format, worker });
    let done = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .compact()
            .fmt_fields(debug_fn(write_field))
            .try_init(),
    };
    done.map_err(|error| anyhow::anyhow!(error))
}

/// Writes a field of a line of text. The message comes first.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let text = format!("{value:?}");
    match field.name() {
        "message" => writer.write_str(&printable::message(&text)),
        // Where a library has logged it.
        name if name.starts_with("log.") => Ok(()),
        name => {
            let (name, text) = (name.trim_start_matches("r#"), printable::text(&text));
            if writer.has_ansi_escapes() {
                write!(writer, " \x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m{text}")
            } else {
                write!(writer, " {name}={text}")
            }
        }
    }
}

/// Writes lines to stderr, those of a worker with its number. Workers share it, so a line is one write.
struct Lines {
    format: LogFormat,
    worker: Option<u32>,
}

impl Lines {
    fn finished(&self, line: &[u8]) -> Vec<u8> {
        let line = match self.format {
            // The fields of a text have been made safe one by one.
            LogFormat::Text => line.to_vec(),
            LogFormat::Json => printable::json(&String::from_utf8_lossy(line)).into_owned().into_bytes(),
        };
        let Some(number) = self.worker else { return line };
        let (begin, rest) = match (self.format, &line[..]) {
            (LogFormat::Json, [b'{', rest @ ..]) => (format!("{{\"worker\":{number},"), rest),
            _ => (format!("worker {number} "), &line[..]),
        };
        [begin.as_bytes(), rest].concat()
    }
}

impl io::Write for Lines {
    /// Each call is a whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::Write::write_all(&mut io::stderr(), &self.finished(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::Write::flush(&mut io::stderr())
    }
}

/// Starts collecting metrics; the handle renders them. Those of a worker have its number as a label.
pub(crate) fn metrics(worker: Option<u32>) -> anyhow::Result<PrometheusHandle> {
    // Seconds; from a fast fsync up to a client's timeout.
    const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    let builder = match worker {
        None => PrometheusBuilder::new(),
        Some(number) => PrometheusBuilder::new().add_global_label("worker", number.to_string()),
    };
    let recorder =
        builder.set_buckets(&SECONDS).and_then(PrometheusBuilder::install_recorder).context("the metrics recorder")?;
    pipeline::events::describe();
    engine_embedded::wal::describe();
    Ok(recorder)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[test]
    fn lines_of_a_worker_have_its_number() {
        let line =
            |format, worker, line: &str| String::from_utf8(Lines { format, worker }.finished(line.as_bytes())).unwrap();
        assert_eq!(line(LogFormat::Text, Some(2), "12:00 INFO ready\n"), "worker 2 12:00 INFO ready\n");
        assert_eq!(line(LogFormat::Text, None, "12:00 INFO ready\n"), "12:00 INFO ready\n");
        let json = line(LogFormat::Json, Some(2), "{\"level\":\"INFO\"}\n");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json, serde_json::json!({ "worker": 2, "level": "INFO" }));
        assert_eq!(line(LogFormat::Json, None, "{\"a\":\"\u{9b}2J\u{202e}\"}\n"), "{\"a\":\"\\u009b2J\\u202e\"}\n");
    }

    /// What is written of an event of text.
    fn written(log: impl FnOnce()) -> String {
        #[derive(Clone, Default)]
        struct Collected(Arc<Mutex<Vec<u8>>>);
        impl io::Write for Collected {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let collected = Collected::default();
        let writer = collected.clone();
        let builder = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).without_time();
        let subscriber = builder.with_target(false).compact().fmt_fields(debug_fn(write_field)).finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = collected.0.lock().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_text_of_a_client_neither_begins_a_line_nor_commands_a_terminal() {
        let hostile = "a\n12:00 INFO forged\u{1b}[2J\u{9b}31m\u{202e}";
        let line = written(|| tracing::warn!(shown = %hostile, quoted = hostile, count = 7, "two\nlines \u{1b}[2J"));
        let shown = "a\\n12:00 INFO forged\\u{1b}[2J\\u{9b}31m\\u{202e}";
        assert_eq!(
            line.trim_start(),
            format!("WARN two\n    lines \\u{{1b}}[2J shown={shown} quoted=\"{shown}\" count=7\n")
        );
    }
}
