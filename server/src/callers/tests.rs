use super::*;

type Headers<'a> = &'a [(&'a str, &'a str)];

fn callers() -> Callers {
    let origin = |text: &str| text.parse().unwrap();
    Callers::new(&[origin("https://logs.example.com")], &[origin("https://ops.example.com:8443")])
}

fn request(method: &str, target: &str, headers: Headers<'_>) -> Request<Body> {
    let builder = Request::builder().method(method).uri(target);
    headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value)).body(Body::empty()).unwrap()
}

/// The status of the refusal; 0 for an admitted call.
fn status(callers: &Callers, request: &Request<Body>) -> u16 {
    callers.admit(request, true).map_or_else(|response| response.status().as_u16(), |_| 0)
}

#[test]
fn a_call_is_taken_under_names_that_only_this_servers_users_have() {
    let taken = [
        "",
        " ",
        "127.0.0.1",
        "127.0.0.1:3000",
        "10.1.2.3:80",
        "8.8.8.8",
        "[::1]",
        "[::1]:3000",
        "[fe80::1%25eth0]:3000",
        "localhost",
        "LocalHost:3000",
        "localhost.",
        "app.localhost",
        "node-1:3000",
        "logboom",
        "my_service:1",
        "logboom:",
        "logs.internal",
        "logs.corp.internal:3000",
        "printer.local",
        "logboom.default.svc",
        "logboom.default.svc.cluster.local",
        "nas.home.arpa",
        "NAS.Home.ARPA.:80",
        "logs.example.com",
        "LOGS.example.com:8080",
        "logs.example.com.",
    ];
    let refused = [
        "evil.example",
        "evil.example:3000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.internal.example",
        "evilinternal.com",
        "notlocal.lan",
        "127.1",
        "0x7f.1",
        "1.2.3",
        "1.2.3.4.5",
        "256.0.0.1",
        "logs.example.com.evil.example",
        "evil.logs.example.com",
        "ops.example.com",
        ".local",
        "..local",
        "localhost..",
        ".",
        "..",
        "user@localhost",
        "user:secret@localhost:3000",
        "localhost:http",
        "localhost:3000:3000",
        "localhost:999999",
        "[::1",
        "::1",
        "[evil.example]",
        "[]",
        "local host",
        "localhost,evil.example",
        "localhost/evil",
        "localhost#",
        "lösung",
        "\u{202e}localhost",
    ];
    let callers = callers();
    for (hosts, expected) in [(&taken[..], 0), (&refused[..], 421)] {
        for host in hosts {
            assert_eq!(status(&callers, &request("GET", "/", &[("host", host)])), expected, "Host: {host}");
            // A page reached by that name.
            let page = [("host", *host), ("origin", "http://localhost:3000")];
            assert_eq!(status(&callers, &request("POST", "/", &page)), expected, "Host: {host}, by a page");
            // Not a browser.
            assert_eq!(status(&callers, &request("POST", "/", &[("host", host)])), 0, "Host: {host}, by a program");
        }
    }
}

