//! JSON types of the reading API. The dashboard uses the same types.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{LevelClass, Severity, StoredRecord, Value, hex, query, time, time::Nanos};

pub use crate::{
    loss_ledger::{LedgerLossView, LedgerNumbers, LedgerRowView, LedgerSummaryView, LedgerView},
    redaction::{RedactionExampleView, RedactionPreviewView, RedactionRuleView, RedactionView},
    saved_view::SavedView,
};

/// A snippet of code or configuration that sends a first log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnippetView {
    /// Used in links and tests.
    pub name: String,
    pub title: String,
    pub text: String,
    /// The missing option that the server must be started with; `None` if nothing is missing.
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
    /// The class of the severity. An invalid number counts as [`Severity::INFO`].
    pub fn class(&self) -> LevelClass {
        Severity::new(self.severity).unwrap_or(Severity::INFO).class()
    }

    /// The time of the event; `None` if the text is not a timestamp.
    pub fn nanos(&self) -> Option<Nanos> {
        time::parse_timestamp(&self.time, chrono::FixedOffset::east_opt(0)?)
    }
}

/// A page of records, newest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LogsPage {
    pub records: Vec<RecordView>,
    /// The cursor of the next page, which is older.
    pub next_cursor: Option<String>,
    /// The time limit ended the search before the page was full. There may be matches older than `searched_back_to`;
    /// `next_cursor` continues there.
    #[serde(default)]
    pub partial: bool,
    /// The oldest time that the search has reached, in RFC 3339.
    pub searched_back_to: String,
    /// No older records remain in the range.
    pub complete: bool,
    /// The newest position stored when the search started. A tail continues from it.
    pub position: String,
    /// Suggestions of what the query may have meant. Other tools' syntax is always reported; a field test that may be
    /// text only if nothing was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<QueryHint>,
}

/// The number of matching records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountView {
    pub count: u64,
    /// As in [`LogsPage::hints`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<QueryHint>,
}

/// A suggestion of another reading of a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryHint {
    /// How the query was read, and the alternative.
    pub message: String,
    /// The part of the query in question.
    pub part: String,
    /// A complete query to try instead.
    pub query: String,
}

impl From<query::Advice> for QueryHint {
    fn from(advice: query::Advice) -> Self {
        Self { message: advice.message(), part: advice.part, query: advice.query }
    }
}

/// Counts over time, by level class.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HistogramView {
    pub bucket_seconds: f64,
    pub buckets: Vec<BucketView>,
}

/// One bucket: its start, and the non-zero counts by class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BucketView {
    pub time: String,
    pub counts: BTreeMap<String, u64>,
}

/// The most frequent values of each requested field.
pub type FacetsView = BTreeMap<String, Vec<FacetValue>>;

/// A value and the number of matching records with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FacetValue {
    pub value: String,
    pub count: u64,
}

/// A field that occurs in the newest matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldView {
    /// The name in a query.
    pub name: String,
    /// Number of the `records` that have the field.
    pub count: u64,
    /// Number of different values.
    pub values: u64,
    /// Number of matches examined.
    pub records: u64,
}

/// A record and its neighbours of the same service and node, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContextView {
    pub before: Vec<RecordView>,
    pub record: RecordView,
    pub after: Vec<RecordView>,
}

/// The message patterns among the matches.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PatternsView {
    /// Most frequent first; new patterns before all others.
    pub patterns: Vec<PatternView>,
    /// Number of records examined, the newest of the range.
    pub records: u64,
    /// The oldest time examined, in RFC 3339.
    pub searched_back_to: String,
    /// Whether all matches of the range were examined.
    pub complete: bool,
}

/// One message pattern.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatternView {
    /// The message with `<*>` or a name such as `<uuid>` for each varying part.
    pub template: String,
    /// A query that finds its messages; empty if the pattern has no constant part.
    pub query: String,
    pub count: u64,
    /// By level class.
    pub levels: BTreeMap<String, u64>,
    /// A few of the services that send it.
    pub services: Vec<String>,
    /// Counts over the examined time, oldest first.
    pub spark: Vec<u64>,
    /// The newest matching record.
    pub example: RecordView,
    /// Whether no record of the comparison range has the pattern; `None` if there is no such range or the time limit
    /// ended the comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_new: Option<bool>,
}

/// A batch that could not be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterView {
    pub id: String,
    pub time: String,
    pub reason: String,
    pub producer: String,
    pub batch_id: Option<String>,
    pub records: u32,
    pub bytes: u64,
    /// The services of its records; empty if unknown.
    #[serde(default)]
    pub services: Vec<String>,
}

/// A missing or damaged file. All results lack its records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartAsideView {
    pub name: String,
    /// The path to restore the file to before the next start.
    pub path: String,
    pub reason: String,
    pub records: u64,
    /// Size of the intact file.
    pub bytes: u64,
    /// The times of its oldest and newest record, in RFC 3339.
    pub oldest: String,
    pub newest: String,
}

/// A long-running task of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskView {
    pub name: String,
    /// `running`, `waiting` for its restart, `ended`, or `broken`: it needs a restart of the program.
    pub state: String,
    /// Time of the last state change, in RFC 3339.
    pub since: String,
    pub restarts: u64,
    /// The last failure.
    pub last_error: Option<String>,
}

