//! The bounds an operator may move.

use clap::Args;
use model::limits;

/// The bounds that nobody moves, for the end of the help.
pub(crate) fn fixed() -> String {
    let mib = |bytes: usize| format!("{} MiB", bytes >> 20);
    format!(
        "Fixed limits of every door; an error names the one that was passed, and the other records are kept:\n  \
         a request, decompressed      {}, {} records\n  \
         a message                    {}\n  \
         attributes of a record       {}, nested {} deep\n  \
         an attribute                 name {} bytes, value {} KiB\n  \
         service, node, level         {} bytes\n  \
         one message over TCP         {}, {} for --fluent-listen, within 30 s\n  \
         the body of a request        within 60 s, its head within 15 s\n\n\
         How to send from each language and logger: docs/sending.md, and the page /connect.",
        mib(limits::BATCH_BYTES),
        limits::RECORDS_PER_BATCH,
        mib(limits::MESSAGE_BYTES),
        limits::ATTRIBUTES,
        limits::DEPTH,
        limits::KEY_BYTES,
        limits::VALUE_BYTES >> 10,
        limits::NAME_BYTES,
        mib(doors::stream::MESSAGE_BYTES),
        mib(doors::fluent::FORWARD_BYTES),
    )
}

/// The bounds an operator may move.
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
