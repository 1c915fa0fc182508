//! Record files that are missing or damaged.

use std::sync::Arc;

use model::{Sight, api::PartAsideView, time};
use pipeline::{Log, PartAside, Result};

use crate::sight::need_whole_sight;

/// The parts that the store has set aside.
#[derive(Clone)]
pub struct Parts {
    store: Arc<dyn Log>,
}

impl Parts {
    pub fn new(store: Arc<dyn Log>) -> Self {
        Self { store }
    }

    /// For a caller with this sight.
    ///
    /// # Errors
    /// `Forbidden` for a limited sight: a part holds records of all services.
    pub fn seen_by(&self, sight: &Sight) -> Result<&Self> {
        need_whole_sight(sight, "damaged parts")?;
        Ok(self)
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
