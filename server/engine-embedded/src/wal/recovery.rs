//! Opens the folder of a log: lists its segments, and finds the end of the last one and the next frame number.

use std::{collections::VecDeque, io, path::Path, sync::Arc};

use parking_lot::Mutex;
use pipeline::{Error, Result};
use tokio::sync::watch;

use super::{
    Recovery, WalOptions, events,
    frame::HEADER_BYTES,
    io_error,
    log::{Log, Progress, SPARES, Spare, State},
    scan::{Piece, Walk},
    segment::{BadHeader, FRAMES_AT, FileKind, Header, Segment, VERSION, segment_path},
    tail::Tail,
};
use crate::filesystem::{File, FileSystem};

/// The result of opening a log.
pub(super) struct Opened {
    pub(super) log: Arc<Log>,
    pub(super) recovery: Recovery,
    /// The number of the next frame.
    pub(super) next: u64,
    /// The newest frame.
    pub(super) last: u64,
    /// The former last segment, to be truncated to its end once it has a successor.
    pub(super) cut: Option<Segment>,
}

/// Reads the folder. Changes nothing except removing leftovers.
pub(super) fn open(
    folder: &Path,
    file_system: Arc<dyn FileSystem>,
    options: WalOptions,
    released: u64,
) -> Result<Opened> {
    let failed = |error: io::Error| io_error("open", folder, &error);
    let (names, spares) = list(folder, file_system.as_ref(), &options).map_err(failed)?;
    let mut segments = VecDeque::with_capacity(names.len());
    let mut damaged_headers = 0;
    let mut last_damaged = false;
    for first in names {
        let (segment, damaged) = open_segment(folder, file_system.as_ref(), first)?;
        segments.push_back(segment);
        damaged_headers += u64::from(damaged);
        last_damaged = damaged;
    }
    for place in 1..segments.len() {
        let Some(follows) = segments.get(place).map(|segment: &Segment| segment.header.follows) else { break };
        if let Some(segment) = segments.get_mut(place - 1) {
            // The successor's header defines where this segment ends; later frames are void.
            segment.last = follows;
        }
    }
    let end = match segments.back_mut() {
        Some(segment) if last_damaged => mark_unreadable(segment).map_err(failed)?,
        Some(segment) => find_end(segment).map_err(failed)?,
        None => End::default(),
    };

    let last = segments.back().map_or(0, |segment| segment.last);
    // The torn bytes may have held as many frames, numbered from the end or from the segment's first number. No two
    // segments may have the same first number.
    let cut_frames = if end.torn > 0 { end.torn / HEADER_BYTES as u64 + 1 } else { 0 };
    let first = segments.back().map_or(0, |segment| segment.header.first);
    let next = (last + 1).max(first).saturating_add(cut_frames).max(first + 1).max(released + 1);
    let follows = segments.front().map_or(0, |segment| segment.header.follows);
    let missing = (released > 0 && follows > released).then_some((released + 1, follows));
    let released = if released == 0 { follows } else { released };
    let recovery = Recovery {
        first_frame: released + 1,
        last_frame: last.max(released),
        torn_bytes_cut: end.torn,
        damaged_frames: end.damaged,
        damaged_headers,
    };
    let cut = segments.back().filter(|segment| end.known && segment.bytes > segment.end).cloned();
    let state = State {
        segments,
        spares,
        tail: Tail::new(last, options.memory_bytes),
        released,
        sealed: 0,
        missing,
        trouble: None,
        full: false,
    };
    let log = Log {
        file_system,
        folder: folder.to_path_buf(),
        options,
        state: Mutex::new(state),
        progress: watch::Sender::new(Progress { last, closed: false }),
    };
    Ok(Opened { log: Arc::new(log), recovery, next, last, cut })
}

/// The first frames of the segments, in order, and the spare files. Removes other files of the log.
fn list(folder: &Path, file_system: &dyn FileSystem, options: &WalOptions) -> io::Result<(Vec<u64>, Vec<Spare>)> {
    let (mut segments, mut spares) = (Vec::new(), Vec::new());
    for name in file_system.list(folder)? {
        let path = folder.join(&name);
        match FileKind::parse(&name) {
            Some(FileKind::Segment(first)) => segments.push(first),
            Some(FileKind::Spare)
                if spares.len() < SPARES && file_system.open(&path)?.length()? == options.segment_bytes =>
            {
                spares.push(Spare { path, bytes: options.segment_bytes });
            }
            Some(FileKind::Spare | FileKind::Unfinished) => file_system.remove(&path)?,
            None => {}
        }
    }
    segments.sort_unstable();
    Ok((segments, spares))
}

