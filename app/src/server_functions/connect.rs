//! The page Connect, with the parts that only the server renders.

use crate::{
    backend::{Backend, BackendError, ConnectView, Snippets},
    pages::{connect_key_html, note_without_key},
    preferences::Preferences,
};

/// Renders data of a [`Backend`] as HTML.
#[async_trait::async_trait]
pub(super) trait ConnectAsHtml {
    /// The snippets for a page at this origin, with remarks in the user's language, and how a program gets a key.
    async fn connect(&self, origin: String) -> Result<ConnectView, BackendError>;
}

#[async_trait::async_trait]
impl<B: Backend + ?Sized> ConnectAsHtml for B {
    async fn connect(&self, origin: String) -> Result<ConnectView, BackendError> {
        // The request context is available only before the first await.
        let (language, may_admin) = (Preferences::from_request().language, self.access().may_admin);
        let Snippets { needs_key, list: mut snippets } = self.snippets(origin).await?;
        if !needs_key {
            return Ok(ConnectView { key: String::new(), snippets });
        }
        note_without_key(language, &mut snippets);
        Ok(ConnectView { key: connect_key_html(language, may_admin), snippets })
    }
}
