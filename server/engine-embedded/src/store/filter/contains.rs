//! Case-insensitive substring search in a text column, and in pages of messages.

use std::ops::Range;

use arrow_array::{Array, StringArray};
use arrow_buffer::BooleanBuffer;
use model::query::Needle;
use parts::scan::Page;
use pipeline::Result;

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

    /// Clears the entries of the messages of a page that do not contain the text.
    pub(crate) fn scan_page(&self, page: &Page<'_>, passes: &mut [bool]) -> Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        let needle = Needle::new(&self.text);
        keep_matches(page, passes, |bytes, from| needle.find(bytes, from), |_| Ok(true))
    }
}

/// Below one in this many messages, each is searched alone.
const FEW: usize = 16;

/// Clears the entries of the messages of a page without a match, and of those for which `holds` is false. `find` returns
/// the next match in bytes from a place on; a match across messages is none. The lengths of the messages are decoded at
/// the first match.
pub(super) fn keep_matches(
    page: &Page<'_>,
    passes: &mut [bool],
    find: impl Fn(&[u8], usize) -> Option<Range<usize>>,
    mut holds: impl FnMut(usize) -> Result<bool>,
) -> Result<()> {
    let bytes = page.bytes();
    if passes.iter().filter(|passes| **passes).count() < passes.len() / FEW {
        for (row, passes) in passes.iter_mut().enumerate().filter(|(_, passes)| **passes) {
            let message = bytes.get(page.range(row)?).unwrap_or_default();
            *passes = find(message, 0).is_some() && holds(row)?;
        }
        return Ok(());
    }
    let mut next = find(bytes, 0);
    if next.is_none() {
        passes.fill(false);
        return Ok(());
    }
    let ends = page.ends()?;
    // The messages before it are decided.
    let mut row = 0;
    while let Some(place) = next {
        // A linear walk over the messages: most are short, and they are in byte order.
        while ends.get(row).is_some_and(|end| *end as usize <= place.start) {
            passes[row] = false;
            row += 1;
        }
        let Some(end) = ends.get(row).map(|end| *end as usize) else { break };
        if place.end <= end {
            passes[row] = passes[row] && holds(row)?;
            row += 1;
            next = find(bytes, end);
        } else {
            // The match crosses the end of its message.
            next = find(bytes, place.start + 1);
        }
    }
    passes[row..].fill(false);
    Ok(())
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
