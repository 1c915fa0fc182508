//! Makes Arrow arrays of values: the same as Parquet's own reader does for the type of a column.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, ArrowPrimitiveType, DictionaryArray, PrimitiveArray,
    builder::{BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, PrimitiveBuilder, StringBuilder},
    types::{
        Decimal64Type, Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type, TimestampNanosecondType,
        UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
};
use arrow_schema::{DataType, TimeUnit};

use super::{cells::Cells, values::Physical};

/// Whether [`array`] makes arrays of this type.
pub(super) fn is_known(data_type: &DataType, physical: Physical) -> bool {
    array(data_type, physical, &Cells::default()).is_some()
}

/// The array of the values; `None` if the type is not made here, or a value is not of it.
pub(super) fn array(data_type: &DataType, physical: Physical, cells: &Cells) -> Option<ArrayRef> {
    let array: ArrayRef = match (data_type, physical) {
        (DataType::Boolean, Physical::Boolean) => {
            let mut array = BooleanBuilder::with_capacity(cells.len());
            cells.values().for_each(|value| array.append_option(value.map(|value| value == [1])));
            Arc::new(array.finish())
        }
        // Parquet has no integers of fewer bits. Its reader drops the rest, too.
        (DataType::UInt8, Physical::Int32) => {
            Arc::new(numbers::<UInt8Type, 4>(cells, |bytes| i32::from_le_bytes(bytes) as u8)?)
        }
        (DataType::UInt16, Physical::Int32) => {
            Arc::new(numbers::<UInt16Type, 4>(cells, |bytes| i32::from_le_bytes(bytes) as u16)?)
        }
        (DataType::UInt32, Physical::Int32) => Arc::new(numbers::<UInt32Type, 4>(cells, u32::from_le_bytes)?),
        (DataType::Int32, Physical::Int32) => Arc::new(numbers::<Int32Type, 4>(cells, i32::from_le_bytes)?),
        (DataType::UInt64, Physical::Int64) => Arc::new(numbers::<UInt64Type, 8>(cells, u64::from_le_bytes)?),
        (DataType::Int64, Physical::Int64) => Arc::new(numbers::<Int64Type, 8>(cells, i64::from_le_bytes)?),
        (DataType::Float32, Physical::Fixed(4)) => Arc::new(numbers::<Float32Type, 4>(cells, f32::from_le_bytes)?),
        (DataType::Float64, Physical::Fixed(8)) => Arc::new(numbers::<Float64Type, 8>(cells, f64::from_le_bytes)?),
        (DataType::Timestamp(TimeUnit::Nanosecond, zone), Physical::Int64) => {
            let times = numbers::<TimestampNanosecondType, 8>(cells, i64::from_le_bytes)?;
            Arc::new(times.with_timezone_opt(zone.clone()))
        }
        (DataType::Decimal64(precision, scale), Physical::Int64) => {
            let decimals = numbers::<Decimal64Type, 8>(cells, i64::from_le_bytes)?;
            Arc::new(decimals.with_precision_and_scale(*precision, *scale).ok()?)
        }
        (DataType::Decimal64(precision, scale), Physical::Int32) => {
            let decimals = numbers::<Decimal64Type, 4>(cells, |bytes| i32::from_le_bytes(bytes).into())?;
            Arc::new(decimals.with_precision_and_scale(*precision, *scale).ok()?)
        }
        (DataType::Decimal128(precision, scale), Physical::Int64) => {
            let decimals = numbers::<Decimal128Type, 8>(cells, |bytes| i64::from_le_bytes(bytes).into())?;
            Arc::new(decimals.with_precision_and_scale(*precision, *scale).ok()?)
        }
        (DataType::FixedSizeBinary(length), Physical::Fixed(width)) if usize::try_from(*length) == Ok(width) => {
            let mut array = FixedSizeBinaryBuilder::with_capacity(cells.len(), *length);
            for value in cells.values() {
                match value {
                    Some(value) => array.append_value(value).ok()?,
                    None => array.append_null(),
                }
            }
            Arc::new(array.finish())
        }
        (DataType::Binary, Physical::Bytes) => {
            let mut array = BinaryBuilder::with_capacity(cells.len(), length(cells)?);
            cells.values().for_each(|value| array.append_option(value));
            Arc::new(array.finish())
        }
        (DataType::Utf8, Physical::Bytes) => {
            let mut array = StringBuilder::with_capacity(cells.len(), length(cells)?);
            for value in cells.values() {
                match value {
                    Some(value) => array.append_value(simdutf8::basic::from_utf8(value).ok()?),
                    None => array.append_null(),
                }
            }
            Arc::new(array.finish())
        }
        (DataType::Dictionary(key, value), Physical::Bytes)
            if **key == DataType::Int32 && **value == DataType::Utf8 =>
        {
            Arc::new(repeated(cells)?)
        }
        _ => return None,
    };
    Some(array)
}

fn numbers<T: ArrowPrimitiveType, const N: usize>(
    cells: &Cells,
    of: impl Fn([u8; N]) -> T::Native,
) -> Option<PrimitiveArray<T>> {
    let mut array = PrimitiveBuilder::<T>::with_capacity(cells.len());
    for value in cells.values() {
        match value {
            Some(value) => array.append_value(of(value.try_into().ok()?)),
            None => array.append_null(),
        }
    }
    Some(array.finish())
}

/// The bytes of all values; `None` if an array cannot hold so many.
fn length(cells: &Cells) -> Option<usize> {
    let length = cells.values().flatten().fold(0_usize, |length, value| length.saturating_add(value.len()));
    i32::try_from(length).is_ok().then_some(length)
}

/// Texts with a dictionary, which has only those that occur.
fn repeated(cells: &Cells) -> Option<DictionaryArray<Int32Type>> {
    let mut places: Vec<(usize, usize)> = cells.places().flatten().map(|place| (place.start, place.end)).collect();
    places.sort_unstable();
    places.dedup();
    length(cells)?;
    let mut texts = StringBuilder::new();
    for (start, end) in &places {
        texts.append_value(simdutf8::basic::from_utf8(cells.bytes(&(*start..*end))).ok()?);
    }
    let mut keys = PrimitiveBuilder::<Int32Type>::with_capacity(cells.len());
    for place in cells.places() {
        match place {
            Some(place) => {
                let key = places.binary_search(&(place.start, place.end)).ok()?;
                keys.append_value(i32::try_from(key).ok()?);
            }
            None => keys.append_null(),
        }
    }
    DictionaryArray::try_new(keys.finish(), Arc::new(texts.finish())).ok()
}
