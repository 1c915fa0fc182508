//! The attributes: a column for each of the most frequent, and the rest.

use std::collections::{BTreeSet, HashMap, HashSet};

use arrow_array::ArrayRef;
use foldhash::fast::RandomState;
use model::Record;
use pipeline::{Error, Result};

use super::{
    column::{Column, Finished},
    rest::{self, Cell, Spilled},
    shapes::Shapes,
};
use crate::schema::{self, ATTRIBUTE_COLUMNS, AttributeColumn, Kind, Names, RestMap};

/// The number of columns that are begun before it is known which attributes are frequent.
const COLUMNS_BEGUN: usize = 2 * ATTRIBUTE_COLUMNS;

/// Collects the attributes of records, row by row.
pub(super) struct Attributes<'a> {
    rows: usize,
    shapes: Shapes<'a>,
    /// The number of values by place.
    counts: Vec<usize>,
    /// The columns of the first places.
    columns: Vec<Column<'a>>,
    /// The values of all other places, in the order of the rows.
    spilled: Vec<Spilled<'a>>,
}

/// The columns of all attributes.
pub(super) struct Built {
    /// In the order of the part.
    pub(super) columns: Vec<BuiltColumn>,
    /// The maps of the other attributes that have entries.
    pub(super) rest: Vec<(RestMap, ArrayRef)>,
    /// The keys that have a column and are in a map as well.
    pub(super) shared: BTreeSet<String>,
}

pub(super) struct BuiltColumn {
    pub(super) attribute: AttributeColumn,
    pub(super) array: ArrayRef,
    /// Whether its values rarely repeat.
    pub(super) is_spread: bool,
}

impl<'a> Attributes<'a> {
    /// No attributes yet, of a part of `rows` rows.
    pub(super) fn of(rows: usize) -> Self {
        Self { rows, shapes: Shapes::new(), counts: Vec::new(), columns: Vec::new(), spilled: Vec::new() }
    }

    /// Appends the attributes of the record in row `row`, which follows those before.
    pub(super) fn append(&mut self, row: u32, record: &'a Record) -> Result<()> {
        let mut before = None;
        for (key, value) in &record.attributes {
            let kind = Kind::of(value);
            let place = self.shapes.place(before, key, kind);
            before = Some(place);
            if place == self.counts.len() {
                self.counts.push(0);
                if place < COLUMNS_BEGUN {
                    self.columns.push(Column::new(kind, self.rows));
                }
            }
            self.counts[place] += 1;
            let value = Cell::from(value);
            match self.columns.get_mut(place) {
                Some(column) => column.append(row, value)?,
                None => self.spilled.push(Spilled { row, place: place as u32, value }),
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Built> {
        let Self { rows, shapes, counts, columns, spilled } = self;
        let counts: HashMap<(&str, Kind), usize, RandomState> = shapes.keys().iter().copied().zip(counts).collect();
        let chosen = schema::attribute_columns(&counts, schema::least_values(rows));
        let shared = shared(shapes.keys(), &chosen);
        let place_of = |attribute: &AttributeColumn| {
            let place = shapes.known(&attribute.key, attribute.kind);
            place.ok_or_else(|| Error::internal("an attribute column has no values"))
        };

        let mut columns: Vec<Option<Column<'_>>> = columns.into_iter().map(Some).collect();
        // A frequent attribute may have come too late for a column.
        columns.resize_with(counts.len(), || None);
        for attribute in &chosen {
            columns[place_of(attribute)?].get_or_insert_with(|| Column::new(attribute.kind, rows));
        }
        let mut left = Vec::new();
        for spilled in spilled {
            match &mut columns[spilled.place as usize] {
                Some(column) => column.append(spilled.row, spilled.value)?,
                None => left.push(spilled),
            }
        }

        let (mut built, mut names) = (Vec::with_capacity(chosen.len()), Names::of(&chosen));
        for attribute in chosen {
            let place = place_of(&attribute)?;
            let Some(column) = columns[place].take() else { continue };
            let finished = column.finish(rows)?;
            let form = finished.first().map(|first| first.form.clone()).unwrap_or_default();
            let own = if form.is_plain() { vec![attribute] } else { names.split(&attribute, form).into() };
            let own = own.into_iter().zip(finished);
            built.extend(own.map(|(attribute, Finished { array, is_spread, .. })| BuiltColumn {
                attribute,
                array,
                is_spread,
            }));
        }
        // The columns of the other attributes were begun in vain.
        columns.iter_mut().flatten().for_each(Column::print);
        for (place, column) in (0..).zip(&columns) {
            if let Some(column) = column {
                column.each(|row, value| left.push(Spilled { row, place, value }));
            }
        }
        Ok(Built { columns: built, rest: rest::maps(shapes.keys(), left, rows)?, shared })
    }
}

/// The keys that have a column for values of one type, and none for values of another.
fn shared(all: &[(&str, Kind)], chosen: &[AttributeColumn]) -> BTreeSet<String> {
    let columns: HashSet<(&str, Kind), RandomState> =
        chosen.iter().map(|column| (column.key.as_str(), column.kind)).collect();
    let keys: HashSet<&str, RandomState> = columns.iter().map(|(key, _)| *key).collect();
    let others = all.iter().filter(|own| !columns.contains(*own) && keys.contains(own.0));
    others.map(|(key, _)| (*key).to_owned()).collect()
}
