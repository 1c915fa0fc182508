//! How many records of a block have each value of a field, in all and by service and level class.
//!
//! The fields of a block are spread over [`SLOTS`] slots by the hash of their names, so that a question reads what it
//! asks for and little else. A slot lists each of its fields that some record of the block has. A field with too many
//! or too long values is listed as left out: its records have to be counted. A field that is not listed has no value in
//! the block. Empty values are not counted, because they count as missing ([`model::aggregate::Cell::Missing`]).
//!
//! A slot has two parts, because a question without a filter reads the first alone: the *counts*, and the *pairs*, which
//! have the numbers of each pair of service and level class. Both are frames (`bytes.rs`): for each field its name, one
//! byte that is 1 if it is counted, the length of what follows, and the values, sorted.

use std::collections::HashMap;

use crate::{
    bytes::{Damaged, Reader, pack, put_number, put_text, unpack},
    filter,
};

/// The number of slots.
pub const SLOTS: u64 = 64;
/// The longest value that is counted, in bytes.
const VALUE_BYTES: usize = 256;
/// A field of so many values is left out if nearly every record has another one: nobody asks for the most frequent id.
const MANY_VALUES: usize = 4_096;
/// A field of more values is left out before the block ends.
const MOST_VALUES: usize = 49_152;
/// A block of more fields has no slots.
const MOST_FIELDS: usize = 4_096;
/// The most bytes of a block's slots, about, before they are compressed.
const BLOCK_BYTES: usize = 1 << 20;
/// The most bytes and values in memory; more than are written, because the heaviest fields are left out only at the end.
/// A value takes about a hundred bytes besides its text.
const MEMORY_BYTES: usize = 16 << 20;
const MEMORY_VALUES: usize = 1 << 18;
/// The most plain bytes of a frame that are read: far more than are written.
const READ_BYTES: usize = 64 << 20;
/// The level classes.
const CLASSES: u32 = 6;

/// The slot of a field.
pub fn slot_of(field: &str) -> i16 {
    (filter::seed_of(field) % SLOTS) as i16
}

/// The number of a service and a level class as one.
pub fn pair_of(service: u16, class: u8) -> u32 {
    u32::from(service) * CLASSES + u32::from(class)
}

/// The slots of a block.
#[derive(Debug)]
pub struct Slot {
    pub slot: i16,
    pub counts: Vec<u8>,
    pub pairs: Vec<u8>,
}

/// What a slot knows of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// No record of the block has a value.
    Nothing,
    /// Its values are not counted.
    LeftOut,
    /// All its values are counted.
    Counted,
}

/// Counts the values of a block.
#[derive(Debug, Default)]
pub struct Counter {
    fields: HashMap<Box<str>, Field>,
    /// The approximate bytes of all fields, and the number of their values.
    weight: usize,
    values: usize,
    has_too_many_fields: bool,
}

/// The pairs of each value.
type Values = HashMap<Box<str>, Vec<(u32, u32)>>;

#[derive(Debug)]
struct Field {
    /// `None` if it is left out.
    values: Option<Values>,
    records: usize,
    weight: usize,
}

impl Counter {
    /// Adds the value of a record.
    pub fn add(&mut self, field: &str, value: &str, service: u16, class: u8) {
        if value.is_empty() {
            return;
        }
        if !self.fields.contains_key(field) {
            if self.fields.len() == MOST_FIELDS {
                self.has_too_many_fields = true;
                return;
            }
            self.fields.insert(field.into(), Field { values: Some(HashMap::new()), records: 0, weight: 0 });
        }
        let Some(field) = self.fields.get_mut(field) else { return };
        let before = field.len();
        let added = field.add(value, pair_of(service, class));
        // Less than before if the field was left out.
        self.weight = self.weight.saturating_add_signed(added);
        self.values = (self.values + field.len()).saturating_sub(before);
        if self.weight > MEMORY_BYTES || self.values > MEMORY_VALUES {
            self.leave_out_heaviest();
        }
    }

    fn leave_out_heaviest(&mut self) {
        if let Some(heaviest) = self.fields.values_mut().max_by_key(|field| field.weight) {
            self.values = self.values.saturating_sub(heaviest.len());
            self.weight = self.weight.saturating_add_signed(heaviest.leave_out());
        }
    }

    /// The slots that have fields; `None` if the block has too many fields.
    pub fn finish(mut self) -> Option<Vec<Slot>> {
        if self.has_too_many_fields {
            return None;
        }
        for field in self.fields.values_mut().filter(|field| field.is_unrepeated()) {
            self.weight = self.weight.saturating_add_signed(field.leave_out());
        }
        while self.weight > BLOCK_BYTES {
            self.leave_out_heaviest();
        }
        let mut slots: HashMap<i16, Vec<(Box<str>, Field)>> = HashMap::new();
        for (name, field) in self.fields {
            slots.entry(slot_of(&name)).or_default().push((name, field));
        }
        let mut slots: Vec<Slot> = slots.into_iter().map(|(slot, fields)| write(slot, fields)).collect();
        slots.sort_unstable_by_key(|slot| slot.slot);
        Some(slots)
    }
}

