//! The contract of documents and leases.

mod holding;
mod keeping;

use pipeline::{Document, Documents, Expected, Json, Kind, Version, documents::unchecked};

pub use holding::*;
pub use keeping::*;

/// A kind for the suite.
const NOTE: Kind =
    Kind { name: "contract-note", format: 1, plural: "notes", most_bytes: 1_000, most_documents: 20, check: unchecked };
/// Another kind, to check that kinds are independent.
const OTHER: Kind =
    Kind { name: "contract-other", format: 1, plural: "others", most_bytes: 10, most_documents: 2, check: unchecked };

/// Instantiates the suite; see [`crate::contract`].
#[macro_export]
macro_rules! documents_contract {
    ($make:path) => {
        $crate::contract_cases!(
            documents,
            $make,
            what_is_put_comes_back_as_it_was_and_after_reopening,
            a_change_of_another_version_than_expected_is_a_conflict,
            versions_grow_and_are_never_used_again,
            of_many_who_change_one_version_one_wins,
            documents_are_listed_by_name_and_kinds_do_not_meet,
            documents_keep_to_the_limits_of_their_kind,
            a_watch_misses_no_change,
            closing_wakes_those_who_watch,
            a_held_lease_is_given_to_nobody_else_and_a_released_one_is,
            a_lease_that_ran_out_is_lost_and_another_may_have_it,
            tokens_grow_also_after_reopening,
            of_many_who_want_a_lease_one_gets_it,
            a_change_under_a_lost_lease_is_refused_and_writes_nothing,
            a_closed_store_has_no_documents_and_no_leases,
        );
    };
}

async fn put(documents: &dyn Documents, name: &str, text: &str) -> Version {
    documents.put(&NOTE, name, &json(text), Expected::Any, None).await.unwrap()
}

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

async fn names(documents: &dyn Documents, kind: &Kind) -> Vec<String> {
    documents.list(kind).await.unwrap().documents.into_iter().map(|Document { name, .. }| name).collect()
}
