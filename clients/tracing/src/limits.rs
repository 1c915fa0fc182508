//! The limits of the server. Longer values are cut here, because the server would refuse them.
//!
//! The server defines them in `app/model/src/limits.rs`. They are repeated here, because a client depends only on the
//! wire format.

/// Records per batch.
pub(crate) const RECORDS_PER_BATCH: usize = 10_000;
/// Bytes per message.
pub(crate) const MESSAGE_BYTES: usize = 1 << 20;
/// Attributes per record.
pub(crate) const ATTRIBUTES: usize = 256;
/// Bytes per attribute key.
pub(crate) const KEY_BYTES: usize = 256;
/// Bytes per attribute value.
pub(crate) const VALUE_BYTES: usize = 64 << 10;
/// Bytes per service or node.
pub(crate) const NAME_BYTES: usize = 256;

/// A limit of this client: bytes of all attributes of a record. The server accepts 8 MiB per batch, and closes the
/// stream of a client that sends more.
pub(crate) const ATTRIBUTES_BYTES: usize = 4 << 20;
/// A limit of this client: the weight at which a batch is full.
pub(crate) const BATCH_WEIGHT: usize = 2 << 20;