impl Field {
    /// Returns by how much its weight has changed.
    fn add(&mut self, value: &str, pair: u32) -> isize {
        let Some(values) = &mut self.values else { return 0 };
        if value.len() > VALUE_BYTES {
            return self.leave_out();
        }
        self.records += 1;
        let mut added = 0;
        match values.get_mut(value) {
            Some(pairs) => match pairs.iter_mut().find(|(known, _)| *known == pair) {
                Some((_, count)) => *count += 1,
                None => {
                    pairs.push((pair, 1));
                    added = PAIR_BYTES;
                }
            },
            None => {
                values.insert(value.into(), vec![(pair, 1)]);
                added = value.len() + VALUE_WEIGHT + PAIR_BYTES;
            }
        }
        self.weight += added;
        if values.len() > MOST_VALUES {
            // What was added just now is not in the total yet.
            return self.leave_out() + added as isize;
        }
        added as isize
    }

    fn len(&self) -> usize {
        self.values.as_ref().map_or(0, HashMap::len)
    }

    /// Whether more than three in four records have a value of their own.
    fn is_unrepeated(&self) -> bool {
        let values = self.len();
        values >= MANY_VALUES && values * 4 > self.records * 3
    }

    /// Returns by how much its weight has changed.
    fn leave_out(&mut self) -> isize {
        self.values = None;
        -(std::mem::take(&mut self.weight) as isize)
    }
}

/// The bytes of a value besides its text, and those of a pair, as they are written.
const VALUE_WEIGHT: usize = 4;
const PAIR_BYTES: usize = 3;

fn write(slot: i16, mut fields: Vec<(Box<str>, Field)>) -> Slot {
    fields.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let (mut counts, mut pairs) = (Vec::new(), Vec::new());
    for (name, field) in fields {
        let (mut in_all, mut by_pair) = (Vec::new(), Vec::new());
        let is_counted = u8::from(field.values.is_some());
        let mut values: Vec<_> = field.values.unwrap_or_default().into_iter().collect();
        values.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        for (value, mut of_value) in values {
            put_text(&value, &mut in_all);
            put_number(of_value.iter().map(|(_, count)| u64::from(*count)).sum(), &mut in_all);
            of_value.sort_unstable();
            put_text(&value, &mut by_pair);
            put_number(of_value.len() as u64, &mut by_pair);
            for (pair, count) in of_value {
                put_number(u64::from(pair), &mut by_pair);
                put_number(u64::from(count), &mut by_pair);
            }
        }
        for (out, values) in [(&mut counts, in_all), (&mut pairs, by_pair)] {
            put_text(&name, out);
            out.push(is_counted);
            put_number(values.len() as u64, out);
            out.extend(values);
        }
    }
    Slot { slot, counts: pack(&counts), pairs: pack(&pairs) }
}

/// Calls `call` with each value of a field and its number of records.
///
/// # Errors
/// The bytes are not the counts of a slot; then `call` may have been called with some of the values.
pub fn read_counts(counts: &[u8], field: &str, mut call: impl FnMut(&str, u64)) -> Result<Found, Damaged> {
    read(counts, field, |reader, value| {
        call(value, reader.number()?);
        Ok(())
    })
}

/// Calls `call` with each value of a field, a pair ([`pair_of`]) and their number of records.
///
/// # Errors
/// The bytes are not the pairs of a slot; then `call` may have been called with some of the values.
pub fn read_pairs(pairs: &[u8], field: &str, mut call: impl FnMut(&str, u32, u64)) -> Result<Found, Damaged> {
    read(pairs, field, |reader, value| {
        for _ in 0..reader.number()? {
            let pair = u32::try_from(reader.number()?).map_err(|_| Damaged)?;
            call(value, pair, reader.number()?);
        }
        Ok(())
    })
}

