//! The view: query, time range, columns, selected record. It is stored in the URL only.

use model::Query;
use serde::{Deserialize, Serialize};

pub(crate) use super::url::encode;

use super::{
    clock::{epoch_millis, rfc3339},
    url,
};
use crate::backend::{FieldsRequest, HistogramRequest, LogsRequest, PatternsRequest};

/// A time before every record.
pub(crate) const BEGINNING: &str = "1970-01-01T00:00:00Z";
/// The number of bars of the histogram.
const BUCKETS: u32 = 60;

/// A range that ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Span {
    Minutes15,
    Hour,
    Hours6,
    Day,
    Week,
}

impl Span {
    pub(crate) const ALL: [Self; 5] = [Self::Minutes15, Self::Hour, Self::Hours6, Self::Day, Self::Week];

    /// Twice the span: the start of the previous period.
    fn twice(self) -> &'static str {
        match self {
            Self::Minutes15 => "30m",
            Self::Hour => "2h",
            Self::Hours6 => "12h",
            Self::Day => "48h",
            Self::Week => "14d",
        }
    }

    pub(crate) fn seconds(self) -> i64 {
        match self {
            Self::Minutes15 => 900,
            Self::Hour => 3_600,
            Self::Hours6 => 6 * 3_600,
            Self::Day => 86_400,
            Self::Week => 7 * 86_400,
        }
    }

    /// The code in the URL.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Minutes15 => "15m",
            Self::Hour => "1h",
            Self::Hours6 => "6h",
            Self::Day => "24h",
            Self::Week => "7d",
        }
    }
}

/// A time range.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum Range {
    /// The most recent records and all following ones.
    #[default]
    Live,
    Last(Span),
    /// RFC 3339 or epoch milliseconds; open on a side without a time.
    Between {
        from: Option<String>,
        to: Option<String>,
    },
}

/// The code of [`Range::Between`].
pub(crate) const BETWEEN: &str = "between";
/// The code of [`Range::Live`].
pub(crate) const LIVE: &str = "live";

impl Range {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Live => LIVE,
            Self::Last(span) => span.code(),
            Self::Between { .. } => BETWEEN,
        }
    }

    /// Parses the values of a form or a link; unknown codes mean live.
    pub(crate) fn read(code: &str, from: Option<String>, to: Option<String>) -> Self {
        if code == BETWEEN {
            let zoned = |time: Option<String>| time.map(with_zone).filter(|time| !time.is_empty());
            return Self::Between { from: zoned(from), to: zoned(to) };
        }
        Span::ALL.into_iter().find(|span| span.code() == code).map_or(Self::Live, Self::Last)
    }

    /// The previous (-1) or next (1) range of the same length; `now` in milliseconds since the Unix epoch. `None` for
    /// a future range or an open one.
    pub(crate) fn shifted(&self, by: i64, now: i64) -> Option<Self> {
        let (from, to) = match self {
            Self::Live => (now - Span::Minutes15.seconds() * 1000, now),
            Self::Last(span) => (now - span.seconds() * 1000, now),
            Self::Between { from, to } => (epoch_millis(from.as_deref()?)?, epoch_millis(to.as_deref()?)?),
        };
        let length = (to - from).max(1);
        let (from, to) = (from + by * length, to + by * length);
        (from < now).then(|| Self::Between { from: Some(rfc3339(from)), to: Some(rfc3339(to)) })
    }

    fn bounds(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::Live => (Some(BEGINNING.into()), None),
            Self::Last(span) => (Some(format!("-{}", span.code())), None),
            Self::Between { from, to } => (Some(from.clone().unwrap_or_else(|| BEGINNING.into())), to.clone()),
        }
    }
}

/// A form without JavaScript sends times without a zone; they count as UTC.
fn with_zone(time: String) -> String {
    match time.len() {
        16 if time.contains('T') => time + ":00Z",
        19.. if time.contains('T')
            && !time.ends_with('Z')
            && !time.get(19..).is_some_and(|s| s.contains(['+', '-'])) =>
        {
            time + "Z"
        }
        _ => time,
    }
}

/// Everything that selects the listed records.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Search {
    pub(crate) query: String,
    pub(crate) range: Range,
    /// The cursor of an older page; used only by links without JavaScript.
    pub(crate) cursor: Option<String>,
}

impl Search {
    /// Whether new records appear automatically.
    pub(crate) fn is_live(&self) -> bool {
        self.range == Range::Live && self.cursor.is_none()
    }

    pub(crate) fn page(&self) -> LogsRequest {
        let (from, to) = self.range.bounds();
        // A live page shows the operator's default number of records; a search fills a screen.
        let limit = (self.range != Range::Live).then_some(200);
        LogsRequest { query: self.query.clone(), from, to, limit, cursor: self.cursor.clone() }
    }

