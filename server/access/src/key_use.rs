//! The last use of a key: as it is stored, and as it is noted in memory by the calls to a process.
//!
//! The documents are of a kind of their own. So no node loads its keys again because of a use, and no use is in conflict
//! with a revocation. `key_uses` stores and reads them.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicI64, Ordering},
};

use model::Nanos;
use parking_lot::Mutex;
use pipeline::{Kind, documents::unchecked};
use serde::{Deserialize, Serialize};

use crate::times::milliseconds;

/// The kind of uses. A document is named by the public part of its key.
pub(crate) const KEY_USE: Kind = Kind {
    name: "key-use",
    format: 1,
    plural: "uses of keys",
    most_bytes: 1024,
    most_documents: 20_000,
    check: unchecked,
};

/// A use is noted if the last noted one is at least this old.
pub(crate) const NOTE_EVERY: Nanos = 60_000_000_000;

/// The use of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyUse {
    /// Milliseconds since the Unix epoch.
    pub(crate) time: i64,
    /// The address of the connection's other end: behind a proxy that of the proxy.
    pub(crate) address: IpAddr,
}

/// The newest use of a key by calls to this process.
#[derive(Debug, Default)]
pub(crate) struct Used {
    /// When a use was last noted; 0 before the first.
    noted: AtomicI64,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    key_use: Option<KeyUse>,
    is_stored: bool,
}

impl Used {
    /// Notes a use, unless one was noted within the last minute. Returns whether it was. Every other call costs one
    /// atomic load: no lock and no allocation.
    pub(crate) fn note(&self, now: Nanos, address: IpAddr) -> bool {
        let noted = self.noted.load(Ordering::Relaxed);
        // A clock that was set back does not stop the notes.
        let is_due = now.saturating_sub(noted) >= NOTE_EVERY || noted > now;
        if !is_due || self.noted.compare_exchange(noted, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return false;
        }
        let key_use = KeyUse { time: milliseconds(now), address: address.to_canonical() };
        *self.last.lock() = Last { key_use: Some(key_use), is_stored: false };
        true
    }

    /// The newest noted use.
    pub(crate) fn newest(&self) -> Option<KeyUse> {
        self.last.lock().key_use
    }

    /// The newest use, if it is not stored.
    pub(crate) fn unstored(&self) -> Option<KeyUse> {
        let last = self.last.lock();
        last.key_use.filter(|_| !last.is_stored)
    }

    /// Marks a use as stored, unless another one was noted meanwhile.
    pub(crate) fn mark_stored(&self, key_use: KeyUse) {
        let mut last = self.last.lock();
        last.is_stored = last.is_stored || last.key_use == Some(key_use);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const MINUTE: Nanos = NOTE_EVERY;
    const START: Nanos = 1_790_000_000_000_000_000;

    #[test]
    fn a_use_is_noted_once_a_minute_also_after_the_clock_was_set_back() {
        let (used, address) = (Used::default(), Ipv4Addr::new(10, 0, 0, 7));
        assert_eq!(used.newest(), None);
        let mut noted = Vec::new();
        for (after, is_noted) in [
            (0, true),
            (1, false),
            (MINUTE - 1, false),
            (MINUTE, true),
            (MINUTE + 1, false),
            (-10 * MINUTE, true),
            (-9 * MINUTE, true),
        ] {
            assert_eq!(used.note(START + after, address.to_ipv6_mapped().into()), is_noted, "{after}");
            noted.extend(is_noted.then(|| milliseconds(START + after)));
            assert_eq!(used.newest(), noted.last().map(|time| KeyUse { time: *time, address: address.into() }));
        }
    }

    #[test]
    fn a_use_that_came_while_another_one_was_stored_is_stored_as_well() {
        let (used, address) = (Used::default(), IpAddr::from(Ipv4Addr::LOCALHOST));
        used.note(START, address);
        let first = used.unstored().unwrap();
        used.note(START + MINUTE, address);
        used.mark_stored(first);
        let second = used.unstored().unwrap();
        assert_eq!(second.time - first.time, 60_000);
        used.mark_stored(second);
        assert_eq!((used.unstored(), used.newest()), (None, Some(second)));
    }
}
