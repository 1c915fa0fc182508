//! The columns of the merged part, and their mapping from each source part.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use arrow_array::{Array, ArrayRef, RecordBatch, cast::AsArray, new_null_array, types::Int32Type};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::take::take;
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use pipeline::Result;

use super::{
    Keep, RUN_ROWS,
    recurring::recurring,
    refused,
    rest::{self, Rest, Shared},
    retained,
    spilled::spilled,
};
use crate::{
    columns,
    reader::{Footer, Group, Part},
    reading::Reading,
    schema::{self, AttributeColumn, Kind, Layout, RestMap},
};

/// The rows of all open parts that are decoded at once, and the fewest of one part.
const OPEN_ROWS: usize = 16_384;
const LEAST_RUN_ROWS: usize = 128;

/// The columns of the merged part.
pub(super) struct Merged {
    pub(super) layout: Layout,
    /// The same columns while they are merged: texts are without a dictionary if a part has none for them, also if
    /// the merged part has one.
    pub(super) schema: SchemaRef,
    /// The rows that are decoded at once per part.
    pub(super) run_rows: usize,
    /// A column without values for each column except the maps.
    nulls: Arc<[ArrayRef]>,
    maps: Vec<RestMap>,
    /// The keys with a column that were found in the maps so far.
    shared: Shared,
}

impl Merged {
    /// The columns of the attributes that are frequent in all parts together. An attribute without a value in the rows
    /// accepted by `keep` has no column: its name may be what is to go. If rows are left out, no other attribute loses or
    /// gets its column.
    ///
    /// `pause` as in [`merge`](super::merge).
    pub(super) fn of(parts: &[Arc<Part>], keep: Option<&Keep>, pause: &mut dyn FnMut() -> Result<()>) -> Result<Self> {
        let footers = parts.iter().map(|part| part.footer()).collect::<Result<Vec<_>>>()?;
        let spilled = if keep.is_some() { Vec::new() } else { spilled(parts, &footers, pause)? };
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
        for spilled in &spilled {
            *counts.entry((spilled.key.as_str(), spilled.kind)).or_default() += spilled.values;
        }
        let least = match keep {
            Some(_) => 1,
            None => schema::least_values(parts.iter().map(|part| part.info.rows as usize).sum()),
        };
        let attributes = schema::attribute_columns(&counts, least);
        let maps = rest::maps(&footers, &attributes);
        let mut diverse: Vec<String> = [schema::TRACE_ID, schema::SPAN_ID]
            .into_iter()
            .filter(|name| footers.iter().any(|footer| !footer.has_dictionary(footer.columns.place(name))))
            .map(str::to_owned)
            .collect();
        let (mut fields, mut merged_fields) = (schema::core_fields(), schema::core_fields());
        let was_spread = |attribute: &AttributeColumn| {
            let own = spilled.iter().find(|own| own.key == attribute.key && own.kind == attribute.kind);
            own.is_some_and(|own| own.is_spread)
        };
        let is_spread = |attribute: &AttributeColumn| is_spread(&footers, attribute) || was_spread(attribute);
        let spread: Vec<bool> = attributes.iter().map(is_spread).collect();
        let recurs = recurs(parts, &footers, &attributes, &spread, pause)?;
        for ((attribute, is_spread), recurs) in attributes.iter().zip(spread).zip(recurs) {
            if is_spread && !recurs {
                diverse.push(attribute.column.clone());
            }
            let field = |has_dictionary| {
                let data_type = match attribute.kind {
                    Kind::Text if has_dictionary => schema::repeated_text(),
                    Kind::Text => DataType::Utf8,
                    Kind::Int => DataType::Int64,
                    Kind::Float => DataType::Float64,
                    Kind::Bool => DataType::Boolean,
                };
                Field::new(&attribute.column, data_type, true)
            };
            fields.push(field(!is_spread || recurs));
            merged_fields.push(field(!is_spread));
        }
        let run_rows = run_rows(parts);
        let nulls = nulls(&merged_fields, run_rows);
        fields.extend(maps.iter().map(|map| map.field()));
        merged_fields.extend(maps.iter().map(|map| map.field()));
        let layout = Layout { schema: Arc::new(Schema::new(fields)), attributes, diverse, shared: BTreeSet::new() };
        let (schema, shared) = (Arc::new(Schema::new(merged_fields)), Arc::new(Mutex::new(BTreeSet::new())));
        Ok(Self { layout, schema, run_rows, nulls, maps, shared })
    }

    /// The keys with a column that were found in the maps as well.
    pub(super) fn shared(&self) -> BTreeSet<String> {
        self.shared.lock().clone()
    }

