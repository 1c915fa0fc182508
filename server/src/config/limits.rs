//! The bounds an operator may move.

use clap::Args;

/// The bounds an operator may move.
///
/// Fixed: 10,000 records and 8 MiB a batch, 1 MiB a message, 256 attributes a record.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitOptions {
    /// The records that may be on their way to the queue at once. Past it clients are told
    /// to come back later.
    #[arg(long, env = "LOGBOOM_MAX_IN_FLIGHT", value_name = "RECORDS", default_value_t = 200_000)]
    pub max_in_flight: usize,

    /// The connections of each listener.
    #[arg(long, env = "LOGBOOM_MAX_CONNECTIONS", value_name = "N", default_value_t = 4096)]
    pub max_connections: usize,

    /// The live tails at once.
    #[arg(long, env = "LOGBOOM_MAX_TAILS", value_name = "N", default_value_t = 512)]
    pub max_tails: usize,
}
