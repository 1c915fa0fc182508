//! Delivers a batch in parts of the size that a protocol likes, one after the other.
//!
//! One part is in flight at a time, so the order holds. Meanwhile the part after it is encoded; the parts of the next
//! batch are encoded ahead by [`Prepare`]. Encoded parts are kept until they are acknowledged, so a part that is sent
//! again has the same bytes.
//!
//! A batch that is sent again after an error continues with the first part that was not acknowledged. The progress is
//! in memory only: after a restart, the whole batch is sent again.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::join;
use model::{Position, Record, StoredRecord, Value};
use pipeline::{
    BatchId, Result,
    follow::{Outgoing, Prepare, Refused, Sent, Sink},
};
use sha2::{Digest as _, Sha256};

use crate::ahead::{Ahead, Key};

/// The most of one part. A single record may have more bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) records: usize,
    /// By [`size`].
    pub(crate) bytes: usize,
}

/// Encodes parts by a protocol. Two threads may use it at a time.
pub(crate) trait Encode: Send + Sync + 'static {
    /// Returns the body of a request, compressed if the sink compresses. The same part always gives the same bytes.
    ///
    /// # Errors
    /// Those of [`Sink::send`].
    fn encode(&self, id: BatchId, records: &[StoredRecord]) -> Result<Bytes>;
}

/// Delivers one part by a protocol.
#[async_trait]
pub(crate) trait Deliver: Send + 'static {
    /// Sends `body`, which is the encoded form of `records`. Returns the refused records once the destination has
    /// acknowledged the others. `id` is the same whenever the same records are sent again.
    ///
    /// # Errors
    /// Those of [`Sink::send`].
    async fn deliver(&mut self, id: BatchId, records: &[StoredRecord], body: Bytes) -> Result<Vec<Refused>>;
}

/// A sink that delivers in parts.
pub(crate) struct InParts<D> {
    inner: D,
    encoding: Encoding,
    progress: Progress,
    /// The encoded parts of the next batch.
    ahead: Arc<Ahead<VecDeque<Part>>>,
}

/// How a batch becomes encoded parts.
#[derive(Clone)]
struct Encoding {
    encoder: Arc<dyn Encode>,
    limits: Limits,
}

/// One part of a batch.
struct Part {
    id: BatchId,
    /// The indices of its records in the batch.
    range: Range<usize>,
    /// `None` until it is encoded.
    body: Option<Bytes>,
}

/// What is acknowledged of the batch that was begun last.
#[derive(Default)]
struct Progress {
    /// The batch, with the records that `parts` cover.
    key: Option<Key>,
    /// The position of the last acknowledged record.
    last: Option<Position>,
    refused: Vec<(Position, String)>,
    /// The parts that are not acknowledged.
    parts: VecDeque<Part>,
}

impl<D> InParts<D> {
    pub(crate) fn new(inner: D, encoder: Arc<dyn Encode>, limits: Limits) -> Self {
        let encoding = Encoding { encoder, limits };
        Self { inner, encoding, progress: Progress::default(), ahead: Arc::default() }
    }
}

#[async_trait]
impl<D: Deliver> Sink for InParts<D> {
    async fn open(&mut self, _mark: Option<&str>) -> Result<()> {
        Ok(())
    }

    fn preparer(&self) -> Option<Arc<dyn Prepare>> {
        Some(Arc::new(Preparer { encoding: self.encoding.clone(), ahead: Arc::clone(&self.ahead) }))
    }

