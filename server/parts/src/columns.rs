//! Typed views of the columns of a decoded batch.

use arrow_array::{
    Array, ArrayRef, FixedSizeBinaryArray, PrimitiveArray, RecordBatch, StringArray,
    cast::AsArray,
    types::{ArrowPrimitiveType, Int32Type, TimestampNanosecondType},
};
use arrow_schema::DataType;
use pipeline::{Error, Result};

/// The column named `name`.
///
/// # Errors
/// `Corrupt` if the batch lacks it.
pub fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| Error::corrupt(format!("a part lacks its column {name}")))
}

pub(crate) fn mistyped(name: &str) -> Error {
    Error::corrupt(format!("a part's column {name} has a type that differs from its layout"))
}

/// The column as numbers.
pub fn numbers<'a, T: ArrowPrimitiveType>(batch: &'a RecordBatch, name: &str) -> Result<&'a PrimitiveArray<T>> {
    column(batch, name)?.as_primitive_opt::<T>().ok_or_else(|| mistyped(name))
}

/// The column as nanoseconds since the Unix epoch.
pub fn times<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a [i64]> {
    Ok(numbers::<TimestampNanosecondType>(batch, name)?.values())
}

/// The column as byte strings of fixed length.
pub fn bytes<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a FixedSizeBinaryArray> {
    column(batch, name)?.as_fixed_size_binary_opt().ok_or_else(|| mistyped(name))
}

/// The value at `row` as an array; `None` if null.
pub fn byte_value<const N: usize>(column: &FixedSizeBinaryArray, row: usize) -> Option<[u8; N]> {
    if column.is_null(row) { None } else { column.value(row).try_into().ok() }
}

/// A column of text, with or without a dictionary.
#[derive(Clone, Copy)]
pub enum Texts<'a> {
    Plain(&'a StringArray),
    Repeated { keys: &'a PrimitiveArray<Int32Type>, values: &'a StringArray },
}

impl<'a> Texts<'a> {
    /// The column as text.
    pub fn named(batch: &'a RecordBatch, name: &str) -> Result<Self> {
        Self::of(column(batch, name)?).ok_or_else(|| mistyped(name))
    }

    /// `None` if the column does not hold texts.
    pub fn of(column: &'a ArrayRef) -> Option<Self> {
        match column.data_type() {
            DataType::Utf8 => column.as_string_opt::<i32>().map(Self::Plain),
            DataType::Dictionary(..) => {
                let column = column.as_dictionary_opt::<Int32Type>()?;
                let values = column.values().as_string_opt::<i32>()?;
                Some(Self::Repeated { keys: column.keys(), values })
            }
            _ => None,
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Plain(column) => column.len(),
            Self::Repeated { keys, .. } => keys.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at `row`; `None` if null.
    pub fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Self::Plain(column) => column.is_valid(row).then(|| column.value(row)),
            Self::Repeated { keys, values } => keys.is_valid(row).then(|| values.value(keys.value(row) as usize)),
        }
    }
}

/// Whether both are the same dictionary. The reader hands out one dictionary with each batch of a row group, as the same
/// memory, so comparing addresses is enough. The caller holds both, so no address is used twice.
pub fn is_same_dictionary(one: &StringArray, other: &StringArray) -> bool {
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
        assert!(is_same_dictionary(&one, &one.clone()));
        assert!(!is_same_dictionary(&one, &other));
        assert!(!is_same_dictionary(&one, &one.slice(0, 2)) && !is_same_dictionary(&one, &one.slice(1, 2)));
    }
}
