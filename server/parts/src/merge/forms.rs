//! The form of an attribute in the merged part, and values that are converted to it.
//!
//! Each part has chosen its forms by its first values, and parts of format 1 have none. The merged part has the form
//! that most values have. Columns of this form are copied. What is in other columns is converted value by value: it gets
//! the form, or goes to the plain column of the attribute.

use std::{collections::HashMap, sync::Arc};

use arrow_array::{
    ArrayRef, Float64Array, RecordBatch,
    builder::{NullBufferBuilder, StringBuilder},
};
use foldhash::fast::RandomState;
use pipeline::{Error, Result};

use super::refused;
use crate::{
    decode::Values,
    form::Form,
    formed::Formed,
    schema::{AttributeColumn, Kind},
};

/// Decimals have the greatest scale of at least one in so many decimals. Those with a greater one are floats.
const MOST_PER_SCALE: usize = 16;

/// The form that most values of an attribute have: `counts` is the number of values by the form of their column.
pub(super) fn most_frequent(counts: &HashMap<&Form, usize, RandomState>) -> Form {
    let all: usize = counts.values().sum();
    let formed = counts.iter().filter(|(form, _)| !form.is_plain());
    let decimals = || counts.iter().filter(|(form, _)| form.is_of_floats());
    let of_decimals: usize = decimals().map(|(_, count)| count).sum();
    if of_decimals > 0 && of_decimals * 2 >= all {
        let frequent = decimals().filter(|(_, count)| **count * MOST_PER_SCALE >= of_decimals);
        let scale = frequent.filter_map(|(form, _)| match form {
            Form::Decimal { scale } => Some(*scale),
            _ => None,
        });
        return scale.max().map_or(Form::Plain, |scale| Form::Decimal { scale });
    }
    // The order of a map differs from run to run.
    let most = formed.max_by_key(|(form, count)| (**count, format!("{form:?}")));
    most.filter(|(_, count)| **count > 0 && **count * 2 >= all).map_or(Form::Plain, |(form, _)| (*form).clone())
}

/// Converts the columns that a part has for an attribute.
pub(super) struct Conversion {
    /// With their indexes.
    columns: Vec<(usize, AttributeColumn)>,
    kind: Kind,
    form: Form,
}

/// The values of a batch in the columns of the merged part.
pub(super) struct Converted {
    /// `None` if the merged part has no form for them.
    pub(super) formed: Option<ArrayRef>,
    pub(super) plain: ArrayRef,
}

impl Conversion {
    /// `None` if the columns can be copied: they have the form, and the others are plain.
    pub(super) fn of(columns: Vec<(usize, AttributeColumn)>, kind: Kind, form: &Form) -> Option<Self> {
        let has_form = columns.iter().any(|(_, column)| column.form == *form);
        let is_copied = columns.iter().all(|(_, column)| column.form == *form || has_form && column.form.is_plain());
        (!is_copied).then(|| Self { columns, kind, form: form.clone() })
    }

    pub(super) fn convert(&self, batch: &RecordBatch) -> Result<Converted> {
        let columns = self.columns.iter().map(|(place, column)| match batch.columns().get(*place) {
            Some(array) => Values::of(array, column),
            None => Err(Error::corrupt(format!("a part lacks its column {}", column.column))),
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        match self.kind {
            Kind::Float => self.floats(&columns, batch.num_rows()),
            Kind::Text | Kind::Int | Kind::Bool => self.texts(&columns, batch.num_rows()),
        }
    }

    fn texts(&self, columns: &[Values<'_>], rows: usize) -> Result<Converted> {
        let mut split = Split::new(&self.form, rows);
        let (mut plain, mut text) = (StringBuilder::new(), String::new());
        for row in 0..rows {
            text.clear();
            let is_valid = columns.iter().any(|column| column.print(row, &mut text));
            match is_valid && !split.push(|formed| formed.push_text(&text)) {
                true => plain.append_value(&text),
                false => plain.append_null(),
            }
            if !is_valid {
                split.push_null();
            }
        }
        Ok(Converted { formed: split.finish(rows)?, plain: Arc::new(plain.finish()) })
    }

    fn floats(&self, columns: &[Values<'_>], rows: usize) -> Result<Converted> {
        let mut split = Split::new(&self.form, rows);
        let mut plain: Vec<Option<f64>> = Vec::with_capacity(rows);
        for row in 0..rows {
            match columns.iter().find_map(|column| column.float(row)) {
                Some(value) => plain.push((!split.push(|formed| formed.push_float(value))).then_some(value)),
                None => {
                    plain.push(None);
                    split.push_null();
                }
            }
        }
        Ok(Converted { formed: split.finish(rows)?, plain: Arc::new(Float64Array::from(plain)) })
    }
}

/// The values with the form.
struct Split(Option<(Formed, NullBufferBuilder)>);

impl Split {
    fn new(form: &Form, rows: usize) -> Self {
        Self((!form.is_plain()).then(|| (Formed::new(form.clone()), NullBufferBuilder::new(rows))))
    }

    /// Appends a value if it has the form. Returns whether it does.
    fn push(&mut self, push: impl FnOnce(&mut Formed) -> bool) -> bool {
        let Some((formed, nulls)) = &mut self.0 else { return false };
        let has_form = push(formed);
        if !has_form {
            formed.push_nothing();
        }
        nulls.append(has_form);
        has_form
    }

    fn push_null(&mut self) {
        self.push(|_| false);
    }

    fn finish(self, rows: usize) -> Result<Option<ArrayRef>> {
        let finished = self.0.map(|(formed, nulls)| formed.into_array(&[], rows, nulls));
        finished.transpose().map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_most_values_is_chosen() {
        let number = |prefix: &str| Form::Number { prefix: prefix.to_owned() };
        let decimal = |scale| Form::Decimal { scale };
        for (counts, expected) in [
            (vec![], Form::Plain),
            (vec![(Form::Plain, 0)], Form::Plain),
            (vec![(Form::Uuid, 0)], Form::Plain),
            (vec![(Form::Uuid, 5)], Form::Uuid),
            (vec![(Form::Uuid, 5), (Form::Plain, 5)], Form::Uuid),
            (vec![(Form::Uuid, 5), (Form::Plain, 6)], Form::Plain),
            (vec![(number("a"), 5), (number("b"), 6), (number("c"), 7)], Form::Plain),
            (vec![(number("a"), 5), (number("b"), 60), (Form::Plain, 7)], number("b")),
            (vec![(decimal(2), 70), (decimal(3), 10), (decimal(6), 1), (Form::Plain, 20)], decimal(3)),
            (vec![(decimal(2), 70), (Form::Plain, 80)], Form::Plain),
        ] {
            let counts: HashMap<&Form, usize, RandomState> =
                counts.iter().map(|(form, count): &(Form, usize)| (form, *count)).collect();
            assert_eq!(most_frequent(&counts), expected, "{counts:?}");
        }
    }
}
