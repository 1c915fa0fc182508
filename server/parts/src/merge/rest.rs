//! Attributes without a column of their own in the merged part.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int64Array, MapArray, RecordBatch, StringArray,
    cast::AsArray, types::Int32Type,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::DataType;
use arrow_select::interleave::interleave;
use foldhash::fast::RandomState;
use model::{Text, Value};
use parking_lot::Mutex;
use pipeline::{Error, Result};

use super::{dictionaries::Dictionary, refused, texts::NumberedTexts};
use crate::{
    columns::is_same_dictionary,
    decode::Values,
    reader::Footer,
    rest::{self, Cell, MapView, MapsBuilder, Raw, RestValues},
    schema::{self, AttributeColumn, Kind, RestMap},
};

/// The keys with a column that were found in the maps of any part.
pub(super) type Shared = Arc<Mutex<BTreeSet<String>>>;

/// The maps of the merged part: those of all parts, and those of the columns that it lacks.
pub(super) fn maps(footers: &[Arc<Footer>], attributes: &[AttributeColumn]) -> Vec<RestMap> {
    let of_part = |footer: &Arc<Footer>, map: RestMap| match footer.columns.rest() {
        schema::Rest::None => false,
        schema::Rest::Json(_) => true,
        // Texts are divided anew between the two maps of texts.
        schema::Rest::Maps(maps) => maps.iter().any(|(own, _)| own.kind() == map.kind()),
    };
    let is_left =
        |own: &AttributeColumn| !attributes.iter().any(|merged| merged.key == own.key && merged.kind == own.kind);
    let of_columns = |footer: &Arc<Footer>, map: RestMap| {
        footer.columns.attributes.iter().any(|(_, own)| own.kind == map.kind() && is_left(own))
    };
    let is_needed = |map: &RestMap| footers.iter().any(|footer| of_part(footer, *map) || of_columns(footer, *map));
    RestMap::ALL.into_iter().filter(is_needed).collect()
}

/// A column of the merged part.
pub(super) struct Target {
    pub(super) key: Box<str>,
    pub(super) kind: Kind,
    /// Its index in the merged part.
    pub(super) place: usize,
    pub(super) data_type: DataType,
    /// Whether the part has no such column, so that its values may be in the part's rest.
    pub(super) is_open: bool,
}

/// Converts the attributes of one part that have no column in it, or none in the merged part.
pub(super) struct Rest {
    source: schema::Rest,
    /// Columns of the part that the merged part lacks, by their index.
    left: Vec<(usize, AttributeColumn)>,
    targets: Targets,
    /// The maps of the merged part.
    maps: Vec<RestMap>,
    /// The dictionary of the keys in each map of the part.
    known: Vec<Known>,
    /// The names of entries that are written anew.
    names: NumberedTexts,
}

/// The columns of the merged part by key.
struct Targets {
    by_key: HashMap<Box<str>, Vec<Target>, RandomState>,
    shared: Shared,
}

impl Targets {
    /// The column to which the values of a key and type are moved, if any.
    fn of(&self, key: &str, kind: Kind) -> Option<&Target> {
        let of_key = self.by_key.get(key)?;
        let own = of_key.iter().find(|target| target.kind == kind && target.is_open);
        if own.is_none() {
            let mut shared = self.shared.lock();
            if !shared.contains(key) {
                shared.insert(key.to_owned());
            }
        }
        own
    }
}

/// The dictionary of a map, and which of its keys get a column.
#[derive(Default)]
struct Known {
    /// Held, so that its address is not used again.
    names: Option<StringArray>,
    /// Whether an entry may be moved.
    moves: bool,
    /// The index of a column in the merged part by the number of the key.
    places: Vec<Option<usize>>,
}

/// The converted attributes of a batch.
#[derive(Default)]
pub(super) struct Adapted {
    /// The columns that the part has none for, by their index.
    pub(super) columns: Vec<(usize, ArrayRef)>,
    /// All maps of the merged part.
    pub(super) maps: Vec<ArrayRef>,
}

