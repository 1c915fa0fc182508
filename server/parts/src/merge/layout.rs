//! The columns of the merged part, and their mapping from each source part.

use std::{collections::HashMap, sync::Arc};

use arrow_array::{Array, ArrayRef, RecordBatch, cast::AsArray, new_null_array, types::Int32Type};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::take::take;
use foldhash::fast::RandomState;
use pipeline::Result;

use super::{Keep, RUN_ROWS, refused, retained, spill::Spill};
use crate::{
    columns,
    reader::{Footer, Group, Part},
    reading::Reading,
    schema::{self, AttributeColumn, Kind, Layout},
};

/// The columns of the merged part.
pub(super) struct Merged {
    pub(super) layout: Layout,
}

impl Merged {
    /// The columns of all parts; past the limit, the attributes with the most values. An attribute without a value in
    /// the rows accepted by `keep` has no column: its name may be what is to go.
    ///
    /// `pause` as in [`merge`](super::merge).
    pub(super) fn of(parts: &[Arc<Part>], keep: Option<&Keep>, pause: &mut dyn FnMut() -> Result<()>) -> Result<Self> {
        let footers = parts.iter().map(|part| part.footer()).collect::<Result<Vec<_>>>()?;
        let mut counts: HashMap<(&str, Kind), usize, RandomState> = HashMap::default();
        for (part, footer) in parts.iter().zip(&footers) {
            let values: Vec<usize> = match keep {
                None => footer.columns.attributes.iter().map(|(place, _)| footer.values(*place)).collect(),
                Some(keep) => retained_values(part, footer, keep, pause)?,
            };
            for ((_, attribute), values) in footer.columns.attributes.iter().zip(values) {
                *counts.entry((attribute.key.as_str(), attribute.kind)).or_default() += values;
            }
        }
        if keep.is_some() {
            counts.retain(|_, values| *values > 0);
        }
        let attributes = schema::attribute_columns(&counts);
        let spills = attributes.len() < counts.len() || footers.iter().any(|footer| footer.columns.rest.is_some());
        let mut diverse: Vec<String> = [schema::TRACE_ID, schema::SPAN_ID]
            .into_iter()
            .filter(|name| footers.iter().any(|footer| !footer.has_dictionary(footer.columns.place(name))))
            .map(str::to_owned)
            .collect();
        let mut fields = schema::core_fields();
        for attribute in &attributes {
            let own = || footers.iter().filter_map(|footer| Some((footer, place_of(footer, attribute)?)));
            let spread = attribute.kind != Kind::Bool && own().any(|(footer, place)| !footer.has_dictionary(place));
            if spread {
                diverse.push(attribute.column.clone());
            }
            let data_type = match attribute.kind {
                Kind::Text if spread => DataType::Utf8,
                Kind::Text => schema::repeated_text(),
                Kind::Int => DataType::Int64,
                Kind::Float => DataType::Float64,
                Kind::Bool => DataType::Boolean,
            };
            fields.push(Field::new(&attribute.column, data_type, true));
        }
        if spills {
            fields.push(Field::new(schema::REST, DataType::Utf8, true));
        }
        Ok(Self { layout: Layout { schema: Arc::new(Schema::new(fields)), attributes, diverse } })
    }

    /// The mapping from a part's columns to the merged columns.
    pub(super) fn adapter(&self, footer: &Footer) -> Adapter {
        let names = schema::core_fields().into_iter().map(|field| Some(field.name().clone()));
        let attributes = self.layout.attributes.iter().map(|attribute| {
            let (_, own) = footer.columns.attributes.iter().find(|(_, own)| same(own, attribute))?;
            Some(own.column.clone())
        });
        let sources = names.chain(attributes).collect();
        let left = footer.columns.attributes.iter().map(|(_, own)| own);
        let left = left.filter(|own| !self.layout.attributes.iter().any(|attribute| same(own, attribute)));
        let spills = self.layout.schema.field_with_name(schema::REST).is_ok();
        Adapter {
            schema: self.layout.schema.clone(),
            sources,
            rest: spills.then(|| Spill { left: left.cloned().collect(), has_rest: footer.columns.rest.is_some() }),
        }
    }
}

/// The number of values that each attribute column of the part has in the retained rows.
fn retained_values(
    part: &Part,
    footer: &Footer,
    keep: &Keep,
    pause: &mut dyn FnMut() -> Result<()>,
) -> Result<Vec<usize>> {
    let attributes = &footer.columns.attributes;
    let mut values = vec![0; attributes.len()];
    let mut read = vec![footer.columns.place(schema::SERVICE), footer.columns.place(schema::POSITION)];
    read.extend(attributes.iter().map(|(place, _)| *place));
    for (group, Group { rows, .. }) in footer.groups.iter().enumerate() {
        let reading = Reading { columns: read.clone(), batch_rows: RUN_ROWS, ..Reading::default() };
        for batch in part.read(footer, group, std::slice::from_ref(&(0..*rows)), reading)? {
            pause()?;
            let batch = batch?;
            let mask = retained(&batch, keep)?;
            for (values, (_, attribute)) in values.iter_mut().zip(attributes) {
                *values += match columns::column(&batch, &attribute.column)?.nulls() {
                    Some(nulls) => (nulls.inner() & mask.values()).count_set_bits(),
                    None => mask.true_count(),
                };
            }
        }
    }
    Ok(values)
}

fn same(one: &AttributeColumn, other: &AttributeColumn) -> bool {
    one.key == other.key && one.kind == other.kind
}

fn place_of(footer: &Footer, attribute: &AttributeColumn) -> Option<usize> {
    footer.columns.attributes.iter().find(|(_, own)| same(own, attribute)).map(|(place, _)| *place)
}

/// Converts batches of one part to the merged layout.
pub(super) struct Adapter {
    schema: Arc<Schema>,
    /// The source column of each merged column except the last, if the part has it.
    sources: Vec<Option<String>>,
    rest: Option<Spill>,
}

impl Adapter {
    pub(super) fn adapt(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for (field, source) in self.schema.fields().iter().zip(&self.sources) {
            let column = source.as_ref().and_then(|name| batch.column_by_name(name));
            columns.push(match column {
                Some(column) => as_type(column, field.data_type())?,
                None => new_null_array(field.data_type(), batch.num_rows()),
            });
        }
        if let Some(spill) = &self.rest {
            columns.push(spill.column(batch)?);
        }
        RecordBatch::try_new(self.schema.clone(), columns).map_err(refused)
    }
}

/// Decodes dictionary texts if the merged column has no dictionary.
fn as_type(column: &ArrayRef, wanted: &DataType) -> Result<ArrayRef> {
    match column.as_dictionary_opt::<Int32Type>() {
        Some(texts) if *wanted == DataType::Utf8 => take(texts.values(), texts.keys(), None).map_err(refused),
        _ => Ok(column.clone()),
    }
}
