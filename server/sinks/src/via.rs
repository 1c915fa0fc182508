//! The way of a record: the Logboom stores that passed it on. It ends loops of sinks.

use async_trait::async_trait;
use model::{Record, Text, Value, attribute_place};
use pipeline::{
    Result,
    follow::{Outgoing, Refused, Sent, Sink, VIA},
};

/// A record that passed this many stores is not sent on.
const STORES: usize = 8;

/// A sink to another system. Adds this store's id to the way of each record.
pub(crate) struct Via<S> {
    inner: S,
    /// The id of this store, 8 hexadecimal digits.
    own: String,
}

impl<S> Via<S> {
    pub(crate) fn new(inner: S, own: &str) -> Self {
        Self { inner, own: own.to_owned() }
    }
}

#[async_trait]
impl Sink for Via<Box<dyn Sink>> {
    async fn open(&mut self, mark: Option<&str>) -> Result<()> {
        self.inner.open(mark).await
    }

    async fn send(&mut self, batch: &Outgoing) -> Result<Sent> {
        let mut outgoing = Outgoing { id: batch.id, records: Vec::with_capacity(batch.records.len()) };
        // The index in `batch` of each record of `outgoing`.
        let mut indices = Vec::with_capacity(batch.records.len());
        let mut refused = Vec::new();
        for (index, stored) in batch.records.iter().enumerate() {
            if stores(&stored.record) >= STORES {
                refused.push(Refused { index, reason: looped() });
                continue;
            }
            let mut stored = stored.clone();
            add(&mut stored.record, &self.own);
            outgoing.records.push(stored);
            indices.push(index);
        }
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
