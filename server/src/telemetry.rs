//! The program's own log and metrics.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Writes the program's log to stderr.
///
/// # Errors
/// The filter is invalid, or a log is already set up.
pub(crate) fn log(filter: &str, format: LogFormat) -> anyhow::Result<()> {
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
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let done = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).with_target(false).compact().try_init(),
    };
    done.map_err(|error| anyhow::anyhow!(error))
}

/// Starts collecting metrics; the handle renders them.
pub(crate) fn metrics() -> anyhow::Result<PrometheusHandle> {
    // Seconds; from a fast fsync up to a client's timeout.
    const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    let recorder = PrometheusBuilder::new()
        .set_buckets(&SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .context("the metrics recorder")?;
    pipeline::events::describe();
    engine_embedded::wal::describe();
    Ok(recorder)
}
