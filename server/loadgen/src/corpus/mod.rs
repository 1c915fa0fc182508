//! The corpus: records like those of twenty microservices, generated from a seed.
//!
//! Services follow Zipf's law; sixty nodes; debug 10 %, info 75 %, warn 10 %, error 5 %; about two hundred message
//! templates of 120 to 200 bytes and a rare one (0.1 %); a trace on half of the records and request attributes on 60
//! %. A record is determined by the seed and its number, so `verify` can detect altered records.

pub(crate) mod encode;
pub(crate) mod foreign;
mod message;
mod templates;

use model::Nanos;

use crate::{manifest::Times, random::SplitMix};

/// The number of nodes per service.
const NODES_PER_SERVICE: usize = 3;
const METHODS: [&str; 5] = ["GET", "GET", "POST", "PUT", "DELETE"];
const STATUSES: [u16; 8] = [200, 200, 200, 201, 204, 301, 404, 500];

/// Generates records.
#[derive(Debug, Clone)]
pub(crate) struct Corpus {
    pub run: String,
    seed: u64,
    times: Times,
    nodes: Vec<String>,
    /// Cumulative Zipf weights of the services, in 2⁻³².
    services: Vec<u32>,
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
    pub request: Option<RequestFields>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trace {
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestFields {
    pub method: &'static str,
    pub status: u16,
    pub duration_ms: u32,
    /// Written as `u` and the number.
    pub user: u32,
}

impl Corpus {
    pub(crate) fn new(run: &str, seed: u64, times: Times) -> Self {
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
        Self { run: run.to_owned(), seed, times, nodes, services }
    }

    /// Record `number`. `recycled` is an old message whose memory is reused.
    pub(crate) fn sample(&self, number: u64, recycled: String) -> Sample<'_> {
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
        let message = message::write(&mut random, recycled);
        let trace = random.per_mille(500).then(|| Trace {
            trace_id: (u128::from(random.next()) << 64 | u128::from(random.next()) | 1).to_be_bytes(),
            span_id: (random.next() | 1).to_be_bytes(),
        });
        let request = random.per_mille(600).then(|| RequestFields {
            method: random.pick(&METHODS),
            status: random.pick(&STATUSES),
            // Most requests are fast, few are slow.
            duration_ms: random.below(40) * random.below(40) + random.below(9),
            user: random.below(100_000),
        });
        Sample {
            number,
            time: self.times.base + number as Nanos * self.times.step + jitter,
            level,
            severity,
            service: templates::SERVICES[service],
            node: &self.nodes[node],
            message,
            trace,
            request,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    pub(crate) const TIMES: Times = Times { base: 1_700_000_000_000_000_000, step: 1_000_000, jitter: 2_000_000_000 };

    #[test]
    fn the_same_seed_gives_the_same_records_and_another_seed_others() {
        let corpora = [Corpus::new("a", 7, TIMES), Corpus::new("a", 7, TIMES), Corpus::new("a", 8, TIMES)];
        let [one, same, other] = corpora
            .each_ref()
            .map(|corpus| (0..500).map(|number| corpus.sample(number, String::new())).collect::<Vec<_>>());
        assert_eq!(one, same);
        assert!(one.iter().zip(&other).filter(|(a, b)| a.message == b.message).count() < 5);
    }

    #[test]
    fn the_mixture_is_that_of_microservices() {
        let corpus = Corpus::new("a", 1, TIMES);
        let mut levels = BTreeMap::<_, u32>::new();
        let mut services = BTreeMap::<_, u32>::new();
        let (mut rare, mut traces, mut requests, mut bytes) = (0, 0, 0, 0);
        let count = 50_000;
        for number in 0..count {
            let sample = corpus.sample(number, String::new());
            *levels.entry(sample.level).or_default() += 1;
            *services.entry(sample.service).or_default() += 1;
            rare += u32::from(sample.message.contains("quota nearly exhausted"));
            traces += u32::from(sample.trace.is_some());
            requests += u32::from(sample.request.is_some());
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
}
