//! The prefix of messages from Cisco devices: counters, an origin, and whether the clock is synchronised.
//!
//! `83: sw-core: 000123: *Nov 28 00:20:10.663 UTC: %SYS-5-CONFIG_I: …` on IOS,
//! `98: router RP/0/RSP0/CPU0:Nov 28 00:20:10.663 UTC: ifmgr[227]: %PKT_INFRA-LINK-3-UPDOWN: …` on
//! IOS XR, `: 2026 Nov 28 00:20:10 UTC: %ETHPORT-5-IF_UP: …` on NX-OS.
//! Source: <https://www.cisco.com/c/en/us/td/docs/routers/access/wireless/software/guide/SysMsgLogging.html>.

use model::Nanos;

use super::{
    device_time::{self, Context},
    tag,
};

/// The maximum number of parts in the prefix.
const PARTS: usize = 5;

/// The parsed prefix, and the message after it. A missing text is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Front<'a> {
    pub(super) counters: Vec<&'a str>,
    pub(super) origin: &'a str,
    /// The card of a router, such as `RP/0/RSP0/CPU0`.
    pub(super) location: &'a str,
    pub(super) time: Option<Nanos>,
    /// The uptime of the device, if it sends that instead of a time.
    pub(super) uptime: &'a str,
    pub(super) text: &'a str,
}

/// Parses the prefix that only these devices send; `None` for everything else, such as a tag followed by a date.
pub(super) fn read(text: &str, context: Context) -> Option<Front<'_>> {
    let mut front = Front::default();
    let mut rest = text;
    let mut is_certain = false;
    if let Some(behind) = rest.strip_prefix(':') {
        (rest, is_certain) = (behind.trim_start_matches(' '), true);
    }
    for _ in 0..PARTS {
        let unmarked = rest.trim_start_matches(['*', '.']);
        let context = Context { is_cisco: true, ..context };
        if let Some(stamp) = device_time::read(unmarked, context) {
            let is_cisco = is_certain || unmarked.len() < rest.len() || !front.counters.is_empty();
            let is_mnemonic = tag::is_mnemonic(stamp.rest) || !front.location.is_empty();
            (front.time, front.text) = (Some(stamp.time), stamp.rest);
            return (is_cisco || is_mnemonic).then_some(front);
        }
        if tag::is_mnemonic(rest) {
            front.text = rest;
            return Some(front);
        }
        if let Some((origin, location, behind)) = location(rest) {
            if !front.location.is_empty() || !(origin.is_empty() || front.origin.is_empty()) {
                return None;
            }
            (front.location, rest) = (location, behind);
            if !origin.is_empty() {
                front.origin = origin;
            }
            continue;
        }
        let (part, behind) = rest.split_once(": ")?;
        if part.bytes().all(|byte| byte.is_ascii_digit()) && !part.is_empty() {
            front.counters.push(part);
        } else if is_uptime(part) && front.uptime.is_empty() {
            front.uptime = part;
        } else if tag::is_host(part) && front.origin.is_empty() {
            front.origin = part;
        } else {
            return None;
        }
        rest = behind.trim_start_matches(' ');
    }
    None
}

/// Parses `router RP/0/RSP0/CPU0:`, immediately followed by the time. Returns the host, the location and the rest.
fn location(text: &str) -> Option<(&str, &str, &str)> {
    let (front, behind) = text.split_once(':')?;
    let (origin, location) = front.split_once(' ').unwrap_or(("", front));
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_location = location.split('/').count() > 2 && location.split('/').all(is_part);
    (is_location && (origin.is_empty() || tag::is_host(origin)) && !behind.starts_with(' '))
        .then_some((origin, location, behind))
}

/// `00:20:10`, `1d02h`, `3w4d`, `1y12w`.
fn is_uptime(part: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_clock = part.split(':').count() == 3 && part.split(':').all(is_number);
    let units = part.bytes().filter(|byte| b"ywdh".contains(byte)).count();
    let is_units = units == 2
        && part.ends_with(['w', 'd', 'h'])
        && part.split_inclusive(['y', 'w', 'd', 'h']).all(|unit| is_number(&unit[..unit.len() - 1]));
    is_clock || is_units
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uptime_is_a_clock_or_two_units() {
        for part in ["00:20:10", "1d02h", "3w4d", "1y12w"] {
            assert!(is_uptime(part), "{part}");
        }
        for part in ["", "12", "1d", "wd", "10:20", "1d2x", "dh", "a:b:c"] {
            assert!(!is_uptime(part), "{part}");
        }
    }
}
