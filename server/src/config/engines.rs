//! Options of the queue, the store and the folder of documents.

use std::path::PathBuf;

use bytesize::ByteSize;
use clap::Args;

/// Options of the queue and the store.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Engines")]
pub(crate) struct EngineOptions {
    /// The folder of the embedded engines.
    #[arg(long, env = "LOGBOOM_DATA", value_name = "DIR", default_value = "./data")]
    pub data: PathBuf,

    /// The durable queue: embedded, or a RabbitMQ server as amqp://user:password@host:5672/vhost
    /// (amqps:// for TLS).
    #[arg(long, env = "LOGBOOM_QUEUE", value_name = "URL", default_value = "embedded", hide_env_values = true)]
    pub queue: String,

    /// The disk space of the embedded queue for batches that wait to be stored, such as 4GiB or 500MB; at least
    /// 256MiB. Past it, clients are told to retry later until the store has caught up.
    #[arg(long, env = "LOGBOOM_QUEUE_BYTES", value_name = "BYTES", default_value = "4GiB",
          value_parser = parse_queue_bytes)]
    pub queue_bytes: ByteSize,

    /// The log store: embedded, or a PostgreSQL server, with TimescaleDB or without, as
    /// postgres://user:password@host:5432/database.
    #[arg(long, env = "LOGBOOM_STORE", value_name = "URL", default_value = "embedded", hide_env_values = true)]
    pub store: String,

    /// A folder of JSON files with documents, such as saved views, in the format of `logboom
    /// documents export`. They are read at start, shown beside the stored ones, and changed only
    /// in the files.
    #[arg(long, env = "LOGBOOM_CONFIG_DIR", value_name = "DIR")]
    pub config_dir: Option<PathBuf>,
}

/// The minimum of `--queue-bytes`: below it, a few large batches would be overload.
const QUEUE_BYTES: ByteSize = ByteSize::mib(256);

fn parse_queue_bytes(text: &str) -> Result<ByteSize, String> {
    let bytes: ByteSize = text.parse().map_err(|_| format!("{text:?} is not a size; write it as 4GiB or 500MB"))?;
    if bytes < QUEUE_BYTES {
        return Err(format!("{text} is too little for the queue; it needs at least {QUEUE_BYTES}"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_of_the_queue_is_a_size_with_a_least() {
        assert_eq!(parse_queue_bytes("4GiB"), Ok(ByteSize::gib(4)));
        assert_eq!(parse_queue_bytes("500MB"), Ok(ByteSize::mb(500)));
        assert_eq!(parse_queue_bytes("1073741824"), Ok(ByteSize::gib(1)));
        for (text, hint) in [("1MiB", "at least 256.0 MiB"), ("much", "4GiB"), ("", "4GiB"), ("-1", "4GiB")] {
            assert!(parse_queue_bytes(text).is_err_and(|error| error.contains(hint)), "{text}");
        }
    }
}
