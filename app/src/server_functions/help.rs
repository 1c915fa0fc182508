//! The help, which only the server renders.

use crate::{
    backend::{Backend, BackendError},
    pages::help_html,
    preferences::Preferences,
};

/// Renders the help as HTML.
#[async_trait::async_trait]
pub(super) trait HelpAsHtml {
    /// Keys and query language, in the user's language.
    async fn help(&self, request: ()) -> Result<String, BackendError>;
}

#[async_trait::async_trait]
impl<B: Backend + ?Sized> HelpAsHtml for B {
    async fn help(&self, (): ()) -> Result<String, BackendError> {
        Ok(help_html(Preferences::from_request().language))
    }
}
