//! Which call needs what. The routers fill the table: see `routes`.

use access::Need;
use axum::http::{HeaderMap, Method, request::Parts};

/// What a call needs that no route declares. A stranger does not learn which calls there are.
const UNDECLARED: Need = Need::Read;

/// A call, and what it needs.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    /// In the syntax of axum's router.
    pub(crate) path: String,
    /// `None` for all methods.
    pub(crate) method: Option<Method>,
    pub(crate) need: Need,
    /// Calls with such headers need nothing.
    pub(crate) unless: Option<fn(&HeaderMap) -> bool>,
}

impl Declared {
    pub(crate) fn new(method: impl Into<Option<Method>>, path: impl Into<String>, need: Need) -> Self {
        Self { path: path.into(), method: method.into(), need, unless: None }
    }
}

/// The declared calls of all listeners. Their ports differ, the paths do not.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// The index in `places` by path.
    paths: matchit::Router<usize>,
    /// The calls of each path.
    places: Vec<Vec<Declared>>,
}

impl Table {
    /// # Panics
    /// Two paths are in conflict. axum's router, which gets the same paths, panics then, too.
    pub(crate) fn new(declared: impl IntoIterator<Item = Declared>) -> Self {
        let mut table = Self::default();
        let mut indexes = std::collections::HashMap::new();
        for declared in declared {
            let index = *indexes.entry(declared.path.clone()).or_insert_with_key(|path| {
                let index = table.places.len();
                table.places.push(Vec::new());
                if let Err(error) = table.paths.insert(path.clone(), index) {
                    panic!("route {path}: {error}");
                }
                index
            });
            table.places[index].push(declared);
        }
        table
    }

    /// What a call needs.
    pub(super) fn need(&self, parts: &Parts) -> Need {
        let Ok(found) = self.paths.at(parts.uri.path()) else { return UNDECLARED };
        let place = &self.places[*found.value];
        let of = |method: &Method| {
            place.iter().find(|declared| declared.method.as_ref().is_none_or(|declared| declared == method))
        };
        // A handler of GET answers HEAD, too.
        let declared = of(&parts.method).or_else(|| (parts.method == Method::HEAD).then(|| of(&Method::GET)).flatten());
        match declared {
            None => UNDECLARED,
            Some(declared) if declared.unless.is_some_and(|unless| unless(&parts.headers)) => Need::Nothing,
            Some(declared) => declared.need,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[test]
    fn a_call_needs_what_its_route_declares_and_an_unknown_one_needs_to_read() {
        let mut handshake = Declared::new(Some(Method::GET), "/", Need::Read);
        let is_client: fn(&HeaderMap) -> bool = |headers| headers.contains_key("x-client");
        handshake.unless = Some(is_client);
        let table = Table::new([
            handshake,
            Declared::new(Some(Method::GET), "/views/{name}", Need::Read),
            Declared::new(Some(Method::PUT), "/views/{name}", Need::Edit),
            Declared::new(Some(Method::POST), "/{index}/_bulk", Need::Write("elastic")),
            Declared::new(Some(Method::POST), "/_bulk", Need::Write("elastic")),
            Declared::new(Option::<Method>::None, "/files/{*path}", Need::Nothing),
        ]);
        for (method, path, header, need) in [
            ("GET", "/", "accept", Need::Read),
            ("GET", "/", "x-client", Need::Nothing),
            ("HEAD", "/", "x-client", Need::Nothing),
            ("GET", "/views/a", "accept", Need::Read),
            ("HEAD", "/views/a", "accept", Need::Read),
            ("PUT", "/views/a?b=c", "accept", Need::Edit),
            ("DELETE", "/views/a", "accept", Need::Read),
            ("POST", "/shop/_bulk", "accept", Need::Write("elastic")),
            ("POST", "/_bulk", "accept", Need::Write("elastic")),
            ("PATCH", "/files/a/b", "accept", Need::Nothing),
            ("GET", "/files", "accept", Need::Read),
            ("GET", "/unknown", "accept", Need::Read),
        ] {
            let request = Request::builder().method(method).uri(path).header(header, "*").body(()).unwrap();
            assert_eq!(table.need(&request.into_parts().0), need, "{method} {path}");
        }
    }
}
