//! One frame: an encoded batch with its number and its checksum.
//!
//! ```text
//! 0   u32  length of the payload, 1 to PAYLOAD_BYTES
//! 4   u32  CRC32C of the segment's salt (u64), bytes 0..4, bytes 8..20, the payload
//! 8   u64  frame number
//! 16  u32  ordinal: number of preceding frames of the same group
//! 20       payload
//! ```
//!
//! All integers are little-endian. Twenty zero bytes in place of a frame end the log.

/// The size of the header in bytes.
pub(super) const HEADER_BYTES: usize = 20;

/// The maximum size of a payload in bytes: that of an uncompressed envelope.
pub(super) const PAYLOAD_BYTES: usize = pipeline::envelope::DECODED_BYTES;

/// A frame's header, parsed but not verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) length: usize,
    checksum: u32,
    pub(super) number: u64,
    ordinal: u32,
}

impl Frame {
    /// Parses a header; `None` if the bytes are too few or invalid.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (checksum, rest) = rest.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (ordinal, _) = rest.split_first_chunk()?;
        let length = u32::from_le_bytes(*length) as usize;
        (1..=PAYLOAD_BYTES).contains(&length).then_some(Self {
            length,
            checksum: u32::from_le_bytes(*checksum),
            number: u64::from_le_bytes(*number),
            ordinal: u32::from_le_bytes(*ordinal),
        })
    }

    /// The newest frame that was durable before this one's group was written. It distinguishes damage from a torn write
    /// (see the module documentation).
    pub(super) fn durable_before(&self) -> u64 {
        self.number.saturating_sub(1 + u64::from(self.ordinal))
    }

    /// The size of the whole frame in bytes.
    pub(super) fn bytes(&self) -> u64 {
        (HEADER_BYTES + self.length) as u64
    }

    /// Whether header and payload were written together into the segment with this salt.
    pub(super) fn verifies(&self, salt: u64, payload: &[u8]) -> bool {
        payload.len() == self.length && self.checksum == self.computed(salt, payload)
    }

    fn computed(&self, salt: u64, payload: &[u8]) -> u32 {
        let mut bytes = [0; 24];
        let (front, number_and_ordinal) = bytes.split_at_mut(12);
        front[..8].copy_from_slice(&salt.to_le_bytes());
        front[8..].copy_from_slice(&(self.length as u32).to_le_bytes());
        number_and_ordinal[..8].copy_from_slice(&self.number.to_le_bytes());
        number_and_ordinal[8..].copy_from_slice(&self.ordinal.to_le_bytes());
        crc32c::crc32c_append(crc32c::crc32c(&bytes), payload)
    }
}

/// Appends a frame to the buffer. The payload has 1 to [`PAYLOAD_BYTES`].
pub(super) fn put(buffer: &mut Vec<u8>, salt: u64, number: u64, ordinal: u32, payload: &[u8]) {
    let mut frame = Frame { length: payload.len(), checksum: 0, number, ordinal };
    frame.checksum = frame.computed(salt, payload);
    buffer.extend_from_slice(&(frame.length as u32).to_le_bytes());
    buffer.extend_from_slice(&frame.checksum.to_le_bytes());
    buffer.extend_from_slice(&number.to_le_bytes());
    buffer.extend_from_slice(&ordinal.to_le_bytes());
    buffer.extend_from_slice(payload);
}
