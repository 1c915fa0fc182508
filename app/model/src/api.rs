//! JSON types of the reading API. The dashboard uses the same types.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{LevelClass, Severity, StoredRecord, Value, hex, query, time, time::Nanos};

pub use crate::{
    figures::{BucketView, FiguresView, HistogramView, QueueView, RetentionView, ServiceView, StoreView},
    loss_ledger::{LedgerLossView, LedgerNumbers, LedgerRowView, LedgerSummaryView, LedgerView},
    operations::{CanaryView, DeadLetterView, PartAsideView, ReplayView, SinkView, TaskView},
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
    /// Whether the client can send a key.
    #[serde(default)]
    pub takes_key: bool,
    /// Whether the key is left out, because it would go over the network in clear.
    #[serde(default)]
    pub is_key_left_out: bool,
    /// A remark in the user's language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A record as JSON: times in RFC 3339 with nanoseconds, identifiers in hexadecimal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecordView {
    pub id: String,
    /// The store position, a decimal string, because it may exceed 2^53.
    pub position: String,
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub time: String,
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CountView {
    pub count: u64,
    /// As in [`LogsPage::hints`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<QueryHint>,
}

/// A suggestion of another reading of a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

/// The most frequent values of each requested field.
pub type FacetsView = BTreeMap<String, Vec<FacetValue>>;

/// A value and the number of matching records with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FacetValue {
    pub value: String,
    pub count: u64,
}

/// A field that occurs in the newest matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContextView {
    pub before: Vec<RecordView>,
    pub record: RecordView,
    pub after: Vec<RecordView>,
}

/// The message patterns among the matches.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
