//! `loadgen verify`: reads a run back through the reading API and compares record by record.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Result, ensure};
use clap::Args;
use model::{Value, api::RecordView, hex, time::format_rfc3339};
use reqwest::Url;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::{
    corpus::{
        Corpus, Sample,
        encode::{line_message, user_id},
    },
    manifest::{Manifest, Shape},
    reading::{Reader, Scope},
};

/// The number of findings described in the result.
const EXAMPLES: usize = 10;
/// The polling interval while the queue is processed.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The run to verify.
#[derive(Debug, Args)]
pub(crate) struct VerifyOptions {
    /// The server to read from.
    #[arg(long, env = "LOGBOOM_URL", default_value = "http://127.0.0.1:3000")]
    pub url: Url,
    /// The file written by `run --out`.
    #[arg(long, value_name = "FILE")]
    pub expect: PathBuf,
    /// The expected name of the run.
    #[arg(long)]
    pub run_id: Option<String>,
    /// Seconds without a new record after which missing records count as lost. The queue may still be processing
    /// acknowledged records.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    pub patience: f64,
}

/// The result. It is clean if the first four counts are zero.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Verdict {
    pub run: String,
    /// Acknowledged, but not found.
    pub lost: u64,
    /// Surplus copies of records found more than once.
    pub doubled: u64,
    /// Found with a content other than sent.
    pub altered: u64,
    /// Found, but never sent.
    pub invented: u64,
    pub sent: u64,
    pub acknowledged: u64,
    pub found: u64,
    /// From the start of `verify` until all acknowledged records were stored, or the patience ended.
    pub settled_after_seconds: f64,
    /// Found, but not acknowledged, which is allowed: the response was lost.
    pub unacknowledged: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

impl Verdict {
    pub(crate) fn is_clean(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.altered == 0 && self.invented == 0
    }
}

pub(crate) async fn verify(options: &VerifyOptions) -> Result<Verdict> {
    let manifest = Manifest::read(&options.expect)?;
    let named = options.run_id.as_ref().is_none_or(|run| *run == manifest.run);
    ensure!(named, "{} describes the run {}", options.expect.display(), manifest.run);
    let reader = Reader::new(&options.url)?;
    let scope = manifest.scope();
    let mut oracle = Oracle::new(&manifest);
    let patience = Duration::try_from_secs_f64(options.patience)?;
    let settled = settle(&reader, &scope, oracle.verdict.acknowledged, patience).await?;
    oracle.verdict.settled_after_seconds = settled.as_secs_f64();
    let mut cursor = None;
    loop {
        let page = reader.page(&scope, cursor.as_deref()).await?;
        for record in &page.records {
            oracle.compare(record);
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(oracle.verdict());
        }
    }
}

