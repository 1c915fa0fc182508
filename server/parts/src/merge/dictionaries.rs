//! One dictionary for the texts of several parts, so that rows are copied as keys.

use std::{collections::HashMap, sync::Arc};

use arrow_array::{
    Array, ArrayRef, DictionaryArray, Int32Array, builder::NullBufferBuilder, cast::AsArray, types::Int32Type,
};
use arrow_schema::{DataType, Schema};
use foldhash::fast::RandomState;
use pipeline::{Error, Result};

use super::{refused, texts::NumberedTexts};
use crate::schema;

/// The number of copies after which the dictionaries of parts that none of these read are let go.
const SWEEP: usize = 16;

/// The dictionaries of the columns that have one, and of the keys of the maps.
pub(super) struct Dictionaries(Vec<Option<Dictionary>>);

impl Dictionaries {
    pub(super) fn of(schema: &Schema) -> Self {
        let repeated = schema::repeated_text();
        let has_one = |of: &DataType| *of == repeated || matches!(of, DataType::Map(..));
        let of_field = |of: &DataType| has_one(of).then(Dictionary::default);
        Self(schema.fields().iter().map(|field| of_field(field.data_type())).collect())
    }

    /// That of a column by its index; `None` if it has none.
    pub(super) fn of_column(&mut self, place: usize) -> Option<&mut Dictionary> {
        self.0.get_mut(place)?.as_mut()
    }
}

/// The dictionary of one merged column.
#[derive(Default)]
pub(super) struct Dictionary {
    texts: NumberedTexts,
    sources: Vec<Source>,
    /// The indexes of the sources by their address. All batches of a row group share one dictionary.
    places: HashMap<usize, usize, RandomState>,
    /// The number of copies so far.
    copies: usize,
}

/// The dictionary of a row group of a part.
struct Source {
    /// Held, so that its address is not used again.
    texts: ArrayRef,
    /// The merged key of each key; negative until the first row that has it.
    keys: Vec<i32>,
    /// The number of the last copy that read it.
    last: usize,
}

impl Source {
    fn of(texts: ArrayRef) -> Self {
        let keys = vec![-1; texts.len()];
        Self { texts, keys, last: 0 }
    }
}

/// What tells a dictionary from all others that are held.
fn address(texts: &ArrayRef) -> usize {
    Arc::as_ptr(texts).cast::<()>().addr()
}

impl Dictionary {
    /// Copies rows of several arrays, each given by the index of its array and of its row, to one array.
    ///
    /// # Errors
    /// `Corrupt` if a key is not in its dictionary, or a row not in its array.
    pub(super) fn gather(&mut self, arrays: &[&dyn Array], rows: &[(usize, usize)]) -> Result<ArrayRef> {
        if self.texts.are_many() {
            *self = Self::default();
        }
        self.copies += 1;
        if self.copies.is_multiple_of(SWEEP) {
            self.sweep();
        }
        let arrays = arrays
            .iter()
            .map(|array| {
                let array = array.as_dictionary_opt::<Int32Type>().ok_or_else(mistyped)?;
                Ok((array.keys(), self.source(array.values())))
            })
            .collect::<Result<Vec<_>>>()?;
        let (mut keys, mut nulls) = (Vec::with_capacity(rows.len()), NullBufferBuilder::new(rows.len()));
        for (array, row) in rows {
            let (of_source, source) = arrays.get(*array).copied().ok_or_else(mistyped)?;
            if *row >= of_source.len() {
                return Err(mistyped());
            }
            if of_source.is_null(*row) {
                keys.push(0);
                nulls.append_null();
            } else {
                keys.push(self.key(source, of_source.value(*row))?);
                nulls.append_non_null();
            }
        }
        let keys = Int32Array::try_new(keys.into(), nulls.build()).map_err(refused)?;
        let texts = self.texts.array();
        Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, texts).map_err(refused)?))
    }

    /// Lets go of the dictionaries of parts that have ended, and of earlier row groups.
    fn sweep(&mut self) {
        let before = self.copies.saturating_sub(SWEEP);
        self.sources.retain(|source| source.last >= before);
        self.places = self.sources.iter().map(|source| address(&source.texts)).zip(0..).collect();
    }

    /// The index of a source dictionary.
    fn source(&mut self, texts: &ArrayRef) -> usize {
        let sources = &mut self.sources;
        let place = *self.places.entry(address(texts)).or_insert_with(|| {
            sources.push(Source::of(texts.clone()));
            sources.len() - 1
        });
        if let Some(source) = self.sources.get_mut(place) {
            source.last = self.copies;
        }
        place
    }

    /// The merged key of a key of a source.
    fn key(&mut self, source: usize, key: i32) -> Result<i32> {
        let Source { texts, keys, .. } = self.sources.get_mut(source).ok_or_else(mistyped)?;
        let merged = keys.get_mut(key as usize).ok_or_else(mistyped)?;
        if *merged < 0 {
            let text = texts.as_string_opt::<i32>().ok_or_else(mistyped)?.value(key as usize);
            *merged = self.texts.number(text);
        }
        Ok(*merged)
    }
}

