//! A store engine: all ports to what is stored.

use std::sync::Arc;

use crate::{Ask, DeadLetters, Documents, Leases, Log};

/// A store engine with all its ports. Code that uses a store depends only on the ports that it needs.
pub trait LogStore: Log + Ask + DeadLetters {
    /// The documents that are kept beside the records.
    fn documents(&self) -> Arc<dyn Documents>;

    /// The leases of the nodes that share the store.
    fn leases(&self) -> Arc<dyn Leases>;
}
