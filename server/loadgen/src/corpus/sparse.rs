//! Six attributes on each record, of 5,000 names: each kind of event has its own.

use model::Value;

use super::{
    Sample, message,
    templates::{SERVICES, WORDS},
    values,
};
use crate::random::SplitMix;

/// The number of names.
pub(super) const NAMES: usize = SERVICES.len() * NOUNS.len() * VARIANTS;
/// Attributes per record, besides its run and number.
pub(super) const PER_RECORD: u32 = 6;
const VARIANTS: usize = 10;
const NOUNS: [&str; 25] = [
    "attempts", "balance", "bucket", "channel", "cursor", "deadline", "digest", "epoch", "flavour", "gauge", "handle",
    "index", "journal", "key", "limit", "margin", "offset", "phase", "quota", "region", "shard", "ticket", "usage",
    "variant", "weight",
];
const MESSAGES: [&str; 12] = [
    "setting {w} changed",
    "step {n} of the import finished",
    "rule {w} matched",
    "snapshot {h} taken",
    "counter {w} reset after {n} updates",
    "experiment {w} assigned",
    "worker {n} reported its state",
    "lease on {w} renewed",
    "plan {h} chosen",
    "batch {n} reconciled",
    "profile {w} loaded",
    "check {n} passed",
];

/// All names.
pub(super) fn names() -> Vec<String> {
    let nouns = || NOUNS.iter().flat_map(|noun| (0..VARIANTS).map(move |variant| format!("{noun}_{variant}")));
    SERVICES.iter().flat_map(|service| nouns().map(move |noun| format!("{service}.{noun}"))).collect()
}

/// `names` is from [`names`].
pub(super) fn fill<'a>(names: &'a [String], random: &mut SplitMix, sample: &mut Sample<'a>) {
    message::fill(random.pick(&MESSAGES), &WORDS, random, &mut sample.message);
    let mut place = random.below(NAMES as u32);
    for _ in 0..PER_RECORD {
        // The steps of a record add up to less than the number of names, so the names differ.
        place = (place + 1 + random.below(NAMES as u32 / PER_RECORD - 1)) % NAMES as u32;
        let Some(name) = names.get(place as usize) else { continue };
        let value = match place % 3 {
            0 => Value::Int(random.below(1_000).into()),
            1 => Value::Text(random.pick(&WORDS).into()),
            _ => values::hex8(random.next() as u32),
        };
        sample.attributes.push((name.as_str(), value));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{
        super::{kind::CorpusKind, tests::corpus},
        *,
    };

    #[test]
    fn each_record_has_six_of_five_thousand_names() {
        assert_eq!(names().into_iter().collect::<BTreeSet<_>>().len(), 5_000);
        let corpus = corpus(CorpusKind::Sparse);
        let mut seen = BTreeSet::new();
        for number in 0..20_000 {
            let sample = corpus.sample(number);
            let own: BTreeSet<_> = sample.attributes.iter().map(|(key, _)| (*key).to_owned()).collect();
            assert_eq!(own.len(), 2 + PER_RECORD as usize);
            seen.extend(own);
        }
        assert_eq!(seen.len(), 5_002);
    }
}
