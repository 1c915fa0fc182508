//! Options of the worker processes.

use clap::Args;

/// Options of the worker processes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Workers")]
pub(crate) struct WorkerOptions {
    /// The number of worker processes. They share all ports; one that ends is replaced within a second, and SIGHUP
    /// replaces all of them in turn without a refused connection. More than one needs --queue amqp://… and
    /// --store postgres://…. With 1 there is a single process. Limits such as --max-in-flight hold for each worker.
    #[arg(long, env = "LOGBOOM_WORKERS", value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=64))]
    pub workers: u32,

    /// The number of this worker. The supervising process sets it.
    #[arg(long, value_name = "NUMBER", hide = true)]
    pub worker: Option<u32>,
}

impl WorkerOptions {
    /// Whether this process starts workers and serves nothing itself.
    pub(crate) fn is_supervising(&self) -> bool {
        self.workers > 1 && self.worker.is_none()
    }
}