/// Opens one segment. Returns true if its header is damaged, so that its frames cannot be verified.
fn open_segment(folder: &Path, file_system: &dyn FileSystem, first: u64) -> Result<(Segment, bool)> {
    let path = segment_path(folder, first);
    let read = || {
        let file = file_system.open(&path)?;
        let mut head = vec![0; FRAMES_AT as usize];
        let read = file.read_full_at(&mut head, 0)?;
        head.truncate(read);
        let length = file.length()?;
        Ok((file, head, length))
    };
    let (file, head, length) = read().map_err(|error| io_error("open", &path, &error))?;
    let (header, damaged) = match Header::decode(&head) {
        Ok(header) if header.first == first => (header, false),
        Ok(header) => {
            return Err(Error::corrupt(format!(
                "{} is the write-ahead log's segment {}: it was renamed or copied; restore its name or move it away",
                path.display(),
                segment_path(folder, header.first).display()
            )));
        }
        Err(BadHeader::Newer(version)) => {
            return Err(Error::invalid(format!(
                "{} has format {version} of the write-ahead log and this program reads up to {VERSION}: start the newer program that wrote it",
                path.display()
            )));
        }
        Err(BadHeader::Damaged) => {
            events::header_damaged(&path);
            (Header { salt: 0, first, follows: first.saturating_sub(1) }, true)
        }
    };
    let segment = Segment {
        path,
        file,
        header,
        last: header.follows.min(first.saturating_sub(1)),
        end: length,
        bytes: length,
        sound: true,
        marks: Vec::new(),
    };
    Ok((segment, damaged))
}

/// The end of the last segment.
#[derive(Debug, Default)]
struct End {
    /// Bytes after the last valid frame.
    torn: u64,
    /// Unreadable frames before it.
    damaged: u64,
    /// False if the segment's end cannot be found.
    known: bool,
}

/// Finds the last frame of a segment without a successor, and sets `last`, `end` and `marks`.
///
/// An unreadable area is damage if a later frame proves that it was durable. Otherwise it belongs to a group whose sync
/// never returned: the log ends before it, even if later frames of that group are valid.
fn find_end(segment: &mut Segment) -> io::Result<End> {
    let file = segment.file.clone();
    let Header { salt, first, follows } = segment.header;
    let mut walk = Walk::new(file.as_ref(), salt, first, FRAMES_AT, segment.bytes, None);
    let (mut last, mut end, mut durable) = (first - 1, FRAMES_AT, 0);
    let mut lost = Vec::new();
    while let Some(piece) = walk.next()? {
        match piece {
            Piece::Lost { first, last, offset, .. } => lost.push((first, last, offset)),
            Piece::Frame { frame, offset } => {
                segment.mark(frame.number, offset);
                durable = durable.max(frame.durable_before());
                (last, end) = (frame.number, offset + frame.bytes());
            }
        }
    }
    let proven = lost.partition_point(|(first, ..)| *first <= durable);
    let torn_inside = lost.get(proven).copied();
    if let Some((first, _, offset)) = torn_inside {
        (last, end) = (first - 1, offset);
        segment.marks.retain(|mark| mark.number <= last);
    }
    // Numbers between `follows` and `first` were never assigned, or are void.
    (segment.last, segment.end) = (if last < first { follows.min(last) } else { last }, end);
    let marked_end = walk.bytes(end, HEADER_BYTES)?.iter().all(|byte| *byte == 0);
    let torn = if marked_end && torn_inside.is_none() { 0 } else { used_bytes(file.as_ref(), end, segment.bytes)? };
    let damaged = lost.iter().take(proven).map(|(first, last, _)| last - first + 1).sum();
    Ok(End { torn, damaged, known: true })
}

/// Without a readable header no frame is readable. All its bytes count as one damaged area with as many frame numbers
/// as they may hold.
fn mark_unreadable(segment: &mut Segment) -> io::Result<End> {
    let used = used_bytes(segment.file.as_ref(), FRAMES_AT, segment.bytes)?;
    let frames = used.div_ceil(HEADER_BYTES as u64);
    segment.last = segment.header.first - 1 + frames;
    Ok(End { torn: 0, damaged: frames, known: false })
}

/// The number of bytes after `from` up to the last non-zero one.
fn used_bytes(file: &dyn File, from: u64, to: u64) -> io::Result<u64> {
    let mut chunk = vec![0; 1 << 20];
    let (mut offset, mut used) = (from, 0);
    while offset < to {
        let read = file.read_full_at(&mut chunk, offset)?;
        let Some(bytes) = chunk.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        if let Some(place) = bytes.iter().rposition(|byte| *byte != 0) {
            used = offset + place as u64 + 1 - from;
        }
        offset += read as u64;
    }
    Ok(used)
}
