//! What the reading API says, as JSON; the dashboard reads the same types.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{LevelClass, Severity, StoredRecord, Value, hex, query, time, time::Nanos};

pub use crate::saved_view::SavedView;

/// A piece of a program or a configuration that sends a first log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnippetView {
    /// For links and tests.
    pub name: String,
    pub title: String,
    pub text: String,
    /// The option that the server has to be started with first, where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
}

/// A record as JSON: times in RFC 3339 with nanoseconds, identifiers in hexadecimal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordView {
    pub id: String,
    /// The store position, a decimal string, because it may exceed 2^53.
    pub position: String,
    pub time: String,
    pub observed_time: String,
    pub level: String,
    pub severity: u8,
    pub service: String,
    pub node: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
    #[serde(default)]
    pub attributes: BTreeMap<String, Value>,
}

impl From<&StoredRecord> for RecordView {
    fn from(stored: &StoredRecord) -> Self {
        let record = &stored.record;
        Self {
            id: record.id.to_string(),
            position: stored.position.to_string(),
            time: time::format_rfc3339(record.time),
            observed_time: time::format_rfc3339(record.observed_time),
            level: record.level.to_string(),
            severity: record.severity.number(),
            service: record.service.to_string(),
            node: record.node.to_string(),
            message: record.message.clone(),
            trace_id: record.trace_id.map(|bytes| hex::encode(&bytes)),
            span_id: record.span_id.map(|bytes| hex::encode(&bytes)),
            attributes: record.attributes.iter().map(|(key, value)| (key.to_string(), value.clone())).collect(),
        }
    }
}

impl RecordView {
    /// The class of the severity; a number that is none counts as
    /// [`Severity::INFO`].
    pub fn class(&self) -> LevelClass {
        Severity::new(self.severity).unwrap_or(Severity::INFO).class()
    }

    /// When it happened; `None` if the text, which a server wrote, is no time.
    pub fn nanos(&self) -> Option<Nanos> {
        time::parse_timestamp(&self.time, chrono::FixedOffset::east_opt(0)?)
    }
}

/// Newest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LogsPage {
    pub records: Vec<RecordView>,
    /// To be handed back for the page before this one in time.
    pub next_cursor: Option<String>,
    /// True where looking took too long and the page ends before it is full: there may be
    /// matches before `searched_back_to`, and `next_cursor` goes on there.
    #[serde(default)]
    pub partial: bool,
    /// How far back the search has looked, in RFC 3339.
    pub searched_back_to: String,
    /// True where nothing older in the range is left to look at.
    pub complete: bool,
    /// The newest position stored when the search began: where a tail goes on.
    pub position: String,
    /// What else the query may have meant. Other tools' syntax is always named; a field's
    /// test that may be meant as text only where nothing was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<QueryHint>,
}

/// How many records match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountView {
    pub count: u64,
    /// As in [`LogsPage::hints`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<QueryHint>,
}

/// Another way to read a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryHint {
    /// Says what was read how, and what to write instead.
    pub message: String,
    /// The part of the query it is about.
    pub part: String,
    /// The whole query to try instead.
    pub query: String,
}

impl From<query::Advice> for QueryHint {
    fn from(advice: query::Advice) -> Self {
        Self { message: advice.message(), part: advice.part, query: advice.query }
    }
}

/// Counts over time by level class.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HistogramView {
    pub bucket_seconds: f64,
    pub buckets: Vec<BucketView>,
}

/// One bucket: its start and the counts of the classes that occur in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BucketView {
    pub time: String,
    pub counts: BTreeMap<String, u64>,
}

/// The most frequent values of each field that was asked for.
pub type FacetsView = BTreeMap<String, Vec<FacetValue>>;

/// A value and how many matching records have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FacetValue {
    pub value: String,
    pub count: u64,
}

/// A field of the newest matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldView {
    /// As in a query.
    pub name: String,
    /// How many of `records` have it.
    pub count: u64,
    /// How many different values they have.
    pub values: u64,
    /// The matches that were looked at.
    pub records: u64,
}

/// A record and its neighbours of the same service and node, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContextView {
    pub before: Vec<RecordView>,
    pub record: RecordView,
    pub after: Vec<RecordView>,
}

/// The kinds of messages among the matches.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PatternsView {
    /// The most frequent first; new ones before all others.
    pub patterns: Vec<PatternView>,
    /// The records that were looked at, the newest of the range.
    pub records: u64,
    /// How far back that is, in RFC 3339.
    pub searched_back_to: String,
    /// True where those are all matches of the range.
    pub complete: bool,
}

/// One kind of message: what its messages have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatternView {
    /// The message with `<*>` or a name such as `<uuid>` for what varies.
    pub template: String,
    /// A query that finds its messages; empty where nothing in them is constant.
    pub query: String,
    pub count: u64,
    /// By level class.
    pub levels: BTreeMap<String, u64>,
    /// The services it comes from, at most a few.
    pub services: Vec<String>,
    /// Counts over the time that was looked at, oldest first.
    pub spark: Vec<u64>,
    /// The newest of its records.
    pub example: RecordView,
    /// Whether no record of the comparison range is of this kind; `None` where there is no
    /// such range, or looking took too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_new: Option<bool>,
}

