//! Watches a run by the live tail like a browser: reconnects with the id of the last event.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, anyhow};
use serde::Deserialize;
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{
    report::{Live, Percentiles},
    tally::Tally,
};
use crate::{
    corpus::Corpus,
    reading::{Event, Events, Reader},
};

/// The arrivals, in order.
#[derive(Debug, Default)]
struct Seen {
    arrivals: Vec<Arrival>,
    skipped: u64,
    reconnects: u64,
}

impl Seen {
    /// Whether `records` records were shown or reported as skipped.
    fn has(&self, records: usize) -> bool {
        self.arrivals.len() as u64 + self.skipped >= records as u64
    }
}

#[derive(Debug, Clone, Copy)]
struct Arrival {
    number: u64,
    position: i64,
    at: Instant,
}

/// A tail in the background.
pub(crate) struct Watch {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

/// The fields that identify a record.
#[derive(Deserialize)]
struct Shown {
    message: String,
    attributes: HashMap<String, serde_json::Value>,
}

impl Watch {
    /// Opens the tail; records stored after the return will arrive.
    pub(crate) async fn start(reader: Reader, query: String) -> Result<Self> {
        let seen = Arc::<Mutex<Seen>>::default();
        let stop = Arc::<AtomicBool>::default();
        let (opened, is_open) = oneshot::channel();
        let task = tokio::spawn(watch(reader, query, seen.clone(), stop.clone(), opened));
        let error = is_open.await.map_err(|_| anyhow!("the live tail ended before it began"))?;
        match error {
            None => Ok(Self { seen, stop, task }),
            Some(error) => Err(error.context("the live tail cannot be opened")),
        }
    }

    /// Waits until all acknowledged records were shown, or for `wait`, and evaluates them.
    pub(crate) async fn finish(self, tally: &Tally, corpus: &Corpus, level: Option<&str>, wait: Duration) -> Live {
        let wanted = |number: &u64| level.is_none_or(|level| corpus.sample(*number).level == level);
        let acknowledged = acknowledged_at(tally);
        let expected: Vec<u64> =
            acknowledged.iter().flat_map(|&(first, last, _)| first..=last).filter(wanted).collect();
        let give_up = Instant::now() + wait;
        while !lock(&self.seen).has(expected.len()) && Instant::now() < give_up {
            sleep(Duration::from_millis(20)).await;
        }
        // A further delay, to detect duplicates.
        sleep(Duration::from_millis(300)).await;
        self.stop.store(true, Ordering::Relaxed);
        self.task.abort();
        evaluate(&lock(&self.seen), &expected, &acknowledged, tally)
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn watch(
    reader: Reader,
    query: String,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    opened: oneshot::Sender<Option<anyhow::Error>>,
) {
    let mut opened = Some(opened);
    let mut last: Option<String> = None;
    while !stop.load(Ordering::Relaxed) {
        match reader.tail(&query, last.as_deref()).await {
            Ok(mut events) => {
                // The response starts when the subscription is active.
                if let Some(opened) = opened.take() {
                    let _ = opened.send(None);
                }
                receive(&mut events, &seen, &mut last).await;
            }
            Err(error) => {
                if let Some(opened) = opened.take() {
                    let _ = opened.send(Some(error));
                    return;
                }
            }
        }
        lock(&seen).reconnects += 1;
        sleep(Duration::from_millis(200)).await;
    }
}

/// Reads events until the stream ends, or is silent for longer than the heartbeat interval.
async fn receive(events: &mut Events, seen: &Mutex<Seen>, last: &mut Option<String>) {
    while let Ok(Ok(Some(event))) = timeout(Duration::from_secs(60), events.next()).await {
        let at = Instant::now();
        let mut seen = lock(seen);
        if event.name == "skipped" {
            let count = serde_json::from_str::<model::api::SkippedView>(&event.data).map_or(0, |view| view.count);
            seen.skipped += count;
        } else if let Some(number) = number_of(&event) {
            let position = event.id.parse().unwrap_or(-1);
            seen.arrivals.push(Arrival { number, position, at });
        }
        *last = Some(event.id);
    }
}

fn number_of(event: &Event) -> Option<u64> {
    let shown: Shown = serde_json::from_str(&event.data).ok()?;
    match shown.attributes.get("seq") {
        Some(number) => number.as_u64(),
        None => shown.message.rsplit_once(" seq=")?.1.parse().ok(),
    }
}

/// Ranges of numbers and their acknowledgement times in microseconds, sorted.
fn acknowledged_at(tally: &Tally) -> Vec<(u64, u64, u64)> {
    let mut ranges: Vec<_> = tally
        .acknowledgements
        .iter()
        .map(|parcel| (parcel.first, parcel.first + parcel.count - 1, parcel.at))
        .collect();
    ranges.sort_unstable();
    ranges
}

fn evaluate(seen: &Seen, expected: &[u64], acknowledged: &[(u64, u64, u64)], tally: &Tally) -> Live {
    let mut times = HashMap::<u64, u64>::with_capacity(seen.arrivals.len());
    let mut lags = Vec::with_capacity(seen.arrivals.len());
    let mut disordered = 0;
    let mut above = i64::MIN;
    for arrival in &seen.arrivals {
        *times.entry(arrival.number).or_default() += 1;
        disordered += u64::from(arrival.position <= above);
        above = above.max(arrival.position);
        let place = acknowledged.partition_point(|&(_, last, _)| last < arrival.number);
        if let Some((.., at)) = acknowledged.get(place).filter(|(first, ..)| *first <= arrival.number) {
            lags.push(tally.micros(arrival.at).saturating_sub(*at));
        }
    }
    Live {
        expected: expected.len() as u64,
        shown: seen.arrivals.len() as u64,
        missed: expected.iter().filter(|number| !times.contains_key(number)).count() as u64,
        doubled: times.values().map(|times| times - 1).sum(),
        disordered,
        skipped: seen.skipped,
        reconnects: seen.reconnects,
        lag_ms: Percentiles::of(lags),
    }
}
