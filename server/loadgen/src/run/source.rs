//! Provides the parcels of a run, each once, with their scheduled times.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::time::{Duration, Instant};

use super::options::RunOptions;
use crate::{
    corpus::{Corpus, encode, foreign},
    door::{Door, Parcel},
};

/// Runs of up to about this many bytes are encoded before the start, so that the loader takes as little CPU as possible
/// from the server: six million records of the plain corpus.
const PREPARED_BYTES: u64 = 2_040_000_000;

pub(crate) struct Source {
    corpus: Corpus,
    door: Door,
    parcel_records: u64,
    total: Option<u64>,
    prepared: Vec<Bytes>,
    next: AtomicU64,
    begin: Instant,
    /// The interval between parcels, if a rate is given.
    interval: Option<f64>,
    deadline: Option<Instant>,
}

/// A parcel and its scheduled time, from which its latency counts.
pub(crate) struct Job {
    pub parcel: Parcel,
    /// Not to be sent before.
    pub due: Option<Instant>,
}

impl Source {
    /// Encodes parcels in advance; this may take seconds.
    pub(crate) fn prepare(options: &RunOptions, corpus: Corpus) -> Self {
        let parcel_records = options.parcel_records();
        let mut source = Self {
            corpus,
            door: options.door,
            parcel_records,
            total: options.total(),
            prepared: Vec::new(),
            next: AtomicU64::new(0),
            begin: Instant::now(),
            interval: options.rate.map(|rate| parcel_records as f64 / rate),
            deadline: None,
        };
        let most = PREPARED_BYTES / options.corpus.json_bytes();
        if let Some(total) = source.total.filter(|&total| total <= most) {
            let parcels = total.div_ceil(parcel_records);
            source.prepared = (0..parcels)
                .filter_map(|sequence| source.range(sequence).map(|(first, count)| (sequence, first, count)))
                .map(|(sequence, first, count)| source.encode(sequence, first, count))
                .collect();
        }
        source
    }

    /// Starts the clock.
    pub(crate) fn begin(&mut self, duration: Option<f64>) -> Instant {
        self.begin = Instant::now();
        // A schedule is finite; without one, the deadline ends the run.
        self.deadline = duration.filter(|_| self.interval.is_none()).map(|s| self.begin + Duration::from_secs_f64(s));
        self.begin
    }

    /// The next parcel, or `None` when there is none left.
    pub(crate) fn take(&self) -> Option<Job> {
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return None;
        }
        let sequence = self.next.fetch_add(1, Ordering::Relaxed);
        let (first, count) = self.range(sequence)?;
        let prepared = usize::try_from(sequence).ok().and_then(|place| self.prepared.get(place)).cloned();
        let body = prepared.unwrap_or_else(|| self.encode(sequence, first, count));
        let due = self.interval.map(|interval| self.begin + Duration::from_secs_f64(interval * sequence as f64));
        Some(Job { parcel: Parcel { sequence, first, count, body }, due })
    }

    /// The number of records taken so far.
    pub(crate) fn sent(&self) -> u64 {
        let taken = self.next.load(Ordering::Relaxed) * self.parcel_records;
        self.total.map_or(taken, |total| taken.min(total))
    }

    fn range(&self, sequence: u64) -> Option<(u64, u64)> {
        let first = sequence * self.parcel_records;
        let left = self.total.map_or(u64::MAX, |total| total.saturating_sub(first));
        (left > 0).then(|| (first, left.min(self.parcel_records)))
    }

    fn encode(&self, sequence: u64, first: u64, count: u64) -> Bytes {
        match self.door {
            Door::Stream | Door::Push => encode::push_request(&self.corpus, sequence, first, count),
            Door::SendLog => encode::log_request(&self.corpus, first),
            Door::Http | Door::Lines => encode::json_lines(&self.corpus, first, count),
            Door::Otlp | Door::OtlpHttp => foreign::otlp_protobuf(&self.corpus, first, count),
            Door::OtlpJson => foreign::otlp_json(&self.corpus, first, count),
            Door::Elastic => foreign::bulk(&self.corpus, first, count),
            Door::Loki => foreign::loki(&self.corpus, first, count),
            Door::Packets => foreign::packets(&self.corpus, first, count),
            Door::Syslog => foreign::syslog(&self.corpus, first, count),
            Door::Gelf => foreign::gelf(&self.corpus, first, count),
            Door::Forward => foreign::forward(&self.corpus, sequence, first, count),
        }
    }
}