fn mistyped() -> Error {
    Error::corrupt("a part's text differs from its dictionary")
}

#[cfg(test)]
mod tests {
    use arrow_array::StringArray;
    use arrow_select::interleave::interleave;

    use super::*;
    use crate::merge::texts::{MOST_BYTES, MOST_TEXTS};

    fn array(texts: &[Option<&str>]) -> DictionaryArray<Int32Type> {
        texts.iter().copied().collect()
    }

    fn texts(array: &dyn Array) -> Vec<Option<String>> {
        let array = array.as_dictionary::<Int32Type>();
        array.downcast_dict::<StringArray>().unwrap().into_iter().map(|text| text.map(str::to_owned)).collect()
    }

    #[test]
    fn rows_of_several_dictionaries_are_copied_as_arrow_does() {
        let one = array(&[Some("a"), None, Some("b"), Some("a")]);
        let other = array(&[Some("c"), Some("a"), Some(""), None]);
        let rest = one.slice(2, 2);
        let none = array(&[None, None]);
        let arrays: [&dyn Array; 4] = [&one, &other, &rest, &none];
        let mut dictionary = Dictionary::default();
        for rows in [
            &[(0, 0), (0, 1), (1, 1), (1, 0), (2, 0), (2, 1), (3, 1)][..],
            &[(1, 2), (1, 3), (0, 3)],
            &[(3, 0), (3, 1)],
            &[],
        ] {
            let ours = dictionary.gather(&arrays, rows).unwrap();
            assert_eq!(texts(&*ours), texts(&*interleave(&arrays, rows).unwrap()));
        }
        // The slice has the dictionary of its array.
        assert_eq!((dictionary.sources.len(), dictionary.texts.len()), (3, 4));
    }

    #[test]
    fn texts_that_no_row_has_are_left_out_and_a_full_dictionary_is_begun_anew() {
        let many: Vec<String> = (0..MOST_TEXTS + 10).map(|number| number.to_string()).collect();
        let many: DictionaryArray<Int32Type> = many.iter().map(|text| Some(text.as_str())).collect();
        let arrays: [&dyn Array; 1] = [&many];
        let mut dictionary = Dictionary::default();
        let few = dictionary.gather(&arrays, &[(0, 7), (0, 70), (0, 7)]).unwrap();
        assert_eq!(few.as_dictionary::<Int32Type>().values().len(), 2);
        let all: Vec<_> = (0..many.len()).map(|row| (0, row)).collect();
        assert_eq!(texts(&*dictionary.gather(&arrays, &all).unwrap()), texts(&many));
        let few = dictionary.gather(&arrays, &[(0, 9)]).unwrap();
        assert_eq!((few.as_dictionary::<Int32Type>().values().len(), texts(&*few)), (1, texts(&many.slice(9, 1))));
    }

    #[test]
    fn dictionaries_of_parts_that_have_ended_are_let_go() {
        let mut dictionary = Dictionary::default();
        let open = array(&[Some("open"), None]);
        for number in 0..10 * SWEEP {
            let text = format!("text {number}");
            let ended = array(&[Some("ended"), Some(text.as_str())]);
            let ours = dictionary.gather(&[&open, &ended], &[(0, 0), (1, 1), (0, 1), (1, 0)]).unwrap();
            assert_eq!(texts(&*ours), [Some("open".to_owned()), Some(text), None, Some("ended".to_owned())]);
            assert!(dictionary.sources.len() <= 2 + 2 * SWEEP, "{} sources", dictionary.sources.len());
            assert_eq!(dictionary.sources.len(), dictionary.places.len());
        }
    }

    #[test]
    fn a_dictionary_of_many_bytes_is_begun_anew() {
        let mut dictionary = Dictionary::default();
        for number in 0..30 {
            let long = format!("{number} {}", "x".repeat(MOST_BYTES / 8));
            let part = array(&[Some(long.as_str()), Some("short")]);
            let ours = dictionary.gather(&[&part], &[(0, 0), (0, 1)]).unwrap();
            assert!(dictionary.texts.bytes() <= MOST_BYTES + 2 * long.len());
            assert_eq!(texts(&*ours), [Some(long), Some("short".to_owned())]);
        }
    }
}
