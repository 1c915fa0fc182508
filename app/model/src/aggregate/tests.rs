//! What the reference answers, worked out by hand.

use super::*;
use crate::{RecordId, Severity, Text, Value};

fn record(time: Nanos, service: &str, severity: u8, status: Option<Value>) -> Record {
    Record {
        id: RecordId(0),
        time,
        observed_time: 0,
        severity: Severity::new(severity).unwrap(),
        level: Text::from("notice"),
        service: Text::from(service),
        node: Text::default(),
        message: String::new(),
        attributes: status.into_iter().map(|value| (Text::from("status"), value)).collect(),
        trace_id: None,
        span_id: None,
    }
}

fn corpus() -> Vec<Record> {
    vec![
        record(-1, "web", 9, Some(Value::Int(200))),
        record(0, "web", 9, Some(Value::Text("200".into()))),
        record(9, "web", 17, Some(Value::Int(500))),
        record(10, "", 17, Some(Value::Text("".into()))),
        record(11, "api", 10, None),
    ]
}

fn field(name: &str) -> Key {
    Key::Field(Field::parse_name(name).unwrap())
}

fn words(words: &str) -> Vec<Cell> {
    let cell = |word: &str| match (word, word.strip_prefix('@')) {
        ("-", _) => Cell::Missing,
        (_, Some(time)) => Cell::Time(time.parse().unwrap()),
        (word, None) => Cell::Text(word.to_owned()),
    };
    words.split_whitespace().map(cell).collect()
}

/// The counts of the corpus by these keys, for instance `web @0` for a service and a time.
fn counted(query: &str, range: TimeRange, keys: Vec<Key>, limit: usize) -> (Vec<(Vec<Cell>, u64)>, bool) {
    let aggregation = Aggregation::counting(Query::parse(query).unwrap(), range, keys, limit);
    let table = evaluate(&aggregation, &corpus()).unwrap().remove(0);
    let complete = table.complete;
    (table.counts().collect(), complete)
}

#[test]
fn records_with_equal_keys_are_one_group() {
    type Case = (&'static str, TimeRange, Vec<Key>, &'static [(&'static str, u64)]);
    let all = TimeRange::ALL;
    let cases: Vec<Case> = vec![
        ("*", all, vec![], &[("", 5)]),
        ("nothing", all, vec![], &[("", 0)]),
        ("nothing", all, vec![field("service")], &[]),
        ("*", TimeRange { from: 0, to: 10 }, vec![], &[("", 2)]),
        // An empty value is as good as none, and a missing one comes before others.
        ("*", all, vec![field("service")], &[("web", 3), ("-", 1), ("api", 1)]),
        // A level by its class, not by the client's own word.
        ("*", all, vec![field("level")], &[("info", 3), ("error", 2)]),
        // The integer 200 and the text "200" have one text form.
        ("*", all, vec![field("status")], &[("-", 2), ("200", 2), ("500", 1)]),
        ("*", all, vec![field("nothing.like.this")], &[("-", 5)]),
        // Buckets are aligned to the epoch, before it as well.
        ("*", all, vec![Key::Time { width: i64::MAX }], &[("@0", 4), ("@-9223372036854775807", 1)]),
        ("*", TimeRange { from: -5, to: 20 }, vec![Key::Time { width: 10 }], &[("@0", 2), ("@10", 2), ("@-10", 1)]),
        (
            "level:error OR api",
            TimeRange { from: 0, to: 20 },
            vec![Key::Time { width: 10 }, field("service"), field("level")],
            &[("@0 web error", 1), ("@10 - error", 1)],
        ),
    ];
    for (query, range, keys, expected) in cases {
        let expected: Vec<(Vec<Cell>, u64)> = expected.iter().map(|(keys, count)| (words(keys), *count)).collect();
        let mut sorted = expected.clone();
        sorted.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        assert_eq!(counted(query, range, keys.clone(), 100), (sorted, true), "{query} by {keys:?}");
    }
}

#[test]
fn the_largest_groups_are_answered_and_of_equal_ones_the_first_in_order() {
    let by_service = || vec![field("service")];
    let (rows, complete) = counted("*", TimeRange::ALL, by_service(), 2);
    assert_eq!((rows, complete), (vec![(words("web"), 3), (words("-"), 1)], false));
    assert!(counted("*", TimeRange::ALL, by_service(), 3).1);
}

#[test]
fn one_pass_measures_several_groupings() {
    let newest =
        Grouping { keys: vec![field("service")], measures: vec![Measure::NewestTime, Measure::Count], limit: 1 };
    let none = Grouping { keys: vec![], measures: vec![Measure::Count, Measure::NewestTime], limit: 1 };
    let mut aggregation = Aggregation { query: Query::default(), range: TimeRange::ALL, groupings: vec![newest, none] };
    // Times are rounded down to a microsecond.
    let mut records = corpus();
    records[1].time = 2_999;
    let tables = evaluate(&aggregation, &records).unwrap();
    assert_eq!(tables[0].rows, [Row { keys: words("web"), measures: vec![Cell::Time(2_000), Cell::Count(3)] }]);
    assert_eq!(tables[1].rows, [Row { keys: vec![], measures: vec![Cell::Count(5), Cell::Time(2_000)] }]);
    aggregation.query = Query::parse("nothing").unwrap();
    let tables = evaluate(&aggregation, &corpus()).unwrap();
    assert_eq!(tables[1].rows, [Row { keys: vec![], measures: vec![Cell::Count(0), Cell::Missing] }]);
}

#[test]
fn what_is_beyond_a_bound_is_refused_by_name() {
    let day = TimeRange { from: 0, to: 86_400_000_000_000 };
    let check = |range, keys: Vec<Key>, limit| {
        Aggregation::counting(Query::default(), range, keys, limit).check().map_err(|error| error.to_string())
    };
    assert_eq!(check(day, vec![Key::Time { width: 8_640_000_000 }], 1), Ok(()));
    for (range, keys, limit, word) in [
        (day, vec![Key::Time { width: 8_639_999_999 }], 1, "10001 buckets"),
        (day, vec![Key::Time { width: 0 }], 1, "0 ns wide"),
        (day, vec![Key::Time { width: -1 }], 1, "-1 ns wide"),
        (TimeRange::ALL, vec![Key::Time { width: 1 }], 1, "buckets"),
        (day, vec![field("level"); KEYS + 1], 1, "9 keys"),
        (day, vec![], 0, "0 groups"),
        (day, vec![], GROUPS + 1, "100001 groups"),
    ] {
        let error = check(range, keys.clone(), limit).unwrap_err();
        assert!(error.contains(word), "{keys:?}: {error}");
    }
    let none = Aggregation { query: Query::default(), range: day, groupings: vec![] };
    assert!(none.check().is_err());
}

#[test]
fn buckets_cover_the_range() {
    for (from, to, width, number) in [
        (0, 10, 10, 1),
        (5, 11, 10, 2),
        (-5, 5, 10, 2),
        (7, 7, 10, 1),
        (10, 10, 10, 0),
        (i64::MIN, i64::MAX, i64::MAX, 3),
    ] {
        assert_eq!(buckets(TimeRange { from, to }, width), number, "{from}..{to} by {width}");
    }
}
