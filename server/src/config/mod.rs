//! The configuration: command line flags with environment variables, and their help. `--help` is the manual, so every
//! field is documented for operators. One struct per section.

mod access;
mod agent;
mod archive;
mod canary;
mod diagnosis;
mod engines;
mod inputs;
mod limits;
mod listen;
mod oidc;
mod receive;
mod redaction;
mod refusal;
mod retention;
mod secret_file;
mod sinks;
mod tls;
mod workers;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

pub(crate) use self::{
    access::{AcceptOptions, AccessOptions, AdminOptions},
    archive::ArchiveOptions,
};
pub(crate) use agent::{AgentCheckOptions, AgentCommand, AgentOptions, BacklogOption, To};
pub(crate) use canary::CanaryOptions;
pub(crate) use diagnosis::{LogFormat, LogOptions};
pub(crate) use engines::EngineOptions;
pub(crate) use inputs::{InputOptions, JournalFolder, KubernetesApi};
pub(crate) use limits::LimitOptions;
pub(crate) use listen::{DEFAULT_GRPC, DEFAULT_OTLP, ListenOptions, StreamOptions};
pub(crate) use oidc::OidcOptions;
pub(crate) use receive::ReceiveOptions;
pub(crate) use redaction::RedactionOptions;
pub(crate) use retention::{RetentionOptions, age_text};
pub(crate) use secret_file::{read_secret, read_secrets};
pub(crate) use sinks::SinkOptions;
pub(crate) use tls::TlsOptions;
pub(crate) use workers::WorkerOptions;

use crate::commands::{
    anonymous::AnonymousOptions, archive::ArchiveCommand, check::CheckOptions, dead_letters::DeadLetterOptions,
    delete::DeleteOptions, documents::DocumentsOptions, export::ExportOptions, key::KeyOptions, ledger::LedgerOptions,
    parts::PartsOptions, redaction::RedactionCommand, replay::ReplayOptions, search::SearchOptions, send::SendOptions,
    session::SessionOptions, tail::TailOptions, user::UserOptions,
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
    /// Reads the command line and the environment. Prints the help or an error, and ends the program, if they ask for it.
    pub(crate) fn of_command_line() -> Self {
        Self::try_parse().unwrap_or_else(|error| refusal::without_secrets(error).exit())
    }

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
    /// Run an agent beside an application: it takes records by the same doors, keeps them on disk, and sends them on to
    /// a Logboom or another destination. It stores and shows nothing.
    #[command(after_long_help = limits::fixed())]
    Agent(Box<AgentOptions>),
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
    /// Send the records of a day to a sink of a running server once more, after the destination lost them; list and
    /// cancel such replays. Dead letters have their own command, `dead-letters replay`.
    Replay(Box<ReplayOptions>),
    /// Delete the records of a running server that match a query, for good; list and cancel such deletions. Shows the
    /// records first, and asks.
    Delete(Box<DeleteOptions>),
    /// Show what became of the records that a running server received, by hour and service: stored, deduplicated,
    /// rejected, dead, deleted, in flight. Fails if records are missing.
    Ledger(LedgerOptions),
    /// Create, list and revoke keys, by which programs send and read records.
    Key(Box<KeyOptions>),
    /// Add, list, change and remove the people who may log in. The first one with the role admin closes the server to
    /// everybody else.
    User(Box<UserOptions>),
    /// List and revoke the sessions of people who are logged in.
    Session(Box<SessionOptions>),
    /// Show and change the networks that may write without a key.
    Anonymous(Box<AnonymousOptions>),
    /// List the redaction rules of a running server, or try out another one (see --redact).
    #[command(subcommand)]
    Redaction(RedactionCommand),
    /// Verify or list an archive (see --archive).
    #[command(subcommand)]
    Archive(ArchiveCommand),
    /// Export the documents of a running server, such as saved views, or import them.
    Documents(DocumentsOptions),
}

/// The options of `logboom serve`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeOptions {
    #[command(flatten)]
    pub receive: ReceiveOptions,
    #[command(flatten)]
    pub access: AccessOptions,
    #[command(flatten)]
    pub admin: AdminOptions,
    #[command(flatten)]
    pub oidc: OidcOptions,
    #[command(flatten)]
    pub engines: EngineOptions,
    #[command(flatten)]
    pub retention: RetentionOptions,
    #[command(flatten)]
    pub sinks: SinkOptions,
    #[command(flatten)]
    pub archive: ArchiveOptions,
    #[command(flatten)]
    pub workers: WorkerOptions,
    #[command(flatten)]
    pub log: LogOptions,
    #[command(flatten)]
    pub canary: CanaryOptions,

    /// The maximum number of live tails.
    #[arg(long, env = "LOGBOOM_MAX_TAILS", value_name = "N", default_value_t = 512, help_heading = "Limits")]
    pub max_tails: usize,

    /// The number of newest records with which a page and S1's stream start.
    #[arg(long, env = "LOGBOOM_RECENT", value_name = "N", default_value_t = 50,
          value_parser = clap::value_parser!(u32).range(1..=1000), help_heading = "Reading")]
    pub recent: u32,

    /// How long the dashboard searches for a page of records before it shows the matches so far and continues. (The
    /// API searches for 10 s.)
    #[arg(long, env = "LOGBOOM_SEARCH_PATIENCE", value_name = "TIME", default_value = "1s",
          value_parser = humantime::parse_duration, help_heading = "Reading")]
    pub search_patience: Duration,

    /// The folder of the dashboard's files, for a program built without them.
    #[arg(long, env = "LOGBOOM_SITE", value_name = "DIR", hide = cfg!(feature = "embed-site"),
          help_heading = "Diagnosis")]
    pub site: Option<PathBuf>,
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
}
