//! The server's bounds. What is longer is cut here, because the server refuses it whole.
//!
//! They stand in `app/model/src/limits.rs` of the server; a client knows the wire alone,
//! so they are written down once more.

/// The records of one batch.
pub(crate) const RECORDS_PER_BATCH: usize = 10_000;
/// The bytes of one message.
pub(crate) const MESSAGE_BYTES: usize = 1 << 20;
/// The attributes of one record.
pub(crate) const ATTRIBUTES: usize = 256;
/// The bytes of an attribute's key.
pub(crate) const KEY_BYTES: usize = 256;
/// The bytes of an attribute's value.
pub(crate) const VALUE_BYTES: usize = 64 << 10;
/// The bytes of a service or node.
pub(crate) const NAME_BYTES: usize = 256;

/// Our own: the bytes of all attributes of one record. The server takes 8 MiB for a whole
/// batch, and breaks the stream of a client that sends more.
pub(crate) const ATTRIBUTES_BYTES: usize = 4 << 20;
/// Our own: the weight at which a batch is full, whatever its number of records.
pub(crate) const BATCH_WEIGHT: usize = 2 << 20;
