use super::*;

fn parse(text: &str) -> Result<Definition> {
    Definition::parse(text)
}

#[test]
fn a_definition_has_a_target_without_secrets() {
    for (text, target) in [
        (
            "es=elasticsearch+http://host:9200/logs-{yyyy}.{MM}.{dd}?query=level>=warn",
            "elasticsearch+http://host:9200/logs-{yyyy}.{MM}.{dd}",
        ),
        ("es=elasticsearch+https://ann:s3cret@host/logs?from=start", "elasticsearch+https://host/logs"),
        ("h=https://host/in?compress=gzip&from=now", "https://host/in"),
        ("h=HTTP://s3cret:s3cret@[::1]:8080/in", "http://[::1]:8080/in"),
        ("l=loki+http://host:3100", "loki+http://host:3100"),
        ("l=loki+http://host:3100?from=now&tenant=shop", "loki+http://host:3100?tenant=shop"),
        ("t=tcp+tls://Host:5170?ca=/nope.pem&fields=ecs", "tcp+tls://host:5170"),
        ("f=file:///logs/{service}.log?format=s2&rotate=1MB&compress=gzip", "file:///logs/{service}.log"),
        ("o=otlp+https://host", "otlp+https://host"),
        ("n_1-b=logboom+http://host:4317?query=service:shop", "logboom+http://host:4317"),
    ] {
        let definition = parse(text).unwrap();
        assert_eq!(definition.target, target);
        assert_eq!(definition.has_plain_secret, text.contains("s3cret"), "{text}");
        assert!(!format!("{definition:?}").contains("s3cret"), "{definition:?}");
    }
}

#[test]
fn a_corrected_parameter_keeps_the_target_that_a_cursor_has() {
    // The stored targets are those of earlier versions.
    for (url, stored, is_same) in [
        ("tcp+tls://h:1?ca=/right.pem", "tcp+tls://h:1?ca=/nope.pem", true),
        ("tcp+tls://h:1?ca=/right.pem&fields=ecs", "tcp+tls://H:1", true),
        ("file:///x.log?rotate=1MB&compress=zstd", "file:///x.log?rotate=9MB&compress=gzip&format=s2", true),
        ("file:///x.log", "file:///x.log?rotate=9MB", true),
        ("elasticsearch+http://h/logs?action=create", "elasticsearch+http://h/logs", true),
        ("loki+http://h?tenant=a", "loki+http://h?tenant=a", true),
        ("loki+http://h?tenant=a", "loki+http://h?tenant=b", false),
        ("loki+http://h?tenant=a", "loki+http://h", false),
        ("file:///x.log?rotate=1MB", "file:///y.log?rotate=1MB", false),
        ("tcp+tls://h:1?ca=/a.pem", "tcp+tls://h:2?ca=/a.pem", false),
        ("elasticsearch+http://h/logs", "elasticsearch+http://h/other", false),
    ] {
        let definition = parse(&format!("a={url}")).unwrap();
        assert_eq!(target_of(stored) == definition.target, is_same, "{url} and {stored}");
    }
}

#[test]
fn a_destination_without_a_filter_takes_no_query_and_none_is_suggested() {
    for (url, part) in [
        ("tcp://host:1?query=level>=warn", "`query` is unknown here; allowed: fields"),
        ("tcp://host:1?from=now", "`from` is unknown here; allowed: fields"),
        ("gopher://host", "the scheme `gopher` is unknown"),
        ("host:1", "no known scheme"),
    ] {
        let error = Definition::parse_unfiltered("to1", url).unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid, "{url}");
        assert!(error.message.contains(part), "{url}: {error}");
        assert!(!error.message.contains("to1") && !error.message.contains("query="), "{url}: {error}");
        if let Some((_, example)) = error.message.split_once("as in ") {
            Definition::parse_unfiltered("to1", example).unwrap();
        }
    }
    let definition = Definition::parse_unfiltered("to1", "tcp://host:1").unwrap();
    assert_eq!((definition.query.as_str(), definition.start), ("", Start::Oldest));
}

