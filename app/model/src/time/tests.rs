//! Timestamps by examples, and the laws of reading them.

use chrono::{DateTime, FixedOffset, Utc};
use proptest::prelude::*;

use super::*;

const UTC: FixedOffset = match FixedOffset::east_opt(0) {
    Some(offset) => offset,
    None => panic!("no offset"),
};
const SEOUL: FixedOffset = match FixedOffset::east_opt(9 * 3600) {
    Some(offset) => offset,
    None => panic!("no offset"),
};

#[test]
fn every_form_that_clients_write_is_read() {
    for (written, zone, time) in [
        // RFC 3339.
        ("2026-01-02T03:04:05Z", UTC, "2026-01-02T03:04:05.000000000Z"),
        ("2026-01-02T03:04:05.6Z", SEOUL, "2026-01-02T03:04:05.600000000Z"),
        ("2026-01-02T03:04:05.123456789Z", UTC, "2026-01-02T03:04:05.123456789Z"),
        ("2026-01-02T03:04:05.1234567899999Z", UTC, "2026-01-02T03:04:05.123456789Z"),
        ("2026-01-02t03:04:05z", UTC, "2026-01-02T03:04:05.000000000Z"),
        ("2026-01-02T03:04:05+09:00", UTC, "2026-01-01T18:04:05.000000000Z"),
        ("2026-01-02 03:04:05.5-0330", UTC, "2026-01-02T06:34:05.500000000Z"),
        ("2026-01-02 03:04:05.5+00", SEOUL, "2026-01-02T03:04:05.500000000Z"),
        ("2026-01-02 03:04:05 +0900", UTC, "2026-01-01T18:04:05.000000000Z"),
        ("2026-01-02 03:04:05 UTC", SEOUL, "2026-01-02T03:04:05.000000000Z"),
        // Without a zone.
        ("2026-01-02T03:04:05", SEOUL, "2026-01-01T18:04:05.000000000Z"),
        ("2026-01-02 03:04:05.678", UTC, "2026-01-02T03:04:05.678000000Z"),
        ("2026-01-02 03:04:05,678", UTC, "2026-01-02T03:04:05.678000000Z"),
        ("2026-01-02 03:04:05:678", UTC, "2026-01-02T03:04:05.678000000Z"),
        ("2026-01-02 03:04:05:006", SEOUL, "2026-01-01T18:04:05.006000000Z"),
        ("2026-01-02T03:04", SEOUL, "2026-01-01T18:04:00.000000000Z"),
        ("2026/01/02 03:04:05", UTC, "2026-01-02T03:04:05.000000000Z"),
        ("2026-01-02", SEOUL, "2026-01-01T15:00:00.000000000Z"),
        ("  2026-01-02\n", UTC, "2026-01-02T00:00:00.000000000Z"),
        // The calendar's corners.
        ("2024-02-29T00:00:00Z", UTC, "2024-02-29T00:00:00.000000000Z"),
        ("2000-02-29T00:00:00Z", UTC, "2000-02-29T00:00:00.000000000Z"),
        ("2016-12-31T23:59:60Z", UTC, "2017-01-01T00:00:00.000000000Z"),
        ("1969-12-31T23:59:59.999Z", UTC, "1969-12-31T23:59:59.999000000Z"),
        ("1677-09-21T00:12:43.145224192Z", UTC, "1677-09-21T00:12:43.145224192Z"),
        ("2262-04-11T23:47:16.854775807Z", UTC, "2262-04-11T23:47:16.854775807Z"),
        // The epoch.
        ("0", SEOUL, "1970-01-01T00:00:00.000000000Z"),
        ("1700000000", UTC, "2023-11-14T22:13:20.000000000Z"),
        ("1700000000.123", UTC, "2023-11-14T22:13:20.123000000Z"),
        ("1700000000.1234567891", UTC, "2023-11-14T22:13:20.123456789Z"),
        ("1700000000123", UTC, "2023-11-14T22:13:20.123000000Z"),
        ("1700000000123.456", UTC, "2023-11-14T22:13:20.123456000Z"),
        ("1700000000123456", UTC, "2023-11-14T22:13:20.123456000Z"),
        ("1700000000123456789", UTC, "2023-11-14T22:13:20.123456789Z"),
        ("-1.5", UTC, "1969-12-31T23:59:58.500000000Z"),
        ("9223372036854775807", UTC, "2262-04-11T23:47:16.854775807Z"),
        // RFC 2822 and HTTP.
        ("Fri, 02 Jan 2026 03:04:05 GMT", SEOUL, "2026-01-02T03:04:05.000000000Z"),
        ("2 Jan 2026 03:04:05 +0900", UTC, "2026-01-01T18:04:05.000000000Z"),
    ] {
        assert_eq!(parse_timestamp(written, zone).map(format_rfc3339).as_deref(), Some(time), "{written}");
    }
}

