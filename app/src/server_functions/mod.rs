//! Doors, not rooms: each takes the [`Backend`](crate::backend::Backend) from the
//! context, calls it, and hands its answer or error on.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use model::api::{ContextView, FacetsView, HistogramView, LogsPage};

use crate::backend::{BackendError, ContextRequest, FacetsRequest, HistogramRequest, LogsRequest};

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

#[cfg(feature = "ssr")]
fn backend() -> Result<std::sync::Arc<dyn crate::backend::Backend>, BackendError> {
    use crate::backend::BackendErrorClass;
    use_context().ok_or_else(|| BackendError::new(BackendErrorClass::Internal, "the dashboard has no backend"))
}