#[test]
fn a_query_is_plain_or_percent_encoded() {
    for (query, read) in [
        ("", ""),
        ("level>=warn", "level>=warn"),
        ("level%3E%3Dwarn%20service%3Ashop", "level>=warn service:shop"),
        ("level>=warn service:shop", "level>=warn service:shop"),
        ("\"50% of a+b\"", "\"50% of a+b\""),
    ] {
        let definition = parse(&format!("h=http://host?query={query}&from=start")).unwrap();
        assert_eq!((definition.query.as_str(), definition.start), (read, Start::Oldest));
    }
    assert_eq!(parse("h=http://host").unwrap().start, Start::Now);
}

#[test]
fn an_error_names_the_part_and_the_way_out_and_no_secret() {
    for (text, parts) in [
        ("http://u:s3cret@host/?x=1", &["NAME=URL", "1 to 64"][..]),
        ("http://u:s3cret@host/", &["NAME=URL"]),
        ("Es=http://host", &["`Es`", "a-z"]),
        ("=http://host", &["1 to 64"]),
        ("es=host:9200", &["no known scheme", "elasticsearch+http", "tcp+tls"]),
        ("es=elastic://u:s3cret@host", &["`elastic`", "elasticsearch+http", "as in"]),
        ("es=http://", &["host"]),
        ("es=tcp://:80", &["host"]),
        ("es=http://u:s3cret@", &["host"]),
        ("es=http://host:port/s3cret", &["port", "as in http://host"]),
        ("es=http://u:s3/cret@host/", &["port", "as in"]),
        ("es=http://u:80/s3cret@host", &["%2F"]),
        ("es=http://u:s3cret?x@host", &["port"]),
        ("es=http://host/?s3cret@x", &["unknown", "compress"]),
        ("es=http://host#s3cret", &["%23"]),
        ("es=http://host?query=a&b=c", &["`b`", "query, from, compress", "%26"]),
        ("es=http://host?from=now&from=now", &["`from` is given twice"]),
        ("es=http://host?from=yesterday", &["from=yesterday: expected now or start"]),
        ("es=http://host?compress=zip", &["compress=zip: expected gzip or none"]),
        ("es=http://host?query=level>=", &["query=level>="]),
        ("es=file://relative", &["three slashes"]),
        ("es=tcp://u:s3cret@host:1", &["no user"]),
        ("es=elasticsearch+http://host/logs-{day}", &["{day}", "{dd}"]),
        ("es=elasticsearch+http://host/a%20b", &["no index"]),
        ("es=logboom+http://host/path", &["no path"]),
        ("es=loki+http://host?tenant=a%0Ab", &["tenant"]),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid, "{text}");
        for part in parts {
            assert!(error.message.contains(part), "{text}: {error}");
        }
        assert!(!error.message.contains("cret"), "{text}: {error}");
    }
}

#[tokio::test]
async fn a_sink_is_built_with_the_secrets_that_its_protocol_carries() {
    let key = |name: &str| (name == "LOGBOOM_SINK_X_API_KEY").then(|| "s3cret".to_owned());
    let none = |_: &str| None;
    assert!(parse("x=elasticsearch+http://host").unwrap().build_in("0000000a", &key).is_ok());
    let error = parse("x=http://host").unwrap().build_in("0000000a", &key).err().unwrap().to_string();
    assert!(error.contains("does not take an API key; use a token") && !error.contains("s3cret"), "{error}");
    let error = parse("x=http://u@host").unwrap().build_in("0000000a", &none).err().unwrap().to_string();
    assert!(error.contains("LOGBOOM_SINK_X_PASSWORD"), "{error}");
    assert!(parse("x=logboom+https://u:p@host").unwrap().build_in("0000000a", &none).is_ok());
}

