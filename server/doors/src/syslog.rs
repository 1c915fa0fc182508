//! Syslog: RFC 5424, RFC 3164, and what is called so.
//!
//! The host is the node, the application the service; facility, process, message id and
//! structured data become attributes. A message that is a JSON object, with or without the
//! cookie `@cee:`, is read as one.

use std::borrow::Cow;

use bytes::{Buf as _, BytesMut};
use chrono::{DateTime, Datelike as _, FixedOffset, TimeDelta, TimeZone as _};
use compact_str::format_compact;
use model::{Text, Value};
use pipeline::{
    clock::Clock,
    normalise::{RawRecord, RawTime},
};
use syslog_loose::{IncompleteDate, Message, ProcId, Protocol as Form, Variant};

use crate::{
    fields,
    mapping::{self, USUAL},
    stream::{Ends, Frame, MESSAGE_BYTES, Protocol, cut_off, too_long},
};

/// Reads syslog messages; the old form says neither year nor zone.
#[derive(Debug, Clone)]
pub struct Reader {
    pub clock: Clock,
    pub assume_timezone: FixedOffset,
}

impl Reader {
    /// Reads one message. What is no syslog is a message all the same.
    pub fn record(&self, message: &[u8]) -> RawRecord {
        let text = String::from_utf8_lossy(message);
        let text = text.trim_end_matches(['\n', '\r', '\0']).trim_start_matches('\u{feff}');
        let now = DateTime::from_timestamp_nanos(self.clock.now()).with_timezone(&self.assume_timezone);
        let zone = Some(self.assume_timezone);
        let year = |date| year_of(date, now);
        let (whole, nanos) =
            without_fraction(text).map_or((Cow::Borrowed(text), 0), |(text, nanos)| (text.into(), nanos));
        let parsed = syslog_loose::parse_message_with_year_exact_tz(&whole, year, zone, Variant::Either);
        match parsed {
            Ok(message) => {
                let mut record = record(without_false_host(message, &whole));
                if let RawTime::Nanos(time) = &mut record.time {
                    *time += nanos;
                }
                record
            }
            Err(_) => header_alone(text),
        }
    }
}

/// The old form knows whole seconds; with a fraction behind them, as Cisco's devices and others
/// write it, its parser loses its way. The message without it, and the fraction in nanoseconds.
fn without_fraction(text: &str) -> Option<(String, i64)> {
    const TIME: usize = "Nov 21 21:27:18".len();
    let begin = text.find('>')? + 1;
    let (head, rest) = (text.get(..begin + TIME)?, text.get(begin + TIME..)?);
    let digits = rest.strip_prefix(['.', ','])?;
    let end = digits.find(|letter: char| !letter.is_ascii_digit())?;
    let is_old = head.get(begin..)?.starts_with(|letter: char| letter.is_ascii_uppercase())
        && head.ends_with(|letter: char| letter.is_ascii_digit());
    let nanos = format!("{:0<9.9}", digits.get(..end)?).parse().ok()?;
    (is_old && (1..=9).contains(&end)).then(|| (format!("{head}{}", &digits[end..]), nanos))
}

/// Where the old form names no host, its parser takes the application for one.
fn without_false_host<'a>(message: Message<&'a str>, text: &str) -> Message<&'a str> {
    match (message.hostname, message.appname) {
        (Some(name), None) if message.protocol == Form::RFC3164 && text.contains(&format!(" {name}:")) => {
            Message { hostname: None, appname: Some(name), ..message }
        }
        _ => message,
    }
}

/// A message without time and host, as Python's `SysLogHandler` sends it: `<131>shop[7]: text`;
/// or a line of text without anything.
fn header_alone(text: &str) -> RawRecord {
    let priority = text.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    let priority =
        priority.and_then(|(number, rest)| Some((number.parse().ok().filter(|number| *number <= 191)?, rest)));
    let Some((priority, content)) = priority else { return fields::read_line(text.to_owned(), &USUAL) };
    let (tag, content) = tagged(content).map_or((None, content), |(tag, content)| (Some(tag), content));
    let (facility, severity) = syslog_loose::decompose_pri(priority);
    record(Message {
        protocol: Form::RFC3164,
        facility,
        severity,
        timestamp: None,
        hostname: None,
        appname: tag.map(|(name, _)| name),
        procid: tag.and_then(|(_, process)| process).map(ProcId::from),
        msgid: None,
        structured_data: Vec::new(),
        msg: content,
    })
}

