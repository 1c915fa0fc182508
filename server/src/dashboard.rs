//! The dashboard in this server: its pages as routes, its questions over the reader.

use std::{net::SocketAddr, sync::Arc};

use app::backend::{
    Backend, BackendError, BackendErrorClass, ContextRequest, FacetsRequest, HistogramRequest, LogsRequest,
};
use async_trait::async_trait;
use axum::Router;
use leptos::config::LeptosOptions;
use leptos::context::provide_context;
use leptos_axum::{LeptosRoutes as _, generate_route_list};
use model::{
    Query,
    api::{ContextView, FacetsView, HistogramView, LogsPage},
};
use pipeline::{Error, ErrorClass, TimeRange};

use crate::{
    reading::{RangeText, Reader},
    site::Site,
};

/// The pages and the server functions as routes.
pub(crate) fn routes(reader: Reader, recent: usize, site: &Site, listen: SocketAddr) -> Router {
    let options = LeptosOptions::builder().output_name("logboom").site_addr(listen).build();
    let backend: Arc<dyn Backend> = Arc::new(Reading { reader, recent });
    let path = app::SitePath(format!("/v/{}", site.version()));
    let context = move || {
        provide_context(Arc::clone(&backend));
        provide_context(path.clone());
    };
    let pages = generate_route_list(app::App);
    Router::new()
        .leptos_routes_with_context(&options, pages, context, {
            let options = options.clone();
            move || app::shell(options.clone())
        })
        .with_state(options)
}

/// The reader as the dashboard sees it: queries that do not parse are searched as text,
/// and a range without an end is open there.
struct Reading {
    reader: Reader,
    recent: usize,
}

impl Reading {
    fn query(text: &str) -> Query {
        Query::parse_or_text(text).0
    }

    fn range(&self, from: Option<&str>, to: Option<&str>) -> Result<TimeRange, BackendError> {
        RangeText { from, to }.resolve(self.reader.clock(), TimeRange::ALL).map_err(told)
    }
}

fn told(error: Error) -> BackendError {
    let class = match error.class {
        ErrorClass::Invalid => BackendErrorClass::Invalid,
        ErrorClass::NotFound => BackendErrorClass::NotFound,
        ErrorClass::Overloaded => BackendErrorClass::Overloaded,
        ErrorClass::Unavailable => BackendErrorClass::Unavailable,
        ErrorClass::Corrupt | ErrorClass::Internal => BackendErrorClass::Internal,
    };
    BackendError::new(class, error.message)
}

#[async_trait]
impl Backend for Reading {
    async fn logs(&self, request: LogsRequest) -> Result<LogsPage, BackendError> {
        let range = self.range(request.from.as_deref(), request.to.as_deref())?;
        let limit = request.limit.unwrap_or(self.recent);
        self.reader.logs(Self::query(&request.query), range, limit, request.cursor.as_deref()).await.map_err(told)
    }

    async fn histogram(&self, request: HistogramRequest) -> Result<HistogramView, BackendError> {
        let range = self.range(request.from.as_deref(), request.to.as_deref())?;
        self.reader.histogram(&Self::query(&request.query), range, request.buckets).await.map_err(told)
    }

    async fn facets(&self, request: FacetsRequest) -> Result<FacetsView, BackendError> {
        let range = self.range(request.from.as_deref(), request.to.as_deref())?;
        let query = Self::query(&request.query);
        self.reader.facets(&query, range, &request.fields, request.limit).await.map_err(told)
    }

    async fn context(&self, request: ContextRequest) -> Result<ContextView, BackendError> {
        self.reader.context(&request.id, request.before, request.after).await.map_err(told)
    }

    fn recent(&self) -> usize {
        self.recent
    }
}