    pub(crate) fn histogram(&self) -> HistogramRequest {
        let (from, to) = self.counted();
        HistogramRequest { query: self.query.clone(), from, to, buckets: BUCKETS }
    }

    /// The range of the counts.
    pub(crate) fn counted(&self) -> (Option<String>, Option<String>) {
        match self.range {
            Range::Live => (Some("-15m".into()), None),
            _ => self.range.bounds(),
        }
    }

    pub(crate) fn fields(&self) -> FieldsRequest {
        let (from, to) = self.counted();
        FieldsRequest { query: self.query.clone(), from, to }
    }

    /// Includes the previous period of the same length for comparison.
    pub(crate) fn patterns(&self) -> PatternsRequest {
        let (from, to) = self.counted();
        let (compare_from, compare_to) = match &self.range {
            Range::Live => (Some("-24h".into()), Some("-15m".into())),
            Range::Last(span) => (Some(format!("-{}", span.twice())), Some(format!("-{}", span.code()))),
            Range::Between { from: Some(from), .. } => (Some(BEGINNING.into()), Some(from.clone())),
            Range::Between { .. } => (None, None),
        };
        PatternsRequest { query: self.query.clone(), from, to, compare_from, compare_to }
    }

    /// The parameters of an API call for this search, followed by `more`.
    pub(crate) fn parameters(&self, more: &[(&str, &str)]) -> String {
        let mut parameters = String::new();
        url::append(&mut parameters, "query", &Query::parse_or_text(&self.query).0.to_string());
        let (from, to) = self.range.bounds();
        from.iter().for_each(|from| url::append(&mut parameters, "from", from));
        to.iter().for_each(|to| url::append(&mut parameters, "to", to));
        more.iter().for_each(|(key, value)| url::append(&mut parameters, key, value));
        parameters
    }
}

/// The content of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Show {
    #[default]
    Records,
    /// The message patterns.
    Patterns,
}

/// The content of the side panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Beside {
    /// The neighbours of the record with this id.
    Context(String),
    /// All records of this trace.
    Trace(String),
}

/// The maximum number of columns in a link.
const COLUMNS: usize = 12;

/// A search, and how it is displayed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct View {
    pub(crate) search: Search,
    pub(crate) show: Show,
    /// The fields with a column, in order.
    pub(crate) columns: Vec<String>,
    /// The id of the expanded record.
    pub(crate) at: Option<String>,
    pub(crate) beside: Option<Beside>,
}

impl View {
    /// Parses the query part of the URL. Unknown parameters are ignored.
    pub(crate) fn read(query: &str) -> Self {
        let mut view = Self::default();
        let (mut range, mut from, mut to) = (String::new(), None, None);
        for (key, value) in url::pairs(query) {
            match key.as_str() {
                "q" => view.search.query = value.trim().to_owned(),
                "range" => range = value,
                "from" => from = Some(value),
                "to" => to = Some(value),
                "cursor" => view.search.cursor = Some(value),
                "show" if value == "patterns" => view.show = Show::Patterns,
                "columns" => view.columns = columns(&value),
                "at" => view.at = Some(value),
                "context" => view.beside = Some(Beside::Context(value)),
                "trace" => view.beside = Some(Beside::Trace(value)),
                _ => {}
            }
        }
        view.search.range = Range::read(&range, from, to);
        view
    }

    /// The URL of this view, without default values.
    pub(crate) fn url(&self) -> String {
        let mut query = String::new();
        let mut add = |key, value: &str| url::append(&mut query, key, value);
        if !self.search.query.is_empty() {
            add("q", &self.search.query);
        }
        if self.search.range != Range::Live {
            add("range", self.search.range.code());
        }
        if let Range::Between { from, to } = &self.search.range {
            from.iter().for_each(|from| add("from", from));
            to.iter().for_each(|to| add("to", to));
        }
        self.search.cursor.iter().for_each(|cursor| add("cursor", cursor));
        if self.show == Show::Patterns {
            add("show", "patterns");
        }
        if !self.columns.is_empty() {
            add("columns", &self.columns.join(","));
        }
        self.at.iter().for_each(|at| add("at", at));
        match &self.beside {
            Some(Beside::Context(id)) => add("context", id),
            Some(Beside::Trace(trace)) => add("trace", trace),
            None => {}
        }
        format!("/{query}")
    }

    /// The same range with another query; nothing is expanded.
    pub(crate) fn with_query(&self, query: String) -> Self {
        self.searching(Search { query, range: self.search.range.clone(), cursor: None })
    }

    /// The same query with another range; nothing is expanded.
    pub(crate) fn with_range(&self, range: Range) -> Self {
        self.searching(Search { query: self.search.query.clone(), range, cursor: None })
    }

