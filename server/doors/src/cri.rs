//! Lines of container runtimes in the format of the Kubernetes CRI: `2026-11-29T01:02:03.123456789Z stdout F text`.
//!
//! Format: <https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md>

use model::time::parse_timestamp;

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub struct CriLine<'a> {
    pub time: &'a str,
    /// The time in nanoseconds since the Unix epoch.
    pub nanos: i64,
    pub stream: Stream,
    /// The next line of the stream continues the text.
    pub is_partial: bool,
    pub text: &'a [u8],
}

/// Where a process wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    pub const ALL: [Self; 2] = [Self::Stdout, Self::Stderr];

    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// Parses a line; `None` if it has another format.
pub fn parse(line: &[u8]) -> Option<CriLine<'_>> {
    let mut parts = line.splitn(4, |byte| *byte == b' ');
    let time = std::str::from_utf8(parts.next()?).ok()?;
    let stream = parts.next()?;
    let stream = Stream::ALL.into_iter().find(|known| known.name().as_bytes() == stream)?;
    // Tags after the first one have no meaning yet.
    let is_partial = match parts.next()?.split(|byte| *byte == b':').next()? {
        b"P" => true,
        b"F" => false,
        _ => return None,
    };
    Some(CriLine { time, nanos: nanos(time)?, stream, is_partial, text: parts.next().unwrap_or_default() })
}

/// All lines of a text that have the format.
pub fn lines(text: &[u8]) -> impl Iterator<Item = CriLine<'_>> {
    text.split(|byte| *byte == b'\n').filter_map(parse)
}

/// The time of a line, in nanoseconds since the Unix epoch; `None` if it is none.
pub fn nanos(time: &str) -> Option<i64> {
    // Times begin with the year. Anything else is text of another program.
    time.as_bytes().first().filter(|byte| byte.is_ascii_digit())?;
    // `parse_timestamp` ignores white space around a time; here, a line break would end the line.
    if !time.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    parse_timestamp(time, chrono::Offset::fix(&chrono::Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_runtimes_are_read_and_others_are_not() {
        let line = parse(b"2026-11-29T01:02:03.123456789Z stderr P a  text ").unwrap();
        assert_eq!((line.stream, line.is_partial, line.text), (Stream::Stderr, true, &b"a  text "[..]));
        assert_eq!(line.nanos % 1_000_000_000, 123_456_789);
        assert_eq!(parse(b"2026-11-29T01:02:03.1+09:00 stdout F").unwrap().text, b"");
        assert_eq!(parse(b"2026-11-29T01:02:03Z stdout F:x {}").unwrap().text, b"{}");
        for other in [
            "",
            "text",
            "{\"log\":\"x\"}",
            "now stdout F x",
            "2026-11-29T01:02:03Z\t stdout F x",
            "2026-11-29T01:02:03Z stdin F x",
            "2026-11-29T01:02:03Z stdout X x",
        ] {
            assert_eq!(parse(other.as_bytes()), None, "{other}");
        }
    }
}
