//! The way of a record: the Logboom stores that passed it on. It ends loops of sinks.

use async_trait::async_trait;
use model::{Record, Text, Value};
use pipeline::{
    Result,
    follow::{Outgoing, Refused, Sent, Sink},
};

/// The attribute with the ids of the stores, comma-separated, in order.
const VIA: &str = "logboom.via";
/// The same attribute after its way through Loki's protocol, whose names have no dots.
const VIA_OF_LOKI: &str = "logboom_via";
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
            let mut way = way(&stored.record);
            if way.split(',').count() >= STORES {
                refused.push(Refused { index, reason: looped() });
                continue;
            }
            if !way.is_empty() {
                way.push(',');
            }
            way.push_str(&self.own);
            let mut stored = stored.clone();
            set(&mut stored.record, &way);
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

/// The ids of the stores that the record has passed, comma-separated.
fn way(record: &Record) -> String {
    let ways = [VIA, VIA_OF_LOKI].map(|name| record.attribute(name).map(Value::to_string).unwrap_or_default());
    let ids = ways.iter().flat_map(|way| way.split(',')).filter(|id| !id.is_empty());
    ids.collect::<Vec<_>>().join(",")
}

fn set(record: &mut Record, way: &str) {
    record.attributes.retain(|(name, _)| name != VIA && name != VIA_OF_LOKI);
    let place = record.attributes.partition_point(|(name, _)| name.as_str() < VIA);
    record.attributes.insert(place, (Text::const_new(VIA), Value::Text(way.into())));
}
