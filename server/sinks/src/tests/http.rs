//! What HTTP statuses mean; also for Loki and OTLP, which share the client.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use pipeline::{ErrorClass, follow::Sent};
use prost::Message as _;

use super::{
    server::{Answer, Server, answer, closed},
    sink, sink_with,
};
use crate::{
    Definition,
    examples::{full, outgoing, record},
    secrets::Credentials,
};

#[tokio::test]
async fn a_batch_is_lines_with_a_key_and_a_length() {
    let server = Server::start([answer(204, "")]).await;
    let batch = outgoing([full(), record("m")]);
    let token = Credentials::Bearer("s3cret".into());
    let sent = sink_with("http", &server.url("/in"), token).send(&batch).await.unwrap();
    assert_eq!(sent, Sent::default());
    let [seen] = &server.seen().await[..] else { panic!() };
    assert_eq!(seen.path, "/in");
    assert_eq!(seen.header("idempotency-key"), Some("07070707070707070707070707070707"));
    assert_eq!(seen.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(seen.header("authorization"), Some("Bearer s3cret"));
    assert_eq!(seen.header("content-length"), Some(seen.body.len().to_string().as_str()));
    let lines = seen.lines();
    assert_eq!((&lines[0]["http.status"], &lines[1]["message"]), (&(-503).into(), &"m".into()));
}

#[tokio::test]
async fn a_body_is_compressed_on_demand() {
    let server = Server::start([answer(200, "")]).await;
    sink("http", &server.url("/?compress=gzip")).send(&outgoing([record("m")])).await.unwrap();
    let [seen] = &server.seen().await[..] else { panic!() };
    assert_eq!(seen.header("content-encoding"), Some("gzip"));
    assert!(seen.header("content-length").is_some());
    assert_eq!(seen.lines()[0]["message"], "m");
}

#[tokio::test]
async fn a_status_decides_whether_the_records_or_the_sink_is_at_fault() {
    for (status, class, part) in [
        (408, ErrorClass::Overloaded, "408"),
        (425, ErrorClass::Overloaded, "425"),
        (429, ErrorClass::Overloaded, "429"),
        (500, ErrorClass::Unavailable, "500"),
        (502, ErrorClass::Unavailable, "502"),
        (503, ErrorClass::Unavailable, "503"),
        (401, ErrorClass::Unavailable, "check the user"),
        (403, ErrorClass::Unavailable, "check the user"),
        (404, ErrorClass::Unavailable, "check the path"),
        (302, ErrorClass::Unavailable, "redirects"),
        (400, ErrorClass::Invalid, "400"),
        (413, ErrorClass::Invalid, "413"),
        (422, ErrorClass::Invalid, "422"),
    ] {
        for scheme in ["http", "loki+http", "otlp+http", "elasticsearch+http"] {
            let server = Server::start([answer(status, "the\nreason")]).await;
            let error = sink(scheme, &server.url("")).send(&outgoing([record("m")])).await.unwrap_err();
            assert_eq!((error.class, error.retry_after), (class, None), "{scheme} {status}: {error}");
            let name = format!("http://{} answered", server.address);
            assert!(error.message.starts_with(&name) && error.message.contains(part), "{error}");
            assert!(error.message.contains("the reason"), "{error}");
        }
    }
}

#[tokio::test]
async fn the_wait_that_a_destination_asks_for_is_kept() {
    for (status, header, expected) in [
        (429, "7", Some(7)),
        (503, "30", Some(30)),
        (429, "99999999", Some(3600)),
        (429, "Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
        (429, "soon", None),
    ] {
        let server = Server::start([Answer::Now(status, vec![("retry-after", header)], Vec::new())]).await;
        let error = sink("http", &server.url("")).send(&outgoing([record("m")])).await.unwrap_err();
        assert!(error.is_retryable());
        assert_eq!(error.retry_after, expected.map(Duration::from_secs), "{header}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Server::start([]).await;
    let location = vec![("location", "http://u:s3cret@elsewhere:8080/in")];
    let server = Server::start([Answer::Now(307, location, Vec::new())]).await;
    let error = sink("http", &server.url("")).send(&outgoing([record("m")])).await.unwrap_err();
    assert!(error.message.contains("to http://elsewhere:8080: use"), "{error}");
    assert!(!error.message.contains("s3cret"), "{error}");
    assert!(other.seen().await.is_empty());
}

#[tokio::test]
async fn a_destination_that_is_down_or_slow_is_unavailable() {
    let slow = Server::start([Answer::Never]).await;
    for (address, part) in [(closed().await, "cannot be reached"), (slow.address, "no answer in time")] {
        let credentials = Credentials::Basic { user: "u".into(), password: "s3cret".into() };
        let mut sink = sink_with("http", &format!("http://{address}/in"), credentials);
        let error = sink.send(&outgoing([record("m")])).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Unavailable);
        assert!(error.message.contains(part) && error.message.contains(&address.to_string()), "{error}");
        assert!(!error.message.contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn a_refused_key_costs_no_record_and_a_corrected_file_counts() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "lb_old\n").unwrap();
    let server = Server::start([answer(401, "unknown key"), answer(403, "may not write"), answer(204, "")]).await;
    let url = format!("{}?key-file={}", server.url("/in"), file.path().display());
    let mut sink = Definition::parse(&format!("h={url}")).unwrap().build("0000000a").unwrap();
    let batch = outgoing([record("m")]);
    for reason in ["unknown key", "may not write"] {
        let error = sink.send(&batch).await.unwrap_err();
        assert!(error.is_retryable() && error.message.contains(reason), "{error}");
        assert!(!error.message.contains("lb_"), "{error}");
    }
    std::fs::write(file.path(), "lb_new\n").unwrap();
    assert_eq!(sink.send(&batch).await.unwrap(), Sent::default());
    let seen = server.seen().await;
    let sent: Vec<_> = seen.iter().map(|seen| seen.header("authorization").unwrap()).collect();
    assert_eq!(sent, ["Bearer lb_old", "Bearer lb_old", "Bearer lb_new"]);
}

#[tokio::test]
async fn what_another_logboom_refuses_is_refused() {
    let body = r#"{"accepted":1,"rejected":1,"rejections":[{"index":1,"reason":"message: too long"}]}"#;
    let server = Server::start([answer(200, body)]).await;
    let sent = sink("http", &server.url("")).send(&outgoing(["a", "b"].map(record))).await.unwrap();
    assert_eq!((sent.refused[0].index, sent.refused[0].reason.as_str()), (1, "message: too long"));
    let server = Server::start([answer(200, r#"{"accepted":1,"rejected":1}"#)]).await;
    let error = sink("http", &server.url("")).send(&outgoing(["a", "b"].map(record))).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid);
}

#[tokio::test]
async fn loki_and_otlp_have_their_paths() {
    for (scheme, path, expected) in [
        ("loki+http", "", "/loki/api/v1/push"),
        ("loki+http", "/custom/push?tenant=shop", "/custom/push"),
        ("otlp+http", "", "/v1/logs"),
        ("otlp+http", "/otlp/v1/logs", "/otlp/v1/logs"),
    ] {
        let server = Server::start([answer(200, "")]).await;
        assert_eq!(sink(scheme, &server.url(path)).send(&outgoing([full()])).await.unwrap(), Sent::default());
        let [seen] = &server.seen().await[..] else { panic!() };
        assert_eq!((seen.path.as_str(), seen.header("content-type")), (expected, Some("application/x-protobuf")));
        assert_eq!(seen.header("x-scope-orgid"), path.contains("tenant").then_some("shop"));
    }
}

#[tokio::test]
async fn a_partial_success_of_otlp_refuses_its_request_and_no_other() {
    let partial = ExportLogsPartialSuccess { rejected_log_records: 1, error_message: "too old".into() };
    let body = ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    let server = Server::start([Answer::Now(200, Vec::new(), body), answer(200, "")]).await;
    let records: [_; 501] = std::array::from_fn(|n| record(&n.to_string()));
    let sent = sink("otlp+http", &server.url("")).send(&outgoing(records)).await.unwrap();
    assert_eq!(sent.refused.len(), 500);
    assert!(sent.refused[0].reason.contains("1 of the 500") && sent.refused[0].reason.contains("too old"));
    assert_eq!(server.seen().await.len(), 2);
}

#[tokio::test]
async fn a_destination_that_speaks_no_tls_is_unavailable() {
    for scheme in ["https", "logboom+https"] {
        let server = Server::start([]).await;
        let url = format!("https://{}", server.address);
        let error = sink(scheme, &url).send(&outgoing([record("m")])).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Unavailable);
        assert!(error.message.contains(&format!("{url} cannot be reached")), "{error}");
        assert!(error.message.contains("TLS"), "{error}");
    }
}
