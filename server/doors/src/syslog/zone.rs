//! Names of time zones after device timestamps.

use model::time::zone_offset;

const HOUR: i32 = 3600;

/// Zone names used only by devices, by minutes ahead of UTC; they complement [`model::time::zone_offset`]. For an
/// ambiguous name, the zone with more devices.
const ZONES: [(i32, &str); 20] = [
    (0, "UCT Z"),
    (60, "MET MEZ BST"),
    (120, "MEST MESZ"),
    (180, "TRT"),
    (210, "IRST"),
    (240, "GST SAMT"),
    (300, "UZT YEKT"),
    (330, "IST"),
    (345, "NPT"),
    (360, "OMST"),
    (420, "KRAT"),
    (480, "MYT PHT IRKT"),
    (600, "VLAT"),
    (-150, "NDT"),
    (-180, "ADT"),
    (-210, "NST"),
    (-240, "AST CLT"),
    (-360, "CST"),
    (-540, "HDT"),
    (-660, "SST"),
];

/// Seconds ahead of UTC of a zone abbreviation in capitals.
pub(super) fn offset_of_abbreviation(word: &str) -> Option<i32> {
    let of_devices = ZONES.iter().find(|(_, names)| names.split(' ').any(|name| name == word));
    let is_abbreviation = (3..=5).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_uppercase());
    match of_devices {
        Some((minutes, _)) => Some(minutes * 60),
        None if is_abbreviation => zone_offset(word).and_then(|seconds| seconds.try_into().ok()),
        None => None,
    }
}

/// Seconds ahead of UTC of an explicit offset: `UTC`, `GMT+1`, `+0900`, `-07:00`, and RFC 3164's `TZ-6`.
pub(super) fn explicit_offset(word: &str) -> Option<i32> {
    let number = match word {
        "UTC" | "GMT" | "Z" | "z" => return Some(0),
        _ => ["UTC", "GMT", "TZ"].iter().find_map(|name| word.strip_prefix(name)),
    };
    let (is_named, number) = (number.is_some(), number.unwrap_or(word));
    let sign = match number.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = &number[1..];
    let (hours, minutes) = match digits.split_once(':') {
        Some(both) => both,
        None if digits.len() == 4 && digits.is_ascii() => digits.split_at(2),
        // A bare number could be anything.
        None if is_named => (digits, "0"),
        None => return None,
    };
    let value = |text: &str, most: i32| {
        let is_number = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i32>().ok().filter(|value| is_number && *value <= most)
    };
    Some(sign * (value(hours, 14)? * HOUR + value(minutes, 59)? * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_seconds_ahead_of_utc() {
        for (word, seconds) in [
            ("UTC", Some(0)),
            ("GMT+1", Some(3600)),
            ("UTC-05:30", Some(-19_800)),
            ("TZ-6", Some(-21_600)),
            ("+0900", Some(32_400)),
            ("-07:00", Some(-25_200)),
            ("-07", None),
            ("+15:00", None),
            ("+09:60", None),
            ("+09:+1", None),
            ("CET", None),
            ("", None),
            ("+", None),
            ("+é00", None),
        ] {
            assert_eq!(explicit_offset(word), seconds, "{word}");
        }
        for (word, seconds) in [
            ("CET", Some(3600)),
            ("EST", Some(-18_000)),
            ("IST", Some(19_800)),
            ("HST", Some(-36_000)),
            ("cet", None),
            ("XYZ", None),
        ] {
            assert_eq!(offset_of_abbreviation(word), seconds, "{word}");
        }
    }
}
