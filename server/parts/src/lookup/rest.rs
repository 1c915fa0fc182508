//! Hashes the entries of the maps of attributes without a column.

use std::ops::Range;

use arrow_array::ArrayRef;
use pipeline::Result;

use super::hash::{self, Field};
use crate::{
    rest::{Cell, MapView, digits},
    schema::RestMap,
};

/// Calls `add` with the hash of each attribute of some rows. A text of hex digits has the hash of the text.
///
/// # Errors
/// `Corrupt` if the array is not such a map.
pub(super) fn for_each(map: RestMap, array: &ArrayRef, rows: Range<usize>, mut add: impl FnMut(u64)) -> Result<()> {
    let view = MapView::of(map, array)?;
    // The seed of each name, once it is needed.
    let mut seeds: Vec<Option<u64>> = vec![None; view.names().map_or(0, arrow_array::Array::len)];
    let mut buffer = digits();
    for entry in rows.flat_map(|row| view.entries(row)) {
        let own = || Field::Attribute(view.key(entry)).seed();
        let seed = match view.number(entry).and_then(|number| seeds.get_mut(number)) {
            Some(known) => *known.get_or_insert_with(own),
            None => own(),
        };
        add(match view.cell(entry, &mut buffer)? {
            Cell::Text(text) => hash::text(seed, text),
            Cell::Int(number) => hash::integer(seed, number),
            Cell::Float(number) => hash::float(seed, number),
            Cell::Bool(value) => hash::boolean(seed, value),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::StringArray;
    use model::Value;
    use proptest::prelude::*;

    use super::*;
    use crate::rest::{MapsBuilder, Raw};

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            prop::num::f64::NORMAL.prop_map(Value::Float),
            prop_oneof![Just(0.0), Just(-0.0), Just(1e300), (-1000_i32..1000).prop_map(f64::from)]
                .prop_map(Value::Float),
            ".{0,8}".prop_map(|text| Value::Text(text.into())),
            "[0-9a-f]{7,10}".prop_map(|text| Value::Text(text.into())),
            "[1-9][0-9]{7}".prop_map(|text| Value::Text(text.into())),
        ]
    }

    proptest! {
        #[test]
        fn each_value_of_the_rows_has_the_hash_of_its_column(
            all in prop::collection::vec(prop::collection::btree_map("[a-z\"\\\\é.]{0,6}", value(), 0..6), 1..6),
            from in 0_usize..3,
        ) {
            let names: Vec<&String> = all.iter().flat_map(|of_row| of_row.keys()).collect();
            let mut maps = MapsBuilder::new();
            let entries = all.iter().enumerate().flat_map(|(row, of_row)| of_row.values().map(move |value| (row, value)));
            for (key, (row, value)) in (0..).zip(entries) {
                maps.push(row, key, Raw::Cell(value.into())).unwrap();
            }
            let mut hashes = Vec::new();
            let rows = from.min(all.len())..all.len();
            for (map, array) in maps.finish(all.len(), &Arc::new(StringArray::from_iter_values(&names))).unwrap() {
                for_each(map, &array, rows.clone(), |hash| hashes.push(hash)).unwrap();
            }
            let mut expected: Vec<u64> = all[rows].iter().flatten().map(|(key, value)| {
                let seed = Field::Attribute(key).seed();
                match value {
                    Value::Bool(value) => hash::boolean(seed, *value),
                    Value::Int(value) => hash::integer(seed, *value),
                    Value::Float(value) => hash::float(seed, *value),
                    Value::Text(value) => hash::text(seed, value),
                }
            }).collect();
            hashes.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(hashes, expected);
        }
    }
}
