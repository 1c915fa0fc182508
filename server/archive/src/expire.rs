//! Deletes old days.

use pipeline::Result;

use crate::{day::Day, place::Archive};

impl Archive {
    /// Deletes the days before `first`, each with its manifest first, so that no day is ever half visible. Objects that
    /// are no parts stay. Returns the days that were archived.
    ///
    /// # Errors
    /// `Unavailable` if the archive cannot be reached; a later call continues.
    pub async fn expire(&self, first: Day) -> Result<Vec<Day>> {
        let mut expired = Vec::new();
        for day in self.folders().await?.into_iter().take_while(|day| *day < first) {
            self.delete_manifest(day).await?;
            if self.delete_unlisted(day, None).await? > 0 {
                expired.push(day);
            }
        }
        Ok(expired)
    }
}