    async fn send(&mut self, batch: &Outgoing) -> Result<Sent> {
        let Self { inner, encoding, progress, ahead } = self;
        let key = Key::of(batch);
        if progress.key.is_none_or(|begun| begun.id != key.id) {
            *progress = Progress::default();
        }
        if progress.key != Some(key) {
            let last = progress.last;
            // A batch that is partly acknowledged is split again, because only whole batches are encoded ahead.
            let whole = if last.is_none() { ahead.take(key) } else { None };
            let from = || batch.records.partition_point(|record| Some(record.position) <= last);
            progress.parts = whole.unwrap_or_else(|| encoding.limits.split(batch, from()));
            progress.key = Some(key);
        }
        while let Some(mut part) = progress.parts.pop_front() {
            let records = batch.records.get(part.range.clone()).unwrap_or_default();
            let delivered = match encoding.body(batch, &mut part) {
                Ok(body) => {
                    let following = progress.parts.front_mut();
                    // An error is returned when it is the part's turn.
                    let encode = async { following.map(|following| encoding.body(batch, following)) };
                    join(inner.deliver(part.id, records, body), encode).await.0
                }
                Err(error) => Err(error),
            };
            match delivered {
                Ok(refused) => progress.acknowledge(records, refused),
                Err(error) => {
                    progress.parts.push_front(part);
                    return Err(error);
                }
            }
        }
        let Progress { refused, .. } = std::mem::take(progress);
        let place = |position| batch.records.binary_search_by_key(&position, |record| record.position).ok();
        let refused = refused.into_iter();
        let mut refused: Vec<_> =
            refused.filter_map(|(position, reason)| Some(Refused { index: place(position)?, reason })).collect();
        refused.sort_unstable_by_key(|refused| refused.index);
        Ok(Sent { refused, mark: None })
    }
}

/// Encodes whole batches ahead.
struct Preparer {
    encoding: Encoding,
    ahead: Arc<Ahead<VecDeque<Part>>>,
}

impl Prepare for Preparer {
    fn prepare(&self, batch: &Outgoing) {
        let mut parts = self.encoding.limits.split(batch, 0);
        for part in &mut parts {
            // An error is returned when the batch is sent.
            let _ = self.encoding.body(batch, part);
        }
        self.ahead.put(Key::of(batch), parts);
    }
}

impl Encoding {
    /// The encoded part. Encodes it if that is not done yet.
    fn body(&self, batch: &Outgoing, part: &mut Part) -> Result<Bytes> {
        if let Some(body) = &part.body {
            return Ok(body.clone());
        }
        let body = self.encoder.encode(part.id, batch.records.get(part.range.clone()).unwrap_or_default())?;
        Ok(part.body.insert(body).clone())
    }
}

impl Progress {
    fn acknowledge(&mut self, records: &[StoredRecord], refused: Vec<Refused>) {
        for Refused { index, reason } in refused {
            if let Some(record) = records.get(index) {
                self.refused.push((record.position, reason));
            }
        }
        self.last = records.last().map(|record| record.position);
    }
}

impl Limits {
    /// The parts of the records from the index `start` on, not yet encoded.
    fn split(&self, batch: &Outgoing, mut start: usize) -> VecDeque<Part> {
        let mut parts = VecDeque::new();
        while let Some(rest @ [_, ..]) = batch.records.get(start..) {
            let range = start..start + self.first_part(rest);
            let id = if range == (0..batch.records.len()) {
                batch.id
            } else {
                part_id(batch.id, batch.records.get(range.clone()).unwrap_or_default())
            };
            start = range.end;
            parts.push_back(Part { id, range, body: None });
        }
        parts
    }

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
    use std::sync::Mutex;

    use pipeline::Error;

    use super::*;
    use crate::examples::{outgoing, record};

    /// Joins the messages of a part with spaces, and remembers the texts.
    #[derive(Default)]
    struct Joining(Mutex<Vec<String>>);

    impl Encode for Joining {
        fn encode(&self, _: BatchId, records: &[StoredRecord]) -> Result<Bytes> {
            let texts: Vec<_> = records.iter().map(|stored| stored.record.message.as_str()).collect();
            let text = texts.join(" ");
            self.0.lock().unwrap().push(text.clone());
            Ok(text.into())
        }
    }

    /// Remembers the messages of each part; refuses `bad`, fails once at each `later`.
    #[derive(Default)]
    struct Recorder {
        encoder: Arc<Joining>,
        parts: Vec<(BatchId, Vec<String>)>,
        /// The texts that were encoded when each part was delivered.
        encoded: Vec<Vec<String>>,
        fail: usize,
    }

