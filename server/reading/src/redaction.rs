//! The preview of a redaction rule: what it would have changed in the newest records.

use std::{sync::Arc, time::Duration};

use model::{
    Query, StoredRecord, TimeRange,
    api::{RedactionExampleView, RedactionPreviewView},
    limits, time,
};
use pipeline::{Error, Result, SearchRequest, redact::Redaction};

use crate::Reader;

/// The time limit of the search.
const PATIENCE: Duration = Duration::from_secs(10);
/// The limit of changes that are shown.
const EXAMPLES: usize = 50;
/// The characters of a text before its first change, and all of them that are shown.
const BEFORE: usize = 100;
const SHOWN: usize = 500;

impl Reader {
    /// Applies the rules to the newest records that match. Changes and counts nothing.
    ///
    /// # Errors
    /// `Invalid` if the limit is not 1 to [`PAGE_RECORDS`](limits::PAGE_RECORDS). Errors of the store.
    pub async fn preview_redaction(
        &self,
        redaction: Arc<Redaction>,
        query: Query,
        limit: usize,
    ) -> Result<RedactionPreviewView> {
        if !(1..=limits::PAGE_RECORDS).contains(&limit) {
            return Err(Error::invalid(format!("limit is {limit}; it may be 1 to {}", limits::PAGE_RECORDS)));
        }
        let request = SearchRequest { patience: Some(PATIENCE), ..SearchRequest::new(query, TimeRange::ALL, limit) };
        let records = self.ask.search(&request).await?.records;
        // Thousands of records are work for a while.
        let preview = tokio::task::spawn_blocking(move || preview(&redaction, &records)).await;
        preview.map_err(|error| Error::internal(format!("the preview failed: {error}")))
    }
}

fn preview(redaction: &Redaction, records: &[StoredRecord]) -> RedactionPreviewView {
    let mut view = RedactionPreviewView { examined: records.len() as u64, ..RedactionPreviewView::default() };
    for StoredRecord { record, .. } in records {
        let (changes, matches) = redaction.changes(record);
        view.changed += u64::from(!changes.is_empty());
        view.matches += matches;
        for change in changes {
            if view.examples.len() == EXAMPLES {
                break;
            }
            let start = difference(&change.before, change.after.as_deref().unwrap_or_default());
            view.examples.push(RedactionExampleView {
                id: record.id.to_string(),
                time: time::format_rfc3339(record.time),
                field: change.field,
                before: excerpt(&change.before, start),
                after: change.after.map(|after| excerpt(&after, start)),
            });
        }
    }
    view
}

/// The number of characters before the first difference.
fn difference(before: &str, after: &str) -> usize {
    before.chars().zip(after.chars()).take_while(|(before, after)| before == after).count()
}

/// The part of a text around the character at `start`.
fn excerpt(text: &str, start: usize) -> String {
    let first = start.saturating_sub(BEFORE);
    let mut rest = text.chars().skip(first);
    let part: String = rest.by_ref().take(SHOWN).collect();
    let begin = if first > 0 { "…" } else { "" };
    let end = if rest.next().is_some() { "…" } else { "" };
    format!("{begin}{part}{end}")
}

#[cfg(test)]
mod tests {
    use model::{Position, Record};
    use pipeline::normalise::{Normaliser, RawRecord};

    use super::*;

    fn stored(message: &str) -> StoredRecord {
        let raw = RawRecord { message: message.into(), ..RawRecord::default() };
        let record: Record = Normaliser::default().record(raw, 1_767_323_045_000_000_000).unwrap();
        StoredRecord { position: Position(1), record }
    }

    #[test]
    fn a_preview_counts_and_shows_what_changes() {
        let redaction = Redaction::trial("email", None).unwrap();
        let long = format!("{}to bob@example.com{}", "a ".repeat(300), " b".repeat(300));
        let records = [stored("to bob@example.com, al@example.com"), stored("nothing"), stored(&long)];
        let view = preview(&redaction, &records);
        assert_eq!((view.examined, view.changed, view.matches), (3, 2, 3));
        let first = &view.examples[0];
        assert_eq!(first.before, "to bob@example.com, al@example.com");
        assert_eq!(first.after.as_deref(), Some("to [email], [email]"));
        let last = view.examples[1].after.as_deref().unwrap();
        assert!(last.starts_with('…') && last.ends_with('…') && last.contains("to [email] b"), "{last}");
    }

    #[test]
    fn the_number_of_examples_is_limited() {
        let redaction = Redaction::trial("email", None).unwrap();
        let records: Vec<StoredRecord> = (0..EXAMPLES + 5).map(|_| stored("bob@example.com")).collect();
        let view = preview(&redaction, &records);
        assert_eq!((view.changed as usize, view.examples.len()), (EXAMPLES + 5, EXAMPLES));
    }
}
