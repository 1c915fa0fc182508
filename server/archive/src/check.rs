//! Verifies a day.

use pipeline::{ErrorClass, Result};

use crate::{
    day::Day,
    fetch::blocking,
    manifest::{Manifest, PartEntry},
    place::Archive,
};

/// What [`Archive::check`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayReport {
    pub day: Day,
    /// `None` if it is missing or damaged.
    pub manifest: Option<Manifest>,
    /// Files that no manifest names: the rest of an interrupted attempt, or parts that are being written. They are
    /// harmless.
    pub unlisted: usize,
    /// What is wrong. Empty if the day is whole.
    pub problems: Vec<String>,
}

impl Archive {
    /// Verifies the manifest of a day, and of each part its presence, length, checksum and records. Downloads all parts
    /// of the day, one at a time.
    ///
    /// # Errors
    /// `Unavailable` if the archive cannot be reached.
    pub async fn check(&self, day: Day) -> Result<DayReport> {
        let mut report = DayReport { day, manifest: None, unlisted: 0, problems: Vec::new() };
        match self.manifest(day).await {
            Ok(Some(manifest)) => report.manifest = Some(manifest),
            Ok(None) => report.problems.push(
                "it has no manifest: the server is writing the day or was interrupted; check again after its next round"
                    .to_owned(),
            ),
            Err(error) if error.class == ErrorClass::Corrupt => report.problems.push(error.message),
            Err(error) => return Err(error),
        }
        let names = self.parts_of(day).await?;
        let Some(manifest) = &report.manifest else {
            report.unlisted = names.len();
            return Ok(report);
        };
        for part in &manifest.parts {
            let reason = match self.check_part(day, part).await {
                Ok(None) => continue,
                Ok(Some(reason)) => reason,
                Err(error) if error.class == ErrorClass::NotFound => "it is missing".to_owned(),
                Err(error) if error.class == ErrorClass::Corrupt => error.message,
                Err(error) => return Err(error),
            };
            report.problems.push(format!("part {}: {reason}", part.name));
        }
        report.unlisted = names.iter().filter(|name| manifest.parts.iter().all(|part| part.name != **name)).count();
        Ok(report)
    }

    /// Returns what is wrong with the records of a part.
    async fn check_part(&self, day: Day, part: &PartEntry) -> Result<Option<String>> {
        let local = self.fetch(day, part).await?;
        let (records, first, last) = (part.records, part.first_time, part.last_time);
        blocking(move || {
            let mut found = 0;
            for (group, rows) in local.groups().into_iter().enumerate() {
                for stored in local.records(group, 0..rows)? {
                    if !(first..=last).contains(&stored.record.time) {
                        return Ok(Some("a record is outside of its times".to_owned()));
                    }
                    found += 1;
                }
            }
            Ok((found != records).then(|| format!("it has {found} records instead of {records}")))
        })
        .await
    }
}
