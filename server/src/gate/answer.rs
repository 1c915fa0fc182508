//! A refusal, in the protocol of the call. While nobody can be let in, calls that write are told to retry, so that no
//! exporter drops its records.

use std::time::Duration;

use access::{CLOSED_RETRY, Need, Refusal, RefusalClass, State};
use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Redirect, Response},
};
use tonic::Code;

use crate::{
    grpc,
    http::{problem, write},
};

/// When a call is to be tried again if the refusal names no time.
const LATER: Duration = Duration::from_secs(1);

const BEARER: HeaderValue = HeaderValue::from_static("Bearer realm=\"logboom\"");
const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"logboom\", charset=\"UTF-8\"");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The answer to a call that may not go on, in this state of the server.
pub(super) fn refused(parts: &Parts, need: Need, refusal: &Refusal, state: State) -> Response {
    let is_write = matches!(need, Need::Write(_));
    let (status, code) = match (refusal.class, state) {
        (RefusalClass::Closed, _) if is_write => (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
        // The documents do not answer.
        (RefusalClass::Closed, State::Guarded) => (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
        // There is no admin.
        (RefusalClass::Closed, State::Closed) | (RefusalClass::Unknown, _) => {
            (StatusCode::UNAUTHORIZED, Code::Unauthenticated)
        }
        // It came through a proxy.
        (RefusalClass::Closed, State::Open) | (RefusalClass::Forbidden, _) => {
            (StatusCode::FORBIDDEN, Code::PermissionDenied)
        }
        (RefusalClass::TooMany, _) => (StatusCode::TOO_MANY_REQUESTS, Code::ResourceExhausted),
    };
    let retry_after = match status {
        StatusCode::SERVICE_UNAVAILABLE => Some(refusal.retry_after.unwrap_or(CLOSED_RETRY)),
        StatusCode::TOO_MANY_REQUESTS => Some(refusal.retry_after.unwrap_or(LATER)),
        _ => None,
    };
    let detail = refusal.message.as_str();
    let mut response = if grpc::is_call(&parts.headers) {
        grpc::denied(code, detail, retry_after)
    } else if status == StatusCode::UNAUTHORIZED && is_page(parts, need) {
        way_in(parts, state)
    } else if need == Need::Write("elastic") {
        write::elastic_refusal(status, detail, &parts.headers)
    } else if need == Need::Write("otlp") {
        write::otlp_refusal(status, code, detail, &parts.headers)
    } else {
        problem::document(status, detail)
    };
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        headers.append(header::WWW_AUTHENTICATE, BEARER);
        if knows_basic(parts.uri.path(), need) {
            headers.append(header::WWW_AUTHENTICATE, BASIC);
        }
    }
    if let Some(delay) = retry_after {
        // The header has whole seconds.
        let seconds = delay.as_millis().div_ceil(1000).max(1);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX)));
    }
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    response
}

/// Whether a browser asks for a page.
fn is_page(parts: &Parts, need: Need) -> bool {
    let wants = |name: HeaderName| text(&parts.headers, name).contains("text/html");
    parts.method == Method::GET && !matches!(need, Need::Write(_)) && wants(header::ACCEPT)
}

fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The page on which a user logs in, and from which the way leads back; or the one that makes the first admin.
fn way_in(parts: &Parts, state: State) -> Response {
    if state == State::Closed {
        return Redirect::to("/setup").into_response();
    }
    let wanted = parts.uri.path_and_query().map_or("/", |wanted| wanted.as_str());
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", wanted).finish();
    Redirect::to(&format!("/login?{query}")).into_response()
}

