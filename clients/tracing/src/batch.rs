//! A batch: records in wire format, encoded once for all attempts.

use bytes::Bytes;
use prost::Message as _;
use wire::v1::{PushRequest, Record};

use crate::{entry::Entry, record::record};

/// The sender, named once per batch.
#[derive(Debug, Clone)]
pub(crate) struct Producer {
    pub(crate) service: String,
    pub(crate) node: String,
}

/// Records under one batch id, until they are acknowledged.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The encoded `PushRequest`. Resending the same bytes lets the server recognise the batch.
    bytes: Bytes,
    pub(crate) records: usize,
    /// The share of the buffer limit used by its entries, in bytes.
    pub(crate) weight: usize,
}

impl Batch {
    /// Encodes the entries under an id of 16 random bytes.
    pub(crate) fn new(producer: &Producer, sequence: u64, entries: Vec<Entry>, weight: usize) -> Self {
        let records: Vec<_> = entries.into_iter().map(record).collect();
        let count = records.len();
        let request = PushRequest {
            batch_id: rand::random::<[u8; 16]>().to_vec(),
            service: producer.service.clone(),
            node: producer.node.clone(),
            records,
            sequence,
        };
        Self { bytes: request.encode_to_vec().into(), records: count, weight }
    }

    /// The bytes to send.
    pub(crate) fn encoded(&self) -> Bytes {
        self.bytes.clone()
    }

    /// Decodes the records for the fallback.
    pub(crate) fn decoded(&self) -> Vec<Record> {
        // These are our own bytes, so they always decode.
        PushRequest::decode(self.bytes.clone()).map(|request| request.records).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::{entry::Origin, fields::Fields};

    #[test]
    fn a_batch_reads_back_as_it_was_and_has_an_id_of_its_own() {
        let producer = Producer { service: "shop".into(), node: "a1".into() };
        let batch = || {
            let place = Origin { target: Cow::Borrowed("t"), file: None, line: None };
            let (level, message) = (tracing::Level::WARN, "slow".to_owned());
            let entry = Entry { time: 7, level, place, message, fields: Fields::default(), spans: Vec::new() };
            Batch::new(&producer, 42, vec![entry], 100)
        };
        let request = PushRequest::decode(batch().encoded()).unwrap();
        assert_eq!((request.service.as_str(), request.node.as_str(), request.sequence), ("shop", "a1", 42));
        assert_eq!(request.batch_id.len(), 16);
        assert_ne!(request.batch_id, PushRequest::decode(batch().encoded()).unwrap().batch_id);
        assert_eq!(batch().decoded(), request.records);
        assert_eq!((request.records[0].severity, request.records[0].time_unix_nano), (13, 7));
    }
}
