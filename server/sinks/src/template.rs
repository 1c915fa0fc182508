//! Names made from a record: files of a file sink, indexes of Elasticsearch.
//!
//! `{service}-{yyyy}-{MM}-{dd}.log` is text with fields. Dates are in UTC, from the record's own time. The values of
//! the other fields come from clients, so they are reduced to characters that are safe in a file name.

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use model::{Nanos, Record};
use pipeline::{Error, Result};

/// The maximum length of a field's value, in bytes. A longer value is cut.
const VALUE_BYTES: usize = 100;

/// A text with fields in braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Year,
    Month,
    Day,
    Hour,
    Service,
    Node,
    Level,
}

/// The time after which no name with a date is made from newer records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Period {
    Day,
    Hour,
}

impl Period {
    /// The end of the period of a time, in nanoseconds since the Unix epoch.
    pub(crate) fn end(self, time: Nanos) -> Nanos {
        const HOUR: Nanos = 3_600_000_000_000;
        let length = match self {
            Self::Day => 24 * HOUR,
            Self::Hour => HOUR,
        };
        time.div_euclid(length).saturating_add(1).saturating_mul(length)
    }
}

/// The fields by their names, in the order of the error's text.
const FIELDS: [(&str, Field); 7] = [
    ("yyyy", Field::Year),
    ("MM", Field::Month),
    ("dd", Field::Day),
    ("HH", Field::Hour),
    ("service", Field::Service),
    ("node", Field::Node),
    ("level", Field::Level),
];

impl Template {
    /// Parses a text with fields.
    ///
    /// # Errors
    /// `Invalid` if a field is unknown, or if braces do not match.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(place) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(place);
            if !before.is_empty() {
                parts.push(Part::Text(before.into()));
            }
            let Some((name, after)) = from.strip_prefix('{').and_then(|from| from.split_once('}')) else {
                return Err(Error::invalid(format!("\"{text}\": braces must enclose a field; fields: {}", known())));
            };
            let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == name) else {
                return Err(Error::invalid(format!("\"{text}\": {{{name}}} is not a field; fields: {}", known())));
            };
            parts.push(Part::Field(*field));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        Ok(Self { parts })
    }

    /// How long records have the same date in their names; `None` if it is longer than a day.
    pub(crate) fn period(&self) -> Option<Period> {
        let has = |field| self.parts.contains(&Part::Field(field));
        match (has(Field::Day), has(Field::Hour)) {
            (true, true) => Some(Period::Hour),
            (true, false) => Some(Period::Day),
            (false, _) => None,
        }
    }

    /// Fills in the fields from a record, and appends the result to a text.
    pub(crate) fn render_into(&self, record: &Record, text: &mut String) {
        let mut time = None;
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Field(field) => {
                    let time = || *time.get_or_insert_with(|| DateTime::from_timestamp_nanos(record.time));
                    field.render_into(record, time, text);
                }
            }
        }
    }
}

impl Field {
    fn render_into(self, record: &Record, time: impl FnOnce() -> DateTime<Utc>, text: &mut String) {
        match self {
            Self::Year => push_number(text, time().year().unsigned_abs(), 1000),
            Self::Month => push_number(text, time().month(), 10),
            Self::Day => push_number(text, time().day(), 10),
            Self::Hour => push_number(text, time().hour(), 10),
            Self::Service => push_value(text, &record.service),
            Self::Node => push_value(text, &record.node),
            Self::Level => push_value(text, &record.level),
        }
    }
}

/// Appends a number with leading zeros. `unit` is the unit of its first digit.
fn push_number(text: &mut String, number: u32, mut unit: u32) {
    while unit > 0 {
        text.push(char::from_digit(number / unit % 10, 10).unwrap_or('0'));
        unit /= 10;
    }
}

