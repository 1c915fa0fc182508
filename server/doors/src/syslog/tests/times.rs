//! Timestamp formats, and the year of timestamps without one.

use super::*;

#[test]
fn forms_of_a_time() {
    for (time, expected) in [
        ("Nov 28 00:20:10", AT),
        ("Nov  8 00:20:10", "2026-11-08T00:20:10Z"),
        ("Nov 08 00:20:10", "2026-11-08T00:20:10Z"),
        ("Nov 8 00:20:10", "2026-11-08T00:20:10Z"),
        ("Nov 28 2026 00:20:10", AT),
        ("Nov 28 00:20:10 2026", AT),
        ("2026 Nov 28 00:20:10", AT),
        ("28 Nov 2026 00:20:10", AT),
        ("Sat Nov 28 00:20:10 2026", AT),
        ("Sat Nov 28 00:20:10 UTC 2026", AT),
        ("Nov 28 00:20:10.663", MS),
        ("Nov 28 00:20:10,663", MS),
        ("Nov 28 00:20:10.663 2026", MS),
        ("Nov 28 01:20:10 CET", AT),
        ("Nov 27 19:20:10 EST 2026", AT),
        ("Nov 28 09:20:10 +0900", AT),
        ("Nov 28 09:20:10+09:00", AT),
        ("Nov 28 00:20:10Z", AT),
        ("1990 Oct 22 10:52:01 TZ-6", "1990-10-22T16:52:01Z"),
        ("2026-11-28 00:20:10", AT),
        ("2026/11/28 00:20:10", AT),
        ("2026-11-28T00:20:10.663Z", MS),
        ("2026-11-28 00:20:10 UTC", AT),
        ("2026-11-28 01:20:10 CET", AT),
        ("2026-11-28T09:20:10+09:00", AT),
        ("Nov 27 23:59:60", "2026-11-28T00:00:00Z"),
    ] {
        let read = read_at(TODAY, &format!("<13>{time} web-1 app[1]: m"));
        assert_eq!([&read[0], &read[1], &read[3], &read[4]], ["web-1", "app", expected, "m"], "{time}");
    }
    // An invalid time stays in the text.
    for line in
        ["Nov 31 00:20:10 h app: m", "Nov 28 25:20:10 h app: m", "Nov 28 00:20 h app: m", "Foo 28 00:20:10 h app: m"]
    {
        assert_eq!(read_at(TODAY, &format!("<13>{line}")), ["", "", "notice", "", line, "facility=user"]);
    }
    // A host may have the name of a zone.
    assert_eq!(read_at(TODAY, "<13>Nov 28 00:20:10 MST su: m")[..2], ["MST", "su"]);
}

#[test]
fn a_date_without_a_year_is_the_last_one() {
    const HOUR: i64 = 3_600_000_000_000;
    // 2026-01-01T00:30:00Z and 2027-12-31T23:30:00Z.
    let (begin, end) = (1_767_227_400_000_000_000, 1_830_295_800_000_000_000);
    for (now, date, expected) in [
        (begin, "Dec 31 23:14:15", "2025-12-31T23:14:15Z"),
        (begin, "Jan  1 00:14:15", "2026-01-01T00:14:15Z"),
        (begin, "Jan  2 00:29:59", "2026-01-02T00:29:59Z"),
        (begin, "Jan  2 00:30:01", "2025-01-02T00:30:01Z"),
        (begin, "Feb 29 12:00:00", "2024-02-29T12:00:00Z"),
        (end, "Jan  1 00:14:15", "2028-01-01T00:14:15Z"),
        (end, "Jan  1 23:40:00", "2027-01-01T23:40:00Z"),
        (end, "Feb 29 12:00:00", "2024-02-29T12:00:00Z"),
        (end + 24 * HOUR * 60, "Feb 29 12:00:00", "2028-02-29T12:00:00Z"),
        // On 2104-02-01, eight years after the last leap year.
        (4_231_267_200_000_000_000, "Feb 29 12:00:00", "2096-02-29T12:00:00Z"),
    ] {
        assert_eq!(read_at(now, &format!("<13>{date} h app: m"))[3], expected, "{date}");
    }
}
