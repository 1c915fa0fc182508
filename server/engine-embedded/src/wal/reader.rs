//! Reads frames from disk: after a start, and for a slow consumer.

use std::sync::Arc;

use pipeline::{Content, Error, Result, envelope};

use super::{
    events, io_error,
    log::{Log, View},
    scan::{Piece, Walk},
};

/// The limit of encoded bytes per read, except for its last frame.
const READ_BYTES: usize = 8 << 20;
/// The limit of damaged bytes copied to a dead letter.
const LOST_BYTES: usize = 1 << 20;

/// The durable frames after `after`, up to about `max_records` records.
///
/// # Errors
/// `Unavailable` if the disk cannot be read, or if the next frame has a batch that only a newer version reads: it and all
/// later ones wait for that version. Damage is not an error but a delivery.
pub(super) fn read(log: &Log, after: u64, max_records: usize) -> Result<Vec<(u64, Content)>> {
    let mut found = Found { frames: Vec::new(), records: 0, bytes: 0 };
    let missing = log.state.lock().missing.filter(|(_, last)| after < *last);
    let mut after = after;
    if let Some((first, last)) = missing {
        after = last;
        found.push(last, lost_frames(first, last, Vec::new(), "no file of the write-ahead log contains them"), 0);
    }
    while !found.is_full(max_records) {
        let Some(view) = log.view(after) else { break };
        let newer = read_segment(&view, after, max_records, &mut found)
            .map_err(|error| io_error("read", &log.folder, &error))?;
        match newer {
            None => after = view.last,
            Some(newer) if found.frames.is_empty() => return Err(newer.error()),
            Some(_) => break,
        }
    }
    Ok(found.frames)
}

struct Found {
    frames: Vec<(u64, Content)>,
    records: usize,
    bytes: usize,
}

impl Found {
    fn push(&mut self, number: u64, content: Content, bytes: usize) {
        self.records += if let Content::Batch(batch) = &content { batch.records.len() } else { 0 };
        self.bytes += bytes;
        self.frames.push((number, content));
    }

    fn is_full(&self, max_records: usize) -> bool {
        !self.frames.is_empty() && (self.records >= max_records || self.bytes >= READ_BYTES)
    }
}

/// A frame with a batch that only a newer version reads.
struct Newer {
    frame: u64,
    format: u8,
}

impl Newer {
    fn error(&self) -> Error {
        let Self { frame, format } = self;
        Error::unavailable(format!(
            "frame {frame} of the write-ahead log has a batch of format {format}, which a newer version of Logboom has \
             written; start that version again. Nothing is lost: this batch and all after it wait"
        ))
    }
}

/// Reads until `found` is full, or up to a frame of a newer version, which is returned.
fn read_segment(view: &View, after: u64, max_records: usize, found: &mut Found) -> std::io::Result<Option<Newer>> {
    let View { file, header, start, .. } = view;
    let mut walk = Walk::new(file.as_ref(), header.salt, start.number, start.offset, view.end, Some(view.last));
    while !found.is_full(max_records) {
        match walk.next()? {
            Some(Piece::Frame { frame, offset }) if frame.number > after => {
                let payload = walk.payload(&frame, offset)?;
                if let Some(format) = envelope::newer_format(payload) {
                    return Ok(Some(Newer { frame: frame.number, format }));
                }
                let content = match envelope::decode(payload) {
                    Ok(batch) => Content::Batch(Arc::new(batch)),
                    Err(error) => Content::Undecodable { bytes: payload.to_vec(), reason: error.message },
                };
                found.push(frame.number, content, frame.length);
            }
            Some(Piece::Lost { first, last, offset, bytes }) if last > after => {
                let kept = usize::try_from(bytes).unwrap_or(usize::MAX).min(LOST_BYTES);
                let kept = walk.bytes(offset, kept)?.to_vec();
                let place = format!("{bytes} bytes at offset {offset} of its file fail their checksum");
                found.push(last, lost_frames(first, last, kept, &place), 0);
            }
            Some(_) => {}
            None => break,
        }
    }
    Ok(None)
}

/// The delivery that replaces the frames `first..=last`.
fn lost_frames(first: u64, last: u64, bytes: Vec<u8>, why: &str) -> Content {
    let frames = if first == last { format!("frame {first}") } else { format!("frames {first} to {last}") };
    let reason = format!("{frames} of the write-ahead log cannot be read: {why}");
    events::frames_lost(first, last, &reason);
    Content::Undecodable { bytes, reason }
}
