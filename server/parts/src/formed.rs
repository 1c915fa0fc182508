//! Columns whose values have a form: as they are read, and as they are built.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, Decimal64Array, FixedSizeBinaryArray, Int64Array, TimestampNanosecondArray,
    builder::NullBufferBuilder,
    cast::AsArray,
    types::{Decimal64Type, Int64Type, TimestampNanosecondType},
};
use arrow_schema::{ArrowError, DataType};

use super::form::Form;

/// A column of texts as bytes.
#[derive(Clone, Copy)]
pub struct Bytes<'a> {
    pub form: &'a Form,
    pub column: &'a FixedSizeBinaryArray,
}

impl<'a> Bytes<'a> {
    /// `None` if the column has another type.
    pub fn of(column: &'a ArrayRef, form: &'a Form) -> Option<Self> {
        let column = column.as_fixed_size_binary_opt()?;
        (form.byte_length() == Some(column.value_size())).then_some(Self { form, column })
    }

    /// The bytes at `row`; `None` if null.
    pub fn get(&self, row: usize) -> Option<&'a [u8]> {
        self.column.is_valid(row).then(|| self.column.value(row))
    }
}

/// A column of texts or floats as numbers, or of integers.
#[derive(Clone, Copy)]
pub struct Numbers<'a> {
    pub form: &'a Form,
    column: &'a dyn Array,
    /// All numbers, also those of rows without one.
    values: &'a [i64],
}

/// Integers have the text of a number without a prefix.
static INTEGERS: Form = Form::Number { prefix: String::new() };

impl<'a> Numbers<'a> {
    /// `None` if the column has another type.
    pub fn of(column: &'a ArrayRef, form: &'a Form) -> Option<Self> {
        if form.data_type().as_ref() != Some(column.data_type()) {
            return None;
        }
        let values = match column.data_type() {
            DataType::Int64 => column.as_primitive_opt::<Int64Type>()?.values(),
            DataType::Timestamp(..) => column.as_primitive_opt::<TimestampNanosecondType>()?.values(),
            DataType::Decimal64(..) => column.as_primitive_opt::<Decimal64Type>()?.values(),
            _ => return None,
        };
        Some(Self { form, column: column.as_ref(), values })
    }

    /// A column of integers.
    pub fn integers(column: &'a Int64Array) -> Self {
        Self { form: &INTEGERS, column, values: column.values() }
    }

    /// The column itself, which knows the rows without a number.
    pub fn column(&self) -> &'a dyn Array {
        self.column
    }

    /// All numbers, also those of rows without one.
    pub fn values(&self) -> &'a [i64] {
        self.values
    }

    pub fn len(&self) -> usize {
        self.column.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number at `row`, which means nothing if the row has none.
    pub fn value(&self, row: usize) -> i64 {
        self.values[row]
    }

    /// The number at `row`; `None` if null.
    pub fn get(&self, row: usize) -> Option<i64> {
        self.column.is_valid(row).then(|| self.value(row))
    }
}

/// Values of a form, to become a column.
pub(crate) struct Formed {
    form: Form,
    values: Collected,
}

enum Collected {
    Bytes(Vec<u8>),
    Numbers(Vec<i64>),
}

impl Formed {
    /// No values yet of a form that is not plain.
    pub(crate) fn new(form: Form) -> Self {
        let values = match &form {
            form if form.byte_length().is_some() => Collected::Bytes(Vec::new()),
            _ => Collected::Numbers(Vec::new()),
        };
        Self { form, values }
    }

    pub(crate) fn form(&self) -> &Form {
        &self.form
    }

    /// Appends a text. Returns `false` if it does not have the form.
    pub(crate) fn push_text(&mut self, text: &str) -> bool {
        match &mut self.values {
            Collected::Bytes(bytes) => match self.form.to_bytes(text, &mut [0; 64]) {
                Some(value) => bytes.extend_from_slice(value),
                None => return false,
            },
            Collected::Numbers(numbers) => match self.form.to_number(text) {
                Some(number) => numbers.push(number),
                None => return false,
            },
        }
        true
    }

    /// Appends a float. Returns `false` if it does not have the form.
    pub(crate) fn push_float(&mut self, value: f64) -> bool {
        match (&mut self.values, self.form.to_decimal(value)) {
            (Collected::Numbers(numbers), Some(number)) => {
                numbers.push(number);
                true
            }
            _ => false,
        }
    }

    /// Appends anything, for a row without a value.
    pub(crate) fn push_nothing(&mut self) {
        match &mut self.values {
            Collected::Bytes(bytes) => bytes.resize(bytes.len() + self.form.byte_length().unwrap_or_default(), 0),
            Collected::Numbers(numbers) => numbers.push(0),
        }
    }

    /// The numbers, if the form has numbers.
    pub(crate) fn numbers(&self) -> &[i64] {
        match &self.values {
            Collected::Numbers(numbers) => numbers,
            Collected::Bytes(_) => &[],
        }
    }

    /// Hands the text of each value to `take`.
    pub(crate) fn print_each(&self, mut take: impl FnMut(&str)) {
        let (form, mut text) = (&self.form, String::new());
        // A string takes any text.
        match &self.values {
            Collected::Bytes(bytes) => {
                for value in bytes.chunks_exact(form.byte_length().unwrap_or(1)) {
                    text.clear();
                    let _ = form.print_bytes(value, &mut text);
                    take(&text);
                }
            }
            Collected::Numbers(numbers) => {
                for number in numbers {
                    text.clear();
                    let _ = form.print_number(*number, &mut text);
                    take(&text);
                }
            }
        }
    }

