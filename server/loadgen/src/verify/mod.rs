//! `loadgen verify`: reads a run back through the reading API and compares record by record.

mod difference;
mod numbered;
mod unnumbered;

use std::{path::PathBuf, time::Duration};

use anyhow::{Result, ensure};
use clap::Args;
use model::api::RecordView;
use reqwest::Url;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use self::{numbered::Numbered, unnumbered::Unnumbered};
use crate::{
    manifest::Manifest,
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
    fn new(manifest: &Manifest) -> Self {
        Self {
            run: manifest.run.clone(),
            sent: manifest.sent,
            acknowledged: manifest.acknowledged.iter().map(|(first, last)| last - first + 1).sum(),
            ..Self::default()
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.altered == 0 && self.invented == 0
    }

    fn add_example(&mut self, finding: String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(finding);
        }
    }
}

/// Compares found records with the expected ones.
enum Oracle<'a> {
    Numbered(Numbered<'a>),
    Unnumbered(Unnumbered<'a>),
}

impl<'a> Oracle<'a> {
    fn new(manifest: &'a Manifest) -> Self {
        match manifest.corpus.is_numbered() {
            true => Self::Numbered(Numbered::new(manifest)),
            false => Self::Unnumbered(Unnumbered::new(manifest)),
        }
    }

    fn compare(&mut self, record: &RecordView) {
        match self {
            Self::Numbered(oracle) => oracle.compare(record),
            Self::Unnumbered(oracle) => oracle.compare(record),
        }
    }

    fn verdict(self) -> Verdict {
        match self {
            Self::Numbered(oracle) => oracle.verdict(),
            Self::Unnumbered(oracle) => oracle.verdict(),
        }
    }
}

pub(crate) async fn verify(options: &VerifyOptions) -> Result<Verdict> {
    let manifest = Manifest::read(&options.expect)?;
    let named = options.run_id.as_ref().is_none_or(|run| *run == manifest.run);
    ensure!(named, "{} describes the run {}", options.expect.display(), manifest.run);
    let reader = Reader::new(&options.url)?;
    let scope = manifest.scope();
    let patience = Duration::try_from_secs_f64(options.patience)?;
    let settled = settle(&reader, &scope, Verdict::new(&manifest).acknowledged, patience).await?;
    let mut oracle = Oracle::new(&manifest);
    let mut cursor = None;
    loop {
        let page = reader.page(&scope, cursor.as_deref()).await?;
        for record in &page.records {
            oracle.compare(record);
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(Verdict { settled_after_seconds: settled.as_secs_f64(), ..oracle.verdict() });
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

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;
    use model::{Value, hex, time::format_rfc3339};

    use super::*;
    use crate::{
        corpus::{Corpus, kind::CorpusKind},
        manifest::{Shape, Times},
    };

    fn manifest(corpus: CorpusKind) -> Manifest {
        Manifest {
            run: "night".to_owned(),
            corpus,
            shape: Shape::Full,
            seed: 4,
            times: Times { base: 1_700_000_000_000_000_000, step: 1_000, jitter: 0 },
            sent: 100,
            acknowledged: vec![(0, 89)],
        }
    }

    /// A record as a correct server would return it.
    fn stored(manifest: &Manifest, number: u64) -> RecordView {
        let corpus = Corpus::new(manifest.corpus, &manifest.run, manifest.seed, manifest.times);
        let sample = corpus.sample(number);
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
            attributes: sample.attributes.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
        }
    }

    fn verdict_of(manifest: &Manifest, records: &[RecordView]) -> Verdict {
        let mut oracle = Oracle::new(manifest);
        records.iter().for_each(|record| oracle.compare(record));
        oracle.verdict()
    }

    #[test]
    fn a_faultless_run_is_clean_and_may_hold_what_was_not_acknowledged() {
        for &corpus in CorpusKind::value_variants() {
            let manifest = manifest(corpus);
            let records: Vec<_> = (0..95).map(|number| stored(&manifest, number)).collect();
            let verdict = verdict_of(&manifest, &records);
            assert!(verdict.is_clean(), "{corpus:?}: {verdict:?}");
            assert_eq!((verdict.acknowledged, verdict.found, verdict.unacknowledged), (90, 95, 5));
        }
    }

    /// What is read back by way of JSON is what was sent, with the type of each value.
    #[test]
    fn records_survive_the_reading_api() {
        for &corpus in CorpusKind::value_variants() {
            let manifest = manifest(corpus);
            let records: Vec<_> = (0..90).map(|number| stored(&manifest, number)).collect();
            let records: Vec<RecordView> = serde_json::from_slice(&serde_json::to_vec(&records).unwrap()).unwrap();
            let verdict = verdict_of(&manifest, &records);
            assert!(verdict.is_clean(), "{corpus:?}: {verdict:?}");
        }
    }

    #[test]
    fn each_kind_of_fault_is_counted_by_itself() {
        let manifest = manifest(CorpusKind::Plain);
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

    #[test]
    fn each_field_of_each_corpus_is_compared() {
        for &corpus in CorpusKind::value_variants() {
            let manifest = manifest(corpus);
            let faultless: Vec<_> = (0..90).map(|number| stored(&manifest, number)).collect();
            for place in 0..faultless[3].attributes.len() {
                let mut records = faultless.clone();
                let (key, value) = records[3].attributes.iter_mut().nth(place).unwrap();
                if key != "seq" {
                    *value = Value::Text("another".into());
                    assert_eq!(verdict_of(&manifest, &records).altered, 1, "{corpus:?}");
                }
            }
            let mut records = faultless;
            records[3].level = "fatal".to_owned();
            records[4].service.push('x');
            assert_eq!(verdict_of(&manifest, &records).altered, 2, "{corpus:?}");
        }
    }

    #[test]
    fn faults_among_records_without_numbers_are_counted_by_their_messages() {
        let manifest = manifest(CorpusKind::Tiny);
        let mut records: Vec<_> = (1..90).map(|number| stored(&manifest, number)).collect();
        records.push(stored(&manifest, 7));
        let mut stranger = stored(&manifest, 5);
        stranger.message = "never sent".to_owned();
        records.push(stranger);
        records[40].attributes.insert("more".to_owned(), Value::Bool(true));
        let verdict = verdict_of(&manifest, &records);
        assert_eq!((verdict.lost, verdict.doubled, verdict.altered, verdict.invented), (1, 1, 1, 1), "{verdict:?}");
    }
}
