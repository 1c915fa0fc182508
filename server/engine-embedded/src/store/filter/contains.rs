//! Finding a text in a column of texts, without regard to the case of ASCII letters.

use arrow_array::{Array, StringArray};
use arrow_buffer::BooleanBuffer;

/// A text to look for. Searches the bytes of a whole column at once for the byte of
/// the text that is likely the rarest, and compares where that occurs; most rows are
/// passed over at the speed of memory.
#[derive(Debug, Clone)]
pub(crate) struct Contains {
    needle: Vec<u8>,
    /// The place in the needle of the byte that is looked for.
    rare: usize,
}

impl Contains {
    pub(crate) fn new(text: &str) -> Self {
        let needle = text.as_bytes().to_ascii_lowercase();
        let rare = (0..needle.len()).min_by_key(|place| commonness(needle[*place])).unwrap_or(0);
        Self { needle, rare }
    }

    /// Which values contain the text. Nulls do not.
    pub(crate) fn scan(&self, column: &StringArray) -> BooleanBuffer {
        let mut found = vec![false; column.len()];
        let offsets = column.value_offsets();
        let data = column.value_data();
        if self.needle.is_empty() {
            return BooleanBuffer::collect_bool(column.len(), |row| column.is_valid(row));
        }
        let end = offsets.last().map_or(0, |offset| *offset as usize);
        let mut from = offsets.first().map_or(0, |offset| *offset as usize);
        let mut row = 0;
        while let Some(start) = self.next(data, from, end) {
            // Rows are passed one by one: most are short, and their order is that of the bytes.
            while offsets[row + 1] as usize <= start {
                row += 1;
            }
            let next = offsets[row + 1] as usize;
            if start + self.needle.len() <= next {
                found[row] = column.is_valid(row);
                from = next;
            } else {
                // It runs over the end of its value.
                from = start + 1;
            }
        }
        BooleanBuffer::from(found)
    }

    /// The first occurrence in `data[from..end]`.
    fn next(&self, data: &[u8], from: usize, end: usize) -> Option<usize> {
        let byte = *self.needle.get(self.rare)?;
        let other = byte.to_ascii_uppercase();
        let mut at = from + self.rare;
        loop {
            let window = data.get(at..end)?;
            let hit = if byte == other { memchr::memchr(byte, window) } else { memchr::memchr2(byte, other, window) }?;
            let start = at + hit - self.rare;
            let candidate = data.get(start..start + self.needle.len())?;
            if start + self.needle.len() > end {
                return None;
            }
            if candidate.eq_ignore_ascii_case(&self.needle) {
                return Some(start);
            }
            at += hit + 1;
        }
    }
}

/// How common a byte is in the text of logs; greater is more common.
fn commonness(byte: u8) -> usize {
    const COMMON: &[u8] = b"qjzx@#%&*^~`|<>?!'{}[]()+;$\\\"vkwybpgfmhuc,98765/:_=-43201.dlnsroiate ";
    // A byte outside of ASCII is rare in most logs, and a text in a language where it is
    // not has many different ones.
    COMMON.iter().position(|common| *common == byte).map_or(0, |place| place + 1)
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
            ("käse", vec![]),
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
