//! What a run can be told.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use model::limits;
use reqwest::Url;

use crate::door::Door;

/// How to load the server.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunOptions {
    /// The server: reading API, and the doors of gRPC and HTTP. With a path, the address that
    /// the door `http` posts JSON lines to, which may be another system's.
    #[arg(long, env = "LOGBOOM_URL", default_value = "http://127.0.0.1:3000")]
    pub url: Url,
    /// The gRPC listener, where it is another than the server's main port.
    #[arg(long)]
    pub grpc_url: Option<Url>,
    /// The listener of a door over TCP, such as tcp://127.0.0.1:5514.
    #[arg(long)]
    pub socket_url: Option<Url>,
    /// The door to go through.
    #[arg(long, value_enum, default_value_t = Door::Stream)]
    pub door: Door,
    /// How many connections to open.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub connections: u32,
    /// Batches (for send-log: records) that a connection leaves unanswered; the server's
    /// window bounds it as well.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub in_flight: u32,
    /// Records a second, on a schedule that does not wait for the server: latency counts
    /// from when a batch was due. Without it: as fast as acknowledged.
    #[arg(long)]
    pub rate: Option<f64>,
    /// How many records to send.
    #[arg(long, required_unless_present = "duration")]
    pub records: Option<u64>,
    /// For how many seconds to send.
    #[arg(long)]
    pub duration: Option<f64>,
    /// Records a batch; send-log always sends one a call.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=limits::RECORDS_PER_BATCH as u64))]
    pub batch: u64,
    /// Decides every record: the same seed gives the same records.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Marks the records of this run; letters, digits and hyphens. By default a new one.
    #[arg(long)]
    pub run_id: Option<String>,
    /// Over how many hours before now the records' times spread. 0: their times are when
    /// they are due.
    #[arg(long, default_value_t = 6.0)]
    pub spread_hours: f64,
    /// For how many seconds a batch that is not accepted is sent again.
    #[arg(long, default_value_t = 120)]
    pub patience: u64,
    /// Writes what `verify` needs to this file.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Waits up to so many seconds until all that was acknowledged is found by a search.
    #[arg(long, value_name = "SECONDS")]
    pub settle: Option<u64>,
    /// Watches the run by the live tail, and measures from acknowledgement to arrival.
    #[arg(long)]
    pub live: bool,
    /// Watches only the records of this level: debug, info, warn or error.
    #[arg(long, requires = "live")]
    pub live_level: Option<String>,
    /// Waits up to so many seconds for the live tail to catch up.
    #[arg(long, default_value_t = 30)]
    pub live_wait: u64,
}

impl RunOptions {
    /// Checks what clap cannot.
    pub(crate) fn check(&self) -> Result<()> {
        let run = self.run_id.as_deref().unwrap_or("x");
        let plain = run.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        ensure!(plain && !run.is_empty() && run.len() <= 64, "--run-id has 1 to 64 letters, digits and hyphens");
        ensure!(self.rate.is_none_or(|rate| rate > 0.0 && rate.is_finite()), "--rate is a number above 0");
        ensure!(self.duration.is_none_or(|s| s > 0.0 && s < 1e6), "--duration is a number of seconds above 0");
        ensure!((0.0..=10_000.0).contains(&self.spread_hours), "--spread-hours is 0 to 10000");
        Ok(())
    }

    /// Records a parcel.
    pub(crate) fn parcel_records(&self) -> u64 {
        if self.door == Door::SendLog { 1 } else { self.batch }
    }

    /// How many records will be sent, where that is known beforehand.
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
