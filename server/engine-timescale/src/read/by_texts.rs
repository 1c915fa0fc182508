//! Groups the records with a text by the sorted messages of blocks.
//!
//! Where service and level class decide the rest of the query, and the groups are by these, matching lines are counted
//! as they are. Of other matching lines the records are looked up by their positions.

use std::collections::BTreeSet;

use model::{
    Query,
    aggregate::{Group, Groups, Key, Measure, Table},
    query::{Expr, Field},
    time::Nanos,
};
use pipeline::Result;

use super::grouping::{GROUPS, GroupingRun};
use crate::{
    sql::{Places, Statement},
    summaries::{self, Blocks, Head, Wanted},
};

/// The blocks that are searched before looking whether it is worth while.
const BLOCKS: usize = 16;
/// With more records to look up, all are read in their order.
const POSITIONS: usize = 50_000;

/// `None` if sorted messages are of no use.
pub(super) async fn group(run: &mut GroupingRun<'_>, blocks: &Blocks) -> Result<Option<Table>> {
    let query = run.query;
    let is_text = |operand: &&Expr| matches!(operand, Expr::Contains(_));
    if !query.required().iter().any(|operand| is_text(&operand)) {
        return Ok(None);
    }
    let texts = summaries::texts_of(query);
    let rest = Query { expr: Expr::and(query.required().iter().filter(|operand| !is_text(operand)).cloned()) };
    let (mut positions, mut position_count) = (Places::default(), 0);
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
    for some in searched.chunks(BLOCKS) {
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
            positions.add_positions(in_block.positions, head.times());
        }
        if position_count > POSITIONS || unsearched * 2 > done {
            return Ok(None);
        }
    }
    let mut places = blocks.exactly(|head| read.contains(&head.first), true);
    places.push(positions);
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
