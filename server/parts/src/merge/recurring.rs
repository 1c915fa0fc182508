//! Which texts get a dictionary in the merged part, although a source has none for them.
//!
//! A small part cannot tell: ten thousand rows of a column with two thousand texts look as if texts rarely repeated, and
//! a row group of the merged part has thirteen times as many rows. Blocks of rows from all parts are therefore looked
//! at. A text counts once a block, however often it is there, because the rows of one request are neighbours.
//!
//! Texts of which most are in one block only, such as ids of requests, stay without a dictionary: their column has a
//! filter, and a search for one of them needs it. A filter of texts that are everywhere rules out nothing. What counts are
//! occurrences, not texts: where few pods write most records, most of the other pods are in one block only, too. Texts
//! with a form are looked at as texts, since a dictionary of them takes less than the form if they recur.
//!
//! A dictionary has to hold the texts of a row group, which has more rows than were looked at. How many more texts they
//! have is extrapolated from those that are in one block and in two.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::BuildHasher as _,
    ops::Range,
    sync::Arc,
};

use arrow_array::Array as _;
use foldhash::fast::RandomState;
use pipeline::Result;

use crate::{
    columns::Texts,
    decode::Values,
    reader::{Footer, Part},
    reading::Reading,
    schema::AttributeColumn,
    writer::GROUP_ROWS,
};

/// The number of rows that are looked at.
const ROWS: usize = 32_768;
/// The least number of blocks of them.
const BLOCKS: usize = 32;
const BLOCK_ROWS: Range<usize> = 128..1_024;
/// The number of parts that are looked at: with one block of the fewest rows each, they have all rows.
pub(super) const MOST_PARTS: usize = ROWS / BLOCK_ROWS.start;
/// The number of columns whose texts are counted at the same time: about a megabyte each if all texts differ.
const COLUMNS_AT_ONCE: usize = 16;
/// The share of the rows up to which distinct texts pay off in a dictionary: an eighth, and for texts of twelve bytes
/// and more a quarter.
const SHARE: f64 = 1.0 / 8.0;
const SHARE_OF_LONG: f64 = 1.0 / 4.0;
const LONG: f64 = 12.0;
/// The share of the occurrences up to which texts may be in one block only.
const ONCE: f64 = 0.5;
/// The bytes of a dictionary; the writer gives up one of a mebibyte.
const DICTIONARY_BYTES: f64 = 768.0 * 1024.0;

/// For each of the columns of texts, whether a dictionary pays off in the merged part. `columns` are their places by
/// part, where the part has them.
///
/// `pause` as in [`merge`](super::merge).
pub(super) fn recurring(
    parts: &[Arc<Part>],
    footers: &[Arc<Footer>],
    columns: &[Vec<Vec<(usize, &AttributeColumn)>>],
    pause: &mut dyn FnMut() -> Result<()>,
) -> Result<Vec<bool>> {
    // What a single part has been given is not changed: it may have been decided by more rows.
    if parts.len() < 2 {
        return Ok(vec![false; columns.len()]);
    }
    let mut recurring = Vec::with_capacity(columns.len());
    for columns in columns.chunks(COLUMNS_AT_ONCE) {
        recurring.extend(look(parts, footers, columns, pause)?);
    }
    Ok(recurring)
}

/// As [`recurring`], for columns whose texts fit in memory.
fn look(
    parts: &[Arc<Part>],
    footers: &[Arc<Footer>],
    columns: &[Vec<Vec<(usize, &AttributeColumn)>>],
    pause: &mut dyn FnMut() -> Result<()>,
) -> Result<Vec<bool>> {
    let mut seen: Vec<Seen> = columns.iter().map(|_| Seen::default()).collect();
    let (mut block, mut looked) = (0_u32, 0);
    let step = parts.len().div_ceil(MOST_PARTS);
    let looked_at = parts.len().div_ceil(step);
    for (number, (part, footer)) in parts.iter().zip(footers).enumerate().step_by(step) {
        let own = || columns.iter().map(move |of_parts| of_parts.get(number).map(Vec::as_slice).unwrap_or_default());
        let places: Vec<usize> = own().flatten().map(|(place, _)| *place).collect();
        for (group, rows) in blocks(footer, looked_at) {
            pause()?;
            looked += rows.len();
            block += 1;
            if places.is_empty() {
                continue;
            }
            let reading = Reading { columns: places.clone(), batch_rows: rows.len(), ..Reading::default() };
            for batch in part.read(footer, group, std::slice::from_ref(&rows), reading)? {
                let batch = batch?;
                for (seen, columns) in seen.iter_mut().zip(own()) {
                    for (_, column) in columns {
                        seen.add(block, &Values::named(&batch, column)?);
                    }
                }
            }
        }
    }
    let rows: usize = parts.iter().map(|part| part.info.rows as usize).sum();
    Ok(seen.iter().map(|seen| seen.pays_off(looked, rows.min(GROUP_ROWS))).collect())
}

