//! Decoders: request bodies and packets to raw records, one module per protocol.
//!
//! Input is bytes, output is [`RawRecord`]s. This crate opens no sockets and reads no clock; the rules for records are
//! in the pipeline's normalise stage. The formats that an agent reads are here as well: the log stream of Docker, the
//! export of the systemd journal, and lines of container runtimes. Every decoder accepts arbitrary bytes: an invalid
//! part is refused with its place and a reason for the client, the rest is kept, and memory stays within
//! [`model::limits`].

pub mod cri;
pub mod docker;
pub mod elastic;
#[cfg(test)]
mod empty_success_tests;
mod fields;
pub mod fluent;
pub mod gelf;
pub mod journal;
pub mod json;
mod json_reader;
mod json_text;
mod lines;
pub mod loki;
pub mod mapping;
pub mod otlp;
pub mod packets;
pub mod stream;
pub mod syslog;
mod template;
pub mod wrong_door;

use model::{Text, Value, limits};
use pipeline::{
    Error, Result,
    normalise::{RawRecord, Rejection},
};

/// The decoded records of a body.
#[derive(Debug, Default)]
pub struct Decoded {
    pub records: Vec<RawRecord>,
    /// The place of each record in the body, counted from 0.
    pub places: Vec<usize>,
    pub rejections: Vec<Rejection>,
}

impl Decoded {
    /// Adds the result for one place of the body, within the limit on records.
    fn take(&mut self, place: usize, read: impl FnOnce() -> std::result::Result<RawRecord, String>) {
        if self.records.len() >= limits::RECORDS_PER_BATCH {
            let reason =
                format!("this request already holds {} records; send the rest in another", limits::RECORDS_PER_BATCH);
            self.rejections.push(Rejection { index: place, reason });
            return;
        }
        match read() {
            Ok(record) => {
                self.records.push(record);
                self.places.push(place);
            }
            Err(reason) => self.rejections.push(Rejection { index: place, reason }),
        }
    }
}

/// Limits the memory of attributes that a body sends once and each of its records copies.
#[derive(Debug, Default)]
struct Repetition {
    bytes: usize,
}

impl Repetition {
    const MOST: usize = 64 << 20;

    /// Counts attributes that `records` records share.
    ///
    /// # Errors
    /// `Invalid` past the limit.
    fn add(&mut self, shared: &[(Text, Value)], records: usize) -> Result<()> {
        self.add_bytes(Self::bytes_of(shared).saturating_mul(records))
    }

    /// The bytes of one copy of the attributes.
    fn bytes_of(shared: &[(Text, Value)]) -> usize {
        let text = |value: &Value| if let Value::Text(text) = value { text.len() } else { 0 };
        shared.iter().map(|(key, value)| size_of::<(Text, Value)>() + key.len() + text(value)).sum()
    }

    /// Counts bytes of copies.
    ///
    /// # Errors
    /// `Invalid` past the limit.
    fn add_bytes(&mut self, bytes: usize) -> Result<()> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > Self::MOST {
            return Err(Error::invalid(format!(
                "the shared attributes take {} bytes when copied to each record; the limit is {}; send fewer records in one request",
                self.bytes,
                Self::MOST
            )));
        }
        Ok(())
    }
}
