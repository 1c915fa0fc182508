//! The way of a record: the Logboom stores that passed it on. It ends loops of sinks.

use std::sync::Arc;

use async_trait::async_trait;
use model::{Record, Text, Value, attribute_place};
use pipeline::{
    Result,
    follow::{Outgoing, Prepare, Refused, Sent, Sink, VIA},
};

use crate::ahead::{Ahead, Key};

/// A record that passed this many stores is not sent on.
const STORES: usize = 8;

/// A sink to another system. Adds this store's id to the way of each record.
pub(crate) struct Via<S> {
    inner: S,
    /// The id of this store, 8 hexadecimal digits.
    own: Arc<str>,
    ahead: Arc<Ahead<Marked>>,
}

/// A batch as it is sent on.
struct Marked {
    outgoing: Outgoing,
    /// The index in the batch of each record of `outgoing`.
    indices: Vec<usize>,
    /// The records that are not sent on.
    refused: Vec<Refused>,
}

impl<S> Via<S> {
    pub(crate) fn new(inner: S, own: &str) -> Self {
        Self { inner, own: own.into(), ahead: Arc::default() }
    }
}

#[async_trait]
impl Sink for Via<Box<dyn Sink>> {
    async fn open(&mut self, mark: Option<&str>) -> Result<()> {
        self.inner.open(mark).await
    }

    fn preparer(&self) -> Option<Arc<dyn Prepare>> {
        let inner = self.inner.preparer()?;
        Some(Arc::new(Preparer { inner, own: Arc::clone(&self.own), ahead: Arc::clone(&self.ahead) }))
    }

    async fn send(&mut self, batch: &Outgoing) -> Result<Sent> {
        let marked = self.ahead.take(Key::of(batch)).unwrap_or_else(|| Marked::new(batch, &self.own));
        let Marked { outgoing, indices, mut refused } = marked;
        if outgoing.records.is_empty() {
            return Ok(Sent { refused, mark: None });
        }
        let sent = self.inner.send(&outgoing).await?;
        let of_inner = sent.refused.into_iter();
        refused.extend(
            of_inner.filter_map(|Refused { index, reason }| {
                indices.get(index).map(|index| Refused { index: *index, reason })
            }),
        );
        refused.sort_unstable_by_key(|refused| refused.index);
        Ok(Sent { refused, mark: sent.mark })
    }
}

struct Preparer {
    inner: Arc<dyn Prepare>,
    own: Arc<str>,
    ahead: Arc<Ahead<Marked>>,
}

impl Prepare for Preparer {
    fn prepare(&self, batch: &Outgoing) {
        let marked = Marked::new(batch, &self.own);
        self.inner.prepare(&marked.outgoing);
        self.ahead.put(Key::of(batch), marked);
    }
}

impl Marked {
    fn new(batch: &Outgoing, own: &str) -> Self {
        let mut outgoing = Outgoing { id: batch.id, records: Vec::with_capacity(batch.records.len()) };
        let mut indices = Vec::with_capacity(batch.records.len());
        let mut refused = Vec::new();
        for (index, stored) in batch.records.iter().enumerate() {
            if stores(&stored.record) >= STORES {
                refused.push(Refused { index, reason: looped() });
                continue;
            }
            let mut stored = stored.clone();
            add(&mut stored.record, own);
            outgoing.records.push(stored);
            indices.push(index);
        }
        Self { outgoing, indices, refused }
    }
}

fn looped() -> String {
    format!("the record has passed {STORES} Logboom stores ({VIA}); sinks form a loop: remove one, or filter by {VIA}")
}

/// The number of stores that the record has passed.
fn stores(record: &Record) -> usize {
    match record.attribute(VIA) {
        Some(Value::Text(way)) => way.split(',').filter(|id| !id.is_empty()).count(),
        _ => 0,
    }
}

fn add(record: &mut Record, own: &str) {
    match attribute_place(&record.attributes, VIA) {
        Ok(place) => {
            let value = &mut record.attributes[place].1;
            *value = match value {
                Value::Text(way) if !way.is_empty() => Value::Text(format!("{way},{own}").into()),
                _ => Value::Text(own.into()),
            };
        }
        Err(place) => record.attributes.insert(place, (Text::const_new(VIA), Value::Text(own.into()))),
    }
}
