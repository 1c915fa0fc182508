//! The corpora: records generated from a seed.
//!
//! All have twenty services, which follow Zipf's law, sixty nodes, and mostly the levels debug 10 %, info 75 %, warn
//! 10 %, error 5 %. The kind determines the rest ([`CorpusKind`]). A record is determined by the kind, the seed and its
//! number, so `verify` can detect altered records.

mod access;
mod cjk;
pub(crate) mod encode;
pub(crate) mod foreign;
mod json;
pub(crate) mod kind;
mod message;
mod plain;
mod sparse;
mod stack;
mod templates;
mod tiny;
mod traces;
mod values;
mod wide;

use model::{Nanos, Text, Value};

use self::kind::CorpusKind;
use crate::{manifest::Times, random::SplitMix};

/// The number of nodes per service.
const NODES_PER_SERVICE: usize = 3;

/// Generates records.
#[derive(Debug, Clone)]
pub(crate) struct Corpus {
    pub run: String,
    pub kind: CorpusKind,
    seed: u64,
    times: Times,
    nodes: Vec<String>,
    /// Cumulative Zipf weights of the services, in 2⁻³².
    services: Vec<u32>,
    /// The attribute names of the sparse corpus; empty for the others.
    names: Vec<String>,
}

/// One record of the corpus.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample<'a> {
    pub number: u64,
    pub time: Nanos,
    pub level: &'static str,
    /// The OpenTelemetry number of the level.
    pub severity: u8,
    pub service: &'static str,
    pub node: &'a str,
    pub message: String,
    pub trace: Option<Trace>,
    /// Dotted keys, in the order in which they are sent. The run and the number are the first ones.
    pub attributes: Vec<(&'a str, Value)>,
    /// Only the message is sent. The other fields are what a store reads from such a record; its time is that of
    /// receipt.
    pub is_bare: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trace {
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
}

impl Corpus {
    pub(crate) fn new(kind: CorpusKind, run: &str, seed: u64, times: Times) -> Self {
        let names = templates::SERVICES.iter();
        let nodes = names.flat_map(|name| (1..=NODES_PER_SERVICE).map(move |n| format!("{name}-{n}"))).collect();
        let total: f64 = (1..=templates::SERVICES.len()).map(|rank| 1.0 / rank as f64).sum();
        let mut reached = 0.0;
        let services = (1..=templates::SERVICES.len())
            .map(|rank| {
                reached += 1.0 / rank as f64 / total;
                (reached * f64::from(u32::MAX)) as u32
            })
            .collect();
        let names = if kind == CorpusKind::Sparse { sparse::names() } else { Vec::new() };
        Self { run: run.to_owned(), kind, seed, times, nodes, services, names }
    }

    /// Record `number`.
    pub(crate) fn sample(&self, number: u64) -> Sample<'_> {
        self.sample_reusing(number, None)
    }

    /// Record `number`, in the memory of an old one.
    pub(crate) fn sample_reusing<'a>(&'a self, number: u64, old: Option<Sample<'a>>) -> Sample<'a> {
        let (mut message, mut attributes) = old.map_or_else(Default::default, |old| (old.message, old.attributes));
        message.clear();
        attributes.clear();
        // The draws of this part are the same for all kinds.
        let mut random = SplitMix::of(self.seed, number);
        let draw = random.next() as u32;
        let service = self.services.partition_point(|&reached| reached < draw).min(self.services.len() - 1);
        let node = service * NODES_PER_SERVICE + random.below(NODES_PER_SERVICE as u32) as usize;
        let (level, severity) = match random.below(100) {
            0..10 => ("debug", 5),
            10..85 => ("info", 9),
            85..95 => ("warn", 13),
            _ => ("error", 17),
        };
        let jitter = if self.times.jitter > 0 { (random.next() >> 1) as Nanos % self.times.jitter } else { 0 };
        if self.kind.is_numbered() {
            attributes.push(("run", Value::Text(Text::from(self.run.as_str()))));
            attributes.push(("seq", Value::Int(number as i64)));
        }
        let mut sample = Sample {
            number,
            time: self.times.base + number as Nanos * self.times.step + jitter,
            level,
            severity,
            service: templates::SERVICES[service],
            node: &self.nodes[node],
            message,
            trace: None,
            attributes,
            is_bare: false,
        };
        match self.kind {
            CorpusKind::Plain => plain::fill(&mut random, &mut sample),
            CorpusKind::Traces => {
                plain::fill(&mut random, &mut sample);
                sample.trace = traces::trace_of(self.seed, number);
            }
            CorpusKind::Wide => wide::fill(&mut random, &mut sample),
            CorpusKind::Access => access::fill(&mut random, &mut sample),
            CorpusKind::Stack => stack::fill(&mut random, &mut sample),
            CorpusKind::Cjk => cjk::fill(&mut random, &mut sample),
            CorpusKind::Sparse => sparse::fill(&self.names, &mut random, &mut sample),
            CorpusKind::Tiny => tiny::fill(&mut random, &mut sample),
        }
        sample
    }
}