    /// The array of `rows` rows. The values are those of the rows `at`, or of all rows if there are as many.
    ///
    /// # Errors
    /// If the nulls are those of another number of rows.
    pub(crate) fn into_array(self, at: &[u32], rows: usize, nulls: NullBufferBuilder) -> Result<ArrayRef, ArrowError> {
        let nulls = nulls.build();
        Ok(match (self.values, &self.form) {
            (Collected::Bytes(bytes), form) => {
                let length = form.byte_length().unwrap_or(1);
                let bytes = dense_bytes(bytes, length, at, rows);
                Arc::new(FixedSizeBinaryArray::try_new(length as i32, bytes.into(), nulls)?)
            }
            (Collected::Numbers(numbers), form) => {
                let numbers = dense(numbers, at, rows).into();
                match form {
                    Form::Time { .. } => {
                        Arc::new(TimestampNanosecondArray::try_new(numbers, nulls)?.with_timezone("UTC"))
                    }
                    Form::Decimal { scale } => {
                        let array = Decimal64Array::try_new(numbers, nulls)?;
                        Arc::new(array.with_precision_and_scale(super::form::PRECISION, *scale as i8)?)
                    }
                    _ => Arc::new(Int64Array::try_new(numbers, nulls)?),
                }
            }
        })
    }
}

/// One element a row; anything where the column has no value.
pub(crate) fn dense<T: Copy + Default>(values: Vec<T>, at: &[u32], rows: usize) -> Vec<T> {
    if values.len() == rows {
        return values;
    }
    let mut dense = vec![T::default(); rows];
    for (value, row) in values.into_iter().zip(at) {
        if let Some(place) = dense.get_mut(*row as usize) {
            *place = value;
        }
    }
    dense
}

/// As [`dense`], of `length` bytes a row.
fn dense_bytes(values: Vec<u8>, length: usize, at: &[u32], rows: usize) -> Vec<u8> {
    if values.len() == rows * length {
        return values;
    }
    let mut dense = vec![0; rows * length];
    for (value, row) in values.chunks_exact(length).zip(at) {
        let from = *row as usize * length;
        if let Some(place) = dense.get_mut(from..from + length) {
            place.copy_from_slice(value);
        }
    }
    dense
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_has_the_texts_of_which_it_is_built() {
        let uuids = ["0190a1b2-c3d4-7000-8000-00000000000f", "0290a1b2-c3d4-7000-8000-00000000000f"];
        for (form, texts) in [
            (Form::Hex { bytes: 4 }, ["0123abcd", "00000000"]),
            (Form::Uuid, uuids),
            (Form::Ipv4, ["10.0.0.1", "255.255.255.255"]),
            (Form::Number { prefix: "u".to_owned() }, ["u0", "u17"]),
            (Form::Time { digits: 3 }, ["2026-01-02T03:04:05.006Z", "1969-12-31T23:59:59.999Z"]),
        ] {
            let mut formed = Formed::new(form.clone());
            assert!(texts.iter().all(|text| formed.push_text(text)) && !formed.push_text("none of it"));
            let mut printed = Vec::new();
            formed.print_each(|text| printed.push(text.to_owned()));
            assert_eq!(printed, texts);
            let mut nulls = NullBufferBuilder::new(4);
            [false, true, false, true].iter().for_each(|is_valid| nulls.append(*is_valid));
            let array = formed.into_array(&[1, 3], 4, nulls).unwrap();
            assert_eq!(Some(array.data_type()), form.data_type().as_ref());
            let text = |row: usize| {
                let mut text = String::new();
                match Bytes::of(&array, &form) {
                    Some(bytes) => form.print_bytes(bytes.get(row)?, &mut text).unwrap(),
                    None => form.print_number(Numbers::of(&array, &form)?.get(row)?, &mut text).unwrap(),
                }
                Some(text)
            };
            assert_eq!([0, 1, 2, 3].map(text), [None, Some(texts[0].to_owned()), None, Some(texts[1].to_owned())]);
            let other = Form::Hex { bytes: 8 };
            assert!(Bytes::of(&array, &other).is_none() && Numbers::of(&array, &other).is_none());
        }
    }

    #[test]
    fn a_column_of_decimals_has_the_floats() {
        let form = Form::Decimal { scale: 2 };
        let mut formed = Formed::new(form.clone());
        assert!(formed.push_float(1.5) && !formed.push_float(0.125) && !formed.push_text("1.5 ms"));
        formed.push_nothing();
        assert!(formed.push_float(-0.07));
        let mut nulls = NullBufferBuilder::new(3);
        [true, false, true].iter().for_each(|is_valid| nulls.append(*is_valid));
        let array = formed.into_array(&[], 3, nulls).unwrap();
        let numbers = Numbers::of(&array, &form).unwrap();
        let floats = [0, 1, 2].map(|row| numbers.get(row).map(|number| form.to_float(number)));
        assert_eq!(floats, [Some(1.5), None, Some(-0.07)]);
    }
}