/// A sink, and what it has delivered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SinkView {
    pub name: String,
    /// The destination, without secrets.
    pub target: String,
    /// The filter; empty for all records.
    pub query: String,
    /// `starting`, `following`, `failing`, `paused`, `elsewhere` (another node runs it) or `refused` (its definition
    /// must be changed).
    pub state: String,
    /// Delivered records since its first start.
    pub records: u64,
    /// Records that the destination refused; they are dead letters.
    pub refused: u64,
    /// Stored records that it has not examined yet; `null` if another node runs it.
    pub behind_records: Option<u64>,
    /// Their approximate bytes.
    pub behind_bytes: Option<u64>,
    /// These two are at least so many: the sink has not reached the start of the process.
    pub behind_is_more: bool,
    /// When the oldest undelivered record that matches was stored, in RFC 3339.
    pub waiting_since: Option<String>,
    /// When the retention deletes it, if that is within a day.
    pub deleted_at: Option<String>,
    /// When the destination last acknowledged.
    pub acknowledged: Option<String>,
    pub error: Option<String>,
}

/// A replay: records that are sent to a sink once more, or stored again.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ReplayView {
    pub id: String,
    /// The day in UTC, such as `2026-11-19`; `null` for other times.
    pub day: Option<String>,
    /// The times of the records, in RFC 3339; `to_time` is exclusive.
    pub from: String,
    pub to_time: String,
    /// Where the records come from: `store` or `archive`.
    pub source: String,
    /// The name of the sink, or `store`.
    pub to: String,
    /// The destination, without secrets.
    pub target: String,
    /// A filter beside that of the sink; empty for all records.
    pub query: String,
    /// `running`, `done`, `failed` or `cancelled`.
    pub state: String,
    /// Delivered records, without the skipped ones.
    pub sent: u64,
    /// Records that were not stored again, because the store had them.
    pub skipped: u64,
    /// Records that the destination refused; they are dead letters of the sink.
    pub refused: u64,
    /// An estimate of the number of all records; `null` until they are counted, and for a filter on the archive.
    pub total: Option<u64>,
    /// The examined part of the records, from 0 to 1; `null` if it is not known.
    pub fraction: Option<f64>,
    /// The position of the last delivered record in the store; in the archive, its number within the day. `null` before
    /// the first.
    pub position: Option<String>,
    /// When it was started, in RFC 3339.
    pub started: String,
    /// When it ended.
    pub ended: Option<String>,
    /// Why it failed, or the last error of the destination.
    pub error: Option<String>,
}

/// What became of the canary's records that one door has taken.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CanaryView {
    pub door: String,
    pub sent: u64,
    /// Found by a search and shown by a tail.
    pub arrived: u64,
    /// Not taken by the door.
    pub failed: u64,
    /// Neither arrived nor failed after 30 s, until now.
    pub missing: u64,
    pub doubled: u64,
    /// Shown by a tail after more than 5 s.
    pub late: u64,
    /// How long the newest arrival took until a tail showed it, in milliseconds.
    pub last_ms: Option<f64>,
    /// Why the newest record was not taken.
    pub error: Option<String>,
}

/// The state and traffic of the server at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FiguresView {
    /// RFC 3339.
    pub time: String,
    pub version: String,
    pub uptime_seconds: u64,
    /// Resident memory of the process; 0 if unknown.
    pub memory_bytes: u64,
    pub queue: QueueView,
    pub store: StoreView,
    pub retention: RetentionView,
    pub tails: u64,
    /// Records stored per second since the previous figures; summed over all nodes that share a store.
    pub stored_per_second: f64,
    /// The longest delay from receipt to visibility since the previous figures; `None` without records.
    pub lag_ms: Option<f64>,
    /// Counts of the last 15 minutes.
    pub traffic: HistogramView,
    /// The services of that time, busiest first.
    pub services: Vec<ServiceView>,
    /// Why traffic and services are out of date; `None` if they are current.
    pub trouble: Option<String>,
    /// The caller sees only some records. Traffic and services are of these; memory, the numbers of queue and store, the
    /// retention of single services, tails, rate and lag are left out: 0, empty or `None`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub limited: bool,
}

/// The queue.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QueueView {
    pub engine: String,
    pub trouble: Option<String>,
    /// Number of waiting batches.
    pub depth: u64,
    /// How many of those at hand only a newer version of Logboom reads.
    #[serde(default)]
    pub newer: u64,
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

/// The configured retention; `None` means unlimited.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RetentionView {
    pub age: Option<String>,
    pub bytes: Option<u64>,
    /// Services with their own retention age.
    pub services: Vec<(String, String)>,
}

/// One service in the last 15 minutes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ServiceView {
    pub service: String,
    pub count: u64,
    /// Records of level error and above.
    pub errors: u64,
    /// Counts, oldest first.
    pub spark: Vec<u64>,
    /// The time of its newest record, in RFC 3339.
    pub last_seen: String,
}

/// Reports records that a tail skipped because the client was too slow.
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