/// An entry that is written anew.
struct Entry<'a> {
    row: usize,
    key: &'a str,
    value: Raw<'a>,
}

impl Rest {
    pub(super) fn of(footer: &Footer, targets: Vec<Target>, maps: &[RestMap], shared: &Shared) -> Self {
        let is_merged = |own: &AttributeColumn| {
            targets.iter().any(|target| *target.key == *own.key.as_str() && target.kind == own.kind)
        };
        let left = footer.columns.attributes.iter().filter(|(_, own)| !is_merged(own)).cloned().collect();
        let mut by_key: HashMap<Box<str>, Vec<Target>, RandomState> = HashMap::default();
        for target in targets {
            by_key.entry(target.key.clone()).or_default().push(target);
        }
        Self {
            source: footer.columns.rest().clone(),
            left,
            targets: Targets { by_key, shared: shared.clone() },
            maps: maps.to_vec(),
            known: Vec::new(),
            names: NumberedTexts::default(),
        }
    }

    /// Converts a batch with all columns of the part.
    ///
    /// # Errors
    /// `Corrupt` if the batch differs from the part's layout, or its JSON does not parse.
    pub(super) fn adapt(&mut self, batch: &RecordBatch) -> Result<Adapted> {
        let rest = RestValues::of(batch, &self.source)?;
        let views: &[MapView<'_>] = match &rest {
            RestValues::Maps(views) => views,
            RestValues::None | RestValues::Json(_) => &[],
        };
        self.known.resize_with(views.len(), Known::default);
        for (known, view) in self.known.iter_mut().zip(views) {
            known.look(view, &self.targets);
        }
        let has_values = |(place, _): &(usize, AttributeColumn)| {
            batch.columns().get(*place).is_some_and(|column| column.logical_null_count() < column.len())
        };
        let is_json = matches!(rest, RestValues::Json(_));
        if is_json || self.known.iter().any(|known| known.moves) || self.left.iter().any(has_values) {
            self.write(batch, &rest)
        } else {
            let maps = self.maps.iter().map(|map| passed_on(*map, views, batch.num_rows()));
            Ok(Adapted { columns: Vec::new(), maps: maps.collect::<Result<_>>()? })
        }
    }

