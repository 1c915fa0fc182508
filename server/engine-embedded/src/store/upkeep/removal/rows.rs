//! The rows of parts that a removal takes.

use arrow_array::types::Int64Type;
use parts::{
    columns,
    reader::{Footer, Part},
    reading::{Batches, Reading},
    schema,
};
use pipeline::{Removal, Result};
use rayon::prelude::*;

use crate::store::{
    filter::{self, Bound},
    scans::Cancel,
    search::{Order, Window},
};

/// The times and positions of a removal.
pub(super) fn window(removal: &Removal) -> Window {
    Window { upto: removal.upto.0, ..Window::of_time(removal.range) }
}

/// The positions of the rows of a part that the removal takes, sorted: eight bytes for each.
pub(super) fn positions(part: &Part, removal: &Removal, cancel: &Cancel) -> Result<Vec<i64>> {
    cancel.check()?;
    if filter::rules_out(&removal.query, part) {
        return Ok(Vec::new());
    }
    let footer = part.footer()?;
    filter::read_ahead(&removal.query.expr, part, &footer);
    let found: Vec<Vec<i64>> = (0..footer.groups.len())
        .into_par_iter()
        .with_max_len(1)
        .map(|place| {
            let columns = vec![footer.columns.place(schema::POSITION)];
            let mut positions = Vec::new();
            for batch in rows(part, &footer, place, columns, removal, cancel)?.into_iter().flatten() {
                cancel.check()?;
                positions.extend_from_slice(columns::numbers::<Int64Type>(&batch?, schema::POSITION)?.values());
            }
            Ok(positions)
        })
        .collect::<Result<_>>()?;
    let mut positions = found.concat();
    positions.sort_unstable();
    Ok(positions)
}

/// The rows of a row group that the removal takes, with these columns; `None` if its metadata and indexes rule all out.
pub(super) fn rows<'p>(
    part: &'p Part,
    footer: &Footer,
    place: usize,
    columns: Vec<usize>,
    removal: &Removal,
    cancel: &Cancel,
) -> Result<Option<Batches<'p>>> {
    let (query, window) = (&removal.query, window(removal));
    let Some(group) = footer.groups.get(place) else { return Ok(None) };
    if !window.meets(group.time, group.position) {
        return Ok(None);
    }
    let matching = group.totals.as_ref().and_then(|totals| filter::matching_totals(query, totals));
    if matching.is_some_and(|matching| matching.is_empty()) {
        return Ok(None);
    }
    let Bound::Conditions(more) = filter::bind(query, &footer.columns, cancel) else { return Ok(None) };
    let mut conditions: Vec<_> = window.condition(Order::Newest, group, &footer.columns).into_iter().collect();
    conditions.extend(more);
    let rows = filter::candidates(query, part, footer, place, &window.rows(footer, place))?;
    if rows.is_empty() {
        return Ok(None);
    }
    part.read(footer, place, &rows, Reading { columns, conditions, ..Reading::default() }).map(Some)
}
