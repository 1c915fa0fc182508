//! The columns of the merged part, and their mapping from each source part.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
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
    forms::{self, Conversion, Converted},
    recurring::recurring,
    refused,
    rest::{self, Rest, Shared},
    retained,
    spilled::spilled,
};
use crate::{
    columns,
    form::Form,
    reader::{Footer, Group, Part},
    reading::Reading,
    schema::{self, AttributeColumn, Kind, Layout, Names, RestMap},
};

/// The rows of all open parts that are decoded at once, and the fewest of one part.
const OPEN_ROWS: usize = 16_384;
const LEAST_RUN_ROWS: usize = 128;

/// The form of values in maps.
static PLAIN: Form = Form::Plain;

/// The columns of the merged part.
pub(super) struct Merged {
    pub(super) layout: Layout,
    /// The same columns while they are merged: texts are without a dictionary if a part has none for them, also if
    /// the merged part has one.
    pub(super) schema: SchemaRef,
    /// The attributes with columns, in their order.
    targets: Vec<Target>,
    /// The rows that are decoded at once per part.
    pub(super) run_rows: usize,
    /// A column without values for each column except the maps.
    nulls: Arc<[ArrayRef]>,
    maps: Vec<RestMap>,
    /// The keys with a column that were found in the maps so far.
    shared: Shared,
}

/// The columns of one attribute: one with a form, one that is plain, or both.
struct Target {
    attribute: AttributeColumn,
    form: Form,
    has_plain: bool,
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
        let mut forms: HashMap<(&str, Kind), HashMap<&Form, usize, RandomState>, RandomState> = HashMap::default();
        for (part, footer) in parts.iter().zip(&footers) {
            let values: Vec<usize> = match keep {
                None => footer.columns.attributes.iter().map(|(place, _)| footer.values(*place)).collect(),
                Some(keep) => retained_values(part, footer, keep, pause)?,
            };
            for ((_, attribute), values) in footer.columns.attributes.iter().zip(values) {
                let of_key = (attribute.key.as_str(), attribute.kind);
                *counts.entry(of_key).or_default() += values;
                // Statistics do not decide whether a column has values.
                if keep.is_none() || values > 0 {
                    *forms.entry(of_key).or_default().entry(&attribute.form).or_default() += values;
                }
            }
        }
        let mut were_spread: HashSet<(&str, Kind), RandomState> = HashSet::default();
        for spilled in &spilled {
            let of_key = (spilled.key.as_str(), spilled.kind);
            *counts.entry(of_key).or_default() += spilled.values;
            // They are moved to the plain column.
            *forms.entry(of_key).or_default().entry(&PLAIN).or_default() += spilled.values;
            if spilled.is_spread {
                were_spread.insert(of_key);
            }
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
        let was_spread = |attribute: &AttributeColumn| were_spread.contains(&(attribute.key.as_str(), attribute.kind));
        let is_spread = |attribute: &AttributeColumn| is_spread(&footers, attribute) || was_spread(attribute);
        let spread: Vec<bool> = attributes.iter().map(is_spread).collect();
        let recurs = recurs(parts, &footers, &attributes, &spread, pause)?;
        let none = HashMap::default();
        let (mut names, mut columns, mut targets) = (Names::of(&attributes), Vec::new(), Vec::new());
        for ((attribute, is_spread), recurs) in attributes.into_iter().zip(spread).zip(recurs) {
            let own = forms.get(&(attribute.key.as_str(), attribute.kind)).unwrap_or(&none);
            // A dictionary takes less.
            let form = if recurs { Form::Plain } else { forms::most_frequent(own) };
            let has_plain = form.is_plain() || own.keys().any(|other| **other != form);
            let target = Target { attribute, form, has_plain };
            let mut add = |column: AttributeColumn, before: DataType, after: DataType, is_diverse: bool| {
                if is_diverse {
                    diverse.push(column.column.clone());
                }
                fields.push(Field::new(&column.column, after, true));
                merged_fields.push(Field::new(&column.column, before, true));
                columns.push(column);
            };
            let plain_type = |has_dictionary: bool| match target.attribute.kind {
                Kind::Text if has_dictionary => schema::repeated_text(),
                _ => target.attribute.data_type(),
            };
            if target.form.is_plain() {
                let is_diverse = is_spread && !recurs;
                add(target.attribute.clone(), plain_type(!is_spread), plain_type(!is_diverse), is_diverse);
            } else {
                let [formed, plain] = names.split(&target.attribute, target.form.clone());
                let data_type = formed.data_type();
                add(formed, data_type.clone(), data_type, is_spread);
                let others_repeat = others_repeat(&footers, &target) && !was_spread(&target.attribute);
                if target.has_plain {
                    add(plain, plain_type(others_repeat), plain_type(others_repeat), !others_repeat);
                }
            }
            targets.push(target);
        }
        let run_rows = run_rows(parts);
        let nulls = nulls(&merged_fields, run_rows);
        fields.extend(maps.iter().map(|map| map.field()));
        merged_fields.extend(maps.iter().map(|map| map.field()));
        let schema = Arc::new(Schema::new(fields));
        let layout = Layout { schema, attributes: columns, diverse, shared: BTreeSet::new() };
        let (schema, shared) = (Arc::new(Schema::new(merged_fields)), Arc::new(Mutex::new(BTreeSet::new())));
        Ok(Self { layout, schema, targets, run_rows, nulls, maps, shared })
    }