#[cfg(test)]
impl Sample<'_> {
    pub(crate) fn attribute(&self, name: &str) -> Option<&Value> {
        self.attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use clap::ValueEnum as _;

    use super::*;

    pub(crate) const TIMES: Times = Times { base: 1_700_000_000_000_000_000, step: 1_000_000, jitter: 2_000_000_000 };

    pub(crate) fn corpus(kind: CorpusKind) -> Corpus {
        Corpus::new(kind, "night", 3, TIMES)
    }

    #[test]
    fn the_same_seed_gives_the_same_records_and_another_seed_others() {
        for &kind in CorpusKind::value_variants() {
            let corpora = [7, 7, 8].map(|seed| Corpus::new(kind, "a", seed, TIMES));
            let [one, same, other] =
                corpora.each_ref().map(|corpus| (0..500).map(|number| corpus.sample(number)).collect::<Vec<_>>());
            assert_eq!(one, same);
            // The sparse corpus has few messages; their attributes differ.
            let equal = one.iter().zip(&other).filter(|(a, b)| a.message == b.message && a.attributes == b.attributes);
            assert!(equal.count() < 5, "{kind:?}");
        }
    }

    #[test]
    fn the_memory_of_an_old_record_does_not_show_in_the_next() {
        for &kind in CorpusKind::value_variants() {
            let corpus = corpus(kind);
            let mut old = None;
            for number in 0..50 {
                let sample = corpus.sample_reusing(number, old.take());
                assert_eq!(sample, corpus.sample(number));
                old = Some(sample);
            }
        }
    }

    #[test]
    fn keys_are_unique_and_no_key_is_within_another() {
        for &kind in CorpusKind::value_variants() {
            let corpus = corpus(kind);
            for number in 0..200 {
                let sample = corpus.sample(number);
                let keys: BTreeSet<_> = sample.attributes.iter().map(|(key, _)| *key).collect();
                assert_eq!(keys.len(), sample.attributes.len(), "{keys:?}");
                let is_within = |key: &&str| keys.iter().any(|outer| key.starts_with(&format!("{outer}.")));
                assert!(!keys.iter().any(is_within), "{keys:?}");
            }
        }
    }

    #[test]
    fn the_plain_mixture_is_that_of_microservices() {
        let corpus = Corpus::new(CorpusKind::Plain, "a", 1, TIMES);
        let mut levels = BTreeMap::<_, u32>::new();
        let mut services = BTreeMap::<_, u32>::new();
        let (mut rare, mut traces, mut requests, mut bytes) = (0, 0, 0, 0);
        let count = 50_000;
        for number in 0..count {
            let sample = corpus.sample(number);
            *levels.entry(sample.level).or_default() += 1;
            *services.entry(sample.service).or_default() += 1;
            rare += u32::from(sample.message.contains("quota nearly exhausted"));
            traces += u32::from(sample.trace.is_some());
            requests += u32::from(sample.attribute("user_id").is_some());
            bytes += sample.message.len();
            assert!((100..=240).contains(&sample.message.len()), "{}", sample.message);
        }
        assert_eq!(services.len(), 20);
        assert!(services["gateway"] > 5 * services["scheduler"], "{services:?}");
        assert!((4_500..5_500).contains(&levels["debug"]) && (2_200..2_800).contains(&levels["error"]), "{levels:?}");
        assert!((25..90).contains(&rare), "{rare}");
        assert!((24_000..26_000).contains(&traces) && (29_000..31_000).contains(&requests));
        assert!((120..200).contains(&(bytes / count as usize)), "{}", bytes / count as usize);
    }

    #[test]
    fn most_traces_cross_services() {
        let corpus = corpus(CorpusKind::Traces);
        let mut services = BTreeMap::<_, BTreeSet<_>>::new();
        for number in 0..50 * traces::WINDOW {
            let sample = corpus.sample(number);
            if let Some(trace) = sample.trace {
                services.entry(trace.trace_id).or_default().insert(sample.service);
            }
        }
        let several = services.values().filter(|services| services.len() > 1).count();
        assert!(several * 10 > services.len() * 8, "{several} of {}", services.len());
    }

    #[test]
    fn the_size_in_json_is_about_the_stated_one() {
        for &kind in CorpusKind::value_variants() {
            let bytes = encode::json_lines(&corpus(kind), 0, 1_000).len() as u64 / 1_000;
            let stated = kind.json_bytes();
            assert!((stated * 8 / 10..stated * 12 / 10).contains(&bytes), "{kind:?}: {bytes}");
        }
    }
}