/// Waits until `acknowledged` records are stored, or none was added for `patience`. Returns the elapsed time.
async fn settle(reader: &Reader, scope: &Scope, acknowledged: u64, patience: Duration) -> Result<Duration> {
    let begin = Instant::now();
    let (mut stored, mut since) = (0, begin);
    loop {
        let count = reader.count(scope).await?;
        if count > stored {
            (stored, since) = (count, Instant::now());
        }
        if stored >= acknowledged || since.elapsed() >= patience {
            return Ok(begin.elapsed());
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// Compares found records with the expected ones.
struct Oracle<'a> {
    manifest: &'a Manifest,
    corpus: Corpus,
    /// How often each number was found; saturates at 255.
    seen: Vec<u8>,
    verdict: Verdict,
}

impl<'a> Oracle<'a> {
    fn new(manifest: &'a Manifest) -> Self {
        let verdict = Verdict {
            run: manifest.run.clone(),
            sent: manifest.sent,
            acknowledged: manifest.acknowledged.iter().map(|(first, last)| last - first + 1).sum(),
            ..Verdict::default()
        };
        Self {
            manifest,
            corpus: Corpus::new(&manifest.run, manifest.seed, manifest.times),
            seen: vec![0; manifest.sent as usize],
            verdict,
        }
    }

    fn compare(&mut self, record: &RecordView) {
        self.verdict.found += 1;
        let number = number_of(record);
        let Some(times) = number.and_then(|number| self.seen.get_mut(number as usize)) else {
            self.verdict.invented += 1;
            self.add_example(format!("invented: {} with number {number:?}", record.id));
            return;
        };
        *times = times.saturating_add(1);
        if *times > 1 {
            self.verdict.doubled += 1;
            self.add_example(format!("doubled: number {number:?}, again as {}", record.id));
        }
        let sample = self.corpus.sample(number.unwrap_or_default(), String::new());
        let different = match self.manifest.shape {
            Shape::Full => difference(&sample, &self.manifest.run, record),
            Shape::Line => line_difference(&sample, &self.manifest.run, record),
        };
        if let Some(field) = different {
            self.verdict.altered += 1;
            self.add_example(format!("altered: number {number:?}: {field}"));
        }
    }

    fn verdict(mut self) -> Verdict {
        let mut expected = vec![false; self.seen.len()];
        for &(first, last) in &self.manifest.acknowledged {
            expected[first as usize..=last as usize].fill(true);
        }
        for (number, (&expected, &times)) in expected.iter().zip(&self.seen.clone()).enumerate() {
            if expected && times == 0 {
                self.verdict.lost += 1;
                self.add_example(format!("lost: number {number}"));
            }
            self.verdict.unacknowledged += u64::from(!expected && times > 0);
        }
        self.verdict
    }

    fn add_example(&mut self, finding: String) {
        if self.verdict.examples.len() < EXAMPLES {
            self.verdict.examples.push(finding);
        }
    }
}

fn number_of(record: &RecordView) -> Option<u64> {
    match record.attributes.get("seq") {
        Some(Value::Int(number)) => u64::try_from(*number).ok(),
        Some(_) => None,
        None => record.message.rsplit_once(" seq=")?.1.parse().ok(),
    }
}

/// The first field in which a record differs from the sent one.
fn difference(sample: &Sample<'_>, run: &str, record: &RecordView) -> Option<String> {
    let mut attributes = vec![("run", Value::Text(run.into())), ("seq", Value::Int(sample.number as i64))];
    if let Some(request) = &sample.request {
        attributes.push(("http.method", Value::Text(request.method.into())));
        attributes.push(("http.status", Value::Int(request.status.into())));
        attributes.push(("duration_ms", Value::Int(request.duration_ms.into())));
        attributes.push(("user_id", Value::Text(user_id(request.user).into())));
    }
    let attributes = attributes.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let trace_id = sample.trace.map(|trace| hex::encode(&trace.trace_id));
    let span_id = sample.trace.map(|trace| hex::encode(&trace.span_id));
    core_difference(sample, sample.service, &sample.message, record)
        .or_else(|| differs("trace_id", &trace_id, &record.trace_id))
        .or_else(|| differs("span_id", &span_id, &record.span_id))
        .or_else(|| differs("attributes", &attributes, &without_way(&record.attributes)))
}

/// The attributes without the servers and agents that passed the record on, which are added on the way.
fn without_way(attributes: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let sent = attributes.iter().filter(|(key, _)| key.as_str() != "logboom.via");
    sent.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn line_difference(sample: &Sample<'_>, run: &str, record: &RecordView) -> Option<String> {
    // A record without a service has the node's name as its service.
    core_difference(sample, sample.node, &line_message(&sample.message, run, sample.number), record)
}

fn core_difference(sample: &Sample<'_>, service: &str, message: &str, record: &RecordView) -> Option<String> {
    differs("message", message, record.message.as_str())
        .or_else(|| differs("time", format_rfc3339(sample.time).as_str(), record.time.as_str()))
        .or_else(|| differs("level", sample.level, record.level.as_str()))
        .or_else(|| differs("severity", &sample.severity, &record.severity))
        .or_else(|| differs("service", service, record.service.as_str()))
        .or_else(|| differs("node", sample.node, record.node.as_str()))
}

fn differs<T: PartialEq + std::fmt::Debug + ?Sized>(field: &str, sent: &T, read: &T) -> Option<String> {
    (sent != read).then(|| format!("{field} was sent as {sent:?} and read as {read:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Times;

    fn manifest() -> Manifest {
        Manifest {
            run: "night".to_owned(),
            shape: Shape::Full,
            seed: 4,
            times: Times { base: 1_700_000_000_000_000_000, step: 1_000, jitter: 0 },
            sent: 100,
            acknowledged: vec![(0, 89)],
        }
    }

    /// A record as a correct server would return it.
    fn stored(manifest: &Manifest, number: u64) -> RecordView {
        let corpus = Corpus::new(&manifest.run, manifest.seed, manifest.times);
        let sample = corpus.sample(number, String::new());
        let mut attributes = vec![("run", Value::Text("night".into())), ("seq", Value::Int(number as i64))];
        if let Some(request) = sample.request {
            attributes.push(("http.method", Value::Text(request.method.into())));
            attributes.push(("http.status", Value::Int(request.status.into())));
            attributes.push(("duration_ms", Value::Int(request.duration_ms.into())));
            attributes.push(("user_id", Value::Text(user_id(request.user).into())));
        }
        RecordView {
            id: format!("id-{number}"),
            position: number.to_string(),
            time: format_rfc3339(sample.time),
            observed_time: format_rfc3339(sample.time),
            level: sample.level.to_owned(),
            severity: sample.severity,
            service: sample.service.to_owned(),
            node: sample.node.to_owned(),
            message: sample.message.clone(),
            trace_id: sample.trace.map(|trace| hex::encode(&trace.trace_id)),
            span_id: sample.trace.map(|trace| hex::encode(&trace.span_id)),
            attributes: attributes.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        }
    }

    fn verdict_of(manifest: &Manifest, records: &[RecordView]) -> Verdict {
        let mut oracle = Oracle::new(manifest);
        records.iter().for_each(|record| oracle.compare(record));
        oracle.verdict()
    }

    #[test]
    fn a_faultless_run_is_clean_and_may_hold_what_was_not_acknowledged() {
        let manifest = manifest();
        let records: Vec<_> = (0..95).map(|number| stored(&manifest, number)).collect();
        let verdict = verdict_of(&manifest, &records);
        assert!(verdict.is_clean(), "{verdict:?}");
        assert_eq!((verdict.acknowledged, verdict.found, verdict.unacknowledged), (90, 95, 5));
    }

    #[test]
    fn each_kind_of_fault_is_counted_by_itself() {
        let manifest = manifest();
        let mut records: Vec<_> = (1..90).map(|number| stored(&manifest, number)).collect();
        records.push(stored(&manifest, 7));
        records[20].message.push('!');
        records[30].time = format_rfc3339(0);
        records[40].attributes.remove("run");
        let mut stranger = stored(&manifest, 5);
        stranger.attributes.insert("seq".to_owned(), Value::Int(1_000));
        records.push(stranger);
        // Added on the way.
        records[50].attributes.insert("logboom.via".to_owned(), Value::Text("0123abcd".into()));
        let verdict = verdict_of(&manifest, &records);
        assert_eq!((verdict.lost, verdict.doubled, verdict.altered, verdict.invented), (1, 1, 3, 1), "{verdict:?}");
    }
}
