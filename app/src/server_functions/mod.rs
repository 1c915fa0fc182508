//! Doors, not rooms: each takes the [`Backend`](crate::backend::Backend) from the
//! context, calls it, and hands its answer or error on.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use model::api::{
    ContextView, DeadLetterView, FacetsView, FieldView, FiguresView, HistogramView, LogsPage, PatternsView,
    SavedViewView,
};

use crate::backend::{
    BackendError, ContextRequest, FacetsRequest, FieldsRequest, HistogramRequest, LogsRequest, PatternsRequest,
};

/// One page of records, newest first.
#[server(prefix = "/api/dashboard", endpoint = "logs", input = Json)]
pub(crate) async fn logs(request: LogsRequest) -> Result<LogsPage, BackendError> {
    backend()?.logs(request).await
}

/// Counts over time by level class.
#[server(prefix = "/api/dashboard", endpoint = "histogram", input = Json)]
pub(crate) async fn histogram(request: HistogramRequest) -> Result<HistogramView, BackendError> {
    backend()?.histogram(request).await
}

/// The most frequent values of fields.
#[server(prefix = "/api/dashboard", endpoint = "facets", input = Json)]
pub(crate) async fn facets(request: FacetsRequest) -> Result<FacetsView, BackendError> {
    backend()?.facets(request).await
}

/// One record and its neighbours.
#[server(prefix = "/api/dashboard", endpoint = "context", input = Json)]
pub(crate) async fn context(request: ContextRequest) -> Result<ContextView, BackendError> {
    backend()?.context(request).await
}

/// The fields that the newest matches have.
#[server(prefix = "/api/dashboard", endpoint = "fields", input = Json)]
pub(crate) async fn fields(request: FieldsRequest) -> Result<Vec<FieldView>, BackendError> {
    backend()?.fields(request).await
}

/// The kinds of messages.
#[server(prefix = "/api/dashboard", endpoint = "patterns", input = Json)]
pub(crate) async fn patterns(request: PatternsRequest) -> Result<PatternsView, BackendError> {
    backend()?.patterns(request).await
}

/// When the oldest match happened.
#[server(prefix = "/api/dashboard", endpoint = "first-seen", input = Json)]
pub(crate) async fn first_seen(query: String) -> Result<Option<String>, BackendError> {
    backend()?.first_seen(query).await
}

/// How the server and its traffic are.
#[server(prefix = "/api/dashboard", endpoint = "figures", input = Json)]
pub(crate) async fn figures() -> Result<FiguresView, BackendError> {
    backend()?.figures().await
}

/// The newest dead letters.
#[server(prefix = "/api/dashboard", endpoint = "dead-letters", input = Json)]
pub(crate) async fn dead_letters() -> Result<Vec<DeadLetterView>, BackendError> {
    backend()?.dead_letters().await
}

/// Tries a dead letter again.
#[server(prefix = "/api/dashboard", endpoint = "replay", input = Json)]
pub(crate) async fn replay(id: String) -> Result<usize, BackendError> {
    backend()?.replay(id).await
}

/// The saved views.
#[server(prefix = "/api/dashboard", endpoint = "views", input = Json)]
pub(crate) async fn views() -> Result<Vec<SavedViewView>, BackendError> {
    backend()?.views().await
}

/// Saves a view.
#[server(prefix = "/api/dashboard", endpoint = "save-view", input = Json)]
pub(crate) async fn save_view(view: SavedViewView) -> Result<(), BackendError> {
    backend()?.save_view(view).await
}

/// Removes a saved view.
#[server(prefix = "/api/dashboard", endpoint = "remove-view", input = Json)]
pub(crate) async fn remove_view(name: String) -> Result<(), BackendError> {
    backend()?.remove_view(name).await
}

#[cfg(feature = "ssr")]
fn backend() -> Result<std::sync::Arc<dyn crate::backend::Backend>, BackendError> {
    use crate::backend::BackendErrorClass;
    use_context().ok_or_else(|| BackendError::new(BackendErrorClass::Internal, "the dashboard has no backend"))
}