    /// Writes all entries anew.
    fn write(&mut self, batch: &RecordBatch, rest: &RestValues<'_>) -> Result<Adapted> {
        let rows = batch.num_rows();
        let mut parsed: Vec<(usize, Vec<(Text, Value)>)> = Vec::new();
        let mut formed: Vec<(&str, Vec<(usize, Value)>)> = Vec::new();
        let (mut entries, mut moved): (Vec<Entry<'_>>, Moved<'_>) = (Vec::new(), HashMap::default());
        match rest {
            RestValues::None => {}
            RestValues::Json(_) => {
                for row in 0..rows {
                    let mut attributes = Vec::new();
                    rest.append_to(row, &mut attributes)?;
                    parsed.push((row, attributes));
                }
            }
            RestValues::Maps(views) => {
                for (view, known) in views.iter().zip(&self.known) {
                    for (row, entry) in (0..rows).flat_map(|row| view.entries(row).map(move |entry| (row, entry))) {
                        let (key, value) = (view.key(entry), view.raw(entry));
                        let place = match view.number(entry) {
                            Some(number) => known.places.get(number).copied().flatten(),
                            None => self.targets.of(key, view.map().kind()).map(|target| target.place),
                        };
                        match place {
                            Some(place) => moved.entry(place).or_default().push((row, value)),
                            None => entries.push(Entry { row, key, value }),
                        }
                    }
                }
            }
        }
        for (row, attributes) in &parsed {
            for (key, value) in attributes {
                let (key, kind, value) = (key.as_str(), Kind::of(value), Raw::Cell(value.into()));
                match self.targets.of(key, kind) {
                    Some(target) => moved.entry(target.place).or_default().push((*row, value)),
                    None => entries.push(Entry { row: *row, key, value }),
                }
            }
        }
        for (place, attribute) in &self.left {
            let Some(column) = batch.columns().get(*place) else {
                return Err(Error::corrupt(format!("a part lacks its column {}", attribute.column)));
            };
            if column.logical_null_count() == column.len() {
                continue;
            }
            if self.targets.by_key.contains_key(attribute.key.as_str()) {
                self.targets.shared.lock().insert(attribute.key.as_str().to_owned());
            }
            let values = Values::named(batch, attribute)?;
            let key = attribute.key.as_str();
            if attribute.form.is_plain() {
                let of_column = (0..rows).filter_map(|row| Some((row, cell(&values, row)?)));
                entries.extend(of_column.map(|(row, value)| Entry { row, key, value: Raw::Cell(value) }));
            } else {
                formed.push((key, (0..rows).filter_map(|row| Some((row, values.get(row)?))).collect()));
            }
        }
        for (key, values) in &formed {
            let of_column = values.iter().map(|(row, value)| (*row, Cell::from(value)));
            entries.extend(of_column.map(|(row, value)| Entry { row, key, value: Raw::Cell(value) }));
        }
        entries.sort_by(|one, other| one.row.cmp(&other.row).then_with(|| one.key.cmp(other.key)));
        if self.names.are_many() {
            self.names = NumberedTexts::default();
        }
        let mut maps = MapsBuilder::new();
        for Entry { row, key, value } in entries {
            maps.push(row, self.names.number(key), value)?;
        }
        let built = maps.finish(rows, &self.names.array())?;
        let is_merged = |map: RestMap| self.maps.contains(&map);
        if built.iter().any(|(map, array)| !is_merged(*map) && rest::has_entries(array)) {
            return Err(Error::internal("the merged part lacks a map"));
        }
        let maps = built.into_iter().filter(|(map, _)| is_merged(*map)).map(|(_, array)| array).collect();
        let targets = self.targets.by_key.values().flatten();
        let columns = targets.filter_map(|target| Some((target, moved.get(&target.place)?)));
        let columns = columns.map(|(target, values)| Ok((target.place, column(target, values, rows)?)));
        Ok(Adapted { columns: columns.collect::<Result<_>>()?, maps })
    }
}

/// The values that are moved to columns, by the index of the column, with their rows.
type Moved<'a> = HashMap<usize, Vec<(usize, Raw<'a>)>, RandomState>;

impl Known {
    /// Looks up the keys of a map. All batches of a row group share one dictionary.
    fn look(&mut self, view: &MapView<'_>, targets: &Targets) {
        let Some(names) = view.names() else {
            // Each key is looked up by its entries.
            *self = Self { names: None, moves: true, places: Vec::new() };
            return;
        };
        if self.names.as_ref().is_some_and(|known| is_same_dictionary(known, names)) {
            return;
        }
        let kind = view.map().kind();
        let place = |name: Option<&str>| targets.of(name.unwrap_or_default(), kind).map(|target| target.place);
        let places: Vec<Option<usize>> = names.iter().map(place).collect();
        *self = Self { names: Some(names.clone()), moves: places.iter().any(Option::is_some), places };
    }
}

/// A map of the part as it is; without entries, if the part has none.
fn passed_on(map: RestMap, views: &[MapView<'_>], rows: usize) -> Result<ArrayRef> {
    match views.iter().find(|view| view.map() == map) {
        Some(view) => {
            let array = view.array();
            rest::map_array(map, array.offsets().clone(), array.keys().clone(), array.values().clone())
        }
        None => rest::empty(map, rows),
    }
}

/// The value of a plain column in a row.
fn cell<'a>(values: &Values<'a>, row: usize) -> Option<Cell<'a>> {
    match values {
        Values::Text(column) => column.get(row).map(Cell::Text),
        Values::Int(column) => column.is_valid(row).then(|| Cell::Int(column.value(row))),
        Values::Float(column) => column.is_valid(row).then(|| Cell::Float(column.value(row))),
        Values::Bool(column) => column.is_valid(row).then(|| Cell::Bool(column.value(row))),
        // They are printed.
        Values::Bytes(_) | Values::Numbers(_) => None,
    }
}

