//! Chooses whether the records of a new replay come from the store or from the archive.

use std::time::Duration;

use model::{Query, TimeRange, time::format_rfc3339};
use tokio::time::timeout;

use super::{
    archived::{ArchivedDay, day_of},
    document::Origin,
    shared::Shared,
};
use crate::{Error, Result, ask};

/// The time limit for counting the records of a day.
const COUNT: Duration = Duration::from_secs(30);
/// When the user may ask again after that.
const RETRY: Duration = Duration::from_secs(10);

/// The day in the archive that the records come from; `None` for the store.
///
/// `source` is the choice of the user. Without one it is the archive if that has more records of the day than the store.
///
/// # Errors
/// `Invalid` if the choice is impossible. `Overloaded` if counting the records takes too long. Errors of the archive and
/// of the store.
pub(super) async fn origin(
    shared: &Shared,
    source: Option<Origin>,
    is_to_store: bool,
    range: TimeRange,
) -> Result<Option<ArchivedDay>> {
    match source {
        Some(Origin::Store) if is_to_store => Err(Error::invalid(
            "source is store, and to is store, too; records are stored again from the archive: leave source out",
        )),
        Some(Origin::Store) => Ok(None),
        Some(Origin::Archive) => archived(shared, range).await.map(Some),
        None if is_to_store => archived(shared, range).await.map(Some),
        None => fuller(shared, range).await,
    }
}

/// The day in the archive.
///
/// # Errors
/// `Invalid` if the archive does not have it.
async fn archived(shared: &Shared, range: TimeRange) -> Result<ArchivedDay> {
    let Some(archive) = &shared.archive else {
        return Err(Error::invalid(
            "the source is the archive, which this server does not have; start it with --archive",
        ));
    };
    let Some(start) = day_of(range) else {
        return Err(Error::invalid(
            "the times are of several days in UTC, and the archive is read a day at a time; start a replay for each day",
        ));
    };
    archive.find(start).await?.ok_or_else(|| {
        let day: String = format_rfc3339(start).chars().take(10).collect();
        Error::invalid(format!("the archive does not have the day {day}; `logboom archive list` shows its days"))
    })
}

/// The day in the archive if that has more of its records than the store.
async fn fuller(shared: &Shared, range: TimeRange) -> Result<Option<ArchivedDay>> {
    let (Some(archive), Some(start)) = (&shared.archive, day_of(range)) else { return Ok(None) };
    let found = archive.find(start).await.map_err(|error| Error {
        message: format!("{}; to send what the store has, name it as the source", error.message),
        ..error
    });
    let Some(day) = found? else { return Ok(None) };
    let everything = Query::default();
    let count = timeout(COUNT, ask::count(&*shared.store, &everything, day.range()));
    let stored = count.await.unwrap_or_else(|_| {
        let limit = format!("counting the records of the day in the store takes longer than {} s", COUNT.as_secs());
        Err(Error::overloaded(format!("{limit}; name the source: store or archive"), RETRY))
    });
    Ok((stored? < day.records).then_some(day))
}
