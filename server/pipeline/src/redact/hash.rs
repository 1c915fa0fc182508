//! The keyed hash: HMAC-SHA-256, cut to 64 bits. Equal values get equal hashes, so they stay searchable. Without the
//! key nobody can try out all card numbers.

use std::fmt;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::{Error, Result};

/// The least length of a key, in bytes.
const KEY_BYTES: usize = 16;
/// The bytes of a hash.
const HASH_BYTES: usize = 8;

/// The key of hashes. Nodes and agents with the same key give the same hashes.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// Uses the content of a key file, without white space around it.
    ///
    /// # Errors
    /// `Invalid` if it is too short.
    pub fn new(content: &[u8]) -> Result<Self> {
        let bytes = content.trim_ascii();
        if bytes.len() < KEY_BYTES {
            return Err(Error::invalid(format!(
                "the redaction key has {} bytes; it needs at least {KEY_BYTES}; make one by: openssl rand -hex 32",
                bytes.len()
            )));
        }
        Hmac::new_from_slice(bytes).map(Self).map_err(|error| Error::internal(error.to_string()))
    }

    pub(super) fn hash(&self, secret: &str) -> String {
        let digest = self.0.clone().chain_update(secret).finalize().into_bytes();
        model::hex::encode(&digest[..HASH_BYTES])
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}
