//! Which queue and which store, by URL.

use std::path::PathBuf;

use clap::Args;

/// Which queue and which store.
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

    /// The log store: embedded, or a PostgreSQL server, with TimescaleDB or without, as
    /// postgres://user:password@host:5432/database.
    #[arg(long, env = "LOGBOOM_STORE", value_name = "URL", default_value = "embedded", hide_env_values = true)]
    pub store: String,
}
