//! An event as it waits: what the caller's thread has to copy, and nothing more.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use tracing::{Level, Metadata};

use crate::fields::Fields;

/// One event. Turned into a record by the sender's thread, see [`record`](crate::record).
#[derive(Debug)]
pub(crate) struct Entry {
    /// Nanoseconds since the Unix epoch.
    pub(crate) time: i64,
    pub(crate) level: Level,
    pub(crate) place: Place,
    pub(crate) message: String,
    pub(crate) fields: Fields,
    /// From the innermost to the root.
    pub(crate) spans: Vec<Arc<SpanFields>>,
}

/// A span as its events see it: shared by them, because most spans are not written to
/// after they were made.
#[derive(Debug, Clone)]
pub(crate) struct SpanFields {
    pub(crate) name: &'static str,
    pub(crate) fields: Fields,
}

/// Where an event comes from.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) target: Cow<'static, str>,
    pub(crate) file: Option<Cow<'static, str>>,
    pub(crate) line: Option<u32>,
}

impl Place {
    /// Of an event, whose metadata live as long as the program.
    pub(crate) fn of_event(metadata: &'static Metadata<'static>) -> Self {
        Self {
            target: Cow::Borrowed(metadata.target()),
            file: metadata.file().map(Cow::Borrowed),
            line: metadata.line(),
        }
    }

    /// Of a record of the crate `log`, whose metadata live as long as the call.
    pub(crate) fn of_log(metadata: &Metadata<'_>) -> Self {
        Self {
            target: Cow::Owned(metadata.target().to_owned()),
            file: metadata.file().map(|file| Cow::Owned(file.to_owned())),
            line: metadata.line(),
        }
    }
}

impl Entry {
    /// What it takes in memory and, at most, on the wire; bytes. Spans count in full for
    /// each of their events, as the wire has them.
    pub(crate) fn weight(&self) -> usize {
        let spans: usize = self.spans.iter().map(|span| span.name.len() + span.fields.weight()).sum();
        let place = self.place.target.len() + self.place.file.as_ref().map_or(0, |file| file.len());
        size_of::<Self>() + place + self.message.len() + self.fields.weight() + spans
    }
}

/// The time of an event; 0, which stands for the time of receipt, before 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