/// Whether clients of this call know no scheme but Basic. Others must not get it: a browser would open a window.
fn knows_basic(path: &str, need: Need) -> bool {
    matches!(need, Need::Write("elastic" | "loki"))
        || matches!(path, "/logs" | "/historical-logs")
        || path.starts_with("/loki/")
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn answer(call: &str, headers: &[(&str, &str)], need: Need, class: RefusalClass) -> Response {
        let state = if class == RefusalClass::Closed { State::Closed } else { State::Guarded };
        answer_in(state, call, headers, need, class)
    }

    fn answer_in(state: State, call: &str, headers: &[(&str, &str)], need: Need, class: RefusalClass) -> Response {
        let (method, target) = call.split_once(' ').unwrap();
        let builder = Request::builder().method(method).uri(target);
        let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
        let refusal = Refusal { class, message: "no".to_owned(), retry_after: None };
        refused(&builder.body(()).unwrap().into_parts().0, need, &refusal, state)
    }

    fn header_of(response: &Response, name: HeaderName) -> Vec<&str> {
        response.headers().get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[test]
    fn while_closed_writes_are_told_to_retry_and_others_to_log_in() {
        let write = answer("POST /api/v1/push", &[], Need::Write("json"), RefusalClass::Closed);
        assert_eq!((write.status().as_u16(), header_of(&write, header::RETRY_AFTER)), (503, vec!["5"]));
        let read = answer("GET /api/v1/logs", &[], Need::Read, RefusalClass::Closed);
        assert_eq!((read.status().as_u16(), header_of(&read, header::RETRY_AFTER)), (401, vec![]));
        assert_eq!(header_of(&read, header::CONTENT_TYPE), ["application/problem+json"]);
        for response in [&write, &read] {
            assert_eq!(header_of(response, header::CACHE_CONTROL), ["no-store"]);
        }
        let grpc = [("content-type", "application/grpc+proto")];
        let call = answer("POST /a/B", &grpc, Need::Write("grpc"), RefusalClass::Closed);
        assert_eq!(header_of(&call, HeaderName::from_static("grpc-status")), ["14"]);
        assert!(call.headers().contains_key("grpc-status-details-bin"), "it has the time of the retry");
    }

    #[test]
    fn who_cannot_be_let_in_is_not_led_to_the_set_up_if_there_is_none() {
        let html = [("accept", "text/html,*/*")];
        for (state, write, page) in [(State::Open, 503, 403), (State::Guarded, 503, 503)] {
            let answer = |call, need| answer_in(state, call, &html, need, RefusalClass::Closed);
            let door = answer("POST /api/v1/push", Need::Write("json"));
            assert_eq!(
                (door.status().as_u16(), header_of(&door, header::RETRY_AFTER)),
                (write, vec!["5"]),
                "{state:?}"
            );
            assert_eq!(answer("GET /", Need::Read).status().as_u16(), page, "{state:?}");
        }
    }

    #[test]
    fn each_class_has_its_status() {
        for (class, status, code) in
            [(RefusalClass::Unknown, 401, "16"), (RefusalClass::Forbidden, 403, "7"), (RefusalClass::TooMany, 429, "8")]
        {
            let http = answer("POST /api/v1/push", &[], Need::Write("json"), class);
            assert_eq!(http.status().as_u16(), status, "{class:?}");
            let grpc = [("content-type", "application/grpc")];
            let grpc = answer("POST /a/B", &grpc, Need::Write("grpc"), class);
            assert_eq!(header_of(&grpc, HeaderName::from_static("grpc-status")), [code], "{class:?}");
        }
    }

    #[test]
    fn a_page_leads_to_the_log_in_and_back() {
        let html = [("accept", "text/html,*/*")];
        let page = answer("GET /?query=a%20b&live=1", &html, Need::Read, RefusalClass::Unknown);
        assert_eq!(page.status(), StatusCode::SEE_OTHER);
        assert_eq!(header_of(&page, header::LOCATION), ["/login?next=%2F%3Fquery%3Da%2520b%26live%3D1"]);
        let closed = answer("GET /", &html, Need::Read, RefusalClass::Closed);
        assert_eq!(header_of(&closed, header::LOCATION), ["/setup"]);
        for (call, need) in [("POST /system/parts", Need::Admin), ("GET /put", Need::Write("put"))] {
            assert_eq!(answer(call, &html, need, RefusalClass::Unknown).status().as_u16(), 401, "{call}");
        }
    }

    #[test]
    fn basic_is_asked_for_only_where_clients_know_nothing_else() {
        for (call, need, both) in [
            ("POST /loki/api/v1/push", Need::Write("loki"), true),
            ("POST /_bulk", Need::Write("elastic"), true),
            ("GET /logs", Need::Read, true),
            ("GET /api/v1/logs", Need::Read, false),
            ("POST /api/dashboard/ask", Need::Read, false),
        ] {
            let response = answer(call, &[], need, RefusalClass::Unknown);
            assert_eq!(header_of(&response, header::WWW_AUTHENTICATE).len(), 1 + usize::from(both), "{call}");
        }
        let bulk = answer("POST /_bulk", &[], Need::Write("elastic"), RefusalClass::Unknown);
        assert_eq!(header_of(&bulk, HeaderName::from_static("x-elastic-product")), ["Elasticsearch"]);
    }
}