/// Something that could not be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterView {
    pub id: String,
    pub time: String,
    pub reason: String,
    pub producer: String,
    pub batch_id: Option<String>,
    pub records: u32,
    pub bytes: u64,
    /// Of its records; empty where they are not known.
    #[serde(default)]
    pub services: Vec<String>,
}

/// A file of records that is missing or damaged: its records are missing from every answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartAsideView {
    pub name: String,
    /// The path to which an operator restores the file, before the next start.
    pub path: String,
    pub reason: String,
    pub records: u64,
    /// When it was intact.
    pub bytes: u64,
    /// The times of its oldest and newest record, in RFC 3339.
    pub oldest: String,
    pub newest: String,
}

/// A task that runs as long as the server does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskView {
    pub name: String,
    /// `running`, `waiting` for its restart, `ended`, or `broken`: only a restart of the program
    /// helps.
    pub state: String,
    /// Since when, in RFC 3339.
    pub since: String,
    pub restarts: u64,
    /// Why it failed last.
    pub last_error: Option<String>,
}

/// How the server and its traffic are, at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FiguresView {
    /// RFC 3339.
    pub time: String,
    pub version: String,
    pub uptime_seconds: u64,
    /// Resident memory of the process; 0 where the system does not tell.
    pub memory_bytes: u64,
    pub queue: QueueView,
    pub store: StoreView,
    pub retention: RetentionView,
    pub tails: u64,
    /// Records stored a second since the figures before; by all nodes, where they share a store.
    pub stored_per_second: f64,
    /// The longest from receipt to visibility since the figures before; `None` where nothing came.
    pub lag_ms: Option<f64>,
    /// The last quarter of an hour.
    pub traffic: HistogramView,
    /// The services of that time, the busiest first.
    pub services: Vec<ServiceView>,
    /// Why traffic and services are not those of now; `None` when they are.
    pub trouble: Option<String>,
}

/// The queue.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QueueView {
    pub engine: String,
    pub trouble: Option<String>,
    /// Batches that wait.
    pub depth: u64,
}

/// The store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StoreView {
    pub engine: String,
    pub trouble: Option<String>,
    pub records: u64,
    pub bytes: u64,
    pub dead_letters: u64,
}

/// How long records are kept, as it was configured; `None` is without bound.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RetentionView {
    pub age: Option<String>,
    pub bytes: Option<u64>,
    /// Services with an age of their own.
    pub services: Vec<(String, String)>,
}

/// One service in the last quarter of an hour.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ServiceView {
    pub service: String,
    pub count: u64,
    /// Of level error and above.
    pub errors: u64,
    /// Counts, oldest first.
    pub spark: Vec<u64>,
    /// When its newest record happened, in RFC 3339.
    pub last_seen: String,
}

/// Says that records were left out of a tail because its reader was too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedView {
    pub count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Position, Record, RecordId, Text};

    #[test]
    fn a_record_is_shown_as_the_documented_json_and_read_back() {
        let record = Record {
            id: RecordId(0x0190a1b2_c3d4_7000_8000_00000000000f),
            time: 1_700_000_000_123_456_789,
            observed_time: 1_700_000_001_000_000_000,
            severity: LevelClass::Error.lowest(),
            level: Text::new("err"),
            service: Text::new("api"),
            node: Text::default(),
            message: "boom \u{fffd}".to_owned(),
            attributes: vec![
                (Text::new("a"), Value::Text(Text::new("1"))),
                (Text::new("b"), Value::Int(1)),
                (Text::new("c"), Value::Float(1.5)),
                (Text::new("d"), Value::Bool(true)),
            ],
            trace_id: Some([0xab; 16]),
            span_id: None,
        };
        let view = RecordView::from(&StoredRecord { position: Position(i64::MAX), record });
        assert_eq!(view.class(), LevelClass::Error);
        assert_eq!(view.nanos(), Some(1_700_000_000_123_456_789));

        let json = serde_json::json!({
            "id": "0190a1b2-c3d4-7000-8000-00000000000f",
            "position": "9223372036854775807",
            "time": "2023-11-14T22:13:20.123456789Z",
            "observed_time": "2023-11-14T22:13:21.000000000Z",
            "level": "err",
            "severity": 17,
            "service": "api",
            "node": "",
            "message": "boom \u{fffd}",
            "trace_id": "abababababababababababababababab",
            "attributes": {"a": "1", "b": 1, "c": 1.5, "d": true},
        });
        assert_eq!(serde_json::to_value(&view).unwrap(), json);
        assert_eq!(serde_json::from_value::<RecordView>(json).unwrap(), view);
    }
}