#[test]
fn every_name_of_a_call_counts() {
    let evil = "http://evil.example/logs";
    let cases: [(&str, &str, Headers<'_>, u16); 11] = [
        // A health check may send none.
        ("GET", "/", &[], 0),
        // HTTP/2, and targets in absolute form.
        ("GET", "http://localhost:3000/logs", &[], 0),
        ("GET", evil, &[], 421),
        ("GET", evil, &[("host", "localhost")], 421),
        ("GET", "http://localhost/logs", &[("host", "evil.example")], 421),
        ("HEAD", evil, &[], 421),
        ("OPTIONS", evil, &[], 421),
        ("POST", evil, &[("sec-fetch-site", "same-origin")], 421),
        ("POST", evil, &[("origin", "http://evil.example")], 421),
        ("GET", "/", &[("host", "localhost"), ("host", "localhost")], 421),
        // Headers added by a proxy are ignored.
        ("GET", "/", &[("host", "localhost"), ("x-forwarded-host", "evil.example")], 0),
    ];
    for (method, target, headers, expected) in cases {
        assert_eq!(status(&callers(), &request(method, target, headers)), expected, "{method} {target} {headers:?}");
    }
    let refused = callers().admit(&request("GET", "/", &[("host", "localhost"), ("host", "evil.example")]), true);
    assert!(refused.is_err());
}

/// Origins whose pages may call, and the host name of the call.
const KNOWN: [(&str, &str); 14] = [
    ("http://localhost", "127.0.0.1:3000"),
    ("http://localhost:5173", "127.0.0.1:3000"),
    ("https://localhost:5173", "logs.example.com"),
    ("http://127.0.0.1:8080", "localhost:3000"),
    ("http://127.8.9.10:8080", "localhost:3000"),
    ("http://[::1]:8080", "localhost:3000"),
    ("http://shop.localhost:8080", "localhost:3000"),
    ("https://ops.example.com:8443", "localhost:3000"),
    // Its own pages, under each of its names, and behind a proxy that terminates TLS.
    ("http://10.1.2.3:3000", "10.1.2.3:3000"),
    ("http://node-1:3000", "NODE-1:3000"),
    ("http://logs.internal", "logs.internal"),
    ("https://logs.internal", "logs.internal:443"),
    ("https://logs.internal", "logs.internal"),
    ("https://logs.example.com", "127.0.0.1:3000"),
];

/// Origins whose pages may not call.
const FOREIGN: [(&str, &str); 15] = [
    ("null", "localhost:3000"),
    ("", "localhost:3000"),
    ("https://evil.example", "localhost:3000"),
    ("http://localhost.evil.example", "localhost:3000"),
    ("http://evillocalhost", "localhost:3000"),
    ("http://127.0.0.1.evil.example", "localhost:3000"),
    ("http://localhost@evil.example", "localhost:3000"),
    ("file://localhost", "localhost:3000"),
    ("http://ops.example.com:8443", "localhost:3000"),
    ("https://ops.example.com", "localhost:3000"),
    ("http://logs.example.com", "127.0.0.1:3000"),
    // Another port, or another machine on the same network.
    ("http://10.1.2.3:8080", "10.1.2.3:3000"),
    ("http://10.1.2.4:3000", "10.1.2.3:3000"),
    ("http://logs.internal:8080", "logs.internal"),
    ("http://printer.local", "logs.local"),
];

#[test]
fn pages_of_known_origins_alone_may_read_and_change() {
    let callers = callers();
    let unsafe_methods = ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"];
    for (origin, host) in KNOWN {
        for site in ["same-origin", "same-site", "cross-site"] {
            let headers = [("host", host), ("origin", origin), ("sec-fetch-site", site)];
            for method in unsafe_methods.into_iter().chain(["GET", "HEAD"]) {
                let admission = callers.admit(&request(method, "/logs", &headers), true).unwrap();
                assert_eq!(admission, Admission { reader: Some(HeaderValue::from_str(origin).unwrap()) }, "{method}");
            }
        }
    }
    for (origin, host) in FOREIGN {
        let headers = [("host", host), ("origin", origin), ("content-type", "text/plain")];
        for method in unsafe_methods {
            assert_eq!(
                status(&callers, &request(method, "/logs", &headers)),
                403,
                "{method} from {origin:?} at {host}"
            );
        }
        for method in ["GET", "HEAD", "OPTIONS"] {
            let admission = callers.admit(&request(method, "/logs", &headers), true).unwrap();
            assert_eq!(admission, Admission { reader: None }, "{method} from {origin:?} at {host}");
        }
    }
    let two = [("host", "localhost"), ("origin", "http://localhost"), ("origin", "https://evil.example")];
    assert_eq!(status(&callers, &request("POST", "/", &two)), 403);
}

#[test]
fn with_access_control_pages_of_this_machine_are_foreign_unless_they_are_its_own() {
    let callers = callers();
    for (origin, host, expected) in [
        ("http://localhost:5173", "127.0.0.1:3000", 403),
        ("http://localhost:5173", "localhost:3000", 403),
        ("http://localhost:3000", "localhost:3000", 0),
        ("https://ops.example.com:8443", "localhost:3000", 0),
    ] {
        let call = request("POST", "/login", &[("host", host), ("origin", origin), ("sec-fetch-site", "same-site")]);
        let status = callers.admit(&call, false).map_or_else(|response| response.status().as_u16(), |_| 0);
        assert_eq!(status, expected, "{origin} at {host}");
    }
}

#[test]
fn without_an_origin_the_site_decides() {
    let cases = [
        (Some("cross-site"), 403),
        (Some("same-site"), 403),
        (Some("nonsense"), 403),
        (Some("same-origin"), 0),
        (Some("none"), 0),
        (None, 0),
    ];
    for (site, expected) in cases {
        let mut headers = vec![("host", "localhost:3000")];
        headers.extend(site.map(|site| ("sec-fetch-site", site)));
        assert_eq!(status(&callers(), &request("POST", "/", &headers)), expected, "{site:?}");
        assert_eq!(status(&callers(), &request("GET", "/", &headers)), 0, "{site:?}");
    }
}

#[test]
fn no_declared_call_that_changes_something_is_taken_from_a_page_of_another_origin() {
    let foreign: [Headers<'_>; 4] = [
        &[("host", "localhost:3000"), ("origin", "https://evil.example")],
        &[("host", "localhost:3000"), ("origin", "null")],
        &[("host", "localhost:3000"), ("sec-fetch-site", "cross-site")],
        &[("host", "localhost:3000"), ("sec-fetch-site", "same-site")],
    ];
    let mut calls = 0;
    for declared in crate::http::declared() {
        let methods = declared.method.map_or(vec![Method::POST, Method::PUT, Method::DELETE], |method| vec![method]);
        for method in methods.iter().filter(|method| !matches!(**method, Method::GET | Method::HEAD)) {
            calls += 1;
            let target = declared.path.replace(['{', '}', '*'], "");
            for headers in foreign {
                let call = request(method.as_str(), &target, headers);
                assert_eq!(status(&callers(), &call), 403, "{method} {} {headers:?}", declared.path);
            }
        }
    }
    assert!(calls > 30, "only {calls} calls were found");
}

#[test]
fn a_preflight_is_answered_for_known_origins() {
    let asked = |origin| {
        request(
            "OPTIONS",
            "/put",
            &[
                ("host", "localhost:3000"),
                ("origin", origin),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "content-type,x-own"),
            ],
        )
    };
    let answer = callers().admit(&asked("http://localhost:8080"), true).unwrap_err();
    assert_eq!(answer.status(), 200);
    let header = |name: HeaderName| answer.headers().get(name).map(|value| value.to_str().unwrap());
    assert_eq!(header(header::ACCESS_CONTROL_ALLOW_ORIGIN), Some("http://localhost:8080"));
    assert_eq!(header(header::ACCESS_CONTROL_ALLOW_METHODS), Some("POST"));
    assert_eq!(header(header::ACCESS_CONTROL_ALLOW_HEADERS), Some("content-type,x-own"));
    assert_eq!(header(header::VARY), Some("origin"));
    let refused = callers().admit(&asked("https://evil.example"), true).unwrap_err();
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN), None);
}

