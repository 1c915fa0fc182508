//! Compares records that carry their number, one by one.

use model::{Value, api::RecordView};

use super::{Verdict, difference::difference};
use crate::{corpus::Corpus, manifest::Manifest};

pub(super) struct Numbered<'a> {
    manifest: &'a Manifest,
    corpus: Corpus,
    /// For each number, the count of records found with it; saturates at 255.
    seen: Vec<u8>,
    verdict: Verdict,
}

impl<'a> Numbered<'a> {
    pub(super) fn new(manifest: &'a Manifest) -> Self {
        Self {
            manifest,
            corpus: Corpus::new(manifest.corpus, &manifest.run, manifest.seed, manifest.times),
            seen: vec![0; manifest.sent as usize],
            verdict: Verdict::new(manifest),
        }
    }

    pub(super) fn compare(&mut self, record: &RecordView) {
        self.verdict.found += 1;
        let number = number_of(record);
        let Some(times) = number.and_then(|number| self.seen.get_mut(number as usize)) else {
            self.verdict.invented += 1;
            self.verdict.add_example(format!("invented: {} with number {number:?}", record.id));
            return;
        };
        *times = times.saturating_add(1);
        if *times > 1 {
            self.verdict.doubled += 1;
            self.verdict.add_example(format!("doubled: number {number:?}, again as {}", record.id));
        }
        let sample = self.corpus.sample(number.unwrap_or_default());
        if let Some(field) = difference(&sample, self.manifest.shape, &self.manifest.run, record) {
            self.verdict.altered += 1;
            self.verdict.add_example(format!("altered: number {number:?}: {field}"));
        }
    }

    pub(super) fn verdict(mut self) -> Verdict {
        let mut expected = vec![false; self.seen.len()];
        for &(first, last) in &self.manifest.acknowledged {
            expected[first as usize..=last as usize].fill(true);
        }
        for (number, (&expected, &times)) in expected.iter().zip(&self.seen).enumerate() {
            if expected && times == 0 {
                self.verdict.lost += 1;
                self.verdict.add_example(format!("lost: number {number}"));
            }
            self.verdict.unacknowledged += u64::from(!expected && times > 0);
        }
        self.verdict
    }
}

fn number_of(record: &RecordView) -> Option<u64> {
    match record.attributes.get("seq") {
        Some(Value::Int(number)) => u64::try_from(*number).ok(),
        Some(_) => None,
        None => record.message.rsplit_once(" seq=")?.1.parse().ok(),
    }
}
