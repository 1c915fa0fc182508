//! Case-insensitive substring search in a text column.

use arrow_array::{Array, StringArray};
use arrow_buffer::BooleanBuffer;
use model::query::Needle;

/// A substring searcher. It searches the bytes of a whole column at once, so most rows are skipped at memory speed.
#[derive(Debug, Clone)]
pub(crate) struct Contains {
    text: String,
}

impl Contains {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }

    /// The values that contain the text. Nulls do not.
    pub(crate) fn scan(&self, column: &StringArray) -> BooleanBuffer {
        if self.text.is_empty() {
            return BooleanBuffer::collect_bool(column.len(), |row| column.is_valid(row));
        }
        let needle = Needle::new(&self.text);
        let mut found = vec![false; column.len()];
        let offsets = column.value_offsets();
        let end = offsets.last().map_or(0, |offset| *offset as usize);
        let data = column.value_data().get(..end).unwrap_or_default();
        let mut from = offsets.first().map_or(0, |offset| *offset as usize);
        let mut row = 0;
        while let Some(place) = needle.find(data, from) {
            // A linear walk over the rows: most are short, and they are in byte order.
            while offsets[row + 1] as usize <= place.start {
                row += 1;
            }
            let next = offsets[row + 1] as usize;
            if place.end <= next {
                found[row] = column.is_valid(row);
                from = next;
            } else {
                // The match crosses the end of its value.
                from = place.start + 1;
            }
        }
        BooleanBuffer::from(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_within_values_only_and_in_any_case() {
        let column = StringArray::from(vec![
            Some("Connection RESET"),
            Some("con"),
            Some("nection"),
            None,
            Some(""),
            Some("KÄSE é"),
        ]);
        for (text, rows) in [
            ("connection", vec![0]),
            ("conn", vec![0]),
            ("con", vec![0, 1]),
            ("nection", vec![0, 2]),
            ("t", vec![0, 2]),
            ("reset", vec![0]),
            ("kÄse", vec![5]),
            ("käse", vec![5]),
            ("É", vec![5]),
            ("é", vec![5]),
            ("connection resets", vec![]),
        ] {
            let found: Vec<usize> = Contains::new(text).scan(&column).set_indices().collect();
            assert_eq!(found, rows, "{text}");
            let sliced: Vec<usize> = Contains::new(text).scan(&column.slice(1, 4)).set_indices().collect();
            let expected: Vec<usize> = rows.iter().filter(|row| (1..5).contains(*row)).map(|row| row - 1).collect();
            assert_eq!(sliced, expected, "{text} in a slice");
        }
    }
}
