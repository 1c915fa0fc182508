//! The configuration: command line flags with environment variables, and their help. `--help` is the manual, so every
//! field is documented for operators. One struct per section.

mod engines;
mod limits;
mod listen;
mod retention;
mod sinks;
mod workers;

use std::{path::PathBuf, time::Duration};

use chrono::FixedOffset;
use clap::{Args, Parser, Subcommand};

pub(crate) use engines::EngineOptions;
pub(crate) use limits::LimitOptions;
pub(crate) use listen::{DEFAULT_GRPC, DEFAULT_OTLP, ListenOptions, StreamOptions};
pub(crate) use retention::RetentionOptions;
pub(crate) use sinks::SinkOptions;
pub(crate) use workers::WorkerOptions;

use crate::commands::{
    check::CheckOptions,
    dead_letters::{DeadLetterOptions, SomeOptions},
    documents::DocumentsOptions,
    export::ExportOptions,
    parts::PartsOptions,
    search::SearchOptions,
    send::SendOptions,
    tail::TailOptions,
};

/// The central log server: receives logs of services, buffers them in a durable queue, stores them, and shows them in
/// a searchable, live dashboard.
///
/// By default it keeps all data in ./data, needs no other software, and serves the dashboard at
/// http://127.0.0.1:3000.
#[derive(Debug, Parser)]
#[command(name = "logboom", version, max_term_width = 100, args_conflicts_with_subcommands = true,
          after_long_help = limits::fixed())]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub serve: ServeOptions,
}

impl Cli {
    /// The command; `serve` by default.
    pub(crate) fn into_command(self) -> Command {
        self.command.unwrap_or_else(|| Command::Serve(Box::new(self.serve)))
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server (the default).
    #[command(after_long_help = limits::fixed())]
    Serve(Box<ServeOptions>),
    /// Send lines to a running server, from the standard input or a growing file.
    Send(SendOptions),
    /// Show new records of a running server.
    Tail(TailOptions),
    /// Show the newest matching records of a running server.
    Search(SearchOptions),
    /// Write the records of a running server as JSON lines, CSV or Parquet.
    Export(ExportOptions),
    /// List the Parquet files of the records, for other programs; list and give up missing or damaged ones.
    Parts(PartsOptions),
    /// Verify a data folder: its catalogue and the parts that it lists.
    Check(CheckOptions),
    /// List the batches that a running server could not store, newest first: id, time, records, sender and reason;
    /// show, download, delete or replay them.
    DeadLetters(Box<DeadLetterOptions>),
    /// Store dead letters of a running server again: `dead-letters replay`.
    Replay(SomeOptions),
    /// Export the documents of a running server, such as saved views, or import them.
    Documents(DocumentsOptions),
}

/// The options of `logboom serve`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeOptions {
    #[command(flatten)]
    pub listen: ListenOptions,
    #[command(flatten)]
    pub streams: StreamOptions,
    #[command(flatten)]
    pub engines: EngineOptions,
    #[command(flatten)]
    pub retention: RetentionOptions,
    #[command(flatten)]
    pub sinks: SinkOptions,
    #[command(flatten)]
    pub limits: LimitOptions,
    #[command(flatten)]
    pub workers: WorkerOptions,

    /// The number of newest records with which a page and S1's stream start.
    #[arg(long, env = "LOGBOOM_RECENT", value_name = "N", default_value_t = 50,
          value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Reading")]
    pub recent: u32,

    /// How long the dashboard searches for a page of records before it shows the matches so far and continues. (The
    /// API searches for 10 s.)
    #[arg(long, env = "LOGBOOM_SEARCH_PATIENCE", value_name = "TIME", default_value = "1s",
          value_parser = humantime::parse_duration, help_heading = "Reading")]
    pub search_patience: Duration,

    /// The time zone of timestamps without one, such as +09:00 or UTC.
    #[arg(long, env = "LOGBOOM_ASSUME_TIMEZONE", value_name = "OFFSET", default_value = "UTC",
          value_parser = parse_offset, allow_hyphen_values = true, help_heading = "Receiving")]
    pub assume_timezone: FixedOffset,

    /// The program's own log on stderr: error, warn, info, debug or trace, or a filter such as
    /// info,engine_embedded=debug.
    #[arg(long, env = "LOGBOOM_LOG", value_name = "FILTER", default_value = "info", help_heading = "Diagnosis")]
    pub log: String,

    /// The format of the program's own log: text or json.
    #[arg(long, env = "LOGBOOM_LOG_FORMAT", value_name = "FORMAT", default_value = "text", help_heading = "Diagnosis")]
    pub log_format: LogFormat,

    /// The folder of the dashboard's files, for a program built without them.
    #[arg(long, env = "LOGBOOM_SITE", value_name = "DIR", hide = cfg!(feature = "embed-site"),
          help_heading = "Diagnosis")]
    pub site: Option<PathBuf>,
}

/// The format of the program's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Parses `UTC`, `Z`, or an offset such as `+09:00`.
fn parse_offset(text: &str) -> Result<FixedOffset, String> {
    if text.eq_ignore_ascii_case("utc") || text.eq_ignore_ascii_case("z") {
        return FixedOffset::east_opt(0).ok_or_else(|| "no such offset".to_owned());
    }
    text.parse().map_err(|_| format!("{text:?} is not an offset; write it as +09:00, -05:30 or UTC"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_is_what_happens_without_a_command() {
        for line in [&["logboom", "--recent", "7"][..], &["logboom", "serve", "--recent", "7"]] {
            let command = Cli::parse_from(line).into_command();
            assert!(matches!(command, Command::Serve(options) if options.recent == 7), "{line:?}");
        }
        assert!(matches!(Cli::parse_from(["logboom", "check", "--quick"]).into_command(), Command::Check(_)));
    }

    #[test]
    fn offsets_are_read_or_refused_with_a_hint() {
        assert_eq!(parse_offset("+09:00").map(|offset| offset.local_minus_utc()), Ok(32_400));
        assert_eq!(parse_offset("utc").map(|offset| offset.local_minus_utc()), Ok(0));
        assert!(parse_offset("Seoul").is_err_and(|error| error.contains("+09:00")));
    }
}
