//! Counts what a removal takes.

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;
use model::Text;
use parts::{
    columns::{self, Texts},
    reader::{Footer, Part},
    schema,
};
use pipeline::{Removal, Result, Tally, loss_ledger::Hour};
use rayon::prelude::*;

use super::rows::{rows, window};
use crate::store::{filter, memtable::Entry, scans::Cancel, snapshot::Snapshot};

/// A row group to count.
struct Group {
    part: Arc<Part>,
    footer: Arc<Footer>,
    place: usize,
}

/// The records of a snapshot that the removal takes, on all threads.
pub(super) fn count(snapshot: &Snapshot, removal: &Removal, cancel: &Cancel) -> Result<Tally> {
    let mut total = Tally::default();
    for entry in snapshot.tables.iter().flat_map(|view| view.entries()) {
        cancel.check()?;
        count_entry(&entry, removal, &mut total);
    }
    let groups: Vec<Vec<Group>> =
        snapshot.parts.par_iter().with_max_len(1).map(|part| groups(part, removal, cancel)).collect::<Result<_>>()?;
    let counted = groups.into_par_iter().flatten().map(|group| count_group(&group, removal, cancel)).try_reduce(
        Tally::default,
        |mut sum, more| {
            sum.append(more);
            Ok(sum)
        },
    )?;
    total.append(counted);
    Ok(total)
}

fn count_entry(entry: &Entry, removal: &Removal, total: &mut Tally) {
    let block = &entry.block;
    if !window(removal).meets(entry.time, (block.first.0, block.last().0)) {
        return;
    }
    for (record, position) in block.batch.records.iter().zip(block.first.0..) {
        if position <= removal.upto.0 && removal.range.contains(record.time) && removal.query.matches(record) {
            total.add(record);
        }
    }
}

fn groups(part: &Arc<Part>, removal: &Removal, cancel: &Cancel) -> Result<Vec<Group>> {
    if !super::may_hold(&part.info, removal) || filter::rules_out(&removal.query, part) {
        return Ok(Vec::new());
    }
    cancel.check()?;
    let footer = part.footer()?;
    filter::read_ahead(&removal.query.expr, part, &footer);
    let group = |place| Group { part: Arc::clone(part), footer: Arc::clone(&footer), place };
    Ok((0..footer.groups.len()).map(group).collect())
}

fn count_group(group: &Group, removal: &Removal, cancel: &Cancel) -> Result<Tally> {
    cancel.check()?;
    let Group { part, footer, place } = group;
    let mut total = Tally::default();
    if let Some(group) = footer.groups.get(*place)
        && window(removal).covers(group.time, group.position)
        && Hour::of(group.time.0) == Hour::of(group.time.1)
        && let Some(totals) = &group.totals
        && let Some(matching) = filter::matching_totals(&removal.query, totals)
    {
        let hour = Hour::of(group.time.0);
        for (service, _, records) in matching {
            total.add_count(hour, &Text::from(service), records);
        }
        return Ok(total);
    }
    let read = vec![footer.columns.place(schema::TIME), footer.columns.place(schema::SERVICE)];
    for batch in rows(part, footer, *place, read, removal, cancel)?.into_iter().flatten() {
        cancel.check()?;
        let batch = batch?;
        let services = Texts::named(&batch, schema::SERVICE)?;
        let mut counts: HashMap<(Hour, &str), u64, RandomState> = HashMap::default();
        for (row, time) in columns::times(&batch, schema::TIME)?.iter().enumerate() {
            *counts.entry((Hour::of(*time), services.get(row).unwrap_or_default())).or_default() += 1;
        }
        for ((hour, service), records) in counts {
            total.add_count(hour, &Text::from(service), records);
        }
    }
    Ok(total)
}
