//! Replays: sending the records of a day to a sink once more, or storing them again.

use std::sync::Arc;

use model::{Nanos, Query, Sight, api::ReplayView, time::format_rfc3339};
use pipeline::{
    Error, Queue, Result, TimeRange, follow,
    redact::{RedactedDays, Redaction},
    replay::{ArchivedDays, Origin, Replay, Replays, Request, STORE, Target, store_target},
};
use reading::Clock;
use serde::Deserialize;
use sinks::Definition;
use utoipa::ToSchema;

use super::address;
use crate::archiving::Days;

/// A day in nanoseconds.
const DAY: Nanos = 86_400_000_000_000;

/// A replay as a user asks for it: a day, or a range of times.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewReplay {
    /// A day in UTC, such as `2026-11-19`. Either this or `from` and `to_time` is given.
    day: Option<String>,
    /// The begin: RFC 3339, epoch milliseconds, or relative to now.
    from: Option<String>,
    /// The end, exclusive.
    to_time: Option<String>,
    /// The name of a sink, or `store` to bring records back from the archive.
    to: String,
    /// `store` or `archive`; empty or missing for the one that has more of the records.
    #[serde(default)]
    source: String,
    /// A filter in the query language; empty or missing for all records.
    #[serde(default)]
    query: String,
}

/// What replays to the store, and from the archive, need.
pub(crate) struct Restoring {
    pub(crate) queue: Arc<dyn Queue>,
    /// `None` without `--archive`.
    pub(crate) archive: Option<Days>,
    /// The archive may have records from before a rule.
    pub(crate) redaction: Option<Arc<Redaction>>,
}

impl NewReplay {
    /// Checks the fields. `sight`: of who asks.
    ///
    /// # Errors
    /// `Invalid`, naming the field.
    pub(crate) async fn request(self, clock: &Clock, sight: &Sight) -> Result<Request> {
        let source = match self.source.as_str() {
            "" => None,
            "store" => Some(Origin::Store),
            "archive" => Some(Origin::Archive),
            other => {
                return Err(Error::invalid(format!(
                    "source is {other:?}; write store or archive, or leave it out for the one that has more of the day"
                )));
            }
        };
        let range = match (&self.day, &self.from, &self.to_time) {
            (Some(day), None, None) => clock.day("day", day)?,
            (None, Some(from), Some(to)) => time_range(clock, from, to)?,
            (Some(_), ..) => return Err(Error::invalid("day is given with from or to_time; give one of both")),
            (None, ..) => {
                return Err(Error::invalid(
                    "the records are not named; give a day, such as \"day\": \"2026-11-19\", or from and to_time",
                ));
            }
        };
        reading::parse_query(Some(&self.query))
            .await
            .map_err(|error| Error { message: format!("{}; an example is level>=warn", error.message), ..error })?;
        Ok(Request { sink: self.to, source, range, query: self.query, without_audit: !sight.sees_audit() })
    }
}

fn time_range(clock: &Clock, from: &str, to: &str) -> Result<TimeRange> {
    let instant = |name, text: &str| clock.instant(name, text.trim());
    let range = TimeRange { from: instant("from", from)?, to: instant("to_time", to)? };
    if range.from >= range.to {
        return Err(Error::invalid("from is not before to_time; swap them, or name a later to_time"));
    }
    Ok(range)
}

/// Starts the tasks that run replays to the sinks, and with an archive to the store.
///
/// # Errors
/// `Invalid` if the filter of a sink does not parse.
pub(crate) fn start_replays(
    definitions: &[Definition],
    restoring: Restoring,
    store_id: &str,
    options: &follow::Options,
) -> Result<Arc<Replays>> {
    let of_sinks = definitions.iter().map(|definition| target(definition, store_id.to_owned()));
    let mut targets = of_sinks.collect::<Result<Vec<_>>>()?;
    let Restoring { queue, archive, redaction } = restoring;
    let archive = archive.map(|days| -> Arc<dyn ArchivedDays> {
        match redaction {
            Some(redaction) => Arc::new(RedactedDays::new(Arc::new(days), redaction)),
            None => Arc::new(days),
        }
    });
    // The name of the store takes precedence over that of a sink.
    targets.retain(|target| target.name != STORE);
    if archive.is_some() {
        targets.push(store_target(Arc::clone(&options.store), queue, options.holder.clone()));
    }
    Ok(Replays::start(targets, archive, options))
}

fn target(definition: &Definition, own: String) -> Result<Target> {
    let query = Query::parse(&definition.query).map_err(|error| Error::invalid(error.to_string()))?;
    let (name, target) = (definition.name.clone(), address(definition));
    let definition = definition.clone();
    Ok(Target { name, target, query, build: Arc::new(move |replay| definition.for_replay(&replay.id).build(&own)) })
}

/// A replay for the API and the page System.
pub(crate) fn replay_view(replay: Replay) -> ReplayView {
    let (range, position, skipped) = (replay.range(), replay.position(), replay.skipped());
    let (source, fraction) = (replay.source().name().to_owned(), replay.fraction());
    let is_day = range.from % DAY == 0 && range.to.checked_sub(range.from) == Some(DAY);
    let from = format_rfc3339(range.from);
    ReplayView {
        id: replay.id,
        day: is_day.then(|| from.chars().take(10).collect()),
        from,
        to_time: format_rfc3339(range.to),
        source,
        to: replay.sink,
        target: replay.target,
        query: replay.query,
        state: replay.state.name().to_owned(),
        sent: replay.sent.saturating_sub(skipped),
        skipped,
        refused: replay.refused,
        total: replay.total,
        fraction,
        position: Some(position).filter(|position| position.0 >= 0).map(|position| position.to_string()),
        started: format_rfc3339(replay.started),
        ended: replay.ended.map(format_rfc3339),
        error: replay.error,
    }
}
