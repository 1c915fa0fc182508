//! Options of a run.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use model::limits;
use reqwest::Url;

use crate::{corpus::kind::CorpusKind, door::Door};

/// Options of a run.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunOptions {
    /// The server: reading API, gRPC and HTTP doors. With a path, the URL to which the door `http` posts JSON lines,
    /// possibly of another system.
    #[arg(long, env = "LOGBOOM_URL", default_value = "http://127.0.0.1:3000")]
    pub url: Url,
    /// The gRPC listener, if it differs from the main port.
    #[arg(long)]
    pub grpc_url: Option<Url>,
    /// The listener of a TCP door, such as tcp://127.0.0.1:5514.
    #[arg(long)]
    pub socket_url: Option<Url>,
    /// The door.
    #[arg(long, value_enum, default_value_t = Door::Stream)]
    pub door: Door,
    /// The number of connections.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub connections: u32,
    /// Unanswered batches per connection (for send-log: records); the server's window limits them as well.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub in_flight: u32,
    /// Records per second, on a fixed schedule: latency counts from the scheduled time of a batch. Without it, as
    /// fast as acknowledged.
    #[arg(long)]
    pub rate: Option<f64>,
    /// The number of records.
    #[arg(long, required_unless_present = "duration")]
    pub records: Option<u64>,
    /// The duration in seconds.
    #[arg(long)]
    pub duration: Option<f64>,
    /// Records per batch; send-log always sends one per call.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=limits::RECORDS_PER_BATCH as u64))]
    pub batch: u64,
    /// The shape of the records.
    #[arg(long, value_enum, default_value_t = CorpusKind::Plain)]
    pub corpus: CorpusKind,
    /// The seed that determines every record.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The name of the run: letters, digits and hyphens. By default random.
    #[arg(long)]
    pub run_id: Option<String>,
    /// The number of hours before now over which the records' times are spread. 0: their scheduled times.
    #[arg(long, default_value_t = 6.0)]
    pub spread_hours: f64,
    /// For how many seconds a batch that is not accepted is retried.
    #[arg(long, default_value_t = 120)]
    pub patience: u64,
    /// The file for `verify`.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Waits up to this many seconds until a search finds all acknowledged records.
    #[arg(long, value_name = "SECONDS")]
    pub settle: Option<u64>,
    /// Watches the run by the live tail, and measures the delay from acknowledgement to arrival.
    #[arg(long)]
    pub live: bool,
    /// Watches only the records of this level: debug, info, warn or error.
    #[arg(long, requires = "live")]
    pub live_level: Option<String>,
    /// Waits up to this many seconds for the live tail to catch up.
    #[arg(long, default_value_t = 30)]
    pub live_wait: u64,
}

impl RunOptions {
    /// Checks that clap cannot express.
    pub(crate) fn check(&self) -> Result<()> {
        let run = self.run_id.as_deref().unwrap_or("x");
        let plain = run.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        ensure!(plain && !run.is_empty() && run.len() <= 64, "--run-id has 1 to 64 letters, digits and hyphens");
        ensure!(self.rate.is_none_or(|rate| rate > 0.0 && rate.is_finite()), "--rate is a number above 0");
        ensure!(self.duration.is_none_or(|s| s > 0.0 && s < 1e6), "--duration is a number of seconds above 0");
        ensure!((0.0..=10_000.0).contains(&self.spread_hours), "--spread-hours is 0 to 10000");
        ensure!(
            !self.live || self.corpus.is_numbered(),
            "--live needs records with a number, and those of this corpus have none; choose another --corpus"
        );
        self.door.check_corpus(self.corpus)
    }

    /// Records per parcel.
    pub(crate) fn parcel_records(&self) -> u64 {
        if self.door == Door::SendLog { 1 } else { self.batch }
    }

    /// The total number of records, if known in advance.
    pub(crate) fn total(&self) -> Option<u64> {
        let by_time = self.duration.zip(self.rate).map(|(seconds, rate)| (seconds * rate).round() as u64);
        match (self.records, by_time) {
            (Some(records), Some(by_time)) => Some(records.min(by_time)),
            (records, by_time) => records.or(by_time),
        }
    }

    pub(crate) fn grpc_url(&self) -> &str {
        self.grpc_url.as_ref().unwrap_or(&self.url).as_str()
    }
}
