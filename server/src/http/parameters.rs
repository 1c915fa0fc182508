//! Parameters of calls. A call refuses a parameter that it does not know, also if it has none: ignoring a misspelt one
//! would answer another question.

use axum::{
    extract::{self, FromRequestParts},
    http::request::Parts,
};
use pipeline::Error;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// An argument of the handlers of such calls. Refuses a request with parameters as invalid.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoParameters;

impl<S: Sync> FromRequestParts<S> for NoParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        match url::form_urlencoded::parse(query.as_bytes()).next() {
            None => Ok(Self),
            Some((name, _)) => {
                Err(Error::invalid(format!("unknown parameter {name:?}; this call has no parameters, leave it out"))
                    .into())
            }
        }
    }
}

/// The variable part of a path, as [`extract::Path`]. A refusal is a problem document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path<T>(pub(super) T);

impl<T, S> FromRequestParts<S> for Path<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(extract::Path(part)) => Ok(Self(part)),
            Err(rejection) => Err(Error::invalid(rejection.body_text()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::{Path as FilePath, PathBuf},
    };

    use axum::{
        Router,
        body::Body,
        http::{Request, StatusCode},
        routing::get,
    };
    use regex::Regex;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_call_without_parameters_refuses_any() {
        async fn call(_: NoParameters) -> &'static str {
            "ok"
        }
        let router: Router = Router::new().route("/", get(call));
        for (uri, status) in [
            ("/", StatusCode::OK),
            ("/?", StatusCode::OK),
            ("/?form=-1h", StatusCode::BAD_REQUEST),
            ("/?form", StatusCode::BAD_REQUEST),
        ] {
            let request = Request::get(uri).body(Body::empty()).unwrap();
            assert_eq!(router.clone().oneshot(request).await.unwrap().status(), status, "{uri}");
        }
    }

    #[tokio::test]
    async fn a_part_of_a_path_that_is_none_is_refused_as_a_problem() {
        async fn call(Path(id): Path<i64>) -> String {
            id.to_string()
        }
        let router: Router = Router::new().route("/letters/{id}", get(call));
        for (uri, status, kind) in [
            ("/letters/7", StatusCode::OK, "text/plain; charset=utf-8"),
            ("/letters/seven", StatusCode::BAD_REQUEST, "application/problem+json"),
            ("/letters/%ff", StatusCode::BAD_REQUEST, "application/problem+json"),
        ] {
            let request = Request::get(uri).body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), status, "{uri}");
            assert_eq!(response.headers()["content-type"], kind, "{uri}");
        }
    }

    /// Goes over the sources, because the calls themselves need a whole server.
    #[test]
    fn each_call_of_the_api_refuses_unknown_parameters() {
        let call = r#"\.(?:get|post|put|patch|delete)\(\s*"/api/v1/[^"]*",\s*Need::\w+,\s*(\w+)"#;
        let call = Regex::new(call).unwrap();
        let constant = Regex::new(r#"const (\w+): &str = ("/api/v1/[^"]*");"#).unwrap();
        let (mut calls, mut files) = (0, Vec::new());
        add_files(&FilePath::new(env!("CARGO_MANIFEST_DIR")).join("src/http"), &mut files);
        for path in files {
            let source = fs::read_to_string(&path).unwrap();
            let source = source.split("#[cfg(test)]").next().unwrap();
            let name_of = |text: String, found: regex::Captures<'_>| {
                text.replace(&format!("({},", &found[1]), &format!("({},", &found[2]))
            };
            let routes = constant.captures_iter(source).fold(source.to_owned(), name_of);
            for found in call.captures_iter(&routes) {
                let handler = &found[1];
                calls += 1;
                assert!(refuses_unknown(&routes, handler), "{}: {handler}", path.display());
            }
        }
        assert!(calls > 50, "only {calls} calls were found");
    }

    fn add_files(folder: &FilePath, files: &mut Vec<PathBuf>) {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                add_files(&path, files);
            } else {
                files.push(path);
            }
        }
    }

    /// Whether a handler takes `NoParameters`, or parameters of a type that denies unknown fields.
    fn refuses_unknown(source: &str, handler: &str) -> bool {
        let (_, rest) = source.split_once(&format!("async fn {handler}(")).unwrap();
        let (arguments, _) = rest.split_once("->").unwrap();
        let arguments = match source.split_once("type CheckedParameters = ") {
            Some((_, checked)) => arguments.replace("CheckedParameters", checked.split(';').next().unwrap()),
            None => arguments.to_owned(),
        };
        if arguments.contains("NoParameters") {
            return true;
        }
        let kind = Regex::new(r"Result<Parameters<(\w+)>, QueryRejection>").unwrap();
        kind.captures(&arguments)
            .is_some_and(|found| source.contains(&format!("#[serde(deny_unknown_fields)]\nstruct {} {{", &found[1])))
    }
}
