//! Options of `logboom agent`.

use std::path::PathBuf;

use bytesize::ByteSize;
use clap::{Args, Subcommand, ValueEnum};
use pipeline::relay::WhenFull;
use url::Url;

use super::{AcceptOptions, AccessOptions, InputOptions, LogOptions, ReceiveOptions};
use crate::{agent::destinations, commands::credentials::Credentials};

/// The options of `logboom agent`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct AgentOptions {
    #[command(subcommand)]
    pub command: Option<AgentCommand>,

    /// Where records go; may be given several times, and in the environment variable one per line. The first
    /// destination that answers gets a batch; one that failed is tried again later. A URL http[s]://host:port without a
    /// path is another Logboom, which gets each record exactly once. Others: tcp://host:port (lines of JSON, for
    /// Logstash), and every URL of `logboom serve --sink` without query= and from=.
    #[arg(long, env = "LOGBOOM_TO", value_name = "URL", value_delimiter = '\n', value_parser = To::parse,
          hide_env_values = true, required = true, help_heading = "Delivering")]
    pub to: Vec<To>,

    /// A file with the key for destinations that are another Logboom. Without it, the environment variable LOGBOOM_KEY
    /// holds the key, or LOGBOOM_KEY_FILE names the file. The parameter key-file=FILE of a destination's URL takes
    /// precedence. A key that is refused is read again, so a corrected file needs no restart.
    #[arg(long, value_name = "FILE", help_heading = "Delivering")]
    pub key_file: Option<PathBuf>,

    /// The folder of what waits to be delivered, and of refused.ndjson with the records that no destination takes.
    #[arg(long, env = "LOGBOOM_DATA", value_name = "DIR", default_value = "./agent", help_heading = "Delivering")]
    pub data: PathBuf,

    /// The disk space for what waits, such as 1GiB or 500MB; at least 64MiB.
    #[arg(long, env = "LOGBOOM_MAX_DISK", value_name = "BYTES", default_value = "1GiB", value_parser = parse_max_disk,
          help_heading = "Delivering")]
    pub max_disk: ByteSize,

    /// What happens when that space is used up.
    #[arg(
        long,
        env = "LOGBOOM_WHEN_FULL",
        value_name = "POLICY",
        default_value = "block",
        help_heading = "Delivering"
    )]
    pub when_full: WhenFullOption,

    /// In which order records go when old ones wait. [default: fresh-share if all destinations are another Logboom, else
    /// oldest-first]
    #[arg(long, env = "LOGBOOM_BACKLOG", value_name = "ORDER", help_heading = "Delivering")]
    pub backlog: Option<BacklogOption>,

    #[command(flatten)]
    pub inputs: InputOptions,
    #[command(flatten)]
    pub receive: ReceiveOptions,
    #[command(flatten)]
    pub access: AccessOptions,
    #[command(flatten)]
    pub accept: AcceptOptions,
    #[command(flatten)]
    pub log: LogOptions,
}

/// The commands below `logboom agent`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum AgentCommand {
    /// Check a running agent, or the options of one that is to run; the exit code is 0 if all is well.
    Check(AgentCheckOptions),
}

/// What to check.
#[derive(Debug, Clone, Args)]
pub(crate) struct AgentCheckOptions {
    /// The URL of a running agent, such as http://127.0.0.1:3000: whether it takes records and a destination takes
    /// them from it.
    #[arg(long, value_name = "URL", conflicts_with_all = ["to", "data"], required_unless_present = "to")]
    pub server: Option<Url>,

    /// Destinations of an agent that is to run: whether they can be reached from here.
    #[arg(long, value_name = "URL", value_parser = To::parse)]
    pub to: Vec<To>,

    /// The data folder of an agent that is to run: whether it can be written.
    #[arg(long, value_name = "DIR", default_value = "./agent")]
    pub data: PathBuf,

    // With --server the key is for that agent, with --to for the destinations.
    #[command(flatten)]
    pub credentials: Credentials,