#[tokio::test]
async fn a_file_of_the_url_gives_the_key_that_its_protocol_carries() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cret\n").unwrap();
    let path = file.path().display();
    let none = |_: &str| None;
    for (scheme, credentials) in [
        ("http", Credentials::Bearer("s3cret".into())),
        ("loki+https", Credentials::Bearer("s3cret".into())),
        ("otlp+http", Credentials::Bearer("s3cret".into())),
        ("logboom+https", Credentials::Bearer("s3cret".into())),
        ("elasticsearch+http", Credentials::ApiKey("s3cret".into())),
    ] {
        let definition = parse(&format!("x={scheme}://host?key-file={path}&from=start")).unwrap();
        assert_eq!(definition.target, format!("{scheme}://host"));
        assert!(definition.credentials(&none).unwrap() == credentials, "{scheme}");
        assert!(definition.build_in("0000000a", &none).is_ok(), "{scheme}");
        let token = |name: &str| (name == "LOGBOOM_SINK_X_TOKEN").then(|| "s3cret".to_owned());
        let error = definition.credentials(&token).unwrap_err().to_string();
        assert!(error.contains("not several") && !error.contains("s3cret"), "{error}");
    }
    let error = parse("x=http://host?key-file=/does/not/exist").unwrap().build_in("0000000a", &none).err().unwrap();
    assert!(error.message.contains("key-file: the file /does/not/exist cannot be used"), "{error}");
    let error = parse("x=tcp://host:1?key-file=/a").unwrap_err();
    assert!(error.message.contains("`key-file` is unknown here"), "{error}");
}

#[test]
fn the_default_key_is_for_another_logboom_without_a_secret_of_its_own() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "default").unwrap();
    let key = || Key::given(Some(file.path()));
    let none = |_: &str| None;
    let token = |name: &str| (name == "LOGBOOM_SINK_TO1_TOKEN").then(|| "own".to_owned());
    let credentials = |url: &str, environment: Environment<'_>| {
        Definition::parse_unfiltered("to1", url).unwrap().with_default_key(key()).credentials(environment).unwrap()
    };
    assert!(credentials("logboom+http://host", &none) == Credentials::Bearer("default".into()));
    assert!(credentials("logboom+http://host", &token) == Credentials::Bearer("own".into()));
    assert!(credentials("http://host/in", &none) == Credentials::None);
    for (url, is_exposed) in [
        ("logboom+http://host", true),
        ("logboom+http://192.0.2.1:3000", true),
        ("logboom+https://host", false),
        ("logboom+http://localhost:3000", false),
        ("logboom+http://127.0.0.1:3000", false),
        ("logboom+http://[::1]:3000", false),
        ("http://host/in", false),
    ] {
        let definition = Definition::parse_unfiltered("to1", url).unwrap().with_default_key(key());
        assert_eq!(definition.exposes_secret().unwrap(), is_exposed, "{url}");
    }
}

#[tokio::test]
async fn certificates_of_an_authority_are_read_when_the_sink_is_built() {
    let none = |_: &str| None;
    let certificate = rcgen::generate_simple_self_signed(vec!["host".to_owned()]).unwrap().cert.pem();
    for (text, is_usable) in [(certificate.as_str(), true), ("no certificate", false)] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let definition = parse(&format!("x=https://host?ca={}", file.path().display())).unwrap();
        assert_eq!(definition.target, "https://host");
        let built = definition.build_in("0000000a", &none);
        assert_eq!(built.is_ok(), is_usable, "{:?}", built.err());
    }
    for url in ["https://host?ca=/does/not/exist", "logboom+https://host?ca=/does/not/exist"] {
        let error = parse(&format!("x={url}")).unwrap().build_in("0000000a", &none).err().unwrap();
        assert!(error.message.contains("ca: the file /does/not/exist cannot be used"), "{error}");
    }
    assert!(parse("x=http://host?ca=/a").unwrap_err().message.contains("`ca` is unknown here"));
}

#[test]
fn every_example_of_a_kind_reads() {
    // The kinds `file` and `tcp` are checked where they are.
    for kind in KINDS.iter().filter(|kind| !kind.accepts.is_empty()) {
        let definition = parse(&format!("x={}", kind.example)).unwrap();
        assert!(definition.target.starts_with(kind.scheme));
    }
    assert!(parse(EXAMPLE).is_ok());
    assert!(parse(&format!("x={URL_EXAMPLE}")).is_ok());
}

#[test]
fn only_files_in_the_form_of_s2_want_packets() {
    for (url, wants) in [
        ("file:///logs/all.log?format=s2", true),
        ("file:///logs/all.log?query=level>=warn&format=s2&rotate=1MB", true),
        ("file:///logs/all.log?format=ndjson", false),
        ("file:///logs/all.log", false),
        ("tcp://host:5170", false),
    ] {
        assert_eq!(Definition::parse(&format!("a={url}")).unwrap().wants_packets(), wants, "{url}");
    }
}
