//! What is looked at: query, time range, selected record. The URL is its only home.

use model::Query;
use serde::{Deserialize, Serialize};

use super::url;
use crate::backend::{HistogramRequest, LogsRequest};

/// Before every record.
const BEGINNING: &str = "1970-01-01T00:00:00Z";
/// The bars of the histogram.
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

    /// As in the URL.
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

/// Which times.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum Range {
    /// The most recent records and all that come.
    #[default]
    Live,
    Last(Span),
    /// RFC 3339 or epoch milliseconds; without one, open on that side.
    Between {
        from: Option<String>,
        to: Option<String>,
    },
}

/// Live, a span's code, or this.
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

    /// Reads what a form or a link says; unknown codes mean live.
    pub(crate) fn read(code: &str, from: Option<String>, to: Option<String>) -> Self {
        if code == BETWEEN {
            let zoned = |time: Option<String>| time.map(with_zone).filter(|time| !time.is_empty());
            return Self::Between { from: zoned(from), to: zoned(to) };
        }
        Span::ALL.into_iter().find(|span| span.code() == code).map_or(Self::Live, Self::Last)
    }

    fn bounds(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::Live => (Some(BEGINNING.into()), None),
            Self::Last(span) => (Some(format!("-{}", span.code())), None),
            Self::Between { from, to } => (Some(from.clone().unwrap_or_else(|| BEGINNING.into())), to.clone()),
        }
    }
}

/// A form without JavaScript sends times without a zone; they are taken as UTC.
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

/// Everything that decides which records are listed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Search {
    pub(crate) query: String,
    pub(crate) range: Range,
    /// Shows the page before another; only links without JavaScript use it.
    pub(crate) cursor: Option<String>,
}

impl Search {
    /// Whether new records are to appear by themselves.
    pub(crate) fn is_live(&self) -> bool {
        self.range == Range::Live && self.cursor.is_none()
    }

    pub(crate) fn page(&self) -> LogsRequest {
        let (from, to) = self.range.bounds();
        // A live page shows what the operator calls recent; a search fills a screen.
        let limit = (self.range != Range::Live).then_some(200);
        LogsRequest { query: self.query.clone(), from, to, limit, cursor: self.cursor.clone() }
    }

    pub(crate) fn histogram(&self) -> HistogramRequest {
        let (from, to) = match self.range {
            Range::Live => (Some("-15m".into()), None),
            _ => self.range.bounds(),
        };
        HistogramRequest { query: self.query.clone(), from, to, buckets: BUCKETS }
    }
}

/// A search and the record opened in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct View {
    pub(crate) search: Search,
    /// The id of the record that is expanded.
    pub(crate) at: Option<String>,
}

impl View {
    /// Reads the query part of the URL. Unknown parameters are left alone.
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
                "at" => view.at = Some(value),
                _ => {}
            }
        }
        view.search.range = Range::read(&range, from, to);
        view
    }

    /// The address of this view; what is at its default is left out.
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
        self.at.iter().for_each(|at| add("at", at));
        format!("/{query}")
    }

    /// The same range with another query; nothing is expanded.
    pub(crate) fn with_query(&self, query: String) -> Self {
        Self { search: Search { query, range: self.search.range.clone(), cursor: None }, at: None }
    }

    /// The same query over another range; nothing is expanded.
    pub(crate) fn with_range(&self, range: Range) -> Self {
        Self { search: Search { query: self.search.query.clone(), range, cursor: None }, at: None }
    }

    pub(crate) fn with_at(&self, at: Option<String>) -> Self {
        Self { search: self.search.clone(), at }
    }

    pub(crate) fn with_cursor(&self, cursor: String) -> Self {
        Self { search: Search { cursor: Some(cursor), ..self.search.clone() }, at: None }
    }
}

/// The address of the tail of `query` after `position`. The API refuses what does not
/// parse, so it gets the query as the page understood it.
pub(crate) fn tail_url(query: &str, position: &str) -> String {
    let mut parameters = String::new();
    url::append(&mut parameters, "query", &Query::parse_or_text(query).0.to_string());
    url::append(&mut parameters, "after", position);
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
            let view = View { search, at: Some("0190-7".into()) };
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
    fn a_tail_names_query_and_position() {
        assert_eq!(tail_url("a b", "7"), "/api/v1/tail?query=a+b&after=7");
        assert_eq!(tail_url("level:", "7"), "/api/v1/tail?query=%22level:%22&after=7");
        assert_eq!(tail_url("", "7"), "/api/v1/tail?query=*&after=7");
    }
}
