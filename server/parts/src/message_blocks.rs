//! Reads the sets of messages of a part: those of one row group at a time, because all of them take up to a megabyte.

use std::os::unix::fs::FileExt;

use pipeline::{Error, Result};

use super::{
    file,
    message_index::{self, BLOCK_ROWS, Directory, Sets},
    reader::{Footer, Part, advise},
    schema::IndexPlace,
};

impl Part {
    /// The sets of each block of a row group, in order. `None` if the part has none, or if they cannot be read: a search
    /// works without them.
    pub fn message_sets(&self, footer: &Footer, group: usize) -> Option<Vec<Sets>> {
        let place = footer.sets_place()?;
        let sets = self.read_sets(footer, group, place);
        if let Err(error) = &sets {
            footer.sets_reported.call_once(|| {
                tracing::warn!(part = self.info.path, %error, "a part is searched without its message index");
            });
        }
        sets.ok()
    }

    /// Prefetches what [`Self::message_sets`] will read of all row groups.
    pub fn read_message_sets_ahead(&self, footer: &Footer) {
        let Some(place) = footer.sets_place() else { return };
        // The later read reports errors of the file.
        if let Ok(file) = self.open() {
            advise(&file, place.offset..place.offset.saturating_add(place.bytes).min(self.info.bytes));
        }
    }

    fn read_sets(&self, footer: &Footer, group: usize, place: IndexPlace) -> Result<Vec<Sets>> {
        let damaged = || Error::corrupt("the sets of its messages are damaged");
        let end = place.offset.checked_add(place.bytes).filter(|end| *end <= self.info.bytes);
        let end = end.ok_or_else(|| Error::corrupt("the sets of its messages lie outside of the file"))?;
        let file = self.open()?;
        let bytes_at = |from: u64, length: u64| {
            // Before the allocation, because a damaged length may be huge.
            if from.checked_add(length).is_none_or(|last| last > end) {
                return Err(damaged());
            }
            let mut bytes = vec![0; length as usize];
            file.read_exact_at(&mut bytes, from).map_err(|error| file::failed("read", &self.path, &error))?;
            Ok(bytes)
        };
        let blocks = |groups: usize| -> usize {
            footer.groups.iter().take(groups).map(|group| group.rows.div_ceil(BLOCK_ROWS)).sum()
        };
        let length = Directory::length(blocks(footer.groups.len())) as u64;
        let directory = Directory::read(&bytes_at(place.offset, length)?).ok_or_else(damaged)?;
        let sets = |block| {
            let range = directory.range(block).ok_or_else(damaged)?;
            let from = place.offset.checked_add(range.start).ok_or_else(damaged)?;
            directory.sets(block, bytes_at(from, range.end - range.start)?).ok_or_else(damaged)
        };
        (blocks(group)..blocks(group.saturating_add(1))).map(sets).collect()
    }
}

impl Footer {
    /// Where the sets are in the file.
    fn sets_place(&self) -> Option<IndexPlace> {
        let pairs = self.metadata.metadata().file_metadata().key_value_metadata()?;
        let pair = pairs.iter().find(|pair| pair.key == message_index::KEY)?;
        serde_json::from_str(pair.value.as_deref()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path, sync::Arc};

    use model::{Record, RecordId, Severity};

    use super::*;
    use crate::{
        PartInfo,
        builder::Row,
        message_index::Wanted,
        reader::Footers,
        writer::{self, Effort, GROUP_ROWS},
    };

    /// A part with these messages, the first one being the newest.
    fn written(folder: &Path, messages: impl Iterator<Item = String>, effort: Effort) -> PartInfo {
        let record = |(row, message): (usize, String)| Record {
            id: RecordId::base(1, 0),
            time: 1_767_323_045_000_000_000 - row as i64,
            observed_time: 0,
            severity: Severity::INFO,
            level: "info".into(),
            service: "api".into(),
            node: "n1".into(),
            message,
            attributes: Vec::new(),
            trace_id: None,
            span_id: None,
        };
        let records: Vec<Record> = messages.enumerate().map(record).collect();
        let rows: Vec<Row<'_>> =
            records.iter().map(|record| Row { record, position: 7, id_base: RecordId::base(1, 0) }).collect();
        writer::write(folder, "2026-01-02", &rows, effort).unwrap()
    }

    fn part(info: &PartInfo, folder: &Path) -> Part {
        Part::new(info.clone(), folder, Arc::new(Footers::default()))
    }

    #[test]
    fn each_block_of_each_row_group_has_its_own_sets() {
        let folder = tempfile::tempdir().unwrap();
        let rows = GROUP_ROWS + BLOCK_ROWS + 1;
        let messages =
            (0..rows).map(|row| format!("in block {} of all", ["alpha", "beta", "gamma", "delta"][row / BLOCK_ROWS]));
        let info = written(folder.path(), messages, Effort::Lasting);
        let part = part(&info, folder.path());
        let footer = part.footer().unwrap();
        let sets: Vec<Vec<Sets>> = (0..2).map(|group| part.message_sets(&footer, group).unwrap()).collect();
        let may_contain = |text: &str| -> Vec<bool> {
            sets.iter().flatten().map(|sets| sets.may_contain(&Wanted::of(text))).collect()
        };
        for (text, expected) in [
            ("BLOCK alpha", [true, false, false, false]),
            ("block beta of", [false, true, false, false]),
            ("gamma", [false, false, true, false]),
            ("delta", [false, false, false, true]),
            ("of all", [true; 4]),
            ("all of", [false; 4]),
        ] {
            assert_eq!(may_contain(text), expected, "{text}");
        }
        // Earlier programs look for other keys, and read such a part as one without an index.
        assert!(part.message_index(&footer).is_none());
        assert_eq!(part.message_sets(&footer, 2), Some(Vec::new()));
    }

    #[test]
    fn a_part_without_sets_or_with_damaged_ones_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let messages = || (0..100).map(|row| format!("message {row}"));
        let info = written(folder.path(), messages(), Effort::Passing);
        let passing = part(&info, folder.path());
        assert_eq!(passing.message_sets(&passing.footer().unwrap(), 0), None);

        let info = written(folder.path(), messages(), Effort::Quick);
        let footer = part(&info, folder.path()).footer().unwrap();
        let place = footer.sets_place().unwrap();
        let intact = fs::read(info.file(folder.path())).unwrap();
        for damaged in place.offset..place.offset + place.bytes {
            let mut bytes = intact.clone();
            bytes[damaged as usize] ^= 1;
            fs::write(info.file(folder.path()), &bytes).unwrap();
            let part = part(&info, folder.path());
            assert_eq!(part.message_sets(&part.footer().unwrap(), 0), None);
            // The records are intact.
            assert!(part.damage().is_none());
        }
    }
}
