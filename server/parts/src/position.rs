//! Positions: the number of the journal's frame, and the place in its batch.

/// The low bits of a position that number the records of one frame.
///
/// 16,384 places are more than [`model::limits::RECORDS_PER_BATCH`].
pub const PLACE_BITS: u32 = 14;

/// The position of the record at `place` of the journal's frame.
pub fn position_of(frame: u64, place: usize) -> i64 {
    ((frame << PLACE_BITS) | place as u64) as i64
}

/// The journal's frame that a position lies in.
pub fn frame_of(position: i64) -> u64 {
    (position.max(0) as u64) >> PLACE_BITS
}

/// The place in its batch of the record at the position.
pub fn place_of(position: i64) -> usize {
    (position & ((1 << PLACE_BITS) - 1)) as usize
}
