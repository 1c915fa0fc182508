//! Aggregation (C13): chooses what answers each grouping.
//!
//! Counted minutes, counted values and sorted messages answer without the records; else the records are read, of those
//! blocks alone that may match. All give the same answer, and all statements read one snapshot.

use model::{
    Query,
    aggregate::{Aggregation, Grouping, Groups, Key, Measure, Table},
    query::{Expr, Field},
};
use pipeline::{Result, TimeRange, ask};

use super::{Readers, by_texts, by_values, grouping::GroupingRun, minutes};
use crate::{
    session::Session,
    sql::Places,
    summaries::{self, Blocks},
};

/// See [`pipeline::Ask::aggregate`].
pub(crate) async fn aggregate(readers: &Readers, aggregation: &Aggregation) -> Result<Vec<Table>> {
    ask::check(aggregation)?;
    let Aggregation { query, range, groupings } = aggregation;
    if range.from >= range.to {
        return Ok(groupings.iter().map(|grouping| Groups::new(grouping).into_table()).collect());
    }
    let in_minutes = |grouping: &Grouping| minutes_suffice(query, grouping);
    let mut session = Session::open(&readers.pool).await?;
    session.begin_snapshot().await?;
    let split = if groupings.iter().any(in_minutes) {
        Some(minutes::split(&mut session, readers.minutes, *range).await?)
    } else {
        None
    };
    let others: Vec<&Grouping> = groupings.iter().filter(|grouping| !in_minutes(grouping)).collect();
    let sources = Sources::of(&mut session, readers, query, *range, &others).await?;
    let mut tables = Vec::with_capacity(groupings.len());
    for grouping in groupings {
        let mut run = GroupingRun { session: &mut session, query, range: *range, grouping };
        tables.push(match &split {
            Some(split) if in_minutes(grouping) => run.group_minutes(readers.minutes, split).await?,
            _ => sources.group(&mut run).await?,
        });
    }
    session.end_snapshot().await?;
    session.end();
    Ok(tables)
}

/// Whether the counted minutes give the same result as the records.
fn minutes_suffice(query: &Query, grouping: &Grouping) -> bool {
    let is_known = |key: &Key| match key {
        Key::Field(field) => matches!(field, Field::Service | Field::Level),
        Key::Time { width } => width % minutes::MINUTE == 0,
    };
    (query.is_by_service_and_class() || query.split_by_service().is_some())
        && grouping.keys.iter().all(is_known)
        && grouping.measures.iter().all(|measure| *measure == Measure::Count)
}

/// What the groupings of an aggregation are read from.
#[derive(Debug, Default)]
struct Sources {
    /// The blocks that may match; `None` if summaries are of no use.
    blocks: Option<Blocks>,
    /// The places of these blocks, if they leave out at least half of the records.
    places: Option<Places>,
}

impl Sources {
    async fn of(
        session: &mut Session,
        readers: &Readers,
        query: &Query,
        range: TimeRange,
        groupings: &[&Grouping],
    ) -> Result<Self> {
        let by_values = groupings.iter().any(|grouping| by_values::field_of(grouping).is_some());
        if groupings.is_empty() || (query.expr == Expr::All && !by_values) {
            return Ok(Self::default());
        }
        let Some(Blocks { heads, tail }) = summaries::load(session, range).await? else { return Ok(Self::default()) };
        let records = |heads: &[summaries::Head]| heads.iter().map(|head| head.records).sum::<i64>();
        let all = records(&heads);
        let heads = summaries::keep(session, &readers.sets, query, heads).await?;
        let blocks = Blocks { heads, tail };
        let places = (records(&blocks.heads) * 2 <= all).then(|| blocks.places());
        Ok(Self { blocks: Some(blocks), places })
    }

    async fn group(&self, run: &mut GroupingRun<'_>) -> Result<Table> {
        if let Some(blocks) = &self.blocks {
            if let Some(table) = by_values::group(run, blocks).await? {
                return Ok(table);
            }
            if let Some(table) = by_texts::group(run, blocks).await? {
                return Ok(table);
            }
        }
        run.group_records(self.places.as_ref()).await
    }
}
