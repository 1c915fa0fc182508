//! Row counts by service and level class, per row group.
//!
//! They answer most queries of a dashboard, counts by level and by service, without reading rows. File metadata holds
//! them as JSON: `crc32c` of the text of `groups`, and `groups` with one element per row group. An element is an
//! object from service to six counts, of `trace`, `debug`, `info`, `warn`, `error` and `fatal`; or null for a row
//! group with more than [`SERVICES`] services.

use std::collections::BTreeMap;

use arrow_array::{Array, RecordBatch, types::UInt8Type};
use model::{LevelClass, Severity};
use pipeline::Result;
use serde::{Deserialize, Serialize};

use super::{
    columns::{self, Texts},
    schema,
};

/// The maximum number of services per row group for which counts are stored.
const SERVICES: usize = 256;

/// Counts by [`LevelClass::index`].
type ByClass = [u64; LevelClass::ALL.len()];

/// Rows of a row group by service.
pub type Totals = BTreeMap<String, ByClass>;

/// The serialised form.
#[derive(Serialize, Deserialize)]
struct Written {
    crc32c: u32,
    groups: Vec<Option<Totals>>,
}

/// Counts rows while they are written.
pub(crate) struct Builder {
    /// Rows per row group, except the last one.
    group_rows: usize,
    groups: Vec<Option<Totals>>,
    group: Option<Totals>,
    rows: usize,
}

impl Builder {
    pub(crate) fn new(group_rows: usize) -> Self {
        Self { group_rows, groups: Vec::new(), group: Some(Totals::new()), rows: 0 }
    }

    /// Counts the next rows.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let services = Texts::named(batch, schema::SERVICE)?;
        let severities = columns::numbers::<UInt8Type>(batch, schema::SEVERITY)?.values();
        let mut first = 0;
        while first < severities.len() {
            if self.rows == self.group_rows {
                self.end_group();
            }
            let upto = severities.len().min(first + self.group_rows - self.rows);
            self.rows += upto - first;
            // A merge may read a damaged part. An invalid severity has no class, so the group gets no totals.
            let class = |row: usize| Severity::new(severities[row]).map(|severity| severity.class().index());
            if (first..upto).any(|row| class(row).is_none()) {
                self.group = None;
                first = upto;
                continue;
            }
            match services {
                // Count by dictionary key first: there are few keys and many rows.
                Texts::Repeated { keys, values } => {
                    let mut counts = vec![ByClass::default(); values.len()];
                    for row in first..upto {
                        let counts = counts.get_mut(keys.value(row) as usize);
                        if let (Some(counts), Some(class)) = (counts, class(row)) {
                            counts[class] += 1;
                        }
                    }
                    for (place, counts) in
                        counts.iter().enumerate().filter(|(_, counts)| **counts != ByClass::default())
                    {
                        self.add_counts(values.value(place), counts);
                    }
                }
                Texts::Plain(services) => {
                    for row in first..upto {
                        let mut counts = ByClass::default();
                        counts[class(row).unwrap_or_default()] = 1;
                        self.add_counts(services.value(row), &counts);
                    }
                }
            }
            first = upto;
        }
        Ok(())
    }

    fn add_counts(&mut self, service: &str, counts: &ByClass) {
        let Some(group) = &mut self.group else { return };
        if let Some(known) = group.get_mut(service) {
            known.iter_mut().zip(counts).for_each(|(known, more)| *known += more);
        } else if group.len() < SERVICES {
            group.insert(service.to_owned(), *counts);
        } else {
            self.group = None;
        }
    }

    fn end_group(&mut self) {
        self.groups.push(self.group.replace(Totals::new()));
        self.rows = 0;
    }

    /// Serialises all totals.
    pub(crate) fn finish(mut self) -> serde_json::Result<String> {
        if self.rows > 0 {
            self.end_group();
        }
        let crc32c = checksum(&self.groups)?;
        serde_json::to_string(&Written { crc32c, groups: self.groups })
    }
}

/// The totals of each row group; empty if the text is damaged.
pub(crate) fn read(text: &str) -> Vec<Option<Totals>> {
    let written: Option<Written> = serde_json::from_str(text).ok();
    let intact = written.filter(|written| checksum(&written.groups).is_ok_and(|sum| sum == written.crc32c));
    intact.map(|written| written.groups).unwrap_or_default()
}

fn checksum(groups: &[Option<Totals>]) -> serde_json::Result<u32> {
    Ok(crc32c::crc32c(&serde_json::to_vec(groups)?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, DictionaryArray, StringArray, UInt8Array, types::Int32Type};

    use super::*;

    fn batch(services: ArrayRef, severities: Vec<u8>) -> RecordBatch {
        let severities: ArrayRef = Arc::new(UInt8Array::from(severities));
        RecordBatch::try_from_iter([(schema::SERVICE, services), (schema::SEVERITY, severities)]).unwrap()
    }

    #[test]
    fn rows_are_counted_by_row_group_service_and_class_however_they_come() {
        let repeated: DictionaryArray<Int32Type> = ["a", "b", "a", "a"].into_iter().collect();
        let plain = StringArray::from(vec!["b", ""]);
        let mut builder = Builder::new(3);
        builder.add(&batch(Arc::new(repeated), vec![9, 17, 10, 24])).unwrap();
        builder.add(&batch(Arc::new(plain), vec![1, 5])).unwrap();
        let groups = read(&builder.finish().unwrap());
        let of = |group: usize, service: &str| groups[group].as_ref().unwrap()[service];
        assert_eq!(groups.len(), 2);
        assert_eq!(of(0, "a"), [0, 0, 2, 0, 0, 0]);
        assert_eq!(of(0, "b"), [0, 0, 0, 0, 1, 0]);
        assert_eq!(of(1, "a"), [0, 0, 0, 0, 0, 1]);
        assert_eq!(of(1, "b"), [1, 0, 0, 0, 0, 0]);
        assert_eq!(of(1, ""), [0, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn what_is_no_severity_leaves_its_row_group_without_totals() {
        let plain = StringArray::from(vec!["a", "a", "a"]);
        let mut builder = Builder::new(2);
        builder.add(&batch(Arc::new(plain), vec![9, 200, 9])).unwrap();
        let groups = read(&builder.finish().unwrap());
        assert_eq!(groups.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn too_many_services_are_left_out_and_damage_is_seen() {
        let many: Vec<String> = (0..=SERVICES).map(|number| number.to_string()).collect();
        let mut builder = Builder::new(1_000);
        builder.add(&batch(Arc::new(StringArray::from(many.clone())), vec![9; many.len()])).unwrap();
        assert_eq!(read(&builder.finish().unwrap()), [None]);

        let mut builder = Builder::new(10);
        builder.add(&batch(Arc::new(StringArray::from(vec!["api", "web"])), vec![9, 17])).unwrap();
        let text = builder.finish().unwrap();
        assert_eq!(read(&text).len(), 1);
        for (right, wrong) in [("api", "apo"), ("[0,0,1", "[0,0,2"), ("}]", "},null]"), ("{", "")] {
            assert!(text.contains(right));
            assert!(read(&text.replace(right, wrong)).is_empty(), "{wrong}");
        }
    }
}
