mod devices;
mod programs;
mod times;

use proptest::prelude::*;

use super::*;
use crate::stream::{MESSAGE_BYTES, feed};

/// 2026-01-01T00:30:00Z.
const NOW: i64 = 1_767_227_400_000_000_000;

fn reader() -> Reader {
    Reader { clock: Clock::from_fn(|| NOW), assume_timezone: FixedOffset::east_opt(0).unwrap() }
}

fn nanos(text: &str) -> RawTime {
    RawTime::Nanos(DateTime::parse_from_rfc3339(text).unwrap().timestamp_nanos_opt().unwrap())
}

/// 2026-11-28T12:00:00Z.
const TODAY: i64 = 1_795_867_200_000_000_000;

/// Node, service, level, time, message, and attributes, separated by `|`.
type Expected = [&'static str; 6];

fn read_at(now: i64, line: &str) -> [String; 6] {
    let reader = Reader { clock: Clock::from_fn(move || now), assume_timezone: FixedOffset::east_opt(0).unwrap() };
    let record = reader.record(line.as_bytes());
    let time = match record.time {
        RawTime::Missing => String::new(),
        RawTime::Nanos(time) => model::time::format_rfc3339(time).replace(".000000000Z", "Z").replace("000000Z", "Z"),
        RawTime::Number(number) => format!("by size: {number}"),
        RawTime::Text(text) => format!("as sent: {text}"),
    };
    let attributes: Vec<_> = record.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let [node, service, level] = [record.node, record.service, record.level].map(String::from);
    [node, service, level, time, record.message, attributes.join("|")]
}

fn check(lines: &[(&str, Expected)]) {
    let wrong: Vec<_> = lines
        .iter()
        .filter_map(|(line, expected)| {
            let read = read_at(TODAY, line);
            (read != expected.map(String::from))
                .then(|| format!("{line}\n  expected {expected:?}\n  read     {read:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), lines.len(), wrong.join("\n"));
}

const AT: &str = "2026-11-28T00:20:10Z";
const MS: &str = "2026-11-28T00:20:10.663Z";

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
    assert_eq!((record.message.as_str(), record.level.as_str(), record.service.as_str()), ("inner", "error", "app"));
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

const MARKS: &[&str] = &[
    " ",
    " ",
    " ",
    "",
    "[",
    "]",
    "] ",
    " [",
    "[x@1 ",
    "=\"",
    "\" ",
    "\"]",
    "=",
    "\\",
    "\\\"",
    ":",
    ": ",
    "]: ",
    "12: ",
    "*",
    ".",
    "%",
    "-",
    " - ",
    "@",
    "/",
    "(",
    ",",
    "@cee:",
    "last message ",
    "CET ",
    " UTC: ",
    "%A-5-B: ",
    "\n",
    "\t",
    "\u{feff}",
];
const HEADERS: &[&str] = &[
    "",
    "<13>",
    "<999>",
    "<13>83: ",
    "<13>Nov 28 00:20:10 ",
    "<13>*Nov 28 00:20:10: ",
    "<13>2026-01-01T00:00:00Z ",
    "<13>1 2026-01-01T00:00:00Z ",
    "<13>1 2026-01-01T00:00:00Z h a - - ",
    "<13>1 2026-01-01T00:00:00Z h a - - [x@1 ",
];

proptest! {
    #[test]
    fn any_bytes_are_messages_or_an_error(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'<'), Just(b'>'), Just(b'1'), Just(b' '), Just(b'\n'), Just(b'[')], 0..200), pieces in prop::collection::vec(1usize..9, 0..40)) {
        let _ = feed(&mut Stream::new(reader()), &bytes, &pieces);
    }

    /// Words separated by characters with a meaning in a header or in structured data.
    #[test]
    fn no_word_is_lost(marks in prop::collection::vec(prop::sample::select(MARKS), 0..24)) {
        let words: Vec<_> = (0..marks.len()).map(|number| format!("w{number}x")).collect();
        let text: String = marks.iter().zip(&words).map(|(mark, word)| format!("{mark}{word}")).collect();
        for header in HEADERS {
            let line = format!("{header}{text}");
            let record = format!("{:?}", reader().record(line.as_bytes()));
            let lost: Vec<_> = words.iter().filter(|word| !record.contains(*word)).collect();
            prop_assert!(lost.is_empty(), "{lost:?} of {line} in {record}");
        }
    }

    #[test]
    fn any_text_after_a_header_is_read(text in "\\PC{0,60}") {
        let _ = reader().record(format!("<34>1 2026-01-01T00:00:00Z h a - - {text}").as_bytes());
        let _ = reader().record(format!("<34>Jan 99 99:99:99 {text}").as_bytes());
        let _ = reader().record(format!("<34>Feb 29 00:00:00 {text}").as_bytes());
    }
}
