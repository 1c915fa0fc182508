use std::iter;

use model::{
    aggregate::{self, Measure},
    query::Field,
};

use super::*;

fn grouping(limit: usize) -> Grouping {
    let key = aggregate::Key::Field(Field::Attribute("user".to_owned()));
    Grouping { keys: vec![key], measures: vec![Measure::Count], limit }
}

fn texts(hasher: &RandomState, texts: impl IntoIterator<Item = (String, u64)>) -> Groups {
    let mut groups = Groups::new(hasher);
    for (text, records) in texts {
        let mut key = Vec::new();
        encode::put_text(&text, &mut key);
        groups.bytes.add(hasher.hash_one(&key[..]), &key, Group::new(records, 0));
    }
    groups
}

fn counts(table: Table) -> Vec<(String, u64)> {
    let text = |(keys, count): (Vec<Cell>, u64)| match keys.into_iter().next() {
        Some(Cell::Text(text)) => (text, count),
        other => panic!("no text: {other:?}"),
    };
    table.counts().map(text).collect()
}

#[test]
fn an_integer_and_its_text_are_one_group_in_order_with_other_texts() {
    let hasher = RandomState::default();
    let totals = Totals::new(1, &hasher);
    totals.add(0, &texts(&hasher, [("17".to_owned(), 2), ("017".to_owned(), 5), ("a".to_owned(), 5)]));
    let mut numbers = Groups::new(&hasher);
    for (number, records) in [(17, 3), (-4, 5), (200, 5)] {
        numbers.numbers.add(number, Group::new(records, 0));
    }
    totals.add(0, &numbers);
    let table = totals.tables(&[grouping(10)]).remove(0);
    assert!(table.complete);
    let expected = ["-4", "017", "17", "200", "a"].map(|text| (text.to_owned(), 5));
    assert_eq!(counts(table), expected);
}

#[test]
fn numbers_of_several_forms_and_texts_are_one_group_by_their_text() {
    let hasher = RandomState::default();
    let form = |prefix: &str| Some(Form::Number { prefix: prefix.to_owned() });
    let totals = Totals::new(1, &hasher);
    for (form, numbers) in [(form("u"), [17, 5]), (form("u1"), [7, 8]), (None, [17, 6]), (form("u"), [17, 8])] {
        let mut groups = Groups { form, ..Groups::new(&hasher) };
        numbers.into_iter().for_each(|number| groups.numbers.add(number, Group::new(1, 0)));
        totals.add(0, &groups);
        let kept = Kept::of([&groups].into_iter()).unwrap();
        totals.add_kept(&kept);
    }
    totals.add(0, &texts(&hasher, ["u17", "17", "u017"].map(|text| (text.to_owned(), 1))));
    let expected = [("u17", 7), ("17", 3), ("6", 2), ("u18", 2), ("u5", 2), ("u8", 2), ("u017", 1)];
    let expected = expected.map(|(text, count)| (text.to_owned(), count));
    assert_eq!(counts(totals.tables(&[grouping(10)]).remove(0)), expected);
}

#[test]
fn counted_numbers_grouped_numbers_and_texts_are_one_group() {
    let hasher = RandomState::default();
    let totals = Totals::new(1, &hasher);
    let add = |numbers: &[(i64, u64)]| {
        let mut groups = Groups::new(&hasher);
        numbers.iter().for_each(|(number, records)| groups.numbers.add(*number, Group::new(*records, 0)));
        totals.add(0, &groups);
    };
    let far = 1 << 40;
    add(&[(17, 1), (18, 1), (far, 1)]);
    let other = Form::Number { prefix: "u".to_owned() };
    assert!(totals.counters(0, Some(&other), iter::once(17)).is_none(), "these have another form");
    assert!(totals.counters(0, None, [17, far].into_iter()).is_none(), "these lie too far apart");
    let counters = totals.counters(0, None, [17, 30].into_iter()).unwrap();
    assert!(counters.add(17, 10) && counters.add(19, 4) && !counters.add(far, 1));
    add(&[(17, 100), (far, 9)]);
    let more = [("17", 1_000), ("18", 2), ("19", 3), ("20", 5), (&far.to_string(), 2)];
    totals.add(0, &texts(&hasher, more.map(|(text, records)| (text.to_owned(), records))));
    let found = counts(totals.tables(&[grouping(10)]).remove(0));
    let expected = [("17", 1_111), (&far.to_string(), 12), ("19", 7), ("20", 5), ("18", 3)];
    assert_eq!(found, expected.map(|(text, count)| (text.to_owned(), count)));
}

#[test]
fn what_was_kept_counts_as_the_groups_did() {
    let hasher = RandomState::default();
    let mut groups = texts(&hasher, (0..500).map(|number| (format!("value {number}"), number % 7 + 1)));
    groups.numbers.add(9, Group::new(4, 0));
    let kept = Kept::of([&groups].into_iter()).unwrap();
    assert!(kept.bytes() > 500 * "value 1".len());
    let (once, again) = (Totals::new(1, &hasher), Totals::new(1, &hasher));
    once.add(0, &groups);
    again.add_kept(&kept);
    assert_eq!(once.tables(&[grouping(1_000)]), again.tables(&[grouping(1_000)]));
    let many = texts(&hasher, (0..=KEPT_GROUPS).map(|number| (number.to_string(), 1)));
    assert!(Kept::of([&many].into_iter()).is_none());
    let long = texts(&hasher, [("a".repeat(KEPT_BYTES), 1)]);
    assert!(Kept::of([&long].into_iter()).is_none());
}

#[test]
fn beyond_the_bound_the_large_groups_stay_and_small_groupings_are_whole() {
    let hasher = RandomState::default();
    let totals = Totals::within(2, &hasher, 1_000, usize::MAX);
    totals.add(1, &texts(&hasher, ["debug", "info"].map(|level| (level.to_owned(), 1))));
    for round in 0..40 {
        totals.add(0, &texts(&hasher, (0..10).map(|number| (format!("large {number}"), 50))));
        totals.add(0, &texts(&hasher, (0..100).map(|number| (format!("small {round} {number}"), 1))));
        assert!(totals.groupings[0].groups.load(atomic::Ordering::Relaxed) <= 1_000);
    }
    let tables = totals.tables(&[grouping(10), grouping(10)]);
    let [large, small] = &tables[..] else { panic!("two tables") };
    assert!(!large.complete && small.complete);
    assert_eq!(counts(large.clone()), (0..10).map(|number| (format!("large {number}"), 2_000)).collect::<Vec<_>>());
    assert_eq!(small.rows.len(), 2);
}

#[test]
fn the_bound_holds_for_all_threads_together() {
    let hasher = RandomState::default();
    let totals = Totals::within(1, &hasher, 100_000, 1 << 20);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (totals, hasher) = (&totals, &hasher);
            scope.spawn(move || {
                for round in 0..20 {
                    let values = (0..5_000).map(|number| (format!("{thread} {round} {number}"), 1));
                    totals.add(0, &texts(hasher, values));
                }
            });
        }
    });
    let bytes = totals.groupings[0].key_bytes.load(atomic::Ordering::Relaxed);
    assert!(bytes <= 1 << 20, "{bytes} bytes of keys");
    assert!(!totals.tables(&[grouping(10)]).remove(0).complete);
}
