//! The one server function that returns HTML: sinks, damaged files, dead letters and tasks.

use crate::{
    backend::{Backend, BackendError},
    pages::losses_html,
    preferences::Preferences,
};

/// Renders data of a [`Backend`] as HTML.
#[async_trait::async_trait]
pub(super) trait LossesAsHtml {
    /// Renders the losses for these parameters of the page, in the user's language.
    async fn losses(&self, parameters: String) -> Result<String, BackendError>;
}

#[async_trait::async_trait]
impl<B: Backend + ?Sized> LossesAsHtml for B {
    async fn losses(&self, parameters: String) -> Result<String, BackendError> {
        // The request context is available only before the first await.
        let language = Preferences::from_request().language;
        Ok(losses_html(language, &self.missing(&parameters).await?))
    }
}