#[test]
fn an_answer_keeps_its_own_policy() {
    let mut page = Response::new(Body::empty());
    page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'self'"));
    page.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    page.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let page = Admission { reader: None }.finish(page);
    assert_eq!(page.headers()[header::CONTENT_SECURITY_POLICY], "default-src 'self'");
    assert_eq!(page.headers().get_all(header::VARY).iter().collect::<Vec<_>>(), ["accept-encoding", "origin"]);
    assert_eq!(page.headers()[header::CACHE_CONTROL], "no-cache");
    let other = Admission { reader: None }.finish(Response::new(Body::empty()));
    assert_eq!(other.headers()[header::CACHE_CONTROL], "no-store");
    assert_eq!(other.headers()[header::CONTENT_SECURITY_POLICY], "default-src 'none'; frame-ancestors 'none'");
    assert_eq!(other.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert_eq!(other.headers()[header::REFERRER_POLICY], "same-origin");
}

#[test]
fn an_origin_of_the_command_line_is_one() {
    let read = |text: &str| text.parse::<Origin>().map(|origin| origin.to_string());
    assert_eq!(read("https://Ops.Example.com").as_deref(), Ok("https://ops.example.com"));
    assert_eq!(read("https://ops.example.com:443/").as_deref(), Ok("https://ops.example.com"));
    assert_eq!(read("http://[::1]:8080").as_deref(), Ok("http://[::1]:8080"));
    for wrong in
        ["", "ops.example.com", "https://", "ftp://a.b", "https://a.b/c", "https://u@a.b", "https://a.b?c", "null"]
    {
        assert!(read(wrong).is_err_and(|hint| hint.contains("https://ops.example.com")), "{wrong}");
    }
    assert!(read("*").is_err_and(|hint| hint.contains("any web page")));
}

#[test]
fn a_proxy_with_tls_is_believed_only_if_there_may_be_one() {
    let headers = |scheme: &str| request("GET", "/", &[("x-forwarded-proto", scheme)]).headers().clone();
    assert!(callers().is_proxied_https(&headers("HTTPS")));
    assert!(!callers().is_proxied_https(&headers("http")));
    assert!(!Callers::default().is_proxied_https(&headers("https")));
}
