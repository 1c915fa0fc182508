//! Record files that are missing or damaged.

use std::sync::Arc;

use model::{api::PartAsideView, time};
use pipeline::{Log, PartAside, Result};

/// The parts that the store has set aside.
#[derive(Clone)]
pub struct Parts {
    store: Arc<dyn Log>,
}

impl Parts {
    pub fn new(store: Arc<dyn Log>) -> Self {
        Self { store }
    }

    /// Newest records first.
    pub fn aside(&self) -> Vec<PartAsideView> {
        self.store.status().aside.into_iter().map(view).collect()
    }

    /// Gives up a part and its records permanently. Returns whether a part of this name was set aside.
    pub async fn give_up(&self, name: &str) -> Result<bool> {
        self.store.give_up_part(name).await
    }
}

fn view(part: PartAside) -> PartAsideView {
    let PartAside { name, path, reason, records, bytes, oldest, newest } = part;
    let (oldest, newest) = (time::format_rfc3339(oldest), time::format_rfc3339(newest));
    PartAsideView { name, path, reason, records, bytes, oldest, newest }
}
