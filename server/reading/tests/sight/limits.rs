//! What a limited sight gets where the filter is not enough: neighbours, cursors, figures.

use std::time::Duration;

use model::{Query, Record, Sight, Value};
use pipeline::{ErrorClass, TimeRange};

use super::store::{limited, reader, record, samples, stored};

const PATIENCE: Duration = Duration::from_secs(10);

fn messages(page: &[model::api::RecordView]) -> Vec<&str> {
    page.iter().map(|record| record.message.as_str()).collect()
}

#[tokio::test]
async fn a_whole_sight_gets_the_same_answers() {
    let store = stored(samples()).await;
    let reader = reader(&store);
    let seen = reader.seen_by(&Sight::default());
    let page = |reader: reading::Reader| async move {
        reader.logs(Query::parse("user:*").unwrap(), TimeRange::ALL, 10, None, PATIENCE).await.unwrap()
    };
    assert_eq!(page(reader).await, page(seen).await);
}

#[tokio::test]
async fn a_reader_that_is_limited_twice_sees_what_both_see() {
    let store = stored(samples()).await;
    let amounts = Sight::new(Some(Query::parse("amount>5").unwrap()), vec!["card".to_owned()]);
    let twice = reader(&store).seen_by(&limited()).seen_by(&amounts);
    let page = twice.logs(Query::default(), TimeRange::ALL, 10, None, PATIENCE).await.unwrap();
    assert_eq!(messages(&page.records), ["order 3 refunded", "order 2 paid"]);
    assert!(page.records.iter().all(|record| record.attributes.keys().eq(["amount"])), "{page:?}");
    // A filter may name a field that the other one hides.
    for hidden in ["user:*", "card:*", "internal:*"] {
        let query = Query::parse(hidden).unwrap();
        assert_eq!(twice.count(&query, TimeRange::ALL).await.unwrap_err().class, ErrorClass::Forbidden, "{hidden}");
    }
    // Nor does a whole sight widen it.
    let again = twice.seen_by(&Sight::default());
    assert_eq!(again.count(&Query::default(), TimeRange::ALL).await.unwrap().count, 2);
}

#[tokio::test]
async fn a_record_that_is_not_shown_is_answered_like_one_that_does_not_exist() {
    let store = stored(samples()).await;
    let reader = reader(&store).seen_by(&limited());
    let unknown = "0190a1b2-c3d4-7000-8000-00000000000f";
    let foreign = store.all()[1].record.id.to_string();
    for (id, other) in [(&*foreign, unknown), (unknown, &*foreign)] {
        for error in [reader.record(id).await.unwrap_err(), reader.context(id, 1, 1).await.unwrap_err()] {
            assert_eq!(error.class, ErrorClass::NotFound);
            let same = reader.record(other).await.unwrap_err().message.replace(other, id);
            assert_eq!(error.message, same);
        }
    }
}

#[tokio::test]
async fn the_nearest_neighbours_that_are_shown_are_found_among_others() {
    let internal = [("internal", Value::Bool(true))];
    let records = (0..201).map(|number: i64| {
        let attributes = if number % 50 == 0 { &[][..] } else { &internal[..] };
        let record = record("shop", &format!("number {number}"), attributes);
        Record { time: record.time + number, ..record }
    });
    let store = stored(records.collect()).await;
    let middle = store.all()[100].record.id.to_string();
    let seen = reader(&store).seen_by(&limited());
    for (before, after, earlier, later) in [
        (1, 1, vec!["number 50"], vec!["number 150"]),
        (2, 0, vec!["number 0", "number 50"], vec![]),
        (0, 5, vec![], vec!["number 150", "number 200"]),
        (1000, 2, vec!["number 0", "number 50"], vec!["number 150", "number 200"]),
    ] {
        let context = seen.context(&middle, before, after).await.unwrap();
        assert_eq!(messages(&context.before), earlier, "{before} before");
        assert_eq!(messages(&context.after), later, "{after} after");
        assert_eq!(context.record.message, "number 100");
    }
}

#[tokio::test]
async fn a_place_in_the_order_that_is_not_shown_tells_nothing_of_its_record() {
    let store = stored(samples()).await;
    let (whole, seen) = (reader(&store), reader(&store).seen_by(&limited()));
    let all = store.all();
    // The second and the third record are not shown: the pages after them are the same.
    for hidden in [&all[1], &all[2]] {
        let cursor = seen.cursor_at(hidden.position).await.unwrap();
        assert_eq!(cursor, whole.cursor_at(hidden.position).await.unwrap());
        let page = seen.search(Query::default(), TimeRange::ALL, 10, Some(cursor)).await.unwrap();
        let shown: Vec<&str> = page.iter().map(|stored| stored.record.message.as_str()).collect();
        assert_eq!(shown, ["order 1 paid"]);
    }
    // The pages of another caller go on with what this one sees.
    let page = whole.logs(Query::default(), TimeRange::ALL, 2, None, PATIENCE).await.unwrap();
    let next = seen.logs(Query::default(), TimeRange::ALL, 10, page.next_cursor.as_deref(), PATIENCE).await.unwrap();
    assert_eq!(messages(&next.records), ["order 2 paid", "order 1 paid"]);
}

#[tokio::test]
async fn a_hidden_message_is_in_no_answer_and_no_word_finds_it() {
    let store = stored(samples()).await;
    let sight = Sight::new(None, vec!["message".to_owned(), "service".to_owned()]);
    let seen = reader(&store).seen_by(&sight);
    let page = seen.logs(Query::default(), TimeRange::ALL, 10, None, PATIENCE).await.unwrap();
    assert!(page.records.len() == 6 && page.records.iter().all(|record| record.message.is_empty()));
    let patterns = seen.patterns(&Query::default(), TimeRange::ALL, Some(TimeRange::ALL)).await.unwrap();
    assert_eq!(patterns.patterns.len(), 1);
    assert_eq!((&*patterns.patterns[0].template, patterns.patterns[0].services.len()), ("", 0));
    for query in ["paid", "-paid", "message:/p/", "service:shop"] {
        let error = seen.count(&Query::parse(query).unwrap(), TimeRange::ALL).await.unwrap_err();
        assert!(error.class == ErrorClass::Forbidden && error.message.contains("is hidden"), "{query}: {error}");
    }
    assert!(!seen.shows_field("service") && seen.shows_field("node"));
    assert_eq!(
        seen.facets(&Query::default(), TimeRange::ALL, &["service".to_owned()], 5).await.unwrap_err().class,
        ErrorClass::Forbidden
    );
}
