//! Converts records to columns.
//!
//! One pass over the records: they are scattered in memory, and fetching them dominates the cost. Each value is copied
//! to its column at once. Which attributes get a column is known at the end; the values of all others go to maps then.
//!
//! The first texts of a column that rarely repeat decide whether it has a form ([`crate::form`]). From then on each text is
//! written in the form, and texts without it go to a second column. Floats are decimals if nearly all have few digits.

mod attributes;
mod column;
mod fixed;
mod rest;
mod shapes;
mod spread;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema};
use model::{Record, RecordId};
use pipeline::{Error, Result};

use self::{attributes::Attributes, fixed::Fixed};
use super::schema::{self, Layout};

/// A record to write, with the context of its batch.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub record: &'a Record,
    pub position: i64,
    /// The id of the batch's first record.
    pub id_base: RecordId,
}

/// Builds the columns of `rows`, which are in the order of the part.
///
/// # Errors
/// `Internal` if arrow refuses, for example more than 2 GiB in one text column.
pub(crate) fn build(rows: &[Row<'_>]) -> Result<(Layout, RecordBatch)> {
    let (mut fixed, mut attributes) = (Fixed::of(rows), Attributes::of(rows.len()));
    for (at, row) in (0..).zip(rows) {
        fixed.append(row)?;
        attributes.append(at, row.record)?;
    }

    let mut fields = schema::core_fields();
    let (mut arrays, mut diverse) = fixed.finish();
    let built = attributes.finish()?;
    let mut attributes = Vec::with_capacity(built.columns.len());
    for column in built.columns {
        if column.is_spread {
            diverse.push(column.attribute.column.clone());
        }
        fields.push(Field::new(&column.attribute.column, column.array.data_type().clone(), true));
        arrays.push(column.array);
        attributes.push(column.attribute);
    }
    for (map, array) in built.rest {
        fields.push(map.field());
        arrays.push(array);
    }
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(schema.clone(), arrays).map_err(refused)?;
    Ok((Layout { schema, attributes, diverse, shared: built.shared }, batch))
}

fn refused(error: arrow_schema::ArrowError) -> Error {
    Error::internal(format!("records cannot be converted to columns: {error}"))
}
