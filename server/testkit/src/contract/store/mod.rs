//! The contract of every store.
//!
//! Results are compared with those of [`MemoryStore`](crate::memory::MemoryStore) on the same batches: record by
//! record, in the same order. Each engine has its own positions; only their order is compared.

mod appending;
mod asking;
mod dead_letters;
mod following;
mod removing;
mod surviving;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use model::{Position, Query, Record, StoredRecord, TimeRange};
use pipeline::{Batch, Content, Delivery, LogStore, ReadLimit, Receipt};

pub use appending::*;
pub use asking::*;
pub use dead_letters::*;
pub use following::*;
pub use removing::*;
pub use surviving::*;

/// Instantiates the suite; see [`crate::contract`].
#[macro_export]
macro_rules! store_contract {
    ($make:path) => {
        $crate::contract_cases!(
            store,
            $make,
            what_is_appended_is_read_back_unchanged,
            an_empty_store_answers_every_question,
            a_redelivered_batch_is_stored_once,
            a_batch_given_twice_in_one_call_is_stored_once,
            many_batches_of_one_call_are_each_stored_once_and_in_order,
            awkward_records_among_many_are_stored_unchanged,
            records_of_any_time_are_stored,
            a_full_batch_is_stored,
            a_part_that_is_not_set_aside_is_not_given_up,
            a_closed_store_is_unavailable,
            what_was_stored_is_there_after_reopening,
            a_redelivery_after_reopening_changes_nothing,
            after_a_crash_a_redelivery_stores_what_is_missing_and_nothing_twice,
            positions_grow_across_reopening_and_are_never_given_again,
            following_gives_everything_once_and_in_order,
            following_wakes_when_something_is_stored,
            closing_wakes_those_who_follow,
            what_was_read_page_by_page_is_everything_once_and_in_order,
            fresh_records_answer_every_query_like_the_reference,
            reopened_records_answer_every_query_like_the_reference,
            old_and_fresh_records_answer_every_query_like_the_reference,
            a_search_pages_through_everything_once_newest_first,
            a_search_says_truly_how_far_back_it_has_looked,
            a_search_whose_patience_runs_out_answers_in_part_and_its_cursors_lead_to_the_end,
            fresh_records_aggregate_like_the_reference,
            old_and_fresh_records_aggregate_like_the_reference,
            histograms_agree_with_the_reference,
            an_aggregation_beyond_a_bound_is_refused,
            facets_agree_with_the_reference,
            contexts_agree_with_the_reference,
            a_record_that_is_not_there_is_not_found,
            undecodable_deliveries_become_dead_letters_and_the_others_are_stored,
            dead_letters_are_listed_newest_first_and_removed,
            dead_letters_are_found_by_reason_door_service_and_time,
            a_removal_takes_what_matches_and_nothing_else,
            what_was_removed_is_in_no_answer,
            what_was_removed_stays_away_after_a_crash_and_a_redelivery,
            a_removal_goes_on_from_anywhere,
            a_removal_leaves_what_arrives_meanwhile,
            a_removal_of_everything_leaves_an_empty_store_that_goes_on,
            an_empty_store_has_nothing_to_remove,
        );
    };
}

/// Delivers batches to a store, like a queue.
#[derive(Default)]
struct Feeder {
    receipts: AtomicU64,
}

impl Feeder {
    fn delivery(&self, batch: &Batch) -> Delivery {
        self.wrap(Content::Batch(Arc::new(batch.clone())))
    }

    fn wrap(&self, content: Content) -> Delivery {
        Delivery { receipt: Receipt(self.receipts.fetch_add(1, Ordering::SeqCst) + 1), content }
    }

    fn deliveries(&self, batches: &[Batch]) -> Vec<Delivery> {
        batches.iter().map(|batch| self.delivery(batch)).collect()
    }

    /// Appends the batches in several calls of different sizes.
    async fn feed(&self, store: &dyn LogStore, batches: &[Batch]) {
        for group in batches.chunks(3) {
            let records: usize = group.iter().map(|batch| batch.records.len()).sum();
            let appended = store.append(&self.deliveries(group)).await.unwrap();
            assert_eq!((appended.records, appended.duplicates, appended.dead), (records as u64, 0, 0));
        }
    }
}

/// Everything the store holds, in order of position.
async fn everything(store: &dyn LogStore) -> Vec<StoredRecord> {
    let newest = store.newest().await.unwrap();
    let limit = ReadLimit::of_records(usize::MAX >> 1);
    store.read_after(Position(0), newest, TimeRange::ALL, &Query::default(), limit).await.unwrap()
}

fn records_of(batches: &[Batch]) -> Vec<Record> {
    batches.iter().flat_map(|batch| batch.records.clone()).collect()
}

fn records(stored: &[StoredRecord]) -> Vec<Record> {
    stored.iter().map(|stored| stored.record.clone()).collect()
}

/// Compares two lists. The message shows only where they begin to differ.
#[track_caller]
fn assert_same(found: &[Record], expected: &[Record], what: &str) {
    let first = found.iter().zip(expected).position(|(found, expected)| found != expected);
    if let Some(place) = first {
        panic!("{what}: record {place} is\n{:#?}\nbut was to be\n{:#?}", found[place], expected[place]);
    }
    assert_eq!(found.len(), expected.len(), "{what}: so many records");
}

/// Positions grow strictly.
#[track_caller]
fn assert_in_order(stored: &[StoredRecord]) {
    assert!(stored.is_sorted_by(|left, right| left.position < right.position), "positions do not grow");
    assert!(stored.first().is_none_or(|first| first.position > Position(0)), "the first position is not above 0");
}
