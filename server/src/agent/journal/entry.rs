//! From an entry of the journal to a record.
//!
//! Field names: <https://www.freedesktop.org/software/systemd/man/latest/systemd.journal-fields.html>

use doors::{
    journal::{Field, fields},
    json,
    mapping::Mapping,
};
use model::{LevelNumbers, Text, Value, limits};
use pipeline::normalise::{RawRecord, RawTime};

/// The cursor of an entry, as text.
pub(super) const CURSOR: &[u8] = b"__CURSOR";
/// The most fields that become attributes.
const ATTRIBUTES: usize = 200;

/// The record of an entry; `None` if it has neither a message nor fields.
pub(super) fn record(entry: &[u8], node: &Text) -> Option<RawRecord> {
    let fields = fields(entry);
    let find = |name: &[u8]| fields.iter().find(|field| field.name == name).map(|field| text(field.value));
    let unit = || find(b"_SYSTEMD_UNIT").map(|unit| unit.strip_suffix(".service").unwrap_or(&unit).to_owned());
    let service = find(b"SYSLOG_IDENTIFIER").or_else(unit).or_else(|| find(b"_COMM")).unwrap_or_default();
    let mut mapping = Mapping::usual();
    mapping.service = service.into();
    mapping.node = find(b"_HOSTNAME").map_or_else(|| node.clone(), Into::into);
    let mut record = json::decode_record(find(b"MESSAGE").unwrap_or_default(), &mapping);
    if record.time == RawTime::Missing
        && let Some(micros) = find(b"__REALTIME_TIMESTAMP").and_then(|time| time.parse::<i64>().ok())
    {
        record.time = RawTime::Nanos(micros.saturating_mul(1000));
    }
    if record.level.is_empty()
        && record.severity.is_none()
        && let Some(priority) = find(b"PRIORITY")
    {
        record.set_level(&Value::Text(priority.into()), LevelNumbers::of_field("PRIORITY"));
    }
    record.attributes.extend(fields.iter().filter(|field| is_attribute(field)).take(ATTRIBUTES).map(attribute));
    (!record.message.is_empty() || !record.attributes.is_empty()).then_some(record)
}

/// The time of an entry in nanoseconds since the Unix epoch.
pub(super) fn time(entry: &[u8]) -> Option<i64> {
    let time = value(entry, b"__REALTIME_TIMESTAMP")?.parse::<i64>().ok()?;
    Some(time.saturating_mul(1000))
}

/// The value of a field as text.
pub(super) fn value(entry: &[u8], name: &[u8]) -> Option<String> {
    fields(entry).into_iter().find(|field| field.name == name).map(|field| text(field.value))
}

/// Fields with two underscores are addresses of the entry. Others are in the record already, or too long.
fn is_attribute(field: &Field<'_>) -> bool {
    const ELSEWHERE: [&[u8]; 4] = [b"MESSAGE", b"PRIORITY", b"SYSLOG_IDENTIFIER", b"_HOSTNAME"];
    !field.name.starts_with(b"__")
        && !ELSEWHERE.contains(&field.name)
        && !field.value.is_empty()
        && field.value.len() <= limits::VALUE_BYTES
}

fn attribute(field: &Field<'_>) -> (Text, Value) {
    (text(field.name).to_lowercase().into(), Value::Text(text(field.value).into()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `journalctl --output=export --all`.
    const JOURNAL: &[u8] = include_bytes!("../../../doors/src/journal.export");

    #[test]
    fn a_real_entry_becomes_a_record() {
        let mut rest = JOURNAL;
        let records: Vec<RawRecord> = doors::journal::lengths(JOURNAL)
            .into_iter()
            .map(|length| {
                let (entry, others) = rest.split_at(length);
                rest = others;
                record(entry, &"host".into()).unwrap()
            })
            .collect();
        let seen: Vec<_> = records
            .iter()
            .map(|record| (record.service.as_str(), record.node.as_str(), record.severity, record.message.as_str()))
            .collect();
        let expected = [
            ("shop", "box", Some(9), "order 7 is paid"),
            ("bank", "box", Some(17), "two\nlines\n\nand a blank one"),
            ("shop", "box", Some(13), "bytes \u{1}\u{fffd} = \n"),
        ];
        assert_eq!(seen, expected);
        assert_eq!(records[0].time, RawTime::Nanos(1_796_000_000_000_000_000));
        let names: Vec<&str> = records[0].attributes.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["_boot_id", "_machine_id", "_pid", "_comm", "_systemd_unit", "order_id"]);
    }

    #[test]
    fn a_message_of_json_keeps_what_it_names() {
        let entry = b"__REALTIME_TIMESTAMP=1\nSYSLOG_IDENTIFIER=shop\nPRIORITY=6\nMESSAGE={\"msg\":\"paid\",\"level\":\"error\",\"n\":1}\n\n";
        let record = record(entry, &"host".into()).unwrap();
        assert_eq!((record.message.as_str(), record.level.as_str()), ("paid", "error"));
        assert_eq!((record.service.as_str(), record.node.as_str()), ("shop", "host"));
    }
}
