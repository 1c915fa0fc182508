//! The kinds of corpora.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The shape of the records. Each kind stresses another part of a log store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CorpusKind {
    /// Records like those of twenty microservices.
    #[default]
    Plain,
    /// The same, with trace ids that 2 to 50 neighbouring records share.
    Traces,
    /// Forty nested attributes, half of them of high cardinality.
    Wide,
    /// Access log lines of nginx as unparsed text.
    Access,
    /// Stack traces of 2 to 60 lines, each in one record.
    Stack,
    /// Korean and Japanese messages.
    Cjk,
    /// Six attributes of 5,000 names.
    Sparse,
    /// A message of two to six letters and nothing else: neither time nor run nor number.
    Tiny,
}

impl CorpusKind {
    /// Whether each record has the attributes `run` and `seq`, which tell it from all others.
    pub(crate) fn is_numbered(self) -> bool {
        self != Self::Tiny
    }

    /// Whether a dotted attribute key stands for nested objects in JSON.
    pub(crate) fn is_nested(self) -> bool {
        self == Self::Wide
    }

    /// The approximate size of a record as JSON, in bytes.
    pub(crate) fn json_bytes(self) -> u64 {
        match self {
            Self::Plain | Self::Traces => 340,
            Self::Wide => 950,
            Self::Access => 330,
            Self::Stack => 1_900,
            Self::Cjk => 220,
            Self::Sparse => 320,
            Self::Tiny => 19,
        }
    }
}