    #[command(flatten)]
    pub inputs: InputOptions,
}

/// The URL of a destination, checked. Its text may contain a password.
#[derive(Clone)]
pub(crate) struct To(pub String);

impl To {
    fn parse(text: &str) -> Result<Self, String> {
        let url = destinations::sink_url(text).map_err(|error| error.message)?;
        destinations::definition(0, &url).map(|_| Self(url)).map_err(|error| error.message)
    }
}

impl std::fmt::Debug for To {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("To(…)")
    }
}

/// What happens when the disk space is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhenFullOption {
    /// Clients are told to retry later, and doors without a response stop reading.
    Block,
    /// The oldest batches are dropped and counted.
    DropOldest,
}

impl From<WhenFullOption> for WhenFull {
    fn from(option: WhenFullOption) -> Self {
        match option {
            WhenFullOption::Block => Self::Block,
            WhenFullOption::DropOldest => Self::DropOldest,
        }
    }
}

/// The order of records when old ones wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BacklogOption {
    /// Strictly oldest first.
    OldestFirst,
    /// A third of the bandwidth goes to what is new, as soon as the oldest record has waited for 5 s. Only for
    /// destinations that are another Logboom, which puts records in order by their times.
    FreshShare,
}

/// The minimum of `--max-disk`: below it, a few large batches would be too much.
const MAX_DISK: ByteSize = ByteSize::mib(64);

fn parse_max_disk(text: &str) -> Result<ByteSize, String> {
    let bytes: ByteSize = text.parse().map_err(|_| format!("{text:?} is not a size; write it as 1GiB or 500MB"))?;
    if bytes < MAX_DISK {
        return Err(format!("{text} is too little; --max-disk needs at least {MAX_DISK}"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::config::{Cli, Command};

    fn parse(line: &str) -> Result<AgentOptions, String> {
        let cli = Cli::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
        match cli.into_command() {
            Command::Agent(options) => Ok(*options),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn the_agent_and_its_check_are_told_apart() {
        let options = parse("logboom agent --to http://center:3000 --to tcp://host:5000 --max-disk 64MiB").unwrap();
        assert_eq!(options.to[0].0, "logboom+http://center:3000");
        assert_eq!((options.to.len(), options.max_disk, options.when_full), (2, MAX_DISK, WhenFullOption::Block));
        let options = parse("logboom agent --to http://center:3000 --kubernetes --multiline start:^[0-9]").unwrap();
        assert_eq!(options.inputs.kubernetes.unwrap().as_str(), "/var/log/pods/*/*/*.log");
        assert!(options.inputs.multiline.is_some());
        let check = parse("logboom agent check --server http://127.0.0.1:3000").unwrap();
        assert!(matches!(check.command, Some(AgentCommand::Check(AgentCheckOptions { server: Some(_), .. }))));
    }

    #[test]
    fn wrong_options_are_refused_with_the_way_out() {
        for (line, hint) in [
            ("logboom agent", "--to <URL>"),
            ("logboom agent check", "--server <URL>"),
            ("logboom agent --to http://center:3000 --max-disk 1MiB", "at least 64.0 MiB"),
            ("logboom agent --to http://center:3000 --when-full drop", "drop-oldest"),
            ("logboom agent --to http://center:3000?query=level:error", "everything"),
            ("logboom agent --to gopher://center", "elasticsearch+http"),
            ("logboom agent --to http://center:3000 --file log/*.log", "begin it with /"),
            ("logboom agent --to http://center:3000 --file /log/***.log", "/var/log/nginx/*.log"),
            ("logboom agent --to http://center:3000 --file /log/* --multiline ruby", "start:REGEX"),
            ("logboom agent --to http://center:3000 --docker tcp://host:2375", "unix:///var/run/docker.sock"),
            ("logboom agent --to http://center:3000 --kubernetes pods/*.log", "begin it with /"),
            ("logboom agent --to http://center:3000 --key lb_a", "unexpected argument '--key'"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(hint), "{line}: {error}");
        }
    }
}
