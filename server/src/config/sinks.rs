//! Options of the sinks.

use clap::Args;
use sinks::Definition;

/// Options of the sinks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Forwarding")]
pub(crate) struct SinkOptions {
    /// Sends stored records on, as NAME=URL; may be given several times, and in the environment variable one per line.
    /// Examples: file=file:///var/log/all/{service}-{yyyy}-{MM}-{dd}.log,
    /// es=elasticsearch+http://host:9200/logs-{yyyy}.{MM}.{dd}, stash=tcp://host:5000,
    /// center=logboom+https://logs.example.com. With ?query=level>=warn only matching records, with from=start also
    /// those stored before. See docs/forwarding.md.
    #[arg(long = "sink", env = "LOGBOOM_SINK", value_name = "NAME=URL", value_delimiter = '\n',
          value_parser = parse, hide_env_values = true)]
    pub sinks: Vec<Definition>,
}

fn parse(text: &str) -> Result<Definition, String> {
    Definition::parse(text).map_err(|error| error.message)
}
