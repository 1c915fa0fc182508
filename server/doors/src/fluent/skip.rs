//! Finds the end of a MessagePack value.

use rmp::Marker;

use super::FORWARD_BYTES;
use crate::stream::too_long;

/// The maximum number of values in one message. A parsed value takes up to forty times its encoded byte.
const VALUES: u64 = 2_000_000;

/// Finds the end of a value incrementally, without building a tree and without scanning bytes twice.
#[derive(Debug)]
pub(super) struct Skip {
    at: usize,
    /// Values still to come.
    values: u64,
    /// All values so far, including those still to come.
    all: u64,
}

impl Default for Skip {
    fn default() -> Self {
        Self { at: 0, values: 1, all: 1 }
    }
}

impl Skip {
    /// The length of the first value of `bytes`; `None` while it is incomplete.
    pub(super) fn whole(&mut self, bytes: &[u8]) -> Result<Option<usize>, String> {
        while self.values > 0 {
            let Some((marker, rest)) = bytes.get(self.at..).and_then(<[u8]>::split_first) else { return Ok(None) };
            // The number of length bytes, and the fixed part that follows.
            let number = |width: usize| {
                let bytes = rest.get(..width)?;
                Some(bytes.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte)))
            };
            let (width, fixed, values) = match Marker::from_u8(*marker) {
                Marker::FixPos(_) | Marker::FixNeg(_) | Marker::Null | Marker::True | Marker::False => (0, 0, 0),
                Marker::U8 | Marker::I8 => (0, 1, 0),
                Marker::U16 | Marker::I16 => (0, 2, 0),
                Marker::U32 | Marker::I32 | Marker::F32 => (0, 4, 0),
                Marker::U64 | Marker::I64 | Marker::F64 => (0, 8, 0),
                Marker::FixExt1 => (0, 2, 0),
                Marker::FixExt2 => (0, 3, 0),
                Marker::FixExt4 => (0, 5, 0),
                Marker::FixExt8 => (0, 9, 0),
                Marker::FixExt16 => (0, 17, 0),
                Marker::FixStr(length) => (0, u64::from(length), 0),
                Marker::FixArray(length) => (0, 0, u64::from(length)),
                Marker::FixMap(length) => (0, 0, 2 * u64::from(length)),
                marker @ (Marker::Str8 | Marker::Bin8 | Marker::Ext8) => match number(1) {
                    Some(length) => (1, length + u64::from(marker == Marker::Ext8), 0),
                    None => return Ok(None),
                },
                marker @ (Marker::Str16 | Marker::Bin16 | Marker::Ext16) => match number(2) {
                    Some(length) => (2, length + u64::from(marker == Marker::Ext16), 0),
                    None => return Ok(None),
                },
                marker @ (Marker::Str32 | Marker::Bin32 | Marker::Ext32) => match number(4) {
                    Some(length) => (4, length + u64::from(marker == Marker::Ext32), 0),
                    None => return Ok(None),
                },
                marker @ (Marker::Array16 | Marker::Map16) => match number(2) {
                    Some(length) => (2, 0, length << u64::from(marker == Marker::Map16)),
                    None => return Ok(None),
                },
                marker @ (Marker::Array32 | Marker::Map32) => match number(4) {
                    Some(length) => (4, 0, length << u64::from(marker == Marker::Map32)),
                    None => return Ok(None),
                },
                Marker::Reserved => return Err(format!("byte {marker:#04x} starts no MessagePack value")),
            };
            if fixed > FORWARD_BYTES as u64 {
                return Err(too_long(FORWARD_BYTES));
            }
            self.all += values;
            if self.all > VALUES {
                return Err(format!("a message holds more than {VALUES} values; send it in parts"));
            }
            if rest.len() < width + fixed as usize {
                return Ok(None);
            }
            self.at += 1 + width + fixed as usize;
            self.values = self.values - 1 + values;
        }
        Ok(Some(self.at))
    }
}
