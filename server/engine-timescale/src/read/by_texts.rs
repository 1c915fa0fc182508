//! Groups the records with a text by the sorted messages of blocks.
//!
//! Where service and level class decide the rest of the query, and the groups are by these, matching lines are counted
//! as they are. Of other matching lines the records are looked up by their positions.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use model::{
    Query,
    aggregate::{Group, Groups, Key, Measure, Table},
    query::{Expr, Field},
    time::Nanos,
};
use pipeline::{Error, Result};

use super::grouping::{GROUPS, GroupingRun};
use crate::{
    sql::{Places, Statement},
    summaries::{self, Blocks, Head, Wanted},
};

/// The blocks that are searched before looking whether it is worth while.
const BLOCKS: usize = 16;
/// With more records to look up, all are read in their order.
const POSITIONS: usize = 50_000;
/// How long texts are searched, like a statement of the store.
const LONGEST: Duration = Duration::from_secs(30);
/// A statement that looks up so many records is complete. Records of neighbouring blocks are in few partitions, and each
/// partition is searched for each position of a statement.
const LOOKED_UP: usize = 2_000;

/// `None` if sorted messages are of no use.
pub(super) async fn group(run: &mut GroupingRun<'_>, blocks: &Blocks) -> Result<Option<Table>> {
    let query = run.query;
    let is_text = |operand: &&Expr| matches!(operand, Expr::Contains(_));
    if !query.required().iter().any(|operand| is_text(&operand)) {
        return Ok(None);
    }
    let texts = summaries::texts_of(query);
    let rest = Query { expr: Expr::and(query.required().iter().filter(|operand| !is_text(operand)).cloned()) };
    let (mut places, mut positions): (Vec<Places>, Places) = Default::default();
    let (mut position_count, mut pending) = (0, 0);
    // The blocks whose records are read.
    let mut read: BTreeSet<i64> = BTreeSet::new();
    let mut searched: Vec<(&Head, Vec<Wanted>)> = Vec::new();
    for head in &blocks.heads {
        if head.has_pages {
            searched.push((head, wanted(head, &rest, run)));
        } else {
            read.insert(head.first);
        }
    }
    if searched.is_empty() {
        return Ok(None);
    }
    let (mut groups, mut done, mut unsearched) = (Groups::new(run.grouping), 0, 0);
    let begun = Instant::now();
    for some in searched.chunks(BLOCKS) {
        if begun.elapsed() > LONGEST {
            let message = "the search took too long and was stopped; narrow the time range or the filter";
            return Err(Error::overloaded(message, Duration::from_secs(1)));
        }
        let mut found = summaries::matching(run.session, some, &texts).await?;
        for (head, _) in some {
            done += 1;
            let Some(in_block) = found.remove(&head.first) else {
                unsearched += 1;
                read.insert(head.first);
                continue;
            };
            for pair in head.pairs() {
                if let Some(records) = in_block.numbers.get(&pair.number) {
                    let keys = run.grouping.keys.iter().map(|key| key.of(&pair.record)).collect();
                    groups.merge(keys, Group::new(*records, Nanos::MIN));
                }
            }
            position_count += in_block.positions.len();
            pending += in_block.positions.len();
            positions.add_positions(in_block.positions, head.times());
            if pending >= LOOKED_UP {
                places.push(std::mem::take(&mut positions));
                pending = 0;
            }
        }
        if position_count > POSITIONS || unsearched * 2 > done {
            return Ok(None);
        }
    }
    places.push(positions);
    places.extend(blocks.exactly(|head| read.contains(&head.first), true));
    for places in places.iter().filter(|places| !places.is_empty()) {
        let statement = Statement::matching(query).within(run.range).at(places);
        if !run.add(statement, &mut groups, GROUPS).await? {
            return Ok(None);
        }
    }
    Ok(Some(groups.into_table()))
}

/// What is wanted of the lines of each pair of the block.
fn wanted(head: &Head, rest: &Query, run: &GroupingRun<'_>) -> Vec<Wanted> {
    let is_known = |key: &Key| matches!(key, Key::Field(Field::Service | Field::Level));
    let are_counted = head.is_within(run.range)
        && run.grouping.keys.iter().all(is_known)
        && run.grouping.measures.iter().all(|measure| *measure == Measure::Count);
    let mut wanted = Vec::new();
    for pair in head.pairs() {
        let place = pair.number as usize;
        if wanted.len() <= place {
            wanted.resize(place + 1, Wanted::Nothing);
        }
        wanted[place] = match rest.decided_by_service_and_class(&pair.record) {
            Some(false) => Wanted::Nothing,
            Some(true) if are_counted => Wanted::Number,
            Some(true) | None => Wanted::Positions,
        };
    }
    wanted
}