/// The column of these values, the rest of its rows without one.
fn column(target: &Target, values: &[(usize, Raw<'_>)], rows: usize) -> Result<ArrayRef> {
    let mut dense: Vec<Option<Raw<'_>>> = vec![None; rows];
    for (row, value) in values {
        *dense.get_mut(*row).ok_or_else(mistyped)? = Some(*value);
    }
    let dense = dense.into_iter();
    Ok(match target.kind {
        Kind::Text => {
            let texts: Vec<Option<Cow<'_, str>>> = dense.map(text).collect::<Result<_>>()?;
            let texts = texts.iter().map(Option::as_deref);
            if target.data_type == schema::repeated_text() {
                Arc::new(texts.collect::<DictionaryArray<Int32Type>>())
            } else {
                Arc::new(texts.collect::<StringArray>())
            }
        }
        Kind::Int => {
            let of = |cell: Cell<'_>| if let Cell::Int(number) = cell { Some(number) } else { None };
            Arc::new(dense.map(|value| typed(value, of)).collect::<Result<Int64Array>>()?)
        }
        Kind::Float => {
            let of = |cell: Cell<'_>| if let Cell::Float(number) = cell { Some(number) } else { None };
            Arc::new(dense.map(|value| typed(value, of)).collect::<Result<Float64Array>>()?)
        }
        Kind::Bool => {
            let of = |cell: Cell<'_>| if let Cell::Bool(value) = cell { Some(value) } else { None };
            Arc::new(dense.map(|value| typed(value, of)).collect::<Result<BooleanArray>>()?)
        }
    })
}

/// The value, which `of` takes out of a cell of its type.
fn typed<T>(value: Option<Raw<'_>>, of: impl Fn(Cell<'_>) -> Option<T>) -> Result<Option<T>> {
    match value {
        None => Ok(None),
        Some(Raw::Cell(cell)) => of(cell).map(Some).ok_or_else(mistyped),
        Some(Raw::Hex(_)) => Err(mistyped()),
    }
}

fn text(value: Option<Raw<'_>>) -> Result<Option<Cow<'_, str>>> {
    match value {
        None => Ok(None),
        Some(Raw::Cell(Cell::Text(text))) => Ok(Some(Cow::Borrowed(text))),
        Some(Raw::Hex(bytes)) => Ok(Some(Cow::Owned(hex::encode(bytes)))),
        Some(Raw::Cell(_)) => Err(mistyped()),
    }
}

fn mistyped() -> Error {
    Error::internal("a value differs from the type of its column")
}

/// Copies rows of several arrays of one map, each given by the index of its array and of its row, to one array.
///
/// # Errors
/// `Corrupt` if an array is no map, or a row not in its array.
pub(super) fn gather(
    map: RestMap,
    names: &mut Dictionary,
    arrays: &[&dyn Array],
    rows: &[(usize, usize)],
) -> Result<ArrayRef> {
    let mistyped = || Error::corrupt(format!("a part's map {} differs from its layout", map.name()));
    let maps: Vec<&MapArray> =
        arrays.iter().map(|array| array.as_map_opt().ok_or_else(mistyped)).collect::<Result<_>>()?;
    let mut entries: Vec<(usize, usize)> = Vec::new();
    let mut lengths = Vec::with_capacity(rows.len());
    for (array, row) in rows {
        let offsets = maps.get(*array).ok_or_else(mistyped)?.value_offsets();
        let Some([from, to]) = offsets.get(*row..*row + 2) else { return Err(mistyped()) };
        entries.extend((*from as usize..*to as usize).map(|entry| (*array, entry)));
        lengths.push((*to - *from) as usize);
    }
    let keys: Vec<&dyn Array> = maps.iter().map(|map| map.keys().as_ref()).collect();
    let values: Vec<&dyn Array> = maps.iter().map(|map| map.values().as_ref()).collect();
    let keys = names.gather(&keys, &entries)?;
    let values = interleave(&values, &entries).map_err(refused)?;
    rest::map_array(map, OffsetBuffer::from_lengths(lengths), keys, values)
}
