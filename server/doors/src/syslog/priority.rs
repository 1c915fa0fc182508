//! The priority of a message: facility × 8 + severity.

use model::LevelNumbers;

/// Facility and severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Priority {
    pub(super) facility: &'static str,
    pub(super) level: &'static str,
}

/// The names of RFC 5424's facilities 0 to 23 on Linux.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clockd", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];

/// Parses `<0>` to `<191>`; returns the priority and the rest. `None` for anything else: a number past the table has
/// no facility, so its severity would be a guess.
pub(super) fn read(text: &str) -> Option<(Priority, &str)> {
    let (number, rest) = text.strip_prefix('<')?.split_once('>')?;
    if !(1..=3).contains(&number.len()) || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u16 = number.parse().ok()?;
    let facility = FACILITIES.get(usize::from(number / 8))?;
    let (_, level) = LevelNumbers::Syslog.read((number % 8).into())?;
    Some((Priority { facility, level }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_a_number_of_the_table() {
        for (text, expected) in [
            ("<0>x", Some(("kern", "emerg", "x"))),
            ("<34>1", Some(("auth", "crit", "1"))),
            ("<191>", Some(("local7", "debug", ""))),
            ("<013>x", Some(("user", "notice", "x"))),
            ("<192>x", None),
            ("<999>x", None),
            ("<0013>x", None),
            ("<-1>x", None),
            ("<+1>x", None),
            ("<>x", None),
            ("< 13>x", None),
            ("<13", None),
            ("13>x", None),
            ("", None),
        ] {
            let read = read(text).map(|(priority, rest)| (priority.facility, priority.level, rest));
            assert_eq!(read, expected, "{text}");
        }
    }
}
