//! A buffered event: only the data that the caller's thread must copy.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use tracing::{Level, Metadata};

use crate::fields::Fields;

/// One event. The sender's thread converts it to a record, see [`record`](crate::record).
#[derive(Debug)]
pub(crate) struct Entry {
    /// Nanoseconds since the Unix epoch.
    pub(crate) time: i64,
    pub(crate) level: Level,
    pub(crate) place: Origin,
    pub(crate) message: String,
    pub(crate) fields: Fields,
    /// From the innermost span to the root.
    pub(crate) spans: Vec<Arc<SpanFields>>,
}

/// The fields of a span, shared by its events, because most spans do not change after creation.
#[derive(Debug, Clone)]
pub(crate) struct SpanFields {
    pub(crate) name: &'static str,
    pub(crate) fields: Fields,
}

/// The source location of an event.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) target: Cow<'static, str>,
    pub(crate) file: Option<Cow<'static, str>>,
    pub(crate) line: Option<u32>,
}

impl Origin {
    /// The location of an event; its metadata is static.
    pub(crate) fn of_event(metadata: &'static Metadata<'static>) -> Self {
        Self {
            target: Cow::Borrowed(metadata.target()),
            file: metadata.file().map(Cow::Borrowed),
            line: metadata.line(),
        }
    }

    /// The location of a record of the crate `log`; its metadata lives only during the call.
    pub(crate) fn of_log(metadata: &Metadata<'_>) -> Self {
        Self {
            target: Cow::Owned(metadata.target().to_owned()),
            file: metadata.file().map(|file| Cow::Owned(file.to_owned())),
            line: metadata.line(),
        }
    }
}

impl Entry {
    /// The size in memory and the maximum size on the wire, in bytes. Spans count in full for each of their events,
    /// as on the wire.
    pub(crate) fn weight(&self) -> usize {
        let spans: usize = self.spans.iter().map(|span| span.name.len() + span.fields.weight()).sum();
        let place = self.place.target.len() + self.place.file.as_ref().map_or(0, |file| file.len());
        size_of::<Self>() + place + self.message.len() + self.fields.weight() + spans
    }
}

/// The current time; 0, which means the time of receipt, for a clock before 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
