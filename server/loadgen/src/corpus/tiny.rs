//! Messages of two to six letters without any other field.

use super::Sample;
use crate::random::SplitMix;

pub(super) fn fill(random: &mut SplitMix, sample: &mut Sample<'_>) {
    sample.is_bare = true;
    // What a store reads from a record without them.
    (sample.level, sample.severity, sample.service, sample.node) = ("info", 9, "", "");
    let letters = 2 + random.below(5);
    // 26⁶ is far below 2⁶⁴, so each letter is nearly uniform.
    let mut bits = random.next();
    for _ in 0..letters {
        sample.message.push(char::from(b'a' + (bits % 26) as u8));
        bits /= 26;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{encode, kind::CorpusKind, tests::corpus};

    #[test]
    fn a_record_is_a_message_of_about_twenty_bytes() {
        let corpus = corpus(CorpusKind::Tiny);
        let lines = encode::json_lines(&corpus, 0, 10_000);
        assert!((180_000..220_000).contains(&lines.len()), "{}", lines.len());
        let mut lengths = [0; 7];
        for number in 0..10_000 {
            let sample = corpus.sample(number);
            assert!(sample.message.bytes().all(|letter| letter.is_ascii_lowercase()));
            assert!(sample.attributes.is_empty() && sample.trace.is_none());
            lengths[sample.message.len()] += 1;
        }
        assert!(lengths[2..].iter().all(|&count| count > 1_800), "{lengths:?}");
        assert!(lines.starts_with(b"{\"message\":\""));
    }
}