/// The blocks of one of `parts` parts, spread over its rows, each as its row group and rows in it.
pub(super) fn blocks(footer: &Footer, parts: usize) -> Vec<(usize, Range<usize>)> {
    let count = BLOCKS.div_ceil(parts);
    let block_rows = (ROWS / (parts * count)).clamp(BLOCK_ROWS.start, BLOCK_ROWS.end);
    let all: usize = footer.groups.iter().map(|group| group.rows).sum();
    let stride = (all / count).max(block_rows);
    let mut blocks = Vec::with_capacity(count);
    let mut first: usize = 0;
    for (number, group) in footer.groups.iter().enumerate() {
        // The first block that begins in this row group.
        let mut begin = first.next_multiple_of(stride) - first;
        while begin < group.rows {
            blocks.push((number, begin..group.rows.min(begin + block_rows)));
            begin += stride;
        }
        first += group.rows;
    }
    blocks
}

/// The texts of one column in the blocks so far.
#[derive(Default)]
struct Seen {
    hasher: RandomState,
    /// The last block with the text of this hash, and the number of blocks with it.
    texts: HashMap<u64, (u32, u32), RandomState>,
    /// The sum over all blocks of their distinct texts, and of the bytes of these.
    occurrences: usize,
    bytes: usize,
}

impl Seen {
    fn add(&mut self, block: u32, values: &Values<'_>) {
        match values {
            Values::Text(Texts::Repeated { keys, values }) => {
                let mut used = vec![false; values.len()];
                keys.iter().flatten().for_each(|key| {
                    if let Some(used) = used.get_mut(key as usize) {
                        *used = true;
                    }
                });
                for (text, _) in values.iter().zip(used).filter(|(_, used)| *used) {
                    self.add_text(block, text.unwrap_or_default());
                }
            }
            Values::Text(Texts::Plain(column)) => column.iter().flatten().for_each(|text| self.add_text(block, text)),
            values => {
                let mut text = String::new();
                for row in 0..values.len() {
                    text.clear();
                    if values.print(row, &mut text) {
                        self.add_text(block, &text);
                    }
                }
            }
        }
    }

    fn add_text(&mut self, block: u32, text: &str) {
        match self.texts.entry(self.hasher.hash_one(text)) {
            Entry::Occupied(known) if known.get().0 == block => return,
            Entry::Occupied(mut known) => {
                let (_, blocks) = *known.get();
                known.insert((block, blocks + 1));
            }
            Entry::Vacant(new) => {
                new.insert((block, 1));
            }
        }
        self.occurrences += 1;
        self.bytes += text.len();
    }

    /// Whether a dictionary pays off for a row group of `rows` rows, `looked` rows having been looked at.
    fn pays_off(&self, looked: usize, rows: usize) -> bool {
        let occurrences = self.occurrences as f64;
        if self.texts.is_empty() || self.in_blocks(1) > ONCE * occurrences {
            return false;
        }
        let expected = self.expected(rows as f64 / looked.max(1) as f64);
        let length = self.bytes as f64 / occurrences;
        let most = rows as f64 * if length >= LONG { SHARE_OF_LONG } else { SHARE };
        expected <= most && expected * (length + 4.0) <= DICTIONARY_BYTES
    }

    /// The number of texts that are in so many blocks.
    fn in_blocks(&self, number: u32) -> f64 {
        self.texts.values().filter(|(_, blocks)| *blocks == number).count() as f64
    }