    /// The mapping from a part's columns to the merged columns.
    pub(super) fn adapter(&self, footer: &Footer) -> Result<Adapter> {
        let core = schema::core_fields();
        let core_columns = core.len();
        let core = core.into_iter().map(|field| Some(footer.columns.place(field.name())));
        let attributes = self.layout.attributes.iter().map(|attribute| Some(place_of(footer, attribute)?.0));
        let sources: Vec<Option<usize>> = core.chain(attributes).collect();
        let columns =
            self.layout.attributes.iter().zip(self.schema.fields().iter().zip(&sources).enumerate().skip(core_columns));
        let columns = columns.map(|(attribute, (place, (field, source)))| rest::Target {
            key: attribute.key.as_str().into(),
            kind: attribute.kind,
            place,
            data_type: field.data_type().clone(),
            is_open: source.is_none(),
        });
        let rest = (!self.maps.is_empty()).then(|| Rest::of(footer, columns.collect(), &self.maps, &self.shared));
        Ok(Adapter { schema: self.schema.clone(), sources, nulls: self.nulls.clone(), rest })
    }
}

/// Whether a part has the values of the attribute without a dictionary, because they rarely repeat in it.
fn is_spread(footers: &[Arc<Footer>], attribute: &AttributeColumn) -> bool {
    let has_dictionary = |footer: &Arc<Footer>| {
        let Some((place, _)) = place_of(footer, attribute) else { return true };
        let field = footer.metadata.schema().fields().get(place);
        let is_repeated = || field.is_some_and(|field| *field.data_type() == schema::repeated_text());
        footer.has_dictionary(place) && (attribute.kind != Kind::Text || is_repeated())
    };
    attribute.kind != Kind::Bool && !footers.iter().all(has_dictionary)
}

/// For each attribute, whether its values are texts that recur throughout the parts, though one of them has no
/// dictionary for them.
fn recurs(
    parts: &[Arc<Part>],
    footers: &[Arc<Footer>],
    attributes: &[AttributeColumn],
    spread: &[bool],
    pause: &mut dyn FnMut() -> Result<()>,
) -> Result<Vec<bool>> {
    let is_open = |(attribute, is_spread): (&AttributeColumn, &bool)| *is_spread && attribute.kind == Kind::Text;
    let open: Vec<bool> = attributes.iter().zip(spread).map(is_open).collect();
    let columns: Vec<Vec<Option<(usize, &AttributeColumn)>>> = attributes
        .iter()
        .zip(&open)
        .filter(|(_, is_open)| **is_open)
        .map(|(attribute, _)| footers.iter().map(|footer| place_of(footer, attribute)).collect())
        .collect();
    let mut recurring = recurring(parts, footers, &columns, pause)?.into_iter();
    Ok(open.into_iter().map(|is_open| is_open && recurring.next().unwrap_or_default()).collect())
}

/// The rows decoded at once per part: fewer if many parts are open at the same time.
fn run_rows(parts: &[Arc<Part>]) -> usize {
    let covers = |part: &Part, time: i64| part.info.min_time <= time && time <= part.info.max_time;
    let open_at = |time: i64| parts.iter().filter(|part| covers(part, time)).count();
    let open = parts.iter().map(|part| open_at(part.info.max_time)).max().unwrap_or(1);
    (OPEN_ROWS / open.max(1)).clamp(LEAST_RUN_ROWS, RUN_ROWS)
}

/// A column of `rows` nulls for each field. Those of one type share it.
fn nulls(fields: &[Field], rows: usize) -> Arc<[ArrayRef]> {
    let mut known: Vec<ArrayRef> = Vec::new();
    let of_field = |field: &Field| {
        if let Some(nulls) = known.iter().find(|nulls| nulls.data_type() == field.data_type()) {
            return nulls.clone();
        }
        known.push(new_null_array(field.data_type(), rows));
        known[known.len() - 1].clone()
    };
    fields.iter().map(of_field).collect()
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

/// The part's own column of an attribute, and its index.
fn place_of<'a>(footer: &'a Footer, attribute: &AttributeColumn) -> Option<(usize, &'a AttributeColumn)> {
    footer.columns.attributes.iter().find(|(_, own)| same(own, attribute)).map(|(place, own)| (*place, own))
}

/// Converts batches of one part, with all its columns, to the merged columns.
pub(super) struct Adapter {
    schema: SchemaRef,
    /// The index of the source column of each merged column except the maps, if the part has it.
    sources: Vec<Option<usize>>,
    nulls: Arc<[ArrayRef]>,
    rest: Option<Rest>,
}

impl Adapter {
    pub(super) fn adapt(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        let rest = self.rest.as_mut().map(|rest| rest.adapt(batch)).transpose()?.unwrap_or_default();
        let of_rest = |place: usize| rest.columns.iter().find(|(own, _)| *own == place).map(|(_, column)| column);
        let fields = self.schema.fields().iter().enumerate();
        for (((place, field), source), nulls) in fields.zip(&self.sources).zip(self.nulls.iter()) {
            let own = source.and_then(|place| batch.columns().get(place));
            columns.push(match own.or_else(|| of_rest(place)) {
                Some(column) => as_type(column, field.data_type())?,
                None if rows <= nulls.len() => nulls.slice(0, rows),
                None => new_null_array(field.data_type(), rows),
            });
        }
        columns.extend(rest.maps);
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