/// Appends the value of a field, reduced to letters, digits, dots, underscores and hyphens. `_` replaces each other
/// character, and a value that is empty or has only dots.
fn push_value(text: &mut String, value: &str) {
    if value.chars().take(VALUE_BYTES).all(|char| char == '.') {
        text.push('_');
        return;
    }
    let safe = |char: char| if char.is_ascii_alphanumeric() || "._-".contains(char) { char } else { '_' };
    text.extend(value.chars().take(VALUE_BYTES).map(safe));
}

fn known() -> String {
    FIELDS.map(|(name, _)| format!("{{{name}}}")).join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(service: &str, node: &str, level: &str, time: &str) -> Record {
        let time = DateTime::parse_from_rfc3339(time).unwrap().timestamp_nanos_opt().unwrap();
        Record {
            id: model::RecordId(1),
            time,
            observed_time: time,
            severity: model::Severity::INFO,
            level: level.into(),
            service: service.into(),
            node: node.into(),
            message: "m".into(),
            attributes: Vec::new(),
            trace_id: None,
            span_id: None,
        }
    }

    fn rendered(template: &str, record: &Record) -> String {
        let mut text = String::new();
        Template::parse(template).unwrap().render_into(record, &mut text);
        text
    }

    #[test]
    fn fields_are_filled_in_from_the_record() {
        let record = record("goods", "web-1", "info", "2026-01-02T03:04:05+09:00");
        for (template, text) in [
            ("logs", "logs"),
            ("", ""),
            ("{service}-{yyyy}-{MM}-{dd}.log", "goods-2026-01-01.log"),
            ("/var/{node}/{level}/{HH}", "/var/web-1/info/18"),
            ("{yyyy}{yyyy}", "20262026"),
        ] {
            assert_eq!(rendered(template, &record), text, "{template}");
        }
    }

    #[test]
    fn a_period_ends_with_the_date_of_the_name() {
        for (template, end) in [
            ("{yyyy}-{MM}-{dd}", Some("2026-01-03T00:00:00Z")),
            ("{dd}/{HH}", Some("2026-01-02T04:00:00Z")),
            ("{yyyy}-{MM}", None),
            ("{HH}", None),
            ("{service}", None),
        ] {
            let record = record("", "", "", "2026-01-02T03:04:05Z");
            let found = Template::parse(template).unwrap().period().map(|period| period.end(record.time));
            let end = end.map(|end| DateTime::parse_from_rfc3339(end).unwrap().timestamp_nanos_opt().unwrap());
            assert_eq!(found, end, "{template}");
        }
    }

    #[test]
    fn values_are_safe_in_a_file_name() {
        let long = "x".repeat(200);
        let dots = format!("{}x", ".".repeat(100));
        for (service, text) in [
            ("", "_"),
            (".", "_"),
            ("..", "_"),
            ("....", "_"),
            ("../../etc/passwd", ".._.._etc_passwd"),
            ("a b\\c:d\n", "a_b_c_d_"),
            ("상품", "__"),
            ("v1.2_b-c", "v1.2_b-c"),
            (&long, &long[..100]),
            (&dots, "_"),
        ] {
            let record = record(service, "", "", "2026-01-02T03:04:05Z");
            assert_eq!(rendered("{service}", &record), text, "{service:?}");
        }
    }

    #[test]
    fn an_error_names_the_unknown_field_and_the_known_ones() {
        for (template, part) in [
            ("{host}.log", "{host} is not a field"),
            ("{Service}", "{Service} is not a field"),
            ("{}", "{} is not a field"),
            ("{service", "braces"),
            ("service}", "braces"),
            ("{{service}}", "{{service} is not a field"),
        ] {
            let error = Template::parse(template).unwrap_err();
            assert_eq!(error.class, pipeline::ErrorClass::Invalid);
            for part in [template, part, "{yyyy} {MM} {dd} {HH} {service} {node} {level}"] {
                assert!(error.message.contains(part), "{template}: {error}");
            }
        }
    }
}
