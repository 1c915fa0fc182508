//! The preview of a deletion: how many records it would remove, and the newest of them.

use std::time::Duration;

use model::{Nanos, TimeRange, api::RecordView, deletion::DeletionPreviewView, time::format_rfc3339};
use pipeline::{
    Error, Removal, Result, SearchRequest,
    deletion::{check_query, without_audit},
};
use tokio::time::timeout;

use crate::{DefaultRange, RangeText, Reader, need_whole_sight, parse_query};

/// The time limit of the count, which may examine every record of the range.
const COUNT: Duration = Duration::from_secs(120);
/// The time limit of the search for the newest records.
const PATIENCE: Duration = Duration::from_secs(10);
/// The limit of records that are shown.
const NEWEST: usize = 20;

impl Reader {
    /// Counts the records that a deletion would remove if it were started now, without those that arrive later.
    ///
    /// # Errors
    /// `Forbidden` for a limited sight. `Invalid` for an empty query without `all`, for a query or a range that does not
    /// parse. `Unavailable` if the count takes longer than two minutes. Errors of the store.
    pub async fn preview_deletion(&self, query: &str, all: bool, range: RangeText<'_>) -> Result<DeletionPreviewView> {
        need_whole_sight(&self.sight, "deletions")?;
        check_query(query, all)?;
        let range = self.range(range, DefaultRange::All)?;
        let removal =
            Removal { query: without_audit(parse_query(Some(query)).await?), range, upto: self.log.newest().await? };
        let request =
            SearchRequest { patience: Some(PATIENCE), ..SearchRequest::new(removal.query.clone(), range, NEWEST) };
        let work = async { tokio::try_join!(self.log.count_removal(&removal), self.ask.search(&request)) };
        let (counted, page) = timeout(COUNT, work).await.unwrap_or_else(|_| {
            Err(Error::unavailable(format!(
                "the matching records were not counted within {} s; name a shorter time by from and to",
                COUNT.as_secs()
            )))
        })?;
        let (from, to) = open_ends(range);
        let newest = page.records.iter().filter(|stored| stored.position <= removal.upto);
        Ok(DeletionPreviewView {
            query: query.to_owned(),
            from,
            to,
            position: removal.upto.to_string(),
            records: counted.records(),
            newest: newest.map(RecordView::from).collect(),
            has_archive: false,
        })
    }
}

/// The ends of a range, in RFC 3339; `None` for an open end.
pub fn open_ends(range: TimeRange) -> (Option<String>, Option<String>) {
    let end = |time: Nanos, open: Nanos| (time != open).then(|| format_rfc3339(time));
    (end(range.from, TimeRange::ALL.from), end(range.to, TimeRange::ALL.to))
}
