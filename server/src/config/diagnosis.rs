//! Options of the program's own log.

use clap::Args;

/// Options of the program's own log.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Diagnosis")]
pub(crate) struct LogOptions {
    /// The program's own log on stderr: error, warn, info, debug or trace, or a filter such as
    /// info,engine_embedded=debug.
    #[arg(long, env = "LOGBOOM_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,

    /// The format of the program's own log: text or json.
    #[arg(long, env = "LOGBOOM_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// The format of the program's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}
