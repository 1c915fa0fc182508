//! Recognises bodies meant for another endpoint by their first bytes.

use pipeline::{Error, Result};

use crate::{
    json_reader::{Read, Reader},
    mapping::Role,
};

/// An endpoint for bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Json,
    Elasticsearch,
    Loki,
    Otlp,
    Gelf,
    Syslog,
}

impl Door {
    fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Elasticsearch => "an Elasticsearch bulk request",
            Self::Loki => "Loki JSON",
            Self::Otlp => "OTLP JSON",
            Self::Gelf => "GELF",
            Self::Syslog => "syslog",
        }
    }

    /// The display name of the endpoint, and its address.
    fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::Json => ("JSON", "POST it to /api/v1/push"),
            Self::Elasticsearch => ("Elasticsearch", "POST it to /_bulk"),
            Self::Loki => ("Loki", "POST it to /loki/api/v1/push"),
            Self::Otlp => ("OTLP", "POST it to /v1/logs"),
            Self::Gelf => ("GELF", "send it to the address of --gelf-listen"),
            Self::Syslog => ("syslog", "send it to the address of --syslog-listen"),
        }
    }
}

/// Checks that a body is not obviously meant for another endpoint than `here`.
///
/// # Errors
/// `Invalid` with the right endpoint; also for an empty body, or a compressed one without `Content-Encoding`.
pub fn check(body: &[u8], here: Door) -> Result<()> {
    let (name, _) = here.place();
    if body.trim_ascii().is_empty() {
        return Err(Error::invalid("the body is empty; there is nothing to store"));
    }
    if let Some(encoding) = compression(body) {
        return Err(Error::invalid(format!("the body is compressed; send the header Content-Encoding: {encoding}")));
    }
    match recognise(body) {
        Some(meant) if meant != here => {
            Err(Error::invalid(format!("you sent {} to the {name} door; {}", meant.name(), meant.place().1)))
        }
        _ if here == Door::Json => match envelope(body) {
            Some(list) => Err(Error::invalid(format!(
                "the body is one object with a list of records as its field {list:?}; send the list itself, or one record per line"
            ))),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// The name of the first field, if other services use it for a list of records and the object is not a record itself.
/// Stored as one record, the list could not be found by any of its records.
fn envelope(body: &[u8]) -> Option<&'static str> {
    let (name, value) = first_field(body)?;
    let list = ["records", "logs", "events", "entries", "logEvents", "messages"]
        .into_iter()
        .find(|list| list.as_bytes() == name)?;
    value.strip_prefix(b"[")?.trim_ascii_start().strip_prefix(b"{")?;
    let mut is_record = false;
    let mut fields = |reader: &mut Reader<'_>| -> Read<()> {
        reader.object(|reader, name| {
            is_record |= matches!(Role::usual(&name), Role::Message | Role::Time | Role::Level);
            reader.skip().map(drop)
        })?;
        Ok(())
    };
    fields(&mut Reader::new(std::str::from_utf8(body).ok()?)).ok()?;
    (!is_record).then_some(list)
}

fn compression(body: &[u8]) -> Option<&'static str> {
    match body {
        [0x1f, 0x8b, ..] => Some("gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
        _ => None,
    }
}

/// Recognises a body by the name of its first field.
pub(crate) fn recognise(body: &[u8]) -> Option<Door> {
    let body = body.trim_ascii_start();
    if let [b'<', b'0'..=b'9', rest @ ..] = body {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        return (digits < 3 && rest.get(digits) == Some(&b'>')).then_some(Door::Syslog);
    }
    let (name, value) = first_field(body)?;
    match (name, value.first()?) {
        (b"streams", b'[') => Some(Door::Loki),
        (b"resourceLogs" | b"resource_logs", b'[') => Some(Door::Otlp),
        (b"index" | b"create", b'{') => Some(Door::Elasticsearch),
        (b"version", b'"')
            if value.starts_with(b"\"1.1\"") && memchr::memmem::find(value, b"\"short_message\"").is_some() =>
        {
            Some(Door::Gelf)
        }
        _ => None,
    }
}

/// The name of an object's first field, and the text from its value on.
fn first_field(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = body.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"")?;
    let (name, rest) = rest.split_at(memchr::memchr(b'"', rest.get(..32).unwrap_or(rest))?);
    Some((name, rest.get(1..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_the_right_door_is_said() {
        for (body, here, hint) in [
            (r#"{"streams":[]}"#, Door::Json, "/loki/api/v1/push"),
            (r#" { "resourceLogs" : [] }"#, Door::Loki, "/v1/logs"),
            (r#"{"resource_logs":[]}"#, Door::Json, "/v1/logs"),
            ("{\"index\":{}}\n{}", Door::Otlp, "/_bulk"),
            ("<34>1 2026-01-01T00:00:00Z a b - - - m", Door::Json, "--syslog-listen"),
            (r#"{"version":"1.1","host":"a","short_message":"m"}"#, Door::Elasticsearch, "--gelf-listen"),
            ("\u{1f}\u{fffd}", Door::Json, ""),
            (" \n", Door::Loki, "empty"),
        ] {
            match check(body.as_bytes(), here) {
                Err(error) => assert!(!hint.is_empty() && error.message.contains(hint), "{body}: {error}"),
                Ok(()) => assert!(hint.is_empty(), "{body}"),
            }
            assert!(recognise(body.as_bytes()).is_none_or(|door| check(body.as_bytes(), door).is_ok()));
        }
    }

    #[test]
    fn what_is_compressed_and_does_not_say_so_is_told() {
        for (body, name) in [(&[0x1f, 0x8b, 8, 0][..], "gzip"), (&[0x28, 0xb5, 0x2f, 0xfd, 0], "zstd")] {
            assert!(check(body, Door::Json).is_err_and(|error| error.message.contains(name)));
        }
    }

    #[test]
    fn an_object_around_a_list_of_records_is_none_itself() {
        for (body, list) in [
            (r#"{"records":[{"message":"a"},{"message":"b"}]}"#, Some("records")),
            (r#"{ "logs" : [ {"message":"a"}], "host":"h" }"#, Some("logs")),
            ("{\"events\":[{\"message\":\"a\"}]}\n{\"events\":[]}", Some("events")),
            (r#"{"records":[]}"#, None),
            (r#"{"records":["a"]}"#, None),
            (r#"{"events":[{"a":1}],"message":"with what led to it"}"#, None),
            (r#"{"logs":[{"a":1}],"level":"info"}"#, None),
            (r#"{"message":"m","records":[{"a":1}]}"#, None),
            (r#"{"items":[{"a":1}]}"#, None),
        ] {
            assert_eq!(envelope(body.as_bytes()), list, "{body}");
            assert_eq!(check(body.as_bytes(), Door::Json).is_err(), list.is_some(), "{body}");
            assert!(check(body.as_bytes(), Door::Elasticsearch).is_ok(), "{body}");
        }
    }

    #[test]
    fn ordinary_records_are_at_home() {
        for body in ["{", "{\"", r#"{"message":"streams"}"#, r#"{"index":"a"}"#, r#"{"version":"2"}"#, "<b>html", "[]"]
        {
            assert!(check(body.as_bytes(), Door::Json).is_ok(), "{body}");
        }
    }
}