/// `shop[7]: text`: the name, the process if it is there, and the text.
fn tagged(content: &str) -> Option<((&str, Option<&str>), &str)> {
    const LONGEST: usize = 48;
    let (tag, text) = content.split_once(':')?;
    let (name, process) = match tag.strip_suffix(']').and_then(|tag| tag.split_once('[')) {
        Some((name, process)) => (name, Some(process)),
        None => (tag, None),
    };
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    let known = !name.is_empty() && name.len() <= LONGEST && name.chars().all(is_name);
    known.then(|| ((name, process), text.strip_prefix(' ').unwrap_or(text)))
}

/// The year in which the date is not ahead by more than a day.
fn year_of((month, day, hour, minute, second): IncompleteDate, now: DateTime<FixedOffset>) -> i32 {
    let year = now.year();
    let this_year = now.timezone().with_ymd_and_hms(year, month, day, hour, minute, second).earliest();
    if this_year.is_some_and(|time| time > now + TimeDelta::days(1)) { year - 1 } else { year }
}

fn record(message: Message<&str>) -> RawRecord {
    let text = message.msg.trim_start_matches('\u{feff}');
    let text = text.strip_prefix("@cee:").map_or(text, str::trim_start);
    let mut record = fields::read_line(text.to_owned(), &USUAL);
    if let Some(time) = message.timestamp.and_then(|time| time.timestamp_nanos_opt()) {
        record.time = RawTime::Nanos(time);
    }
    let level = message.severity.map(|severity| severity.as_str()).unwrap_or_default();
    let (service, node) = (message.appname.unwrap_or_default(), message.hostname.unwrap_or_default());
    mapping::complete(&mut record, service, node, level);
    let mut put = |key: Text, value: Text| record.attributes.push((key, Value::Text(value)));
    if let Some(facility) = message.facility {
        put(Text::const_new("facility"), Text::new(facility.as_str()));
    }
    if let Some(process) = message.procid {
        put(Text::const_new("procid"), format_compact!("{process}"));
    }
    if let Some(id) = message.msgid {
        put(Text::const_new("msgid"), Text::new(id));
    }
    for element in message.structured_data {
        element.params.iter().for_each(|(key, value)| put(format_compact!("{}.{key}", element.id), Text::new(value)));
    }
    record
}

/// A stream of messages, each with its length in front (RFC 6587) or a new line behind it.
#[derive(Debug, Clone)]
pub struct Stream {
    reader: Reader,
    ends: Ends,
    /// Whether messages of this connection end with a zero byte: then a new line is part of
    /// them.
    zero_ended: bool,
}

impl Stream {
    pub fn new(reader: Reader) -> Self {
        Self { reader, ends: Ends::default(), zero_ended: false }
    }
}

/// How a message is framed.
enum Framing {
    /// So many bytes, after so many that say so.
    Counted {
        header: usize,
        length: usize,
    },
    Line,
    /// Not enough has come to tell.
    Unknown,
}

fn framing(bytes: &[u8]) -> Framing {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match bytes.get(digits) {
        None if digits < 8 => Framing::Unknown,
        Some(b' ') if (1..8).contains(&digits) && bytes[0] != b'0' => {
            // A line of text may begin with a number, too.
            match bytes.get(digits + 1) {
                None => return Framing::Unknown,
                Some(b'<') => {}
                Some(_) => return Framing::Line,
            }
            let length = std::str::from_utf8(&bytes[..digits]).ok().and_then(|digits| digits.parse().ok());
            length.map_or(Framing::Line, |length| Framing::Counted { header: digits + 1, length })
        }
        _ => Framing::Line,
    }
}

