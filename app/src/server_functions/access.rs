//! The lists of the page Access as HTML, as for losses: only the server renders them.

use crate::{
    backend::{Backend, BackendError},
    pages::access_html,
    preferences::Preferences,
};

/// Renders data of a [`Backend`] as HTML.
#[async_trait::async_trait]
pub(super) trait AccessAsHtml {
    /// Renders people, keys and sessions for these parameters of the page, in the user's language.
    async fn access_page(&self, parameters: String) -> Result<String, BackendError>;
}

#[async_trait::async_trait]
impl<B: Backend + ?Sized> AccessAsHtml for B {
    async fn access_page(&self, parameters: String) -> Result<String, BackendError> {
        // The request context is available only before the first await.
        let language = Preferences::from_request().language;
        Ok(access_html(language, &self.access_lists(&parameters).await?))
    }
}
