//! Groups by one field by counted values.
//!
//! In each block, the filter is decided for some services and level classes; of these, values are counted. The records
//! of the others, of blocks that are only partly in the range, and of the tail are read.

use std::collections::BTreeSet;

use model::{
    Query,
    aggregate::{Cell, Group, Grouping, Groups, Key, Measure, Table},
    query::{Expr, Field, Test},
    time::Nanos,
};
use pipeline::{Result, TimeRange};

use super::grouping::GroupingRun;
use crate::{
    sql::Statement,
    summaries::{self, Blocks, Head, OfBlock},
};

/// With more values, the database groups them: each takes about a hundred bytes, some times over.
const VALUES: usize = 1 << 18;

/// The field whose counted values may answer the grouping.
pub(super) fn field_of(grouping: &Grouping) -> Option<&Field> {
    match grouping.keys.as_slice() {
        [Key::Field(field @ (Field::Node | Field::Attribute(_)))]
            if grouping.measures.iter().all(|measure| *measure == Measure::Count) =>
        {
            Some(field)
        }
        _ => None,
    }
}

/// `None` if counted values are of no use.
pub(super) async fn group(run: &mut GroupingRun<'_>, blocks: &Blocks) -> Result<Option<Table>> {
    let Some(field) = field_of(run.grouping) else { return Ok(None) };
    let mut plan = Plan::of(&blocks.heads, run.query, run.range);
    if plan.counted.is_empty() {
        return Ok(None);
    }
    let Some(counts) = summaries::count(run.session, &field.name(), std::mem::take(&mut plan.counted), VALUES).await?
    else {
        return Ok(None);
    };
    plan.leave_out(&counts.left_out);
    let mut groups = Groups::new(run.grouping);
    for (value, records) in counts.values {
        groups.merge(vec![Cell::Text(value)], Group::new(records, Nanos::MIN));
    }
    if counts.missing > 0 {
        groups.merge(vec![Cell::Missing], Group::new(counts.missing, Nanos::MIN));
    }
    for places in blocks.exactly(|head| plan.read.contains(&head.first), true) {
        let statement = Statement::matching(run.query).within(run.range).at(&places);
        if !run.add(statement, &mut groups, VALUES).await? {
            return Ok(None);
        }
    }
    let of_services = Expr::Field(Field::Service, Test::AnyOf(plan.services.iter().cloned().collect()));
    let query = Query { expr: Expr::and([run.query.expr.clone(), of_services]) };
    for places in blocks.exactly(|head| plan.undecided.contains(&head.first), false) {
        let statement = Statement::matching(&query).within(run.range).at(&places);
        if !run.add(statement, &mut groups, VALUES).await? {
            return Ok(None);
        }
    }
    Ok(Some(groups.into_table()))
}

/// What is counted, and what is read. Blocks are named by their first positions.
#[derive(Debug, Default)]
struct Plan {
    counted: Vec<OfBlock>,
    /// Of these blocks, all matching records.
    read: BTreeSet<i64>,
    /// The services of which service and level class do not decide in some block. One statement can then read these
    /// services of all blocks.
    services: BTreeSet<String>,
    /// The blocks of which these services are read, and the others are counted.
    undecided: BTreeSet<i64>,
}

impl Plan {
    fn of(heads: &[Head], query: &Query, range: TimeRange) -> Self {
        let mut plan = Self::default();
        let (usable, others): (Vec<&Head>, Vec<&Head>) =
            heads.iter().partition(|head| head.has_values && head.is_within(range));
        plan.read.extend(others.into_iter().map(|head| head.first));
        for pair in usable.iter().flat_map(|head| head.pairs()) {
            if query.decided_by_service_and_class(&pair.record).is_none() {
                plan.services.insert(pair.record.service.to_string());
            }
        }
        usable.into_iter().for_each(|head| plan.add(head, query));
        plan
    }

    fn add(&mut self, head: &Head, query: &Query) {
        let (mut allowed, mut records, mut is_all, mut is_decided) = (Vec::new(), 0, true, true);
        for pair in head.pairs() {
            // A service is either counted or read, with all its classes.
            let is_read = self.services.contains(pair.record.service.as_str());
            if is_read && pair.record.service.is_empty() {
                // No filter by service selects these records alone.
                self.read.insert(head.first);
                return;
            }
            is_decided &= !is_read;
            let is_counted = !is_read && query.decided_by_service_and_class(&pair.record) == Some(true);
            is_all &= is_counted;
            if is_counted {
                let place = pair.number as usize;
                if allowed.len() <= place {
                    allowed.resize(place + 1, false);
                }
                allowed[place] = true;
                records += pair.records;
            }
        }
        if records > 0 {
            self.counted.push(OfBlock { first: head.first, pairs: (!is_all).then_some(allowed), records });
        }
        if !is_decided {
            self.undecided.insert(head.first);
        }
    }

    /// These blocks do not count the field: they are read as a whole.
    fn leave_out(&mut self, blocks: &[i64]) {
        self.read.extend(blocks);
        self.undecided.retain(|first| !self.read.contains(first));
    }
}
