//! The positions of a block's records, by their ordinals: their places in the order of positions, from 0.
//!
//! Layout: for each piece without gaps, the distance of its first position from the end of the piece before, and the
//! number of its positions.

use crate::bytes::{Damaged, Reader, put_number};

/// Encodes growing positions, none of them negative.
pub fn encode(positions: &[i64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut end = 0_i64;
    for piece in positions.chunk_by(|one, next| one + 1 == *next) {
        if let Some(first) = piece.first() {
            put_number((first - end).unsigned_abs(), &mut bytes);
            put_number(piece.len() as u64, &mut bytes);
            end = first + piece.len() as i64;
        }
    }
    bytes
}

/// The positions of a block.
#[derive(Debug)]
pub struct Positions {
    /// The ordinal and the position of the first record of each piece.
    pieces: Vec<(u32, i64)>,
    records: u32,
}

impl Positions {
    /// Reads the output of [`encode`].
    ///
    /// # Errors
    /// The bytes are something else.
    pub fn read(bytes: &[u8]) -> Result<Self, Damaged> {
        let (mut reader, mut pieces) = (Reader::new(bytes), Vec::new());
        let (mut records, mut end) = (0_u32, 0_i64);
        while !reader.is_at_end() {
            let first = i64::try_from(reader.number()?).ok().and_then(|gap| end.checked_add(gap)).ok_or(Damaged)?;
            let count = u32::try_from(reader.number()?).map_err(|_| Damaged)?;
            pieces.push((records, first));
            records = records.checked_add(count).ok_or(Damaged)?;
            end = first.checked_add(i64::from(count)).ok_or(Damaged)?;
        }
        Ok(Self { pieces, records })
    }

    /// The position of a record; `None` if there are not as many records.
    pub fn get(&self, ordinal: u16) -> Option<i64> {
        let ordinal = u32::from(ordinal);
        if ordinal >= self.records {
            return None;
        }
        let piece = self.pieces.partition_point(|(first, _)| *first <= ordinal).checked_sub(1)?;
        let (first, position) = self.pieces.get(piece)?;
        Some(position + i64::from(ordinal - first))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_position_comes_back(gaps in prop::collection::vec(prop_oneof![3 => Just(1_i64), 1 => 1..1_i64 << 40], 0..300)) {
            let positions: Vec<i64> = gaps.iter().scan(0, |end, gap| { *end += gap; Some(*end) }).collect();
            let read = Positions::read(&encode(&positions)).unwrap();
            for (ordinal, position) in (0..).zip(&positions) {
                prop_assert_eq!(read.get(ordinal), Some(*position));
            }
            prop_assert_eq!(read.get(positions.len() as u16), None);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(positions) = Positions::read(&bytes) {
                let _ = positions.get(7);
            }
        }
    }
}
