//! The program's own log and metrics.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt::writer::BoxMakeWriter};

use crate::config::LogFormat;

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
    let writer = match worker {
        None => BoxMakeWriter::new(io::stderr),
        Some(number) => BoxMakeWriter::new(move || WorkerLines { format, number }),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    let done = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).with_target(false).compact().try_init(),
    };
    done.map_err(|error| anyhow::anyhow!(error))
}

/// Writes the lines of a worker to stderr. Workers share it, so a line is one write.
struct WorkerLines {
    format: LogFormat,
    number: u32,
}

impl WorkerLines {
    fn numbered(&self, line: &[u8]) -> Vec<u8> {
        let (begin, rest) = match (self.format, line) {
            (LogFormat::Json, [b'{', rest @ ..]) => (format!("{{\"worker\":{},", self.number), rest),
            _ => (format!("worker {} ", self.number), line),
        };
        [begin.as_bytes(), rest].concat()
    }
}

impl io::Write for WorkerLines {
    /// Each call is a whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::Write::write_all(&mut io::stderr(), &self.numbered(line))?;
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
    use super::*;

    #[test]
    fn lines_of_a_worker_have_its_number() {
        let line = |format, line: &str| {
            String::from_utf8(WorkerLines { format, number: 2 }.numbered(line.as_bytes())).unwrap()
        };
        assert_eq!(line(LogFormat::Text, "12:00 INFO ready\n"), "worker 2 12:00 INFO ready\n");
        let json: serde_json::Value = serde_json::from_str(&line(LogFormat::Json, "{\"level\":\"INFO\"}\n")).unwrap();
        assert_eq!(json, serde_json::json!({ "worker": 2, "level": "INFO" }));
    }
}
