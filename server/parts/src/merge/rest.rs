//! Attributes without a column of their own in the merged part.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, builder::StringBuilder, new_null_array};
use arrow_schema::DataType;
use pipeline::{Error, Result};

use crate::{
    builder::rest::{Cell, Object},
    columns::{self, Texts},
    decode::Values,
    schema::{self, AttributeColumn},
};

/// The attributes of one part that go to [`schema::REST`].
pub(super) struct Rest {
    /// Columns of the part that the merged part lacks, by their index.
    left: Vec<Left>,
    has_rest: bool,
}

struct Left {
    place: usize,
    attribute: AttributeColumn,
    /// The key as it is printed.
    key: Vec<u8>,
}

impl Rest {
    pub(super) fn of<'a>(left: impl Iterator<Item = (usize, &'a AttributeColumn)>, has_rest: bool) -> Result<Self> {
        let left = left.map(|(place, attribute)| {
            Ok(Left { place, attribute: attribute.clone(), key: Object::key(&attribute.key)? })
        });
        Ok(Self { left: left.collect::<Result<_>>()?, has_rest })
    }

    /// Builds the merged REST column from the part's own REST column and the columns that the merged part lacks.
    ///
    /// # Errors
    /// `Corrupt` if the part's own one is no JSON where a value is added.
    pub(super) fn column(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        let rest = if self.has_rest { Some(Texts::named(batch, schema::REST)?) } else { None };
        // Column by column, because most of these columns have few values.
        let mut added: Vec<(usize, usize)> = Vec::new();
        let mut values = Vec::with_capacity(self.left.len());
        for (number, left) in self.left.iter().enumerate() {
            let Some(column) = batch.columns().get(left.place) else {
                return Err(Error::corrupt(format!("a part lacks its column {}", left.attribute.column)));
            };
            let known = added.len();
            match column.logical_nulls() {
                Some(nulls) => added.extend(nulls.valid_indices().map(|row| (row, number))),
                None => added.extend((0..batch.num_rows()).map(|row| (row, number))),
            }
            values.push(match added.len() > known {
                true => Some((&left.key, Values::named(batch, &left.attribute)?)),
                false => None,
            });
        }
        if added.is_empty() {
            return match rest {
                Some(_) => columns::column(batch, schema::REST).cloned(),
                None => Ok(new_null_array(&DataType::Utf8, batch.num_rows())),
            };
        }
        added.sort_unstable();
        let mut added = added.chunk_by(|one, other| one.0 == other.0).peekable();
        let (mut column, mut object) = (StringBuilder::new(), Object::default());
        for row in 0..batch.num_rows() {
            let before = rest.as_ref().and_then(|rest| rest.get(row));
            let Some(of_row) = added.next_if(|of_row| of_row.first().is_some_and(|first| first.0 == row)) else {
                column.append_option(before);
                continue;
            };
            if let Some(before) = before {
                object.reopen(before)?;
            }
            for (_, number) in of_row {
                let Some(Some((key, values))) = values.get(*number) else { continue };
                push(&mut object, key, values, row)?;
            }
            object.append_to(&mut column)?;
        }
        Ok(Arc::new(column.finish()))
    }
}

/// Appends the value that a column has in this row.
fn push(object: &mut Object, key: &[u8], values: &Values<'_>, row: usize) -> Result<()> {
    match values {
        Values::Text(column) => object.push(key, Cell::Text(column.get(row).unwrap_or_default())),
        Values::Int(column) => object.push(key, Cell::Int(column.value(row))),
        Values::Float(column) => object.push(key, Cell::Float(column.value(row))),
        Values::Bool(column) => object.push(key, Cell::Bool(column.value(row))),
        Values::Bytes(_) | Values::Numbers(_) => match values.get(row) {
            Some(value) => object.push(key, Cell::from(&value)),
            None => Ok(()),
        },
    }
}
