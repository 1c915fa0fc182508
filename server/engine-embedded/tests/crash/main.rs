//! The crash matrix: the process is killed at each step of its work on a data folder, and the resulting folder is
//! checked by record ids. Nothing acknowledged is lost, nothing is duplicated or invented, and no position ever
//! identifies two records.
//!
//! A new step needs a `crash_point!` in the engine and one line in a table below.

#![allow(clippy::unwrap_used)]

mod child;
mod judge;
mod workload;

use judge::Judge;
use workload::Engines::{self, Apart, Deleting, DeletingApart, Expiring, Pair};

/// Steps of normal work, with the number of passes before the crash.
const WORKING: &[(&str, Engines, &[u32])] = &[
    ("wal::group-gathered", Pair, &[0, 40]),
    ("wal::group-written", Pair, &[0, 40]),
    ("wal::group-synced", Pair, &[0, 40]),
    ("wal::group-published", Pair, &[0, 40]),
    ("wal::segment-reserved", Pair, &[0, 1]),
    ("wal::segment-written", Pair, &[0, 1]),
    ("wal::segment-synced", Pair, &[0, 1]),
    ("wal::segment-named", Pair, &[0, 1]),
    ("wal::segment-durable", Pair, &[0, 1]),
    ("wal::segment-retired", Pair, &[0, 1]),
    ("wal::closing", Pair, &[0]),
    ("flush::started", Pair, &[0, 1]),
    ("part::created", Pair, &[0, 1]),
    ("part::written", Pair, &[0, 1]),
    ("flush::parts-written", Pair, &[0, 1]),
    ("catalogue::parts-added", Pair, &[0, 1]),
    ("catalogue::cursor-moved", Pair, &[0, 1]),
    ("flush::committed", Pair, &[0, 1]),
    ("flush::swapped", Pair, &[0, 1]),
    ("flush::released", Pair, &[0, 1]),
    ("upkeep::merged", Pair, &[0, 1]),
    ("catalogue::parts-replaced", Pair, &[0, 1]),
    ("upkeep::committed", Pair, &[0, 1]),
    ("upkeep::swapped", Pair, &[0, 1]),
    ("part::unlinked", Pair, &[0, 1, 2]),
    ("upkeep::merged", Expiring, &[0, 1]),
    ("catalogue::parts-replaced", Expiring, &[0, 1]),
    ("upkeep::committed", Expiring, &[0, 1]),
    ("upkeep::swapped", Expiring, &[0, 1]),
    ("part::unlinked", Expiring, &[0, 1]),
    ("wal::spares-removed", Deleting, &[0, 1]),
    ("wal::segment-named", Deleting, &[1, 2]),
    ("wal::sealed", Deleting, &[0, 1]),
    ("removal::log-sealed", Deleting, &[0, 1]),
    ("removal::memory-flushed", Deleting, &[0, 1]),
    ("part::written", Deleting, &[1, 3]),
    ("upkeep::merged", Deleting, &[0, 1]),
    ("catalogue::parts-replaced", Deleting, &[0, 1]),
    ("upkeep::committed", Deleting, &[0, 1]),
    ("upkeep::swapped", Deleting, &[0, 1]),
    ("removal::part-replaced", Deleting, &[0, 1]),
    ("part::unlinked", Deleting, &[0, 1]),
    ("wal::segment-retired", Deleting, &[0, 1]),
    ("removal::files-gone", Deleting, &[0, 1]),
    ("wal::sealed", DeletingApart, &[0]),
    ("removal::memory-flushed", DeletingApart, &[0]),
    ("upkeep::committed", DeletingApart, &[0]),
    ("removal::files-gone", DeletingApart, &[0]),
    ("wal::group-synced", Apart, &[0, 40]),
    ("wal::segment-named", Apart, &[0, 1]),
    ("queue::cursor-written", Apart, &[0]),
    ("queue::cursor-synced", Apart, &[0]),
    ("queue::cursor-named", Apart, &[0]),
    ("queue::cursor-durable", Apart, &[0]),
    ("flush::parts-written", Apart, &[0]),
    ("flush::committed", Apart, &[0]),
];

/// Steps of opening a folder after a crash.
const OPENING: &[(&str, Engines, &[u32])] = &[
    ("open::catalogue-ready", Pair, &[0]),
    ("wal::read", Pair, &[0]),
    ("wal::segment-named", Pair, &[0]),
    ("wal::segment-cut", Pair, &[0]),
    ("open::journal-ready", Pair, &[0]),
    ("open::orphans-removed", Pair, &[0]),
    ("open::frames-taken", Pair, &[0]),
    ("wal::read", Apart, &[0, 1]),
    ("open::frames-taken", Apart, &[0]),
];

/// Steps of opening an empty folder.
const FIRST: &[(&str, Engines, &[u32])] = &[
    ("migration::table-made", Pair, &[0]),
    ("migration::script-run", Pair, &[0]),
    ("migration::numbered", Pair, &[0]),
    ("migration::committed", Pair, &[0]),
    ("open::catalogue-ready", Pair, &[0]),
    ("wal::segment-reserved", Pair, &[0]),
    ("wal::segment-durable", Pair, &[0]),
    ("open::orphans-removed", Apart, &[0]),
];

/// Steps at which the disk is temporarily full, and whether the store must report it: upkeep retries silently later.
const FULL: &[(&str, Engines, bool)] = &[
    ("part::create=1", Pair, true),
    ("part::write=1", Pair, true),
    ("part::sync=1", Pair, true),
    ("catalogue::commit=1", Pair, true),
    ("catalogue::commit=0", Apart, true),
    ("catalogue::replace=0", Pair, false),
    ("catalogue::replace=0", Expiring, false),
    ("catalogue::replace=0", Deleting, true),
];

/// A crash during work, the start of every case except the first opening.
const IN_WORK: &str = "wal::group-written=60";

fn cases(table: &[(&'static str, Engines, &'static [u32])]) -> impl Iterator<Item = (String, Engines)> {
    let cases = |(point, engines, passed): &(&'static str, Engines, &'static [u32])| {
        let (point, engines) = (*point, *engines);
        passed.iter().map(move |passed| (format!("{point}={passed}"), engines))
    };
    table.iter().flat_map(cases).collect::<Vec<_>>().into_iter()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_of_its_work_it_loses_nothing_and_doubles_nothing() {
    for (at, engines) in cases(WORKING) {
        let mut judge = Judge::new(engines);
        judge.kill_at(&at).await;
        judge.verify().await;
        // A second crash on the result of the first, before any cleanup.
        judge.kill_at(IN_WORK).await;
        judge.kill_at(&at).await;
        judge.verify().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_full_disk_at_any_step_it_says_so_and_goes_on_when_there_is_space() {
    for (at, engines, says_so) in FULL {
        let mut judge = Judge::new(*engines);
        let in_trouble = judge.fill_disk_at(at).await;
        assert_eq!(in_trouble, *says_so, "{at}: what the store said");
        judge.verify().await;
        judge.kill_at(IN_WORK).await;
        judge.fill_disk_at(at).await;
        judge.verify().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_recovers_it_recovers_the_next_time() {
    for (at, engines) in cases(OPENING) {
        let mut judge = Judge::new(engines);
        judge.kill_at(IN_WORK).await;
        judge.kill_at(&at).await;
        judge.kill_at(&at).await;
        judge.verify().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_its_first_start_it_starts_the_next_time() {
    for (at, engines) in cases(FIRST) {
        let mut judge = Judge::new(engines);
        judge.kill_at(&at).await;
        judge.verify().await;
        judge.kill_at(IN_WORK).await;
        judge.verify().await;
    }
}
