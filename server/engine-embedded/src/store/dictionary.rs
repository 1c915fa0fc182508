//! Dictionaries of columns.

use arrow_array::{Array, StringArray};

/// Whether both are the same dictionary. The reader hands out one dictionary with each batch of a row group, as the same
/// memory, so comparing addresses is enough. The caller holds both, so no address is used twice.
pub(crate) fn is_same(one: &StringArray, other: &StringArray) -> bool {
    let is_at = |array: &StringArray| (array.value_offsets().as_ptr(), array.value_data().as_ptr(), array.len());
    is_at(one) == is_at(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_is_itself_and_no_equal_one() {
        let make = || StringArray::from(vec!["a", "b", "c"]);
        let (one, other) = (make(), make());
        assert!(is_same(&one, &one.clone()));
        assert!(!is_same(&one, &other));
        assert!(!is_same(&one, &one.slice(0, 2)) && !is_same(&one, &one.slice(1, 2)));
    }
}
