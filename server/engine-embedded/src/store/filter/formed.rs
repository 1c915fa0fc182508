//! Tests of attributes whose columns have a form, without their texts where bytes and numbers decide.

use arrow_array::Array;
use arrow_buffer::BooleanBuffer;
use model::{Value, query::Test};
use parts::{
    form::Form,
    formed::{Bytes, Numbers},
};

use super::{bounds::numbers_in, probe::Probe};

/// The rows of a column of bytes that pass.
pub(super) fn bytes(bytes: &Bytes<'_>, test: &Test, probe: &mut Probe) -> BooleanBuffer {
    let Bytes { form, column } = bytes;
    match test {
        Test::Exists => valid(*column),
        Test::AnyOf(texts) => {
            // A text without the form is in another column.
            let wanted: Vec<Vec<u8>> =
                texts.iter().filter_map(|text| form.to_bytes(text, &mut [0; 64]).map(<[u8]>::to_vec)).collect();
            let is_wanted = |row: usize| wanted.iter().any(|wanted| wanted.as_slice() == column.value(row));
            BooleanBuffer::collect_bool(column.len(), |row| column.is_valid(row) && is_wanted(row))
        }
        _ => {
            let mut text = String::new();
            BooleanBuffer::collect_bool(column.len(), |row| {
                let Some(value) = bytes.get(row) else { return false };
                text.clear();
                form.print_bytes(value, &mut text).is_ok() && probe.attribute(Value::Text(text.as_str().into()))
            })
        }
    }
}

/// The rows of a column of numbers that pass.
pub(super) fn numbers(numbers: &Numbers<'_>, test: &Test, probe: &mut Probe) -> BooleanBuffer {
    match test {
        Test::Exists => valid(numbers.column()),
        Test::AnyOf(texts) => {
            let wanted: Vec<i64> = texts.iter().filter_map(|text| numbers.form.to_number(text)).collect();
            match wanted[..] {
                [] => BooleanBuffer::new_unset(numbers.len()),
                [wanted] => passing(numbers, |number| number == wanted),
                _ => passing(numbers, |number| wanted.contains(&number)),
            }
        }
        Test::Compare(comparison, bound) => match compared(numbers.form) {
            Compared::Always => match numbers_in(*comparison, *bound, |number| numbers.form.to_float(number)) {
                Some((least, greatest)) => passing(numbers, |number| (least..=greatest).contains(&number)),
                None => BooleanBuffer::new_unset(numbers.len()),
            },
            Compared::Never => BooleanBuffer::new_unset(numbers.len()),
            Compared::ByText => printed(numbers, probe),
        },
        _ if numbers.form.is_of_floats() => BooleanBuffer::collect_bool(numbers.len(), |row| {
            numbers.get(row).is_some_and(|number| probe.attribute(Value::Float(numbers.form.to_float(number))))
        }),
        _ => printed(numbers, probe),
    }
}

/// Whether the values of a form are numbers in a comparison.
enum Compared {
    Always,
    Never,
    ByText,
}

/// Whether all values of the form are compared as the numbers that they are.
pub(super) fn is_compared(form: &Form) -> bool {
    matches!(compared(form), Compared::Always)
}

fn compared(form: &Form) -> Compared {
    match form {
        Form::Decimal { .. } => Compared::Always,
        // Two points, or a text with marks.
        Form::Plain | Form::Hex { .. } | Form::Uuid | Form::Ipv4 | Form::Time { .. } => Compared::Never,
        Form::Number { prefix } => match prefix.as_bytes() {
            [] => Compared::Always,
            // Perhaps the beginning of a number.
            [b'+' | b'-' | b'.' | b'0'..=b'9', ..] => Compared::ByText,
            _ => Compared::Never,
        },
    }
}

/// Tests the text of each value.
fn printed(numbers: &Numbers<'_>, probe: &mut Probe) -> BooleanBuffer {
    let mut text = String::new();
    BooleanBuffer::collect_bool(numbers.len(), |row| {
        let Some(number) = numbers.get(row) else { return false };
        text.clear();
        numbers.form.print_number(number, &mut text).is_ok() && probe.attribute(Value::Text(text.as_str().into()))
    })
}

/// Tests all numbers, also those of rows without one, which is faster than asking for each row whether it has one.
fn passing(numbers: &Numbers<'_>, passes: impl Fn(i64) -> bool) -> BooleanBuffer {
    let values = numbers.values();
    let found = BooleanBuffer::collect_bool(values.len(), |row| passes(values[row]));
    match numbers.column().nulls() {
        Some(nulls) => &found & nulls.inner(),
        None => found,
    }
}

fn valid(column: &dyn Array) -> BooleanBuffer {
    column.nulls().map_or_else(|| BooleanBuffer::new_set(column.len()), |nulls| nulls.inner().clone())
}

#[cfg(test)]
mod tests {
    use model::{
        Query, Record,
        query::{Comparison, Expr, Field},
    };

    use super::*;
    use crate::store::filter::probe::blank;

    fn number(prefix: &str) -> Form {
        Form::Number { prefix: prefix.to_owned() }
    }

    /// Texts that a comparison takes for numbers, though their form has a prefix.
    #[test]
    fn a_form_is_never_compared_as_a_number_only_if_none_of_its_texts_is_one() {
        let is_number = |text: &str| {
            let expr = Expr::Field(Field::Attribute("x".to_owned()), Test::Compare(Comparison::GreaterOrEqual, -1e300));
            let attributes = vec![("x".into(), Value::Text(text.into()))];
            Query { expr }.matches(&Record { attributes, ..blank() })
        };
        for (form, text, expected) in [
            (number("-"), "-5", true),
            (number("+"), "+5", true),
            (number("."), ".5", true),
            (number("1."), "1.5", true),
            (number("1e"), "1e5", true),
            (number("u"), "u5", false),
            (number("e"), "e5", false),
            (number(" "), " 5", false),
            (Form::Ipv4, "10.0.0.1", false),
            (Form::Time { digits: 0 }, "2026-01-02T03:04:05Z", false),
        ] {
            assert_eq!(is_number(text), expected, "{text}");
            assert_eq!(matches!(compared(&form), Compared::Never), !expected, "{form:?}");
        }
        assert!(is_number("5") && matches!(compared(&number("")), Compared::Always));
        // The test of a column of bytes prints these.
        assert!(is_number("12345e10") && is_number("12345678"));
    }
}
