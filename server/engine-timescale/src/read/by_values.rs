//! Groups by one field by counted values.
//!
//! In each block, the filter is decided for some services and level classes; of these, values are counted. The records
//! of the others, of blocks that are only partly in the range, and of the tail are read.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    Query,
    aggregate::{Cell, Group, Grouping, Groups, Key, Measure, Table},
    query::{Expr, Field, Test},
    time::Nanos,
};
use pipeline::Result;

use super::grouping::GroupingRun;
use crate::{
    sql::Statement,
    summaries::{self, Blocks, Head, OfBlock},
};

/// With more values, the database groups them.
const VALUES: usize = 1 << 20;

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
    let mut plan = Plan::default();
    for head in &blocks.heads {
        plan.add(head, run);
    }
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
    for (services, heads) in &plan.undecided {
        let of_services = Expr::Field(Field::Service, Test::AnyOf(services.clone()));
        let query = Query { expr: Expr::and([run.query.expr.clone(), of_services]) };
        for places in blocks.exactly(|head| heads.contains(&head.first), false) {
            let statement = Statement::matching(&query).within(run.range).at(&places);
            if !run.add(statement, &mut groups, VALUES).await? {
                return Ok(None);
            }
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
    /// The blocks in which services are not decided, by these services. Their records are read too.
    undecided: BTreeMap<Vec<String>, BTreeSet<i64>>,
}

impl Plan {
    fn add(&mut self, head: &Head, run: &GroupingRun<'_>) {
        if !head.has_values || !head.is_within(run.range) {
            self.read.insert(head.first);
            return;
        }
        let mut undecided = BTreeSet::new();
        for pair in head.pairs() {
            if run.query.decided_by_service_and_class(&pair.record).is_none() {
                undecided.insert(pair.record.service.to_string());
            }
        }
        if undecided.contains("") {
            // No filter by service selects these records alone.
            self.read.insert(head.first);
            return;
        }
        let (mut allowed, mut records, mut is_all) = (Vec::new(), 0, undecided.is_empty());
        for pair in head.pairs() {
            // A service is either counted or read, with all its classes.
            let is_counted = !undecided.contains(pair.record.service.as_str())
                && run.query.decided_by_service_and_class(&pair.record) == Some(true);
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
        if !undecided.is_empty() {
            self.undecided.entry(undecided.into_iter().collect()).or_default().insert(head.first);
        }
    }

    /// These blocks do not count the field: they are read as a whole.
    fn leave_out(&mut self, blocks: &[i64]) {
        self.read.extend(blocks);
        for heads in self.undecided.values_mut() {
            heads.retain(|first| !self.read.contains(first));
        }
    }
}
