//! The header of RFC 5424: `1 TIME HOST APP PROCID MSGID STRUCTURED-DATA MESSAGE`.

use chrono::FixedOffset;
use model::{Text, Value, limits, time::parse_timestamp};
use pipeline::normalise::RawTime;

use super::{Header, header3164, structured_data};

/// Number of fields between the time and the structured data.
const NAMES: usize = 4;

/// Parses a message of this form; `None` for another form. Any version is accepted.
///
/// A sender may omit the structured data. The application then counts as one only if the process is a number or `-`
/// and the message id is `-`: `app 12 - text`, but not `took 12 seconds`. Otherwise the part after the host is parsed
/// as RFC 3164's tag and text.
pub(super) fn read(text: &str, assume: FixedOffset) -> Option<Header<'_>> {
    let (version, rest) = text.split_once(' ')?;
    if !(1..=3).contains(&version.len()) || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (time, is_sure, rest) = time(rest.trim_start_matches(' '), assume)?;
    let mut names = [""; NAMES];
    let mut left = rest;
    for name in &mut names {
        (*name, left) = word(left);
    }
    let [node, service, procid, msgid] = names.map(|name| if name == "-" { "" } else { name });
    let header = Header { time: time.clone(), node, service, procid, msgid, ..Header::default() };
    let are_bounded = names.iter().all(|name| name.len() <= limits::NAME_BYTES);
    let are_complete = are_bounded && !names[NAMES - 1].is_empty();
    let [_, _, process, message_id] = names;
    let is_process = process == "-" || (!process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit()));
    let is_nil = message_id == "-" || (process == "-" && message_id.is_empty());
    let are_names = are_bounded && is_process && is_nil;

    let data = left.trim_start_matches(' ');
    // Other brackets might be text, and so might the names in front of them.
    let has_data = data.starts_with('-') || structured_data::begins(data);
    if (are_complete && has_data) || are_names {
        if let Some((attributes, text)) = structured(data) {
            return Some(Header { attributes, text, ..header });
        }
        if is_sure && (are_names || structured_data::begins(data)) {
            return Some(Header { text: left, ..header });
        }
    }
    if !is_sure {
        return None;
    }
    Some(Header { time, ..header3164::behind_time(rest) })
}

/// Structured data or `-`, and the message after it.
fn structured(text: &str) -> Option<(Vec<(Text, Value)>, &str)> {
    let (parameters, rest) = match text.strip_prefix('-') {
        Some(rest) if rest.is_empty() || rest.starts_with([' ', '\n']) => (Vec::new(), rest),
        _ => structured_data::read(text)?,
    };
    let text = rest.strip_prefix(' ').unwrap_or(rest);
    // Relays that convert RFC 3164 move the blank after the tag to the start of the text.
    Some((parameters, text.strip_prefix(' ').unwrap_or(text)))
}

/// Parses the time. Returns whether it is certain, and the rest. An unreadable time is kept as text.
fn time(text: &str, assume: FixedOffset) -> Option<(RawTime, bool, &str)> {
    let (first, rest) = word(text);
    if first == "-" {
        return Some((RawTime::Missing, true, rest));
    }
    if !first.starts_with(|letter: char| letter.is_ascii_digit()) || first.len() > limits::NAME_BYTES {
        return None;
    }
    // Some senders write a blank instead of the `T`.
    let (second, behind) = word(rest);
    let is_date = first.len() == "2026-01-02".len() && first.as_bytes()[4] == b'-';
    if is_date && second.as_bytes().get(2) == Some(&b':') {
        let both = &text[..text.len() - behind.len()];
        if let Some(time) = parse_timestamp(both, assume) {
            return Some((RawTime::Nanos(time), true, behind));
        }
    }
    // A number is a time only if it has at least nine digits.
    let is_time = first.contains('-') || first.bytes().take_while(u8::is_ascii_digit).count() >= 9;
    match parse_timestamp(first, assume).filter(|_| is_time) {
        Some(time) => Some((RawTime::Nanos(time), true, rest)),
        None => Some((RawTime::Text(first.to_owned()), false, rest)),
    }
}

/// Splits at the first blank. Leading blanks are skipped.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches(' ');
    text.split_once(' ').unwrap_or((text, ""))
}
