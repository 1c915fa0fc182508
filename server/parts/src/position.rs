//! Positions: the frame number of the write-ahead log, and the index in the batch.

/// The number of low bits of a position that number the records of one frame.
///
/// 16,384 indexes exceed [`model::limits::RECORDS_PER_BATCH`].
pub const PLACE_BITS: u32 = 14;

/// The position of the record at index `place` of a frame.
pub fn position_of(frame: u64, place: usize) -> i64 {
    ((frame << PLACE_BITS) | place as u64) as i64
}

/// The frame number of a position.
pub fn frame_of(position: i64) -> u64 {
    (position.max(0) as u64) >> PLACE_BITS
}

/// The index of a position's record in its batch.
pub fn place_of(position: i64) -> usize {
    (position & ((1 << PLACE_BITS) - 1)) as usize
}
