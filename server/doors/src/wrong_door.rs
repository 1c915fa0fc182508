//! Bodies that were meant for another door, told by how they begin.

use pipeline::{Error, Result};

/// A way in for bodies.
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

    /// The door's own name, and where it is.
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

/// Checks that a body is not obviously meant for another door than `here`.
///
/// # Errors
/// `Invalid`, with the way to the right one; also for a body that is empty, or compressed and
/// does not say so.
pub fn check(body: &[u8], here: Door) -> Result<()> {
    let (name, _) = here.place();
    if body.trim_ascii().is_empty() {
        return Err(Error::invalid("the body is empty; there is nothing to store"));
    }
    if let Some(encoding) = compression(body) {
        return Err(Error::invalid(format!(
            "the body is compressed; say so with the header Content-Encoding: {encoding}"
        )));
    }
    match recognise(body) {
        Some(meant) if meant != here => {
            Err(Error::invalid(format!("you sent {} to the {name} door; {}", meant.name(), meant.place().1)))
        }
        _ => Ok(()),
    }
}

fn compression(body: &[u8]) -> Option<&'static str> {
    match body {
        [0x1f, 0x8b, ..] => Some("gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
        _ => None,
    }
}

/// Looks at the first field's name, and no further.
pub(crate) fn recognise(body: &[u8]) -> Option<Door> {
    let body = body.trim_ascii_start();
    if let [b'<', b'0'..=b'9', rest @ ..] = body {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        return (digits < 3 && rest.get(digits) == Some(&b'>')).then_some(Door::Syslog);
    }
    let rest = body.strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"")?;
    let (name, rest) = rest.split_at(memchr::memchr(b'"', rest.get(..32).unwrap_or(rest))?);
    let value = rest.get(1..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    match (name, value.first()?) {
        (b"streams", b'[') => Some(Door::Loki),
        (b"resourceLogs", b'[') => Some(Door::Otlp),
        (b"index" | b"create", b'{') => Some(Door::Elasticsearch),
        (b"version", b'"')
            if value.starts_with(b"\"1.1\"") && memchr::memmem::find(value, b"\"short_message\"").is_some() =>
        {
            Some(Door::Gelf)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_the_right_door_is_said() {
        for (body, here, hint) in [
            (r#"{"streams":[]}"#, Door::Json, "/loki/api/v1/push"),
            (r#" { "resourceLogs" : [] }"#, Door::Loki, "/v1/logs"),
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
    fn ordinary_records_are_at_home() {
        for body in ["{", "{\"", r#"{"message":"streams"}"#, r#"{"index":"a"}"#, r#"{"version":"2"}"#, "<b>html", "[]"]
        {
            assert!(check(body.as_bytes(), Door::Json).is_ok(), "{body}");
        }
    }
}
