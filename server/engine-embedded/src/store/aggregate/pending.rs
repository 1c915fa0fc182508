//! Rows counted by the values of a dictionary.

use arrow_array::{Array, PrimitiveArray, StringArray, types::Int32Type};
use model::{Nanos, aggregate::Group};
use parts::columns::is_same_dictionary;

/// Counts of the current dictionary. They become groups once for each dictionary, which is once a row group, instead of
/// once a batch.
pub(super) struct Pending {
    values: StringArray,
    /// By key; the last one is that of rows without a value.
    groups: Vec<Group>,
}

impl Pending {
    pub(super) fn new(values: &StringArray) -> Self {
        Self { values: values.clone(), groups: vec![Group::new(0, Nanos::MIN); values.len() + 1] }
    }

    /// Whether it counts by this dictionary.
    pub(super) fn is_of(&self, values: &StringArray) -> bool {
        is_same_dictionary(&self.values, values)
    }

    /// Counts rows by their keys. `times` are those of the rows if the newest one is measured.
    pub(super) fn add(&mut self, keys: &PrimitiveArray<Int32Type>, times: Option<&[Nanos]>) {
        let missing = self.values.len();
        for (row, key) in keys.values().iter().enumerate() {
            let place = if keys.is_valid(row) { *key as usize } else { missing };
            let Some(group) = self.groups.get_mut(place) else { continue };
            group.records += 1;
            if let Some(time) = times.and_then(|times| times.get(row)) {
                group.newest = group.newest.max(*time);
            }
        }
    }

    /// The values with rows; an empty text stands for no value.
    pub(super) fn groups(&self) -> impl Iterator<Item = (&str, Group)> {
        let text = move |place: usize| if place < self.values.len() { self.values.value(place) } else { "" };
        let groups = self.groups.iter().enumerate().filter(|(_, group)| group.records > 0);
        groups.map(move |(place, group)| (text(place), *group))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_by_value_over_several_batches_of_one_dictionary() {
        let values = StringArray::from(vec!["a", "b", "unused"]);
        let mut pending = Pending::new(&values);
        pending.add(&PrimitiveArray::from(vec![Some(0), Some(1), None, Some(0)]), Some(&[5, 6, 7, 4]));
        pending.add(&PrimitiveArray::from(vec![Some(1)]), Some(&[2]));
        assert!(pending.is_of(&values) && !pending.is_of(&StringArray::from(vec!["a", "b", "unused"])));
        let found: Vec<_> = pending.groups().collect();
        assert_eq!(found, [("a", Group::new(2, 5)), ("b", Group::new(2, 6)), ("", Group::new(1, 7))]);
    }
}
