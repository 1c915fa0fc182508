//! Which corpora a door can carry.

use anyhow::{Result, bail};

use super::Door;
use crate::{corpus::kind::CorpusKind, manifest::Shape};

impl Door {
    /// Fails if the protocol of the door has no place for a field of the corpus, or adds fields to it.
    pub(crate) fn check_corpus(self, corpus: CorpusKind) -> Result<()> {
        let reason = match (corpus, self.shape()) {
            (CorpusKind::Traces, Shape::Line) => "it carries no trace ids",
            (CorpusKind::Wide | CorpusKind::Sparse, Shape::Line) => "it carries no attributes",
            (CorpusKind::Tiny, _) if !self.carries_messages_alone() => {
                "its records have more fields than a message; use stream, push, http, lines or one of otlp"
            }
            _ => return Ok(()),
        };
        bail!("the door {self:?} cannot carry the corpus {corpus:?}: {reason}")
    }

    /// Whether a record may be a message without any other field.
    fn carries_messages_alone(self) -> bool {
        match self {
            Self::Stream | Self::Push | Self::Http | Self::Lines | Self::Otlp | Self::OtlpHttp | Self::OtlpJson => true,
            // A bulk request names an index, Loki needs labels and a time, a packet has an envelope, GELF a host, and the
            // forward protocol a tag and a time.
            Self::Elastic | Self::Loki | Self::Packets | Self::Gelf | Self::Forward => false,
            Self::SendLog | Self::Syslog => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_door_carries_the_plain_corpus_and_refuses_fields_that_it_would_lose() {
        for &door in Door::value_variants() {
            for corpus in [CorpusKind::Plain, CorpusKind::Access, CorpusKind::Stack, CorpusKind::Cjk] {
                assert!(door.check_corpus(corpus).is_ok(), "{door:?} {corpus:?}");
            }
        }
        for &corpus in CorpusKind::value_variants() {
            assert!(Door::Http.check_corpus(corpus).is_ok() && Door::Stream.check_corpus(corpus).is_ok(), "{corpus:?}");
        }
        for (door, corpus, reason) in [
            (Door::SendLog, CorpusKind::Wide, "no attributes"),
            (Door::Syslog, CorpusKind::Sparse, "no attributes"),
            (Door::SendLog, CorpusKind::Traces, "no trace ids"),
            (Door::Loki, CorpusKind::Tiny, "more fields"),
        ] {
            let error = door.check_corpus(corpus).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
