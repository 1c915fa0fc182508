//! A store engine: all ports to what is stored.

use std::sync::Arc;

use crate::{Ask, DeadLetters, Documents, Leases, Log};

/// What opening a store engine returns. Its users take only the ports that they need.
pub trait LogStore: Log + Ask + DeadLetters {
    /// The documents that are kept beside the records.
    fn documents(&self) -> Arc<dyn Documents>;

    /// The leases of the nodes that share the store.
    fn leases(&self) -> Arc<dyn Leases>;
}
