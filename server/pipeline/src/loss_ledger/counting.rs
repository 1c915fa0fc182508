//! Counts the records of the store.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use model::{
    Nanos, Query, TimeRange,
    aggregate::{Aggregation, Cell, GROUPS, Grouping, Key, Measure},
    query::Field,
};
use tokio::time::timeout;

use super::Hour;
use crate::{Error, LogStore, Result};

/// The time limit of one question to the store.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The hours of which the store has records.
pub(super) async fn hours_of_store(store: &dyn LogStore, now: Nanos) -> Result<BTreeSet<Hour>> {
    let range = TimeRange { from: Hour::oldest(now).start(), to: Hour::of(now).next().next().start() };
    let keys = vec![Key::Time { width: Hour::WIDTH }];
    let rows = ask(store, Grouping { keys, measures: vec![Measure::Count], limit: GROUPS }, range).await?;
    Ok(rows.into_iter().map(|(hour, ..)| hour).collect())
}

/// The numbers of stored records, by hour and service.
pub(super) async fn stored_in(store: &dyn LogStore, range: TimeRange) -> Result<BTreeMap<Hour, BTreeMap<String, u64>>> {
    let keys = vec![Key::Time { width: Hour::WIDTH }, Key::Field(Field::Service)];
    // The newest time is not used. A store that keeps counts beside the records does not have it, and counts the
    // records themselves.
    let measures = vec![Measure::Count, Measure::NewestTime];
    let mut stored: BTreeMap<Hour, BTreeMap<String, u64>> = BTreeMap::new();
    for (hour, service, count) in ask(store, Grouping { keys, measures, limit: GROUPS }, range).await? {
        *stored.entry(hour).or_default().entry(service).or_default() += count;
    }
    Ok(stored)
}

async fn ask(store: &dyn LogStore, grouping: Grouping, range: TimeRange) -> Result<Vec<(Hour, String, u64)>> {
    let aggregation = Aggregation { query: Query::default(), range, groupings: vec![grouping] };
    let late = |_| Err(Error::unavailable(format!("the store has not counted an hour within {TIMEOUT:?}")));
    let tables = timeout(TIMEOUT, store.aggregate(&aggregation)).await.unwrap_or_else(late)?;
    if tables.iter().any(|table| !table.complete) {
        return Err(Error::invalid(format!(
            "these hours have more than {GROUPS} services together; ask for fewer hours"
        )));
    }
    let read = |(keys, count): (Vec<Cell>, u64)| match keys.as_slice() {
        [Cell::Time(time)] => Some((Hour::of(*time), String::new(), count)),
        [Cell::Time(time), Cell::Text(service)] => Some((Hour::of(*time), service.clone(), count)),
        [Cell::Time(time), ..] => Some((Hour::of(*time), String::new(), count)),
        _ => None,
    };
    Ok(tables.into_iter().flat_map(|table| table.counts()).filter_map(read).collect())
}
