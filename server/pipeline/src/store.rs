//! A store engine: all ports to what is stored.

use async_trait::async_trait;
use model::SavedView;

use crate::{Ask, DeadLetters, Error, Log, Result};
use model::limits;

/// What opening a store engine returns. Whoever uses it takes only the ports that it needs.
#[async_trait]
pub trait LogStore: Log + Ask + DeadLetters {
    /// The views that readers have saved, by name.
    async fn views(&self) -> Result<Vec<SavedView>>;

    /// Saves a view, in place of one of the same name.
    ///
    /// # Errors
    /// `Invalid` past [`limits::VIEWS`].
    async fn save_view(&self, view: &SavedView) -> Result<()>;

    /// Removes a view; one that is not there is gone already.
    async fn remove_view(&self, name: &str) -> Result<()>;
}

/// That no more views can be saved.
pub fn too_many_views() -> Error {
    Error::invalid(format!("there are {} saved views, which is the limit; remove one first", limits::VIEWS))
}