    /// The keys with a column that were found in the maps as well.
    pub(super) fn shared(&self) -> BTreeSet<String> {
        self.shared.lock().clone()
    }

    /// The mapping from a part's columns to the merged columns.
    pub(super) fn adapter(&self, footer: &Footer) -> Result<Adapter> {
        let core = schema::core_fields().into_iter().map(|field| Source::Column(footer.columns.place(field.name())));
        let (mut sources, mut conversions): (Vec<Source>, Vec<Conversion>) = (core.collect(), Vec::new());
        let mut columns = Vec::new();
        for Target { attribute, form, has_plain } in &self.targets {
            let own = columns_of(footer, attribute);
            let is_open = own.is_empty() && *has_plain;
            let copied = |form: &Form| {
                let column = own.iter().find(|(_, column)| column.form == *form);
                column.map_or(Source::Nothing, |(place, _)| Source::Column(*place))
            };
            let of_part = own.iter().map(|(place, column)| (*place, (*column).clone())).collect();
            let conversion = Conversion::of(of_part, attribute.kind, form);
            let place = conversions.len();
            if !form.is_plain() {
                sources.push(if conversion.is_some() { Source::Formed(place) } else { copied(form) });
            }
            if *has_plain {
                sources.push(if conversion.is_some() { Source::Plain(place) } else { copied(&Form::Plain) });
            }
            conversions.extend(conversion);
            // The plain column, if there are two.
            let place = sources.len() - 1;
            columns.push(rest::Target {
                key: attribute.key.as_str().into(),
                kind: attribute.kind,
                place,
                data_type: self.schema.field(place).data_type().clone(),
                is_open,
            });
        }
        let rest = (!self.maps.is_empty()).then(|| Rest::of(footer, columns, &self.maps, &self.shared));
        Ok(Adapter { schema: self.schema.clone(), sources, conversions, nulls: self.nulls.clone(), rest })
    }
}

/// Whether a part has the values of the attribute without a dictionary, because they rarely repeat in it.
fn is_spread(footers: &[Arc<Footer>], attribute: &AttributeColumn) -> bool {
    let mut own =
        footers.iter().flat_map(|footer| columns_of(footer, attribute).into_iter().map(move |own| (footer, own)));
    attribute.kind != Kind::Bool && !own.all(|(footer, (place, _))| repeats(footer, place, attribute.kind))
}

/// Whether a column has a dictionary, also for its readers.
fn repeats(footer: &Footer, place: usize, kind: Kind) -> bool {
    let field = footer.metadata.schema().fields().get(place);
    let is_repeated = || field.is_some_and(|field| *field.data_type() == schema::repeated_text());
    footer.has_dictionary(place) && (kind != Kind::Text || is_repeated())
}

/// Whether the values without the form have a dictionary in each part, and none are converted.
fn others_repeat(footers: &[Arc<Footer>], target: &Target) -> bool {
    let Target { attribute, form, .. } = target;
    footers.iter().all(|footer| {
        let own = columns_of(footer, attribute);
        let has_form = own.is_empty() || own.iter().any(|(_, column)| column.form == *form);
        let mut others = own.into_iter().filter(|(_, column)| column.form != *form);
        has_form && others.all(|(place, column)| column.form.is_plain() && repeats(footer, place, attribute.kind))
    })
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
    let columns: Vec<Vec<Vec<(usize, &AttributeColumn)>>> = attributes
        .iter()
        .zip(&open)
        .filter(|(_, is_open)| **is_open)
        .map(|(attribute, _)| footers.iter().map(|footer| columns_of(footer, attribute)).collect())
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

/// The part's own columns of an attribute, with their indexes.
fn columns_of<'a>(footer: &'a Footer, attribute: &AttributeColumn) -> Vec<(usize, &'a AttributeColumn)> {
    let own = footer.columns.attributes.iter().filter(|(_, own)| same(own, attribute));
    own.map(|(place, own)| (*place, own)).collect()
}

/// The source of a merged column in one part.
enum Source {
    Nothing,
    /// The part's own column at this index.
    Column(usize),
    /// The values with the form of the conversion at this index.
    Formed(usize),
    /// Those without it.
    Plain(usize),
}

/// Converts batches of one part, with all its columns, to the merged columns.
pub(super) struct Adapter {
    schema: SchemaRef,
    /// Those of the merged columns, except the maps.
    sources: Vec<Source>,
    conversions: Vec<Conversion>,
    nulls: Arc<[ArrayRef]>,
    rest: Option<Rest>,
}

impl Adapter {
    pub(super) fn adapt(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let converted = self.conversions.iter().map(|conversion| conversion.convert(batch));
        let converted: Vec<Converted> = converted.collect::<Result<_>>()?;
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        let rest = self.rest.as_mut().map(|rest| rest.adapt(batch)).transpose()?.unwrap_or_default();
        let of_rest = |place: usize| rest.columns.iter().find(|(own, _)| *own == place).map(|(_, column)| column);
        let fields = self.schema.fields().iter().enumerate();
        for (((number, field), source), nulls) in fields.zip(&self.sources).zip(self.nulls.iter()) {
            let column = match source {
                Source::Nothing => of_rest(number),
                Source::Column(place) => batch.columns().get(*place),
                Source::Formed(place) => converted.get(*place).and_then(|converted| converted.formed.as_ref()),
                Source::Plain(place) => converted.get(*place).map(|converted| &converted.plain),
            };
            columns.push(match column {
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