#[test]
fn what_is_no_time_is_refused() {
    for written in [
        "",
        " ",
        "now",
        "yesterday",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "2026-02-29",
        "1900-02-29",
        "2026-04-31T00:00:00Z",
        "2026-01-02T",
        "2026-01-02T03",
        "2026-01-02T24:00:00Z",
        "2026-01-02T03:60:00Z",
        "2026-01-02T03:04:61Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05X",
        "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05+09:00 tail",
        "2026-01/02",
        "2026-1-2",
        "0000-01-01T00:00:00Z",
        "1677-09-21T00:12:43.145224191Z",
        "2262-04-11T23:47:16.854775808Z",
        "9999-12-31T23:59:59Z",
        "10000-01-01T00:00:00Z",
        "99999999999999999999",
        "9223372036854775808",
        "1.2.3",
        ".5",
        "-",
        "1e9",
        "１７００",
        "2026-01-02T03:04:05\u{0}",
    ] {
        assert_eq!(parse_timestamp(written, UTC), None, "{written:?}");
    }
}

#[test]
fn the_ends_of_a_range_may_be_relative() {
    let now = parse_timestamp("2026-01-02T03:04:05Z", UTC).unwrap();
    for (written, time) in [
        ("now", "2026-01-02T03:04:05.000000000Z"),
        ("-15m", "2026-01-02T02:49:05.000000000Z"),
        ("-1h30m", "2026-01-02T01:34:05.000000000Z"),
        ("now-1d", "2026-01-01T03:04:05.000000000Z"),
        ("+10s", "2026-01-02T03:04:15.000000000Z"),
        ("-1w", "2025-12-26T03:04:05.000000000Z"),
        ("-500ms", "2026-01-02T03:04:04.500000000Z"),
        (" 2026-01-01T00:00:00Z ", "2026-01-01T00:00:00.000000000Z"),
        ("2026-01-01T09:00", "2026-01-01T00:00:00.000000000Z"),
        ("1700000000123", "2023-11-14T22:13:20.123000000Z"),
    ] {
        assert_eq!(parse_range_end(written, now, SEOUL).map(format_rfc3339).as_deref(), Some(time), "{written}");
    }
    for written in ["", "-", "-15", "-m", "-15x", "-15 m", "now5m", "15m", "-99999999999w", "+292y", "-1h-5m", "soon"] {
        assert_eq!(parse_range_end(written, now, UTC), None, "{written:?}");
    }
}

#[test]
fn milliseconds_are_cut_off() {
    let time = parse_timestamp("2026-01-02T03:04:05.6789Z", UTC).unwrap();
    assert_eq!(format_rfc3339_millis(time), "2026-01-02T03:04:05.678Z");
}

proptest! {
    #[test]
    fn what_is_written_reads_back(time in any::<Nanos>()) {
        let written = format_rfc3339(time);
        prop_assert_eq!(parse_timestamp(&written, SEOUL), Some(time));
        prop_assert_eq!(parse_range_end(&written, 0, SEOUL), Some(time));
    }

    #[test]
    fn our_calendar_is_the_usual_one(time in any::<Nanos>(), minutes in -1439_i32..1440) {
        let zone = FixedOffset::east_opt(minutes * 60).unwrap();
        let written = DateTime::<Utc>::from_timestamp_nanos(time).with_timezone(&zone).to_rfc3339();
        prop_assert_eq!(parse_timestamp(&written, UTC), Some(time), "{}", written);
    }

    #[test]
    fn no_text_is_too_odd_for_a_time(text in "[0-9TZ:.,+/\\- a-z한]{0,32}", other in any::<String>()) {
        for text in [text, other] {
            let _ = (parse_timestamp(&text, SEOUL), parse_range_end(&text, Nanos::MAX, UTC), parse_range_end(&text, Nanos::MIN, UTC));
        }
    }
}
