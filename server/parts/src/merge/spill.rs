//! Attributes without a column of their own in the merged part.

use std::{collections::BTreeMap, sync::Arc};

use arrow_array::{ArrayRef, RecordBatch, builder::StringBuilder, new_null_array};
use arrow_schema::DataType;
use model::{Text, Value};
use pipeline::{Error, Result};

use crate::{
    columns::{self, Texts},
    decode::{self, Values},
    schema::{self, AttributeColumn},
};

/// The attributes of one part that go to [`schema::REST`].
pub(super) struct Spill {
    /// Columns of the part that the merged part lacks.
    pub(super) left: Vec<AttributeColumn>,
    pub(super) has_rest: bool,
}

impl Spill {
    /// Builds the merged REST column from the part's own REST column and the spilled columns.
    pub(super) fn column(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        let rest = if self.has_rest { Some(Texts::named(batch, schema::REST)?) } else { None };
        if self.left.is_empty() {
            return match rest {
                Some(_) => columns::column(batch, schema::REST).cloned(),
                None => Ok(new_null_array(&DataType::Utf8, batch.num_rows())),
            };
        }
        let left = self
            .left
            .iter()
            .map(|attribute| Ok((&attribute.key, Values::named(batch, &attribute.column, attribute.kind)?)))
            .collect::<Result<Vec<_>>>()?;
        let mut column = StringBuilder::new();
        for row in 0..batch.num_rows() {
            let before = rest.as_ref().and_then(|rest| rest.get(row));
            let mut map: BTreeMap<Text, Value> = before.map(decode::other_attributes).transpose()?.unwrap_or_default();
            map.extend(left.iter().filter_map(|(key, values)| Some(((*key).clone(), values.get(row)?))));
            if map.is_empty() {
                column.append_null();
            } else {
                let json = serde_json::to_string(&map)
                    .map_err(|error| Error::internal(format!("attributes cannot be written as JSON: {error}")))?;
                column.append_value(json);
            }
        }
        Ok(Arc::new(column.finish()))
    }
}
