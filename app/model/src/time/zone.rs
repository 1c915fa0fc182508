//! The zone after a time: an offset, or with the feature `written-times` also a name.

use super::reader::Reader;
#[cfg(feature = "written-times")]
use super::zones;

/// Parses the remaining text as seconds ahead of UTC; `assume` if nothing remains.
pub(super) fn read(mut reader: Reader<'_>, assume: i64) -> Option<i64> {
    if reader.bytes.is_empty() {
        return Some(assume);
    }
    while reader.one_of(b" ").is_some() {}
    match reader.bytes {
        b"Z" | b"z" | b"UTC" | b"GMT" => return Some(0),
        _ => {}
    }
    #[cfg(feature = "written-times")]
    let written = reader.bytes;
    let offset = reader.offset();
    match offset {
        Some(offset) if reader.bytes.is_empty() => Some(offset),
        #[cfg(feature = "written-times")]
        _ => zones::read(written),
        #[cfg(not(feature = "written-times"))]
        _ => None,
    }
}
