//! `loadgen run`: sends a corpus through one door and measures.

mod calls;
mod live;
mod options;
mod report;
mod source;
mod streams;
mod tally;

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use model::Nanos;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

pub(crate) use options::RunOptions;
use report::{Percentiles, Report, Stored};
use tally::Tally;

use self::{calls::CallDoor, live::Watch, source::Source, streams::StreamWorker};
use crate::{
    corpus::Corpus,
    door::{self, HttpDoor, Kind, SocketDoor, UnaryDoor},
    manifest::{Manifest, Times},
    random,
    reading::{Reader, Scope},
};

const NANOS_PER_HOUR: f64 = 3.6e12;
/// The number of time steps if the number of records is unknown.
const NOMINAL_RECORDS: u64 = 5_000_000;

pub(crate) async fn run(options: RunOptions) -> Result<Report> {
    options.check()?;
    let run = options.run_id.clone().unwrap_or_else(|| format!("{:012x}", random::fresh() >> 16));
    let mut manifest = Manifest {
        times: times(&options)?,
        run,
        corpus: options.corpus,
        shape: options.door.shape(),
        seed: options.seed,
        sent: 0,
        acknowledged: Vec::new(),
    };
    let corpus = Corpus::new(manifest.corpus, &manifest.run, manifest.seed, manifest.times);
    let reader = Reader::new(&options.url)?;
    reader.check_reachable().await?;
    let mut source = Source::prepare(&options, corpus.clone());

    let watch = match options.live {
        true => Some(Watch::start(reader.clone(), live_query(&manifest, &options)).await?),
        false => None,
    };
    let begin = source.begin(options.duration);
    let source = Arc::new(source);
    let tally = load(&options, &manifest.run, source.clone(), begin).await?;

    manifest.sent = source.sent();
    manifest.acknowledged = tally.acknowledged();
    if let Some(path) = &options.out {
        manifest.write(path)?;
    }
    let acknowledged = manifest.acknowledged.iter().map(|(first, last)| last - first + 1).sum();
    let stored = match options.settle {
        Some(seconds) => Some(settle(&reader, &manifest.scope(), acknowledged, Duration::from_secs(seconds)).await?),
        None => None,
    };
    let live = match watch {
        Some(watch) => {
            let wait = Duration::from_secs(options.live_wait);
            Some(watch.finish(&tally, &corpus, options.live_level.as_deref(), wait).await)
        }
        None => None,
    };
    let seconds = tally.acknowledgements.iter().map(|parcel| parcel.at).max().unwrap_or(0) as f64 / 1e6;
    Ok(Report {
        run: manifest.run,
        door: name_of(&options.door),
        corpus: name_of(&options.corpus),
        connections: options.connections,
        offered_per_second: options.rate,
        sent: manifest.sent,
        acknowledged,
        errors: tally.given_up + tally.refused.len() as u64,
        retries: tally.retries,
        seconds,
        records_per_second: if seconds > 0.0 { (acknowledged as f64 / seconds).round() } else { 0.0 },
        peak_records_per_second: report::peak(&tally),
        latency_ms: Percentiles::of(tally.acknowledgements.iter().map(|parcel| parcel.latency).collect()),
        stored,
        live,
        reasons: tally.reasons,
    })
}

/// The name of a choice on the command line.
fn name_of(choice: &impl ValueEnum) -> String {
    choice.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// Runs the workers of the door until they end.
async fn load(options: &RunOptions, run: &str, source: Arc<Source>, begin: Instant) -> Result<Tally> {
    let patience = Duration::from_secs(options.patience);
    let mut workers = JoinSet::new();
    for _ in 0..options.connections {
        let door = match options.door.kind() {
            Kind::Stream => {
                let worker = StreamWorker::new(source.clone(), begin, options.in_flight as usize, patience);
                workers.spawn(worker.work(door::channel(options.grpc_url())?));
                continue;
            }
            Kind::Grpc(method) => CallDoor::Grpc(UnaryDoor::new(door::channel(options.grpc_url())?, method)),
            Kind::Http(path, content_type) => CallDoor::Http(HttpDoor::new(&options.url, path, content_type, run)?),
            Kind::Socket { answers } => CallDoor::Socket(SocketDoor::new(options.socket_url.as_ref(), answers)?),
        };
        // Over HTTP/1.1 each open call takes a connection, and writes to a socket are ordered.
        let calls = if matches!(door, CallDoor::Grpc(_)) { options.in_flight } else { 1 };
        for _ in 0..calls {
            let repeatable = options.door.is_repeatable();
            workers.spawn(calls::work(door.clone(), source.clone(), begin, patience, repeatable));
        }
    }
    let mut sum = Tally::new(begin);
    while let Some(tally) = workers.join_next().await {
        sum.merge(tally.context("a worker ended badly")?);
    }
    Ok(sum)
}

/// The times of the records: spread evenly over the hours before now with two seconds of jitter, or their scheduled
/// times.
fn times(options: &RunOptions) -> Result<Times> {
    let now = now()?;
    if !options.corpus.is_numbered() {
        // They carry no time, so the store keeps the time of receipt.
        return Ok(Times { base: now, step: 0, jitter: 0 });
    }
    let records = options.total().unwrap_or(NOMINAL_RECORDS).max(1);
    if options.spread_hours == 0.0 {
        let step = options.rate.map_or(1_000.0, |rate| 1e9 / rate);
        return Ok(Times { base: now, step: step as Nanos, jitter: 0 });
    }
    let span = (options.spread_hours * NANOS_PER_HOUR) as Nanos;
    let jitter = span.min(2_000_000_000);
    Ok(Times { base: now - span - jitter, step: span / records as Nanos, jitter })
}

fn now() -> Result<Nanos> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(Nanos::try_from(since.as_nanos())?)
}

fn live_query(manifest: &Manifest, options: &RunOptions) -> String {
    match &options.live_level {
        Some(level) => format!("{} level:{level}", manifest.query()),
        None => manifest.query(),
    }
}

/// Polls the count until all acknowledged records are found.
async fn settle(reader: &Reader, scope: &Scope, acknowledged: u64, patience: Duration) -> Result<Stored> {
    let begin = Instant::now();
    loop {
        let count = reader.count(scope).await?;
        let complete = count >= acknowledged;
        if complete || begin.elapsed() >= patience {
            return Ok(Stored { count, seconds: begin.elapsed().as_secs_f64(), complete });
        }
        sleep(Duration::from_millis(50)).await;
    }
}
