//! Prints attributes without a column of their own as JSON, value by value.

use arrow_array::{StringArray, builder::StringBuilder};
use model::Value;
use pipeline::{Error, Result};

use crate::schema::Kind;

/// A value of an attribute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell<'a> {
    Text(&'a str),
    Int(i64),
    Float(f64),
    Bool(bool),
}

impl<'a> From<&'a Value> for Cell<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Text(text) => Self::Text(text),
            Value::Int(number) => Self::Int(*number),
            Value::Float(number) => Self::Float(*number),
            Value::Bool(value) => Self::Bool(*value),
        }
    }
}

/// A JSON object under construction.
#[derive(Default)]
pub(crate) struct Object(Vec<u8>);

impl Object {
    /// A key as [`Self::push`] takes it, with its colon.
    pub(crate) fn key(key: &str) -> Result<Vec<u8>> {
        let mut printed = serde_json::to_vec(key).map_err(not_printed)?;
        printed.push(b':');
        Ok(printed)
    }

    /// Continues an object that is printed.
    ///
    /// # Errors
    /// `Corrupt` if it is none.
    pub(crate) fn reopen(&mut self, json: &str) -> Result<()> {
        // A damaged text must not get into another part, where it could not be told from a fault of that part.
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok();
        match json.trim_ascii().strip_suffix('}').filter(|_| is_json) {
            Some(open) => {
                self.0.clear();
                self.0.extend_from_slice(open.trim_ascii_end().as_bytes());
                Ok(())
            }
            None => Err(Error::corrupt("a part's attributes without a column are no JSON object")),
        }
    }

    pub(crate) fn push(&mut self, key: &[u8], value: Cell<'_>) -> Result<()> {
        match self.0.last() {
            None => self.0.push(b'{'),
            // Values are not nested, so this is the beginning of the object.
            Some(b'{') => {}
            Some(_) => self.0.push(b','),
        }
        self.0.extend_from_slice(key);
        match value {
            Cell::Text(text) => serde_json::to_writer(&mut self.0, text),
            Cell::Int(number) => serde_json::to_writer(&mut self.0, &number),
            Cell::Float(number) => serde_json::to_writer(&mut self.0, &number),
            Cell::Bool(value) => serde_json::to_writer(&mut self.0, &value),
        }
        .map_err(not_printed)
    }

    /// Appends the object to the column, and begins the next one.
    pub(crate) fn append_to(&mut self, column: &mut StringBuilder) -> Result<()> {
        self.0.push(b'}');
        let json = std::str::from_utf8(&self.0)
            .map_err(|error| Error::internal(format!("attributes cannot be written as JSON: {error}")))?;
        column.append_value(json);
        self.0.clear();
        Ok(())
    }
}

fn not_printed(error: serde_json::Error) -> Error {
    Error::internal(format!("attributes cannot be written as JSON: {error}"))
}

/// A value that goes to the rest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spilled<'a> {
    pub(super) row: u32,
    /// The index of its key.
    pub(super) place: u32,
    pub(super) value: Cell<'a>,
}

/// The column of all these values, one object for each row that has any. `keys` are the keys by place.
pub(super) fn column(keys: &[(&str, Kind)], mut spilled: Vec<Spilled<'_>>, rows: usize) -> Result<StringArray> {
    let key = |spilled: &Spilled<'_>| keys.get(spilled.place as usize).map_or("", |(key, _)| *key);
    // Mostly in order: one stretch of all rows, and some for each column that was given up.
    spilled.sort_by(|a, b| a.row.cmp(&b.row).then_with(|| key(a).cmp(key(b))));
    let mut printed: Vec<Vec<u8>> = vec![Vec::new(); keys.len()];
    let (mut column, mut object, mut filled) = (StringBuilder::new(), Object::default(), 0);
    for of_row in spilled.chunk_by(|a, b| a.row == b.row) {
        let row = of_row.first().map_or(filled, |first| first.row as usize);
        column.append_nulls(row.saturating_sub(filled));
        for spilled in of_row {
            let Some(name) = printed.get_mut(spilled.place as usize) else { continue };
            if name.is_empty() {
                *name = Object::key(key(spilled))?;
            }
            object.push(name, spilled.value)?;
        }
        object.append_to(&mut column)?;
        filled = row + 1;
    }
    column.append_nulls(rows.saturating_sub(filled));
    Ok(column.finish())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arrow_array::Array as _;
    use model::Text;

    use super::*;

    #[test]
    fn values_are_printed_as_the_map_of_a_row_would_be() {
        let values = [
            Value::Text("\"a\" \\ 한\n".into()),
            Value::Int(i64::MIN),
            Value::Float(-0.0),
            Value::Float(1.0),
            Value::Float(1e300),
            Value::Bool(true),
        ];
        let keys = ["z", "a.b", "key \"1\"", "", "é", "b"].map(|key| (key, Kind::Text));
        let of_row =
            |row: u32| (0..).zip(&values).map(move |(place, value)| Spilled { row, place, value: value.into() });
        let column = column(&keys, of_row(3).chain(of_row(1).take(1)).collect(), 5).unwrap();
        let map: BTreeMap<&str, &Value> = keys.iter().map(|(key, _)| *key).zip(&values).collect();
        assert_eq!(column.value(3), serde_json::to_string(&map).unwrap());
        assert_eq!(column.value(1), "{\"z\":\"\\\"a\\\" \\\\ 한\\n\"}");
        assert_eq!((0..5).filter(|row| column.is_null(*row)).collect::<Vec<_>>(), [0, 2, 4]);
    }

    #[test]
    fn an_object_is_continued_and_a_damaged_one_is_refused() {
        let (mut object, mut column) = (Object::default(), StringBuilder::new());
        for json in ["{\"a\":1}", "{}", " {\"a\" : \"}\" } "] {
            object.reopen(json).unwrap();
            object.push(&Object::key("b").unwrap(), Cell::Bool(false)).unwrap();
            object.append_to(&mut column).unwrap();
        }
        let column = column.finish();
        let maps: Vec<BTreeMap<Text, Value>> =
            column.iter().flatten().map(|json| serde_json::from_str(json).unwrap()).collect();
        assert_eq!(maps.iter().map(BTreeMap::len).collect::<Vec<_>>(), [2, 1, 2]);
        assert_eq!(column.value(0), "{\"a\":1,\"b\":false}");
        for damaged in ["", "{", "{\"a\":1", "{\"a\":1}}", "[1]", "7", "{\"a\"}"] {
            assert!(object.reopen(damaged).is_err(), "{damaged}");
        }
    }
}
