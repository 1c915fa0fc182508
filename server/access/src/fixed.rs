//! Keys of an agent, which has no documents: given by flags, each may write.

use pipeline::{Error, Result};

use crate::{
    Principal, PrincipalKind,
    known::{Known, start_of},
    principal::{Doors, Powers},
    secret,
    shared::Shared,
};

/// The limits of a fixed key in bytes. It may have another form than `lb_…`.
const LEAST_BYTES: usize = 20;
const MOST_BYTES: usize = 256;

impl Shared {
    /// Takes `keys` as the whole truth about keys.
    ///
    /// # Errors
    /// `Invalid`, naming the key by its number, for one outside the limits.
    pub(crate) fn install_fixed(&self, keys: &[String]) -> Result<()> {
        let mut known = Known::clone(&self.known());
        for (number, key) in (1..).zip(keys) {
            check(number, key)?;
            let name = secret::public_part(key).map_or_else(|| format!("key {number}"), |id| format!("key lb_{id}"));
            let powers = Powers { write: Doors::All, ..Powers::NONE };
            let hash = secret::hash(key);
            known.fixed.insert(start_of(&hash), (hash, Principal::new(name, PrincipalKind::Key, powers)));
        }
        self.swap(known);
        Ok(())
    }
}

fn check(number: usize, key: &str) -> Result<()> {
    if !(LEAST_BYTES..=MOST_BYTES).contains(&key.len()) {
        return Err(Error::invalid(format!(
            "key {number} has {} bytes; it may have {LEAST_BYTES} to {MOST_BYTES}: create one with `logboom key add`",
            key.len()
        )));
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::invalid(format!("key {number} has blanks or characters beyond ASCII; leave them out")));
    }
    Ok(())
}