    pub(crate) fn with_cursor(&self, cursor: String) -> Self {
        self.searching(Search { cursor: Some(cursor), ..self.search.clone() })
    }

    fn searching(&self, search: Search) -> Self {
        Self { search, show: self.show, columns: self.columns.clone(), at: None, beside: None }
    }

    pub(crate) fn with_at(&self, at: Option<String>) -> Self {
        Self { at, ..self.clone() }
    }

    pub(crate) fn with_show(&self, show: Show) -> Self {
        Self { show, at: None, ..self.clone() }
    }

    pub(crate) fn with_beside(&self, beside: Option<Beside>) -> Self {
        Self { beside, ..self.clone() }
    }

    /// Adds a column for `field`, or removes it.
    pub(crate) fn toggle_column(&self, field: &str) -> Self {
        let mut view = self.clone();
        match view.columns.iter().position(|column| column == field) {
            Some(place) => drop(view.columns.remove(place)),
            None if view.columns.len() < COLUMNS => view.columns.push(field.to_owned()),
            None => {}
        }
        view
    }
}

/// Parses comma-separated field names without duplicates.
fn columns(text: &str) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()).take(COLUMNS) {
        if columns.iter().all(|column| column != name) {
            columns.push(name.to_owned());
        }
    }
    columns
}

/// The maximum number of records per event of the tail. One event per record would cost the browser more than
/// rendering.
const BATCH: &str = "500";

/// The URL of the tail of `query` after `position`. The API refuses queries that do not parse, so it gets the
/// canonical query.
pub(crate) fn tail_url(query: &str, position: &str) -> String {
    let mut parameters = String::new();
    url::append(&mut parameters, "query", &Query::parse_or_text(query).0.to_string());
    url::append(&mut parameters, "after", position);
    url::append(&mut parameters, "batch", BATCH);
    format!("/api/v1/tail{parameters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_survives_its_url() {
        let between = Range::Between { from: Some("2026-01-02T03:04:05Z".into()), to: None };
        for range in [Range::Live, Range::Last(Span::Hours6), between] {
            let search = Search { query: "level:error \"100% sure\"".into(), range, cursor: None };
            let view = View {
                search,
                show: Show::Patterns,
                columns: vec!["http.status".into(), "a b".into()],
                at: Some("0190-7".into()),
                beside: Some(Beside::Trace("4bf9".into())),
            };
            let url = view.url();
            assert_eq!(View::read(url.trim_start_matches('/')), view, "{url}");
        }
        assert_eq!(View::default().url(), "/");
    }

    #[test]
    fn what_a_plain_form_sends_is_understood() {
        let view = View::read("q=&range=between&from=2026-01-02T03%3A04&to=");
        assert_eq!(view.search.range, Range::Between { from: Some("2026-01-02T03:04:00Z".into()), to: None });
        assert_eq!(View::read("q=+a+&range=live&from=2026-01-02T03%3A04&to=").url(), "/?q=a");
        for (given, zoned) in [
            ("2026-01-02T03:04:05", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05.5+09:00", "2026-01-02T03:04:05.5+09:00"),
            ("1700000000000", "1700000000000"),
            ("-15m", "-15m"),
        ] {
            assert_eq!(with_zone(given.into()), zoned);
        }
    }

    #[test]
    fn a_range_is_shifted_by_its_own_length() {
        let now = 1_795_228_800_000;
        let before = Range::Last(Span::Hour).shifted(-1, now).unwrap_or_default();
        let hour = |from: &str, to: &str| Range::Between { from: Some(from.into()), to: Some(to.into()) };
        assert_eq!(before, hour("2026-11-21T00:40:00.000Z", "2026-11-21T01:40:00.000Z"));
        assert_eq!(before.shifted(-1, now), Some(hour("2026-11-20T23:40:00.000Z", "2026-11-21T00:40:00.000Z")));
        assert_eq!(before.shifted(1, now), Some(hour("2026-11-21T01:40:00.000Z", "2026-11-21T02:40:00.000Z")));
        assert_eq!(Range::Live.shifted(1, now), None);
        assert_eq!(Range::Between { from: None, to: None }.shifted(-1, now), None);
    }

    #[test]
    fn a_column_comes_and_goes() {
        let view = View::read("columns=a,b,a,,c").toggle_column("b").toggle_column("d");
        assert_eq!(view.columns, ["a", "c", "d"]);
        assert_eq!(view.with_query("x".into()).columns, view.columns);
    }

    #[test]
    fn a_tail_names_query_and_position() {
        assert_eq!(tail_url("a b", "7"), "/api/v1/tail?query=a+b&after=7&batch=500");
        assert_eq!(tail_url("level:", "7"), "/api/v1/tail?query=%22level:%22&after=7&batch=500");
        assert_eq!(tail_url("", "7"), "/api/v1/tail?query=*&after=7&batch=500");
    }
}