impl Protocol for Stream {
    fn read(&mut self, bytes: &mut BytesMut, frame: &mut Frame) -> Result<(), String> {
        while !frame.is_full() && !bytes.is_empty() {
            match framing(bytes) {
                Framing::Unknown => return Ok(()),
                Framing::Counted { length, .. } if length > MESSAGE_BYTES => return Err(too_long(MESSAGE_BYTES)),
                Framing::Counted { header, length } => {
                    let Some(message) = bytes.get(header..header + length) else { return Ok(()) };
                    frame.take(Ok(self.reader.record(message)));
                    bytes.advance(header + length);
                }
                Framing::Line => {
                    let zero_ended = &mut self.zero_ended;
                    let end = |rest: &[u8]| {
                        *zero_ended = *zero_ended || memchr::memchr(b'\0', rest).is_some();
                        memchr::memchr(if *zero_ended { b'\0' } else { b'\n' }, rest)
                    };
                    let Some(message) = self.ends.next(bytes, end)? else { return Ok(()) };
                    if !message.trim_ascii().is_empty() {
                        frame.take(Ok(self.reader.record(&message)));
                    }
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, bytes: &mut BytesMut, frame: &mut Frame) {
        if matches!(framing(bytes), Framing::Line) && !bytes.trim_ascii().is_empty() {
            frame.take(Ok(self.reader.record(bytes)));
            bytes.clear();
        } else {
            cut_off(bytes, frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stream::feed;

    /// 2026-01-01T00:30:00Z.
    const NOW: i64 = 1_767_227_400_000_000_000;

    fn reader() -> Reader {
        Reader { clock: Clock::from_fn(|| NOW), assume_timezone: FixedOffset::east_opt(0).unwrap() }
    }

    fn nanos(text: &str) -> RawTime {
        RawTime::Nanos(DateTime::parse_from_rfc3339(text).unwrap().timestamp_nanos_opt().unwrap())
    }

    #[test]
    fn the_new_form_reads() {
        let record = reader().record(
            "<165>1 2003-10-11T22:14:15.003Z host app 77 ID47 [ex@32473 iut=\"3\" who=\"a\\\"b\"] \u{feff}An event"
                .as_bytes(),
        );
        assert_eq!((record.node.as_str(), record.service.as_str(), record.level.as_str()), ("host", "app", "notice"));
        assert_eq!((record.message.as_str(), &record.time), ("An event", &nanos("2003-10-11T22:14:15.003Z")));
        let text = |name: &str, value: &str| (Text::from(name), Value::Text(value.into()));
        for attribute in
            [text("facility", "local4"), text("procid", "77"), text("msgid", "ID47"), text("ex@32473.iut", "3")]
        {
            assert!(record.attributes.contains(&attribute), "{attribute:?} in {record:?}");
        }
    }

    #[test]
    fn the_old_form_reads_with_the_year_it_must_be() {
        let record = reader().record(b"<34>Dec 31 23:14:15 mymachine su[12]: 'su root' failed\n");
        assert_eq!((record.node.as_str(), record.service.as_str(), record.level.as_str()), ("mymachine", "su", "crit"));
        assert_eq!((record.message.as_str(), &record.time), ("'su root' failed", &nanos("2025-12-31T23:14:15Z")));
        let today = reader().record(b"<34>Jan  1 00:14:15 mymachine su: x");
        assert_eq!(today.time, nanos("2026-01-01T00:14:15Z"));
    }

    #[test]
    fn json_within_is_unfolded_and_other_text_is_a_message() {
        let record = reader().record(br#"<14>Jan  1 00:00:00 h app: @cee: {"msg":"inner","level":"error","n":1}"#);
        assert_eq!(
            (record.message.as_str(), record.level.as_str(), record.service.as_str()),
            ("inner", "error", "app")
        );
        assert_eq!(reader().record(b"no syslog at all").message, "no syslog at all");
        assert!(!reader().record(b"<999>x \xff\xfe").message.is_empty());
    }

    #[test]
    fn the_old_form_may_have_a_fraction_and_may_lack_a_host() {
        let record = reader().record(b"<30>Nov 21 21:27:18.123 vm shop: m");
        assert_eq!((record.node.as_str(), record.service.as_str(), record.message.as_str()), ("vm", "shop", "m"));
        assert_eq!(record.time, nanos("2025-11-21T21:27:18.123Z"));
        let record = reader().record(b"<30>Nov 21 21:27:18 shop: m");
        assert_eq!((record.node.as_str(), record.service.as_str(), record.message.as_str()), ("", "shop", "m"));
        let record = reader().record(b"<30>Nov 21 21:27:18 shop shop: m");
        assert_eq!((record.node.as_str(), record.service.as_str()), ("shop", "shop"));
    }

    #[test]
    fn a_message_needs_neither_time_nor_host() {
        let record = reader().record(b"<131>shop[7222]: order 17: not paid\0");
        assert_eq!((record.level.as_str(), record.service.as_str()), ("err", "shop"));
        assert_eq!((record.message.as_str(), &record.time), ("order 17: not paid", &RawTime::Missing));
        let text = |name: &str, value: &str| (Text::from(name), Value::Text(value.into()));
        assert_eq!(record.attributes, [text("facility", "local0"), text("procid", "7222")]);
        for (message, level, service, content) in [
            ("<14>just text", "info", "", "just text"),
            ("<14>shop: text", "info", "shop", "text"),
            ("<11>two words: text", "err", "", "two words: text"),
            ("<999>shop: text", "", "", "<999>shop: text"),
        ] {
            let record = reader().record(message.as_bytes());
            let read = (record.level.as_str(), record.service.as_str(), record.message.as_str());
            assert_eq!(read, (level, service, content));
        }
    }

    #[test]
    fn a_new_line_is_part_of_messages_that_end_with_zero() {
        let frame = feed(&mut Stream::new(reader()), b"<131>shop: a\nb\0<131>shop: c\0", &[]).unwrap();
        let messages: Vec<_> = frame.records.iter().map(|record| record.message.as_str()).collect();
        assert_eq!(messages, ["a\nb", "c"]);
    }

    #[test]
    fn counted_and_ended_messages_may_follow_each_other() {
        let one = "<34>1 2026-01-01T00:00:00Z h a - - - one\nline";
        let stream = format!(
            "{} {one}<34>1 2026-01-01T00:00:00Z h a - - - two\n\n<34>1 2026-01-01T00:00:00Z h a - - - three",
            one.len()
        );
        for pieces in [&[][..], &[1, 2, 3, 1, 7]] {
            let frame = feed(&mut Stream::new(reader()), stream.as_bytes(), pieces).unwrap();
            let messages: Vec<_> = frame.records.iter().map(|record| record.message.as_str()).collect();
            assert_eq!(messages, ["one\nline", "two", "three"]);
        }
        let endless = format!("<34>{}", "x".repeat(MESSAGE_BYTES));
        assert!(feed(&mut Stream::new(reader()), endless.as_bytes(), &[]).is_err());
        assert!(feed(&mut Stream::new(reader()), b"9999999 <34>", &[]).is_err());
        assert_eq!(feed(&mut Stream::new(reader()), b"50 <34>short", &[]).unwrap().refused, 1);
        assert_eq!(feed(&mut Stream::new(reader()), b"50 items\n", &[1]).unwrap().records[0].message, "50 items");
    }

    proptest! {
        #[test]
        fn any_bytes_are_messages_or_an_error(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'<'), Just(b'>'), Just(b'1'), Just(b' '), Just(b'\n'), Just(b'[')], 0..200), pieces in prop::collection::vec(1usize..9, 0..40)) {
            let _ = feed(&mut Stream::new(reader()), &bytes, &pieces);
        }

        #[test]
        fn any_text_after_a_header_is_read(text in "\\PC{0,60}") {
            let _ = reader().record(format!("<34>1 2026-01-01T00:00:00Z h a - - {text}").as_bytes());
            let _ = reader().record(format!("<34>Jan 99 99:99:99 {text}").as_bytes());
            let _ = reader().record(format!("<34>Feb 29 00:00:00 {text}").as_bytes());
        }
    }
}
