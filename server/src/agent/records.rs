//! Records from the texts of one source: a file or a container.

use doors::{json, mapping::Mapping};
use model::{Text, Value, limits};
use pipeline::normalise::{RawRecord, RawTime};

use crate::files::{Entry, Format};

/// The attribute with `stdout` or `stderr`.
const STREAM: &str = "stream";

/// The service and the attributes that all records of a source share.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Origin {
    /// For records that name no service.
    pub(super) service: Text,
    pub(super) attributes: Vec<(Text, Value)>,
}

impl Origin {
    pub(super) fn new(service: &str) -> Self {
        Self { service: service.into(), attributes: Vec::new() }
    }

    /// Adds an attribute; an empty value is left out.
    pub(super) fn with(self, name: &'static str, value: &str) -> Self {
        self.with_text(Text::const_new(name), value)
    }

    /// Adds an attribute whose name is not known before; an empty value, and what is past a limit, is left out.
    pub(super) fn with_label(self, name: &str, value: &str) -> Self {
        let is_long = name.len() > limits::KEY_BYTES || value.len() > limits::VALUE_BYTES;
        if is_long { self } else { self.with_text(name.into(), value) }
    }

    fn with_text(mut self, name: Text, value: &str) -> Self {
        if !value.is_empty() {
            self.attributes.push((name, Value::Text(value.into())));
        }
        self
    }

    /// The records of a range of complete lines, and the number of lines that are none.
    pub(super) fn records(&self, format: &Format, node: &Text, text: &[u8]) -> (Vec<RawRecord>, usize) {
        let mut mapping = Mapping::usual();
        (mapping.service, mapping.node) = (self.service.clone(), node.clone());
        let (mut records, refused) = if format.is_lines() {
            // An error means that there are only empty lines.
            json::decode_text(text, &mapping).map_or((Vec::new(), 0), |decoded| {
                let refused = decoded.rejections.len();
                (decoded.records, refused)
            })
        } else {
            (format.entries(text).into_iter().filter_map(|entry| record(entry, &mapping)).collect(), 0)
        };
        for record in &mut records {
            record.attributes.extend(self.attributes.iter().cloned());
        }
        (records, refused)
    }
}

/// The record of an entry; `None` if its text is empty.
fn record(Entry { text, time, stream }: Entry, mapping: &Mapping) -> Option<RawRecord> {
    let text = text.trim_ascii_end();
    if text.is_empty() {
        return None;
    }
    let mut record = json::decode_record(String::from_utf8_lossy(text).into_owned(), mapping);
    if let Some(time) = time.filter(|_| record.time == RawTime::Missing) {
        record.time = RawTime::Text(time);
    }
    if let Some(stream) = stream.filter(|_| record.attributes.iter().all(|(name, _)| name != STREAM)) {
        record.attributes.push((Text::const_new(STREAM), Value::Text(Text::const_new(stream.name()))));
    }
    Some(record)
}

/// The name of this host; empty if unknown.
pub(super) fn host_name() -> Text {
    pipeline::lease::host_name().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_container_has_time_and_stream_and_json_keeps_its_own() {
        let text = br#"2026-11-29T10:00:00.5Z stderr F failed
2026-11-29T10:00:01Z stdout F {"msg":"paid","service":"own","time":"2026-11-29T09:00:00Z","stream":"orders"}
2026-11-29T10:00:01Z stdout F 
no line of a container
"#;
        let format = Format { is_cri: true, ..Format::default() };
        let origin = Origin::new("shop").with("kubernetes.pod", "shop-7").with("empty", "");
        let (records, refused) = origin.records(&format, &"host".into(), text);
        let seen: Vec<_> = records
            .iter()
            .map(|RawRecord { service, message, time, attributes, .. }| {
                let attributes: Vec<String> =
                    attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let time = match time {
                    RawTime::Text(time) => time.as_str(),
                    _ => "",
                };
                (service.as_str(), message.as_str(), time, attributes.join(" "))
            })
            .collect();
        let expected = [
            ("shop", "failed", "2026-11-29T10:00:00.5Z", "stream=stderr kubernetes.pod=shop-7".to_owned()),
            ("own", "paid", "2026-11-29T09:00:00Z", "stream=orders kubernetes.pod=shop-7".to_owned()),
            ("shop", "no line of a container", "", "kubernetes.pod=shop-7".to_owned()),
        ];
        assert_eq!((seen.as_slice(), refused), (&expected[..], 0));
    }
}
