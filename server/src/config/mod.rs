//! The configuration: flags, each also an environment variable, and their help.
//!
//! `--help` is the manual, so every field is documented for the person who runs the
//! program. One struct per section.

mod engines;
mod limits;
mod listen;
mod retention;

use std::{path::PathBuf, time::Duration};

use chrono::FixedOffset;
use clap::{Args, Parser, Subcommand};

pub(crate) use engines::EngineOptions;
pub(crate) use limits::LimitOptions;
pub(crate) use listen::{DEFAULT_GRPC, DEFAULT_OTLP, ListenOptions, StreamOptions};
pub(crate) use retention::RetentionOptions;

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

/// The central log server: services push logs, a durable queue takes the load, a store
/// keeps them, and a dashboard searches them and tails them live.
///
/// Without any option it keeps everything in ./data, needs nothing else installed, and
/// shows the dashboard at http://127.0.0.1:3000.
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
    /// The command, which is to serve where none was written out.
    pub(crate) fn into_command(self) -> Command {
        self.command.unwrap_or_else(|| Command::Serve(Box::new(self.serve)))
    }
}

/// What the program can be told to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server (the default).
    #[command(after_long_help = limits::fixed())]
    Serve(Box<ServeOptions>),
    /// Send lines to a running server: from the standard input, or from a file that grows.
    Send(SendOptions),
    /// Show the records of a running server as they come.
    Tail(TailOptions),
    /// Show the newest records of a running server that match.
    Search(SearchOptions),
    /// Write the records of a running server as JSON lines, CSV or Parquet.
    Export(ExportOptions),
    /// List the Parquet files that hold the records, for programs that read them; list and give
    /// up those that are missing or damaged.
    Parts(PartsOptions),
    /// Verify a data folder: its catalogue and the parts that it lists.
    Check(CheckOptions),
    /// List what a running server could not store, newest first: id, time, records, sender
    /// and reason; show, download, delete or replay it.
    DeadLetters(Box<DeadLetterOptions>),
    /// Have a running server try to store dead letters again: `dead-letters replay`.
    Replay(SomeOptions),
    /// Export the documents of a running server, such as saved views, or import them.
    Documents(DocumentsOptions),
}

/// Everything `logboom serve` can be told.
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
    pub limits: LimitOptions,

    /// How many of the newest records a page and S1's stream begin with.
    #[arg(long, env = "LOGBOOM_RECENT", value_name = "N", default_value_t = 50,
          value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Reading")]
    pub recent: u32,

    /// How long the dashboard looks for a page of records before it shows what was found,
    /// and goes on. (The API looks for 10 s.)
    #[arg(long, env = "LOGBOOM_SEARCH_PATIENCE", value_name = "TIME", default_value = "1s",
          value_parser = humantime::parse_duration, help_heading = "Reading")]
    pub search_patience: Duration,

    /// The zone of timestamps that name none, such as +09:00 or UTC.
    #[arg(long, env = "LOGBOOM_ASSUME_TIMEZONE", value_name = "OFFSET", default_value = "UTC",
          value_parser = parse_offset, allow_hyphen_values = true, help_heading = "Receiving")]
    pub assume_timezone: FixedOffset,

    /// What the program logs about itself to stderr: error, warn, info, debug or trace,
    /// or a filter such as info,engine_embedded=debug.
    #[arg(long, env = "LOGBOOM_LOG", value_name = "FILTER", default_value = "info", help_heading = "Diagnosis")]
    pub log: String,

    /// How it logs: text or json.
    #[arg(long, env = "LOGBOOM_LOG_FORMAT", value_name = "FORMAT", default_value = "text", help_heading = "Diagnosis")]
    pub log_format: LogFormat,

    /// The folder of the dashboard's files, for a program that was built without them.
    #[arg(long, env = "LOGBOOM_SITE", value_name = "DIR", hide = cfg!(feature = "embed-site"),
          help_heading = "Diagnosis")]
    pub site: Option<PathBuf>,
}

/// The form of the program's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Reads `UTC`, `Z`, or an offset such as `+09:00`.
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
