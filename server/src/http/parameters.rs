//! Calls without parameters. Like the others, they refuse a parameter that they do not know: ignoring a misspelt one
//! would answer another question.

use axum::{extract::FromRequestParts, http::request::Parts};
use pipeline::Error;

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

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

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

    /// Goes over the sources, because the calls themselves need a whole server.
    #[test]
    fn each_read_call_of_the_api_refuses_unknown_parameters() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
        let call = Regex::new(r#"\.get\(\s*"/api/v1/[^"]*",\s*Need::\w+,\s*(\w+)"#).unwrap();
        let mut calls = 0;
        for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let source = if path.is_file() { fs::read_to_string(&path).unwrap() } else { continue };
            let routes = source.split("#[cfg(test)]").next().unwrap();
            if !routes.contains("\"/api/v1/") {
                continue;
            }
            for found in call.captures_iter(routes) {
                let handler = &found[1];
                calls += 1;
                assert!(refuses_unknown(routes, handler), "{}: {handler}", path.display());
            }
        }
        assert!(calls > 20, "only {calls} calls were found");
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
