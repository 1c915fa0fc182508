use super::*;

fn access(url: &str) -> Access {
    Access { url: url::Url::parse(url).unwrap(), token: None, certificates: None, node: None }
}

#[tokio::test]
async fn events_have_their_pod_and_their_version() {
    let access = access("https://127.0.0.1:6443");
    let api = Api::new(&access).await.unwrap();
    let pod =
        r#"{"metadata":{"name":"web","namespace":"shop","uid":"u","resourceVersion":"7"},"spec":{"containers":[]}}"#;
    // The API server sends an empty spec with the bookmark.
    let bookmark = r#"{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"9","creationTimestamp":null},
        "spec":{"containers":null},"status":{}}"#;
    let gone = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
        "message":"too old resource version: 1 (2)","reason":"Expired","code":410}"#;
    for (kind, object, expected) in [
        ("ADDED", pod, "seen web 7"),
        ("MODIFIED", pod, "seen web 7"),
        ("DELETED", pod, "deleted web 7"),
        ("BOOKMARK", bookmark, "bookmark 9"),
        ("LATER", pod, "nothing"),
        ("ERROR", gone, "Gone"),
        ("ERROR", r#"{"code":403,"message":"no"}"#, "Forbidden"),
        ("ERROR", r#"{"code":500,"message":"etcd"}"#, "Unavailable"),
        ("ERROR", "{}", "Unavailable"),
        ("ADDED", bookmark, "Unexpected"),
        ("ADDED", "{}", "Unexpected"),
    ] {
        let line = format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n");
        let found = match api.event(line.as_bytes()) {
            Ok(Some(Event::Seen(pod, version))) => format!("seen {} {version}", pod.name),
            Ok(Some(Event::Deleted(pod, version))) => format!("deleted {} {version}", pod.name),
            Ok(Some(Event::Bookmark(version))) => format!("bookmark {version}"),
            Ok(None) => "nothing".to_owned(),
            Err(error) => format!("{:?}", error.kind),
        };
        assert_eq!(found, expected, "{line}");
    }
}

#[tokio::test]
async fn errors_name_the_server_its_reason_and_the_way_out() {
    let access = access("https://127.0.0.1:6443/base?x=secret");
    let api = Api::new(&access).await.unwrap();
    for (status, body, parts) in [
        (401, r#"{"message":"Unauthorized"}"#, &["API server https://127.0.0.1:6443 answered 401", "token"][..]),
        (
            403,
            r#"{"message":"pods is forbidden"}"#,
            &["pods is forbidden", "get, list and watch on pods", "docs/agent.md"],
        ),
        (404, "<html>", &["<html>", "--kubernetes-api"]),
        (503, "", &["answered 503"]),
    ] {
        let message = api.refusal(StatusCode::from_u16(status).unwrap(), body.as_bytes()).message;
        assert!(parts.iter().all(|part| message.contains(part)) && !message.contains("secret"), "{message}");
    }
    let long = "x".repeat(10_000);
    assert!(api.refusal(StatusCode::BAD_GATEWAY, long.as_bytes()).message.len() < 2 * REASON);
}

#[tokio::test]
async fn files_that_cannot_be_used_are_errors_of_the_options() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let https = access("https://127.0.0.1:1");
    let http = access("http://127.0.0.1:1");
    let missing = folder.path().join("missing");
    for (access, part) in [
        (Access { certificates: Some(missing.clone()), ..https.clone() }, "--kubernetes-ca-file"),
        (Access { certificates: Some(file("ca", "none")), ..https.clone() }, "no certificate"),
        (Access { token: Some(missing), ..https.clone() }, "automountServiceAccountToken"),
        (Access { token: Some(file("empty", "\n")), ..https.clone() }, "--kubernetes-token-file"),
        (Access { token: Some(file("two", "a\nb")), ..https }, "--kubernetes-token-file"),
        (Access { token: Some(file("token", "a")), ..http }, "https://"),
    ] {
        let answer = async { Api::new(&access).await?.list("", 1).await };
        let error = answer.await.err().unwrap();
        assert!(error.kind == Kind::Options && error.message.contains(part), "{error:?}");
    }
}