fn read(
    frame: &[u8],
    field: &str,
    mut value: impl FnMut(&mut Reader<'_>, &str) -> Result<(), Damaged>,
) -> Result<Found, Damaged> {
    let plain = unpack(frame, READ_BYTES)?;
    let mut reader = Reader::new(&plain);
    while !reader.is_at_end() {
        let is_field = reader.text()? == field;
        let is_counted = reader.take(1)? == [1];
        let length = reader.size()?;
        let mut values = Reader::new(reader.take(length)?);
        if !is_field {
            continue;
        }
        if !is_counted {
            return Ok(Found::LeftOut);
        }
        while !values.is_at_end() {
            let text = values.text()?;
            value(&mut values, text)?;
        }
        return Ok(Found::Counted);
    }
    Ok(Found::Nothing)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn slot<'s>(slots: &'s [Slot], field: &str) -> Option<&'s Slot> {
        slots.iter().find(|slot| slot.slot == slot_of(field))
    }

    /// The counts of a field, and whether they are all there.
    fn counts(slots: &[Slot], field: &str) -> (Found, BTreeMap<String, u64>) {
        let mut counts = BTreeMap::new();
        let found = slot(slots, field).map_or(Found::Nothing, |slot| {
            read_counts(&slot.counts, field, |value, count| *counts.entry(value.to_owned()).or_default() += count)
                .unwrap()
        });
        (found, counts)
    }

    proptest! {
        #[test]
        fn counts_and_pairs_are_those_of_a_map(
            records in prop::collection::vec(("[a-d]", "[xyz]{0,2}", 0..3_u16, 0..6_u8), 0..200),
        ) {
            let mut counter = Counter::default();
            let mut expected: BTreeMap<&str, BTreeMap<String, BTreeMap<u32, u64>>> = BTreeMap::new();
            for (field, value, service, class) in &records {
                counter.add(field, value, *service, *class);
                if !value.is_empty() {
                    let values = expected.entry(field).or_default().entry(value.clone()).or_default();
                    *values.entry(pair_of(*service, *class)).or_default() += 1;
                }
            }
            let slots = counter.finish().unwrap();
            for field in ["a", "b", "c", "d", "e"] {
                let expected = expected.remove(field).unwrap_or_default();
                let is_there = if expected.is_empty() { Found::Nothing } else { Found::Counted };
                let sums: BTreeMap<String, u64> =
                    expected.iter().map(|(value, pairs)| (value.clone(), pairs.values().sum())).collect();
                prop_assert_eq!(counts(&slots, field), (is_there, sums));
                let mut found: BTreeMap<String, BTreeMap<u32, u64>> = BTreeMap::new();
                if let Some(slot) = slot(&slots, field) {
                    read_pairs(&slot.pairs, field, |value, pair, count| {
                        *found.entry(value.to_owned()).or_default().entry(pair).or_default() += count;
                    }).unwrap();
                }
                prop_assert_eq!(found, expected);
            }
        }

        #[test]
        fn any_plain_bytes_are_read_without_a_panic(bytes in prop::collection::vec(0..5_u8, 0..60)) {
            let frame = pack(&bytes);
            let _ = read_counts(&frame, "", |_, _| {});
            let _ = read_pairs(&frame, "", |_, _, _| {});
            let read = read_counts(&bytes, "", |_, _| {});
            prop_assert!(read.is_err());
        }
    }

    #[test]
    fn what_is_too_long_or_never_repeats_is_left_out_and_the_rest_is_counted() {
        let mut counter = Counter::default();
        for number in 0..10_000_u32 {
            counter.add("request_id", &number.to_string(), 0, 2);
            counter.add("user_id", &(number % 2_000).to_string(), 0, 2);
            counter.add("method", ["GET", "PUT"][number as usize % 2], 1, 4);
        }
        counter.add("stack", &"x".repeat(VALUE_BYTES + 1), 0, 4);
        counter.add("stack", "y", 0, 4);
        let slots = counter.finish().unwrap();
        assert_eq!(counts(&slots, "request_id").0, Found::LeftOut);
        assert_eq!(counts(&slots, "stack").0, Found::LeftOut);
        assert_eq!(counts(&slots, "nothing").0, Found::Nothing);
        let (found, users) = counts(&slots, "user_id");
        assert_eq!((found, users.len(), users["7"]), (Found::Counted, 2_000, 5));
        assert_eq!(counts(&slots, "method").1, BTreeMap::from([("GET".to_owned(), 5_000), ("PUT".to_owned(), 5_000)]));
    }

    #[test]
    fn a_block_with_too_many_fields_has_no_slots() {
        let mut counter = Counter::default();
        (0..=MOST_FIELDS).for_each(|field| counter.add(&field.to_string(), "x", 0, 0));
        assert!(counter.finish().is_none());
    }

    #[test]
    fn short_values_of_many_fields_are_bounded_in_memory_too() {
        let mut counter = Counter::default();
        for number in 0..40_000_u32 {
            for field in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] {
                counter.add(field, &number.to_string(), 0, 2);
            }
            counter.add("method", "GET", 0, 2);
        }
        assert_eq!(counter.values, counter.fields.values().map(Field::len).sum::<usize>());
        assert!(counter.values <= MEMORY_VALUES && counter.weight <= MEMORY_BYTES);
        let slots = counter.finish().unwrap();
        assert_eq!(counts(&slots, "a").0, Found::LeftOut);
        assert_eq!(counts(&slots, "method").1, BTreeMap::from([("GET".to_owned(), 40_000)]));
    }

    #[test]
    fn the_heaviest_fields_are_left_out_of_a_block_with_too_many_values() {
        let mut counter = Counter::default();
        for number in 0..60_000_u32 {
            counter.add("small", &(number % 10).to_string(), 0, 2);
            for field in ["a", "b", "c", "d"] {
                counter.add(field, &format!("{field} has a rather long value {}", number % 20_000), 0, 2);
            }
        }
        let slots = counter.finish().unwrap();
        assert_eq!(counts(&slots, "small").0, Found::Counted);
        let left_out = ["a", "b", "c", "d"].iter().filter(|field| counts(&slots, field).0 == Found::LeftOut).count();
        assert!((1..=4).contains(&left_out), "{left_out}");
        assert!(slots.iter().all(|slot| slot.counts.len() <= BLOCK_BYTES));
    }
}
