//! The one question whose answer is HTML: what is missing from the store.

use crate::{
    backend::{Backend, BackendError},
    pages::losses_html,
    texts::losses::texts,
};

/// Asks a [`Backend`] and writes its answer for the reader.
#[async_trait::async_trait]
pub(super) trait LossesAsHtml {
    /// What is missing, for these parameters of the page, in the reader's language.
    async fn losses(&self, parameters: String) -> Result<String, BackendError>;
}

#[async_trait::async_trait]
impl<B: Backend + ?Sized> LossesAsHtml for B {
    async fn losses(&self, parameters: String) -> Result<String, BackendError> {
        // The request is known only until the first wait.
        let texts = texts();
        Ok(losses_html(texts, &self.missing(&parameters).await?))
    }
}