    impl Recorder {
        fn in_parts(self, limits: Limits) -> InParts<Self> {
            let encoder = Arc::clone(&self.encoder);
            InParts::new(self, encoder, limits)
        }

        fn encoded(&self) -> Vec<String> {
            self.encoder.0.lock().unwrap().clone()
        }
    }

    #[async_trait]
    impl Deliver for Recorder {
        async fn deliver(&mut self, id: BatchId, records: &[StoredRecord], body: Bytes) -> Result<Vec<Refused>> {
            let texts: Vec<_> = records.iter().map(|stored| stored.record.message.clone()).collect();
            assert_eq!(body, texts.join(" "));
            // The request is in flight.
            tokio::task::yield_now().await;
            self.encoded.push(self.encoded());
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
        Recorder { fail, ..Recorder::default() }.in_parts(Limits { records, bytes: 1 << 20 })
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

    /// The batch after `batch`.
    fn following<const N: usize>(batch: &Outgoing, messages: [&str; N]) -> Outgoing {
        let mut following = outgoing(messages.map(record));
        for stored in &mut following.records {
            stored.position.0 += batch.records.len() as i64;
        }
        Outgoing { id: BatchId([8; 16]), ..following }
    }

    fn texts(sink: &InParts<Recorder>) -> Vec<String> {
        sink.inner.parts.iter().map(|(_, texts)| texts.join(" ")).collect()
    }

    #[tokio::test]
    async fn the_next_part_is_encoded_while_one_is_in_flight() {
        let mut sink = sink(1, 0);
        sink.send(&outgoing(["a", "b", "c"].map(record))).await.unwrap();
        assert_eq!(sink.inner.encoded, [vec!["a", "b"], vec!["a", "b", "c"], vec!["a", "b", "c"]]);
    }

    #[tokio::test]
    async fn a_part_that_failed_is_repeated_before_those_encoded_after_it_and_not_encoded_again() {
        let mut sink = sink(1, 2);
        let batch = outgoing(["a", "later", "b"].map(record));
        let next = following(&batch, ["c", "d"]);
        assert!(sink.send(&batch).await.is_err());
        sink.preparer().unwrap().prepare(&next);
        assert!(sink.send(&batch).await.is_err());
        sink.send(&batch).await.unwrap();
        sink.send(&next).await.unwrap();
        assert_eq!(texts(&sink), ["a", "later", "b", "c", "d"]);
        assert_eq!(sink.inner.encoded(), ["a", "later", "b", "c", "d"]);
    }

    #[tokio::test]
    async fn a_prepared_batch_is_sent_as_an_unprepared_one() {
        let batch = outgoing(["a", "bad", "c"].map(record));
        let (mut prepared, mut other) = (sink(2, 0), sink(2, 0));
        prepared.preparer().unwrap().prepare(&batch);
        assert_eq!(prepared.send(&batch).await.unwrap(), other.send(&batch).await.unwrap());
        assert_eq!(prepared.inner.parts, other.inner.parts);
        assert_eq!(prepared.inner.encoded(), ["a bad", "c"]);
    }

    #[tokio::test]
    async fn what_was_prepared_is_not_used_for_other_records_with_the_same_id() {
        let mut sink = sink(10, 0);
        let mut batch = outgoing(["a", "b", "c"].map(record));
        sink.preparer().unwrap().prepare(&batch);
        // One has been deleted in the meantime.
        batch.records.remove(1);
        sink.send(&batch).await.unwrap();
        assert_eq!(texts(&sink), ["a c"]);
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
        let mut sink = Recorder::default().in_parts(Limits { records: 10, bytes: 1000 });
        let large = "x".repeat(5000);
        sink.send(&outgoing([&large, "a", "b", &large].map(record))).await.unwrap();
        let lengths: Vec<_> = sink.inner.parts.iter().map(|(_, texts)| texts.len()).collect();
        assert_eq!(lengths, [1, 2, 1]);
    }
}
