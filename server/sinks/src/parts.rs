//! Delivers a batch in parts of the size that a protocol likes, one after the other.
//!
//! A batch that is sent again after an error continues with the first part that was not acknowledged. The progress is
//! in memory only: after a restart, the whole batch is sent again.

use async_trait::async_trait;
use model::{Position, Record, StoredRecord, Value};
use pipeline::{
    BatchId, Result,
    follow::{Outgoing, Refused, Sent, Sink},
};
use sha2::{Digest as _, Sha256};

/// The most of one part. A single record may have more bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) records: usize,
    /// By [`size`].
    pub(crate) bytes: usize,
}

/// Delivers one part by a protocol.
#[async_trait]
pub(crate) trait Deliver: Send + 'static {
    /// Returns the refused records once the destination has acknowledged the others. `id` is the same whenever the
    /// same records are sent again.
    ///
    /// # Errors
    /// As [`Sink::send`].
    async fn deliver(&mut self, id: BatchId, records: &[StoredRecord]) -> Result<Vec<Refused>>;
}

/// A sink that delivers in parts.
pub(crate) struct InParts<D> {
    inner: D,
    limits: Limits,
    progress: Progress,
}

/// What is acknowledged of the batch that was begun last.
#[derive(Default)]
struct Progress {
    id: Option<BatchId>,
    /// The position of the last acknowledged record.
    last: Option<Position>,
    refused: Vec<(Position, String)>,
}

impl<D> InParts<D> {
    pub(crate) fn new(inner: D, limits: Limits) -> Self {
        Self { inner, limits, progress: Progress::default() }
    }
}

#[async_trait]
impl<D: Deliver> Sink for InParts<D> {
    async fn open(&mut self, _mark: Option<&str>) -> Result<()> {
        Ok(())
    }

    async fn send(&mut self, batch: &Outgoing) -> Result<Sent> {
        if self.progress.id != Some(batch.id) {
            self.progress = Progress { id: Some(batch.id), ..Progress::default() };
        }
        let last = self.progress.last;
        let mut rest = &batch.records[batch.records.partition_point(|record| Some(record.position) <= last)..];
        while !rest.is_empty() {
            let (part, after) = rest.split_at(self.limits.first_part(rest));
            let id = if part.len() == batch.records.len() { batch.id } else { part_id(batch.id, part) };
            for Refused { index, reason } in self.inner.deliver(id, part).await? {
                if let Some(record) = part.get(index) {
                    self.progress.refused.push((record.position, reason));
                }
            }
            self.progress.last = part.last().map(|record| record.position);
            rest = after;
        }
        let Progress { refused, .. } = std::mem::take(&mut self.progress);
        let place = |position| batch.records.binary_search_by_key(&position, |record| record.position).ok();
        let refused = refused.into_iter();
        let mut refused: Vec<_> =
            refused.filter_map(|(position, reason)| Some(Refused { index: place(position)?, reason })).collect();
        refused.sort_unstable_by_key(|refused| refused.index);
        Ok(Sent { refused, mark: None })
    }
}

impl Limits {
    /// The number of records of the first part: at least one.
    fn first_part(&self, records: &[StoredRecord]) -> usize {
        let mut bytes = 0;
        let fits = |stored: &&StoredRecord| {
            bytes += size(&stored.record);
            bytes <= self.bytes
        };
        records.iter().take(self.records).take_while(fits).count().max(1)
    }
}

/// The id of a part. It covers the records: if some of a batch are deleted before it is sent again, other records
/// never get the id of a part that was acknowledged.
pub(crate) fn part_id<'a>(id: BatchId, part: impl IntoIterator<Item = &'a StoredRecord>) -> BatchId {
    let mut digest = Sha256::new();
    digest.update(id.0);
    for stored in part {
        digest.update(stored.position.0.to_be_bytes());
    }
    BatchId::of_digest(digest)
}

/// The approximate bytes of a record in a protocol.
fn size(record: &Record) -> usize {
    let value = |value: &Value| if let Value::Text(text) = value { text.len() } else { 8 };
    let attributes = record.attributes.iter().map(|(key, of_key)| key.len() + value(of_key) + 8);
    160 + record.message.len() + record.service.len() + record.node.len() + attributes.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use pipeline::Error;

    use super::*;
    use crate::examples::{outgoing, record};

    /// Remembers the messages of each part; refuses `bad`, fails once at each `later`.
    #[derive(Default)]
    struct Recorder {
        parts: Vec<(BatchId, Vec<String>)>,
        fail: usize,
    }

    #[async_trait]
    impl Deliver for Recorder {
        async fn deliver(&mut self, id: BatchId, records: &[StoredRecord]) -> Result<Vec<Refused>> {
            let texts: Vec<_> = records.iter().map(|stored| stored.record.message.clone()).collect();
            if self.fail > 0 && texts.iter().any(|text| text == "later") {
                self.fail -= 1;
                return Err(Error::unavailable("later"));
            }
            self.parts.push((id, texts.clone()));
            let bad = texts.iter().enumerate().filter(|(_, text)| *text == "bad");
            Ok(bad.map(|(index, _)| Refused { index, reason: "bad".into() }).collect())
        }
    }

    fn sink(records: usize, fail: usize) -> InParts<Recorder> {
        InParts::new(Recorder { fail, ..Recorder::default() }, Limits { records, bytes: 1 << 20 })
    }

    #[tokio::test]
    async fn a_batch_that_fits_is_one_part_with_its_own_id() {
        let mut sink = sink(10, 0);
        let batch = outgoing(["a", "b"].map(record));
        assert_eq!(sink.send(&batch).await.unwrap(), Sent::default());
        assert_eq!(sink.inner.parts, [(batch.id, vec!["a".to_owned(), "b".to_owned()])]);
    }

    #[tokio::test]
    async fn a_batch_sent_again_continues_after_the_acknowledged_part() {
        let mut sink = sink(2, 1);
        let mut batch = outgoing(["a", "bad", "c", "later", "bad"].map(record));
        assert!(sink.send(&batch).await.is_err());
        // One that was acknowledged has been deleted in the meantime.
        batch.records.remove(0);
        let sent = sink.send(&batch).await.unwrap();
        assert_eq!(sent.refused.iter().map(|refused| refused.index).collect::<Vec<_>>(), [0, 3]);
        let parts: Vec<_> = sink.inner.parts.iter().map(|(_, texts)| texts.join(" ")).collect();
        assert_eq!(parts, ["a bad", "c later", "bad"]);
    }

    #[tokio::test]
    async fn parts_have_ids_of_their_own_that_do_not_change() {
        let batch = outgoing(["a", "b", "c"].map(record));
        let (mut one, mut other) = (sink(2, 0), sink(2, 0));
        one.send(&batch).await.unwrap();
        other.send(&batch).await.unwrap();
        assert_eq!(one.inner.parts, other.inner.parts);
        assert_ne!(one.inner.parts[0].0, one.inner.parts[1].0);
        assert_ne!(one.inner.parts[0].0, batch.id);
    }

    #[tokio::test]
    async fn parts_are_bounded_by_bytes_and_a_large_record_goes_alone() {
        let mut sink = InParts::new(Recorder::default(), Limits { records: 10, bytes: 1000 });
        let large = "x".repeat(5000);
        sink.send(&outgoing([&large, "a", "b", &large].map(record))).await.unwrap();
        let lengths: Vec<_> = sink.inner.parts.iter().map(|(_, texts)| texts.len()).collect();
        assert_eq!(lengths, [1, 2, 1]);
    }
}
