//! Compares records that are a message and nothing else: by how often each message was sent and found.

use std::collections::BTreeMap;

use model::{Text, api::RecordView};

use super::{Verdict, difference::difference};
use crate::{
    corpus::{Corpus, Sample},
    manifest::Manifest,
};

/// The numbers of times that a message was sent, acknowledged and found.
#[derive(Debug, Default)]
struct Times {
    sent: u64,
    acknowledged: u64,
    found: u64,
}

pub(super) struct Unnumbered<'a> {
    manifest: &'a Manifest,
    corpus: Corpus,
    messages: BTreeMap<Text, Times>,
    verdict: Verdict,
}

impl<'a> Unnumbered<'a> {
    pub(super) fn new(manifest: &'a Manifest) -> Self {
        let corpus = Corpus::new(manifest.corpus, &manifest.run, manifest.seed, manifest.times);
        let mut messages = BTreeMap::<Text, Times>::new();
        let text = |number| Text::from(corpus.sample(number).message.as_str());
        for number in 0..manifest.sent {
            messages.entry(text(number)).or_default().sent += 1;
        }
        for number in manifest.acknowledged.iter().flat_map(|&(first, last)| first..=last) {
            messages.entry(text(number)).or_default().acknowledged += 1;
        }
        Self { manifest, corpus, messages, verdict: Verdict::new(manifest) }
    }

    pub(super) fn compare(&mut self, record: &RecordView) {
        self.verdict.found += 1;
        let Some(times) = self.messages.get_mut(record.message.as_str()) else {
            self.verdict.invented += 1;
            self.verdict.add_example(format!("invented: {} with the message {:?}", record.id, record.message));
            return;
        };
        times.found += 1;
        // All records have the same fields, so any of them with this message will do.
        let sample = Sample { message: record.message.clone(), ..self.corpus.sample(0) };
        if let Some(field) = difference(&sample, self.manifest.shape, &self.manifest.run, record) {
            self.verdict.altered += 1;
            self.verdict.add_example(format!("altered: {} with the message {:?}: {field}", record.id, record.message));
        }
    }

    pub(super) fn verdict(mut self) -> Verdict {
        for (message, Times { sent, acknowledged, found }) in &self.messages {
            self.verdict.lost += acknowledged.saturating_sub(*found);
            self.verdict.doubled += found.saturating_sub(*sent);
            self.verdict.unacknowledged += found.min(sent).saturating_sub(*acknowledged);
            if found < acknowledged || found > sent {
                self.verdict.add_example(format!("{message:?} was sent {sent} times and found {found} times"));
            }
        }
        self.verdict
    }
}
