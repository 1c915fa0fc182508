//! The maps of the attributes without a column of their own.

use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use pipeline::Result;

pub(super) use crate::rest::Cell;
use crate::{
    rest::{MapsBuilder, Raw, has_entries},
    schema::{Kind, RestMap},
};

/// A value that goes to the rest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spilled<'a> {
    pub(super) row: u32,
    /// The index of its key.
    pub(super) place: u32,
    pub(super) value: Cell<'a>,
}

/// The maps that have entries, of all these values. `keys` are the keys by place.
pub(super) fn maps(
    keys: &[(&str, Kind)],
    mut spilled: Vec<Spilled<'_>>,
    rows: usize,
) -> Result<Vec<(RestMap, ArrayRef)>> {
    if spilled.is_empty() {
        return Ok(Vec::new());
    }
    let ranks = ranks(keys);
    let rank = |place: u32| ranks.get(place as usize).copied().unwrap_or_default();
    // Mostly in order: one stretch of all rows, and some for each column that was given up.
    spilled.sort_by_key(|spilled| u64::from(spilled.row) << 32 | u64::from(rank(spilled.place)));
    let mut maps = MapsBuilder::new();
    for Spilled { row, place, value } in spilled {
        maps.push(row as usize, place as i32, Raw::Cell(value))?;
    }
    // Names without an entry do not get into the file.
    let names = Arc::new(StringArray::from_iter_values(keys.iter().map(|(key, _)| key)));
    let maps = maps.finish(rows, &names)?;
    Ok(maps.into_iter().filter(|(_, array)| has_entries(array)).collect())
}

/// The rank of each key among all, by place.
fn ranks(keys: &[(&str, Kind)]) -> Vec<u32> {
    let mut places: Vec<usize> = (0..keys.len()).collect();
    places.sort_unstable_by_key(|place| keys.get(*place));
    let mut ranks = vec![0; keys.len()];
    for (rank, place) in (0..).zip(places) {
        if let Some(own) = ranks.get_mut(place) {
            *own = rank;
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::MapView;

    #[test]
    fn the_entries_of_a_row_are_sorted_by_key_in_the_map_of_their_type() {
        let values = [
            Cell::Text("\"a\" \\ 한\n"),
            Cell::Int(i64::MIN),
            Cell::Text("00ff00ff"),
            Cell::Text("0"),
            Cell::Float(-0.0),
            Cell::Bool(true),
            Cell::Int(7),
        ];
        let keys = ["z", "a.b", "key \"1\"", "", "é", "b", "B"].map(|key| (key, Kind::Text));
        let of_row = |row: u32| (0..).zip(values).map(move |(place, value)| Spilled { row, place, value });
        let maps = maps(&keys, of_row(3).chain(of_row(1).take(1)).collect(), 5).unwrap();
        let entries = |map: RestMap| -> Vec<(usize, &str, Raw<'_>)> {
            let (_, array) = maps.iter().find(|(own, _)| *own == map).unwrap();
            let view = MapView::of(map, array).unwrap();
            assert_eq!(view.rows(), 5);
            let of_row = |row| view.entries(row).map(move |entry| (row, entry));
            let all: Vec<_> = (0..5).flat_map(of_row).collect();
            all.into_iter().map(|(row, entry)| (row, view.key(entry), view.raw(entry))).collect()
        };
        let cell = Raw::Cell;
        assert_eq!(
            entries(RestMap::Text),
            [(1, "z", cell(values[0])), (3, "", cell(Cell::Text("0"))), (3, "z", cell(values[0]))]
        );
        assert_eq!(entries(RestMap::Int), [(3, "B", cell(Cell::Int(7))), (3, "a.b", cell(Cell::Int(i64::MIN)))]);
        assert_eq!(entries(RestMap::Hex), [(3, "key \"1\"", Raw::Hex(&[0, 0xff, 0, 0xff]))]);
        assert_eq!(entries(RestMap::Bool), [(3, "b", cell(Cell::Bool(true)))]);
        let [(3, "é", Raw::Cell(Cell::Float(zero)))] = entries(RestMap::Float)[..] else { panic!("one float") };
        assert!(zero == 0.0 && zero.is_sign_negative());
        assert!(super::maps(&keys, Vec::new(), 5).unwrap().is_empty());
    }
}
