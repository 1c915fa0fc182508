//! A router whose routes declare what they need. It is the only way to add a route, so none is without a declaration.

use std::convert::Infallible;

use access::Need;
use axum::{
    Router,
    extract::Request,
    handler::Handler,
    http::{HeaderMap, Method},
    response::IntoResponse,
    routing::{self, MethodRouter, Route},
};
use tower::{Layer, Service};

use super::table::Declared;

/// axum's router, with the needs of its routes.
pub(crate) struct Routes<S = ()> {
    router: Router<S>,
    declared: Vec<Declared>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    pub(crate) fn new() -> Self {
        Self { router: Router::new(), declared: Vec::new() }
    }

    /// A router that was built elsewhere. `declared` must have all its routes.
    pub(crate) fn of(router: Router<S>, declared: Vec<Declared>) -> Self {
        Self { router, declared }
    }

    /// A call by GET, which also answers HEAD.
    pub(crate) fn get<T: 'static>(self, path: &str, need: Need, handler: impl Handler<T, S>) -> Self {
        self.add(Some(Method::GET), path, need, routing::get(handler))
    }

    pub(crate) fn post<T: 'static>(self, path: &str, need: Need, handler: impl Handler<T, S>) -> Self {
        self.add(Some(Method::POST), path, need, routing::post(handler))
    }

    pub(crate) fn put<T: 'static>(self, path: &str, need: Need, handler: impl Handler<T, S>) -> Self {
        self.add(Some(Method::PUT), path, need, routing::put(handler))
    }

    pub(crate) fn patch<T: 'static>(self, path: &str, need: Need, handler: impl Handler<T, S>) -> Self {
        self.add(Some(Method::PATCH), path, need, routing::patch(handler))
    }

    pub(crate) fn delete<T: 'static>(self, path: &str, need: Need, handler: impl Handler<T, S>) -> Self {
        self.add(Some(Method::DELETE), path, need, routing::delete(handler))
    }

    /// A call by any method.
    pub(crate) fn any<T: 'static>(self, path: &str, need: Need, handler: impl Handler<T, S>) -> Self {
        self.add(None, path, need, routing::any(handler))
    }

    fn add(mut self, method: Option<Method>, path: &str, need: Need, calls: MethodRouter<S>) -> Self {
        self.declared.push(Declared::new(method, path, need));
        self.router = self.router.route(path, calls);
        self
    }

    /// A gRPC service with the methods of it that may be called. Others need what an unknown call needs.
    pub(crate) fn grpc<T>(mut self, service_name: &str, methods: &[(&str, Need)], service: T) -> Self
    where
        T: Service<Request, Error = Infallible> + Clone + Send + Sync + 'static,
        T::Response: IntoResponse,
        T::Future: Send + 'static,
    {
        let declared = |(method, need): &(&str, Need)| {
            Declared::new(Some(Method::POST), format!("/{service_name}/{method}"), *need)
        };
        self.declared.extend(methods.iter().map(declared));
        self.router = self.router.route_service(&format!("/{service_name}/{{*method}}"), service);
        self
    }

    /// Calls of these paths need nothing if their headers are such.
    pub(crate) fn unless(mut self, path: &str, headers: fn(&HeaderMap) -> bool) -> Self {
        let of_path = self.declared.iter_mut().filter(|declared| declared.path == path);
        of_path.for_each(|declared| declared.unless = Some(headers));
        self
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.declared.extend(other.declared);
        self.router = self.router.merge(other.router);
        self
    }

    /// Adds the routes under a prefix, as [`Router::nest`] does.
    pub(crate) fn nest(mut self, prefix: &str, other: Self) -> Self {
        self.declared.extend(other.declared.into_iter().map(|mut declared| {
            let path = if declared.path == "/" { "" } else { declared.path.as_str() };
            declared.path = format!("{prefix}{path}");
            declared
        }));
        self.router = self.router.nest(prefix, other.router);
        self
    }

    pub(crate) fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.router = self.router.layer(layer);
        self
    }

    pub(crate) fn with_state<S2>(self, state: S) -> Routes<S2> {
        Routes { router: self.router.with_state(state), declared: self.declared }
    }

    /// What the routes need.
    pub(crate) fn declared(&self) -> &[Declared] {
        &self.declared
    }

    pub(crate) fn into_parts(self) -> (Router<S>, Vec<Declared>) {
        (self.router, self.declared)
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::StatusCode};
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn what_is_declared_is_what_answers() {
        let inner = Routes::new().any("/", Need::Nothing, async || "root").get("/a", Need::Read, async || "a");
        let routes: Routes = inner.nest("/below", Routes::new().any("/", Need::Nothing, async || "below"));
        let routes = routes.put("/a", Need::Edit, async || "changed").delete("/a", Need::Admin, async || "gone");
        let (router, declared) = routes.into_parts();
        assert_eq!(declared.len(), 5);
        for Declared { path, method, .. } in declared {
            let request = Request::builder().method(method.unwrap_or(Method::POST)).uri(&path);
            let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{path}");
        }
    }
}
