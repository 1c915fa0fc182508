//! Searches only blocks that may match, newest first.
//!
//! The time from the cursor back to the start of the range is divided into windows. A window ends where the next block
//! begins to have records, seen backwards. It is searched at the places of all blocks that reach into it: their
//! positions from the first to the last, or the positions of those records that contain the texts of the query. So a
//! window is searched completely, like a slice, and blocks may overlap in time as they like. If very many blocks reach
//! into one window, because clocks are wrong or old records arrive, each window would read most of them again: then the
//! search goes on in slices.

use std::time::{Duration, Instant as Clock};

use model::{Position, time::Nanos};
use pipeline::{Cursor, Result};

use super::{
    Readers,
    found::{Found, Outcome},
    slices::Pace,
};
use crate::{
    session::Session,
    sql::Places,
    summaries::{self, Blocks, Head},
    types::Instant,
};

/// The most blocks that a window adds.
const BLOCKS: usize = 16;
/// The time after which the next window adds fewer blocks instead of more.
const LONG: Duration = Duration::from_millis(500);
/// With more blocks that reach into a window, or more of their records to look up, slices are quicker.
const OPEN: usize = 64;
const POSITIONS: usize = 50_000;

/// A block or the tail.
struct Source {
    range: (i64, i64),
    times: (Instant, Instant),
    /// If it is a block with sorted messages.
    head: Option<Head>,
}

/// A source that reaches into the window.
struct Open {
    source: Source,
    /// The records that contain the texts; `None`: all.
    positions: Option<Vec<i64>>,
}

/// Searches from the cursor on. `None` if blocks are of no use, and nothing was searched; [`Outcome::Continue`] if they
/// are of no use from the cursor on.
pub(super) async fn sweep(
    session: &mut Session,
    readers: &Readers,
    found: &mut Found<'_>,
    pace: &mut Pace,
) -> Result<Option<Outcome>> {
    session.begin_snapshot().await?;
    let outcome = match sources(session, readers, found).await? {
        Some(sources) => Some(windows(session, found, pace, sources).await?),
        None => None,
    };
    session.end_snapshot().await?;
    Ok(outcome)
}

/// What may have matching records at or before the cursor, newest first by the latest time.
async fn sources(session: &mut Session, readers: &Readers, found: &Found<'_>) -> Result<Option<Vec<Source>>> {
    let query = &found.request.query;
    let mut range = found.request.range;
    range.to = top(found).saturating_add(1);
    let Some(Blocks { heads, tail }) = summaries::load(session, range).await? else { return Ok(None) };
    let blocks = heads.len();
    let kept = summaries::keep(session, &readers.sets, query, heads).await?;
    // Without a text, blocks that may match are read as a whole, which is no faster than in slices.
    if kept.len() * 2 > blocks && summaries::texts_of(query).is_empty() {
        return Ok(None);
    }
    let of_head =
        |head: Head| Source { range: head.range(), times: head.times(), head: head.has_pages.then_some(head) };
    let mut sources: Vec<Source> = kept.into_iter().map(of_head).collect();
    sources.extend(tail.map(|tail| Source { range: tail.range(), times: tail.times, head: None }));
    sources.sort_by_key(|source| std::cmp::Reverse(source.times.1));
    Ok(Some(sources))
}

/// The latest time that is not searched yet.
fn top(found: &Found<'_>) -> Nanos {
    found.cursor.map_or(found.request.range.to.saturating_sub(1), |cursor| cursor.time)
}

async fn windows(
    session: &mut Session,
    found: &mut Found<'_>,
    pace: &mut Pace,
    sources: Vec<Source>,
) -> Result<Outcome> {
    let mut rest = sources.into_iter().peekable();
    let mut open: Vec<Open> = Vec::new();
    let mut step = 1;
    loop {
        let (begun, top) = (Clock::now(), top(found));
        let mut new: Vec<Source> = rest.by_ref().take(step).collect();
        // Each window gets on: it ends before the cursor.
        while let Some(source) = rest.next_if(|source| source.times.1.join(999) >= top) {
            new.push(source);
        }
        if open.len() + new.len() > OPEN {
            return Ok(Outcome::Continue);
        }
        let last = rest.peek().map(|next| Cursor { time: next.times.1.join(999), position: Position(i64::MAX) });
        open.extend(look_up(session, found, new).await?);
        if open.iter().flat_map(|open| &open.positions).map(Vec::len).sum::<usize>() > POSITIONS {
            return Ok(Outcome::Continue);
        }
        let mut places = Places::default();
        for Open { source, positions } in &open {
            match positions {
                Some(positions) => places.add_positions(positions.iter().copied(), source.times),
                None => places.add_range(source.range, source.times),
            }
        }
        let outcome = if places.is_empty() {
            found.cursor = last.or(found.cursor);
            if last.is_some() { Outcome::Continue } else { Outcome::Complete }
        } else {
            found.slice_at(session, last, &places).await?
        };
        let (Outcome::Continue, Some(last)) = (outcome, last) else { return Ok(outcome) };
        if !pace.has_time_left() {
            return Ok(Outcome::Partial);
        }
        open.retain(|open| open.source.times.0.join(0) <= last.time);
        step = if begun.elapsed() < LONG { (step * 2).min(BLOCKS) } else { (step / 2).max(1) };
    }
}

/// Finds the records that contain the texts of the query, where that is known.
async fn look_up(session: &mut Session, found: &Found<'_>, sources: Vec<Source>) -> Result<Vec<Open>> {
    let texts = summaries::texts_of(&found.request.query);
    let heads = sources.iter().filter_map(|source| source.head.as_ref());
    // All records are wanted by their positions.
    let searched: Vec<(&Head, Vec<summaries::Wanted>)> = heads.map(|head| (head, Vec::new())).collect();
    let mut matching = if texts.is_empty() || searched.is_empty() {
        Default::default()
    } else {
        summaries::matching(session, &searched, &texts).await?
    };
    let mut open = Vec::with_capacity(sources.len());
    for source in sources {
        let positions = matching.remove(&source.range.0).map(|in_block| in_block.positions);
        // A block without such a record is no longer needed.
        if positions.as_ref().is_none_or(|positions| !positions.is_empty()) {
            open.push(Open { source, positions });
        }
    }
    Ok(open)
}