    /// The number of distinct texts in `times` as many rows as were looked at.
    ///
    /// It is extrapolated from the number of texts that have not been seen (Chao 1984), and from how soon they are seen
    /// (Colwell et al. 2012, formula 9). The estimate holds up to about four times the rows, which a row group has.
    fn expected(&self, times: f64) -> f64 {
        let (distinct, occurrences) = (self.texts.len() as f64, self.occurrences as f64);
        let (once, twice) = (self.in_blocks(1), self.in_blocks(2));
        let unseen = if twice > 0.0 { once * once / (2.0 * twice) } else { once * (once - 1.0) / 2.0 };
        let more = occurrences * (times - 1.0);
        if unseen <= 0.0 || more <= 0.0 {
            return distinct;
        }
        let left = 1.0 - once / (occurrences * unseen + once);
        distinct + unseen * (1.0 - left.powf(more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 32 blocks of 1,024 rows, of a merge of a million rows.
    fn seen(text: impl Fn(usize) -> String) -> Seen {
        let mut seen = Seen::default();
        for block in 0..32_u32 {
            (0..1_024).for_each(|row| seen.add_text(block, &text(block as usize * 40_000 + row)));
        }
        seen
    }

    fn pays_off(text: impl Fn(usize) -> String) -> bool {
        seen(text).pays_off(ROWS, GROUP_ROWS)
    }

    /// Whether the number of texts in a row group is estimated to a tenth.
    fn is_estimated(text: impl Fn(usize) -> String) -> bool {
        let there = (0..GROUP_ROWS).map(&text).collect::<std::collections::HashSet<_>>().len() as f64;
        let expected = seen(text).expected((GROUP_ROWS / ROWS) as f64);
        (there * 0.9..there * 1.1).contains(&expected)
    }

    /// A number below `bound`, small ones more often: by Zipf's law with this exponent.
    fn by_zipf(bound: usize, exponent: i32) -> impl Fn(usize) -> usize {
        let mut sum = 0.0;
        let reached: Vec<f64> = (1..=bound)
            .map(|rank| {
                sum += 1.0 / f64::from(rank as u32).powi(exponent);
                sum
            })
            .collect();
        move |row| {
            let draw = scattered(row, 1 << 40) as f64 / (1_u64 << 40) as f64 * sum;
            reached.partition_point(|reached| *reached <= draw).min(bound - 1)
        }
    }

    /// The pod of one of twenty services, which follow Zipf's law and have 150 pods each.
    fn pod() -> impl Fn(usize) -> String {
        let service = by_zipf(20, 1);
        move |row| format!("service-{:02}-{:07x}", service(2 * row), scattered(2 * row + 1, 150) + 1_000)
    }

    /// A number below `bound` that is as good as random.
    fn scattered(row: usize, bound: u64) -> u64 {
        let mixed = (row as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    #[test]
    fn texts_that_recur_everywhere_get_a_dictionary_and_others_none() {
        assert!(pays_off(|_| "always".to_owned()));
        assert!(pays_off(|row| format!("u{}", scattered(row, 2_000))));
        assert!(pays_off(|row| format!("u{}", scattered(row, 12_000))));
        assert!(!pays_off(|row| format!("u{}", scattered(row, 20_000))), "too many short ones");
        assert!(pays_off(|row| format!("customer-{:012}", scattered(row, 20_000))));
        assert!(!pays_off(|row| format!("{:0200}", scattered(row, 20_000))), "too many bytes");
        assert!(!pays_off(|row| format!("u{}", scattered(row, 1_000_000))));
        assert!(!pays_off(|row| format!("request-{row}")));
        assert!(!Seen::default().pays_off(ROWS, GROUP_ROWS));
    }

    #[test]
    fn texts_of_which_many_are_rare_get_a_dictionary_if_a_row_group_has_few() {
        assert!(pays_off(pod()));
        assert!(pays_off(|row| format!("order-{:09}", scattered(row, 16_000))));
        // Few of these texts are most of the occurrences, and most of them are in one block only.
        let (flat, steep) = (by_zipf(20_000, 1), by_zipf(50_000, 2));
        assert!(pays_off(|row| format!("customer-{:06}", flat(row))));
        assert!(pays_off(|row| format!("customer-{:06}", steep(row))));
        assert!(!pays_off(|row| format!("c{}", by_zipf_of_millions(row))), "too many that are rare");
    }

    /// Half of the rows have one of ten numbers, and the others have any.
    fn by_zipf_of_millions(row: usize) -> u64 {
        if scattered(row, 20) < 10 { scattered(row + 1, 10) } else { scattered(row, 1 << 40) }
    }

    #[test]
    fn ids_of_neighbours_stay_without_a_dictionary() {
        for rows in [1, 2, 3, 5, 12, 20, 50] {
            assert!(!pays_off(|row| format!("request-{:09}", row / rows)), "{rows} rows each");
            // Also if every fourth record has none of its own.
            let id = |row: usize| if row.is_multiple_of(4) { 0 } else { row / rows + 1 };
            assert!(!pays_off(|row| format!("request-{:09}", id(row))), "{rows} rows each, and one text everywhere");
        }
    }

    #[test]
    fn the_texts_of_a_row_group_are_estimated_from_a_quarter_of_its_rows() {
        assert!(is_estimated(pod()));
        for bound in [10, 2_000, 12_000, 30_000, 100_000, 1_000_000] {
            assert!(is_estimated(|row| format!("u{}", scattered(row, bound))), "{bound}");
        }
        let flat = by_zipf(20_000, 1);
        assert!(is_estimated(|row| format!("u{}", flat(row))));
    }
}
