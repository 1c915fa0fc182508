use model::{Record, Text, Value, limits};

use super::*;
use crate::normalise::{Normaliser, RawId, RawRecord, RawTime};

const CARD: &str = "4111 1111 1111 1111";
const NOW: i64 = 1_767_323_045_000_000_000;

fn rules(rules: &[&str]) -> Redaction {
    Redaction::new(rules.iter().copied(), Some(Key::new(b"a key of the tests, long enough").unwrap())).unwrap()
}

fn refused(rule: &str) -> String {
    Redaction::new([rule], None).unwrap_err().message
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

fn raw(message: &str, attributes: &[(&str, Value)]) -> RawRecord {
    let attributes = attributes.iter().map(|(name, value)| (Text::from(*name), value.clone())).collect();
    RawRecord { message: message.into(), attributes, ..RawRecord::default() }
}

/// The record as the admit stage makes it.
fn admitted(redaction: &Redaction, mut raw: RawRecord) -> Record {
    let mut counts = Counts::default();
    redaction.raw(&mut raw, &mut counts);
    let mut record = Normaliser::default().record(raw, NOW).unwrap();
    redaction.originals(&mut record, &mut counts);
    redaction.count(&counts);
    record
}

#[test]
fn every_text_of_a_record_is_redacted() {
    let redaction = rules(&["card", "email", "gone=/gone-\\d+/ drop"]);
    let record = admitted(
        &redaction,
        RawRecord {
            service: "shop bob@example.com".into(),
            node: "n gone-1".into(),
            level: "warn gone-2".into(),
            time: RawTime::Number(4_111_111_111_111_111),
            trace_id: RawId::Text("bob@example.com".into()),
            span_id: RawId::Bytes(CARD.into()),
            ..raw(
                &format!("paid by {CARD} gone-3."),
                &[
                    ("number", Value::Int(4_111_111_111_111_111)),
                    ("fraction", Value::Float(4_111_111_111_111_111.0)),
                    ("small", Value::Int(42)),
                    ("bob@example.com", Value::Int(1)),
                    ("al@example.com", Value::Int(2)),
                    ("nested", text(&format!("{{\"card\":\"{CARD}\"}}"))),
                    ("removed", text("gone-4")),
                ],
            )
        },
    );
    assert_eq!(record.message, "paid by [card] .");
    assert_eq!((record.service.as_str(), record.node.as_str()), ("shop [email]", "n "));
    let expected = [
        ("[email]", Value::Int(1)),
        ("[email].2", Value::Int(2)),
        ("fraction", text("[card]")),
        ("nested", text("{\"card\":\"[card]\"}")),
        ("number", text("[card]")),
        ("small", Value::Int(42)),
        ("span_id.original", text("[card]")),
        ("time.original", text("[card]")),
        ("trace_id.original", text("[email]")),
    ];
    assert_eq!(record.attributes, expected.map(|(name, value)| (Text::from(name), value)));
    let counts: Vec<(String, u64)> = redaction.views().into_iter().map(|view| (view.name, view.count)).collect();
    assert_eq!(counts, [("card".into(), 6), ("email".into(), 4), ("gone".into(), 4)]);
}

#[test]
fn a_secret_is_not_cut_before_it_is_found() {
    let redaction = rules(&["card"]);
    let long = format!("{}{CARD}", "x ".repeat(limits::NAME_BYTES / 2 - 4));
    for raw in [
        RawRecord { time: RawTime::Text(long.clone()), ..raw("m", &[]) },
        RawRecord { trace_id: RawId::Text(long.clone()), ..raw("m", &[]) },
        RawRecord { span_id: RawId::Bytes(long.clone().into()), ..raw("m", &[]) },
    ] {
        let record = admitted(&redaction, raw);
        let (_, kept) = &record.attributes[0];
        assert!(kept.to_string().ends_with("[card]"), "{kept}");
    }
}

#[test]
fn ids_and_times_that_can_be_read_stay() {
    let redaction = rules(&["digits=/[0-9]{8,}/"]);
    let record = admitted(
        &redaction,
        RawRecord {
            time: RawTime::Text("1767323045000".into()),
            trace_id: RawId::Text("0af7651916cd43dd8448eb2112345678".into()),
            ..raw("m", &[])
        },
    );
    assert_eq!(record.time, NOW);
    assert!(record.trace_id.is_some() && record.attributes.is_empty());
}

#[test]
fn escapes_do_not_hide_a_secret() {
    let redaction = rules(&["email", "card"]);
    for (text, expected) in [
        (r#"{"to":"alice\u0040example.com"}"#, r#"{"to":"[email]"}"#),
        (r#"{"params":"{\"to\":\"alice\\u0040example.com\"}"}"#, r#"{"params":"{\"to\":\"[email]\"}"}"#),
        ("GET /?to=alice%40example.com&a=1", "GET /?to=[email]&a=1"),
        (r"pan=\x34111111111111111", "pan=[card]"),
        (r#"{"a":"line\nbob@example.com"}"#, r#"{"a":"line[email]"}"#),
    ] {
        let now = redaction.text(text);
        // The text itself and its view may disagree about where an address begins; all of it goes.
        assert!(now == expected || !now.contains("example.com"), "{now}");
        assert!(!now.contains("11111111"), "{now}");
    }
    assert_eq!(redaction.text(r#"{"to":"alice\u0040example.com"}"#), r#"{"to":"[email]"}"#);
}

#[test]
fn a_rule_for_a_field_changes_that_field_and_its_copies() {
    let redaction = rules(&["pw=any in password,user.pin drop", "who=any in user.name hash"]);
    let packet = r#"{"params":"{\"password\":\"hunter2\"}"}"#;
    let record = admitted(
        &redaction,
        raw(
            r#"POST /login {"password":"hunter2","user":{"name":"al"}} hunter22"#,
            &[
                ("password", text("hunter2")),
                ("user.pin", Value::Int(1234)),
                ("user.name", text("al")),
                ("other", text("hunter2")),
                ("client.packet", text(packet)),
            ],
        ),
    );
    // Short values stay in the message, and so does a longer word.
    assert_eq!(record.message, r#"POST /login {"password":"","user":{"name":"al"}} hunter22"#);
    let names: Vec<&str> = record.attributes.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["other", "user.name"]);
    assert!(record.attribute("user.name").unwrap().to_string().starts_with("[who:"));
    // Without a match the packet stays.
    let record = admitted(&redaction, raw("m", &[("client.packet", text("{}"))]));
    assert!(record.attribute("client.packet").is_some());
}

#[test]
fn a_field_within_a_list_takes_the_list_with_it() {
    let redaction = rules(&["pw=any in users.password"]);
    let list = r#"[{"name":"al","password":"hunter2"}]"#;
    let packet = ("client.packet", text("{}"));
    let record = admitted(&redaction, raw("by hunter2", &[("users", text(list)), packet]));
    assert_eq!(
        (record.message.as_str(), record.attributes.as_slice()),
        ("by [pw]", &[("users".into(), text("[pw]"))][..])
    );
    let mut again = record.clone();
    redaction.record(&mut again);
    assert_eq!(again, record);
    let other = admitted(&redaction, raw("m", &[("users", text(r#"[{"name":"al"}]"#))]));
    assert_eq!(other.attribute("users"), Some(&text(r#"[{"name":"al"}]"#)));
    let dropping = rules(&["pw=any in users.password drop"]);
    assert!(admitted(&dropping, raw("m", &[("users", text(list))])).attributes.is_empty());
}

#[test]
fn rules_for_the_service_are_for_a_node_in_its_place() {
    for (rule, node, service, shown) in [
        ("s=/shop-\\d+/ in service", "n shop-1", "n [s]", "n shop-1"),
        ("s=/shop-\\d+/ in service drop", "shop-1", "[s]", "shop-1"),
        ("s=/shop-\\d+/ in node", "n shop-1", "n [s]", "n [s]"),
        ("s=/shop-\\d+/", "n shop-1", "n [s]", "n [s]"),
        ("s=/x/ in service", "n shop-1", "n shop-1", "n shop-1"),
    ] {
        let redaction = rules(&[rule]);
        let record = admitted(&redaction, RawRecord { node: node.into(), ..raw("m", &[]) });
        assert_eq!((record.service.as_str(), record.node.as_str()), (service, shown), "{rule}");
        if !rule.ends_with("drop") {
            assert_eq!(redaction.service("", node), service, "{rule}");
        }
    }
}

#[test]
fn the_names_of_kept_originals_stay() {
    let redaction = rules(&["t=/time/", "card"]);
    let record = admitted(&redaction, RawRecord { time: RawTime::Text(CARD.into()), ..raw("m", &[("u", text("1"))]) });
    let kept: Vec<(&str, String)> =
        record.attributes.iter().map(|(name, at)| (name.as_str(), at.to_string())).collect();
    assert_eq!(kept, [("time.original", "[card]".to_owned()), ("u", "1".to_owned())]);
}

#[test]
fn thousands_of_equal_matches_are_looked_for_once() {
    let redaction = rules(&["pin=/\\d{4}/ in pin"]);
    let mut raw = raw(&"1234 x ".repeat(1 << 20), &[("pin", text(&"1234 ".repeat(2000)))]);
    let mut counts = Counts::default();
    redaction.raw(&mut raw, &mut counts);
    assert_eq!(counts.sum(), 2000 + 2001);
    assert!(raw.message.ends_with("x [pin]") && !raw.message.contains("1234"));
}

#[test]
fn a_packet_is_redacted_as_text() {
    let redaction = rules(&["email"]);
    let packet = r#"{"uri":"/logs","params":"{\"message\":\"to bob@example.com\"}"}"#;
    let record = admitted(&redaction, raw("to bob@example.com", &[("client.packet", text(packet))]));
    let kept = record.attribute("client.packet").unwrap().to_string();
    assert_eq!(kept, packet.replace("bob@example.com", "[email]"));
}

#[test]
fn equal_values_have_equal_hashes_however_they_are_written() {
    let redaction = rules(&["card hash", "email hash", "phone hash", "id=/id-\\d+/ hash"]);
    let hash = |text: &str| redaction.text(text).into_owned();
    assert_eq!(hash("4111111111111111"), hash("4111-1111-1111-1111"));
    assert_eq!(hash("Bob@Example.com"), hash("bob@example.com"));
    assert_eq!(hash("+82 10-1234-5678"), hash("010-1234-5678"));
    assert_ne!(hash("id-1"), hash("id-2"));
    let one = hash("id-1");
    assert!(one.starts_with("[id:") && one.len() == "[id:]".len() + 16, "{one}");
    let other = Redaction::new(["id=/id-\\d+/ hash"], Some(Key::new(&[7; 32]).unwrap())).unwrap();
    assert_ne!(other.text("id-1"), one);
}

#[test]
fn what_was_redacted_is_not_redacted_again() {
    let redaction = rules(&["pw=/password=(\\S+)/ hash", "word=/\\[?secret\\S*/", "all=any in token"]);
    for text in ["password=hunter2 x", "a secret-thing", "password=secretly"] {
        let once = redaction.text(text).into_owned();
        assert!(once != text && redaction.text(&once) == once, "{text}: {once}");
    }
    let mut record = admitted(&redaction, raw("password=hunter2", &[("token", text("t"))]));
    let before = record.clone();
    redaction.record(&mut record);
    assert_eq!(record, before);
}

#[test]
fn groups_alone_are_replaced_and_overlapping_matches_are_joined() {
    let redaction = rules(&["bearer", "jwt", "pair=/a(b)c|(d)e/"]);
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
    assert_eq!(redaction.text(&format!("Bearer {token}")), "Bearer [bearer]");
    assert_eq!(redaction.text("abc de"), "a[pair]c [pair]e");
}

#[test]
fn a_record_of_which_nothing_is_left_says_why() {
    let redaction = rules(&["all=/.+/ drop"]);
    assert_eq!(admitted(&redaction, raw("secret", &[])).message, "[all]");
    assert_eq!(admitted(&redaction, raw("", &[("a", text("secret"))])).message, "[all]");
}

#[test]
fn a_normalised_record_keeps_its_invariants() {
    let redaction = rules(&["l=/l/ in message,attr.level", "x=/x/", "level=any in level drop"]);
    let mut record = Normaliser::default()
        .record(
            RawRecord {
                level: "warn".into(),
                ..raw(&"x".repeat(limits::MESSAGE_BYTES), &[("b", text("1")), ("x", text("2"))])
            },
            NOW,
        )
        .unwrap();
    redaction.record(&mut record);
    assert!(record.message.len() <= limits::MESSAGE_BYTES && record.message.starts_with("[x]"));
    assert_eq!(record.level, "warn");
    let names: Vec<&str> = record.attributes.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["[x]", "b"]);
}

#[test]
fn changes_are_shown_before_and_after() {
    let redaction = Redaction::trial("email", None).unwrap();
    let record = Normaliser::default().record(raw("to bob@example.com", &[("a", Value::Int(1))]), NOW).unwrap();
    let (changes, matches) = redaction.changes(&record);
    let change =
        Change { field: "message".into(), before: "to bob@example.com".into(), after: Some("to [email]".into()) };
    assert_eq!((changes, matches), (vec![change], 1));
    assert_eq!(redaction.views()[0].count, 0);
}

#[test]
fn wrong_rules_are_refused_with_the_way_out_and_without_the_expression() {
    for (rule, hints) in [
        ("", &["NAME=PRESET"][..]),
        ("cards", &["card, email, ipv4"]),
        ("/hunter2/", &["NAME=/regex/"]),
        ("Name=card", &["a-z"]),
        ("x=/hunter2", &["no end"]),
        ("x=//", &["empty"]),
        ("x=/h*/", &["every text"]),
        ("x=/hunter2(/", &["x", "unclosed group"]),
        ("x=/hunter2/g", &["ignores case"]),
        ("x=/hunter2/ in", &["in message"]),
        ("x=/hunter2/ in id", &["id is not redacted"]),
        ("x=/hunter2/ in \"a", &["quotation mark"]),
        ("x=/hunter2/ mask mask", &["ends with"]),
        ("x=/hunter2/ remove", &["mask, hash or drop"]),
        ("x=any", &["any in FIELD"]),
        ("x=/\\w{500}/", &["limit", "(?-u)"]),
        ("email hash", &["--redact-key-file"]),
    ] {
        let error = refused(rule);
        assert!(hints.iter().all(|hint| error.contains(hint)) && !error.contains("hunter2"), "{rule}: {error}");
    }
    let twice = Redaction::new(["card", "card=email"], None).unwrap_err().message;
    assert!(twice.contains("two rules are named card"), "{twice}");
    assert!(refused(&format!("x=/{}/", "a".repeat(5000))).contains("4096"));
    let many: Vec<String> = (0..=RULES).map(|number| format!("r{number}=card")).collect();
    assert!(Redaction::new(many.iter().map(String::as_str), None).unwrap_err().message.contains("100"));
    assert!(Key::new(b"short \n").unwrap_err().message.contains("at least 16"));
    let debug = format!("{:?}", rules(&["x=/hunter2/"]));
    assert!(!debug.contains("hunter2"), "{debug}");
}

#[test]
fn rules_are_shown_as_they_are_understood() {
    let redaction =
        rules(&["email", "pin=/pin=(\\d+)/i in message,\"user data\",attr.level hash", "t = any in token drop"]);
    let views = redaction.views();
    assert_eq!((views[0].pattern.as_str(), views[0].action, views[0].fields.len()), ("email", "mask", 0));
    assert_eq!(views[1].fields, ["message", "user data", "attr.level"]);
    assert_eq!((views[1].pattern.as_str(), views[1].action), ("regex", "hash"));
    assert_eq!((views[2].pattern.as_str(), views[2].action), ("any", "drop"));
}

#[test]
fn long_hostile_texts_are_bounded() {
    let redaction = rules(&[
        "card",
        "email",
        "ipv4",
        "ipv6",
        "bearer",
        "jwt",
        "aws-key",
        "krrn",
        "phone",
        "q=/.*secret|x/ in message",
    ]);
    let pieces = [
        "4111 ",
        "9",
        "a@",
        "a@b.",
        "1.",
        "::",
        "a:",
        "bearer ",
        "eyJ",
        "eyJaaaaaaaa.",
        "\\u0040",
        "\\\\",
        "%40",
        "+1",
        "0171 ",
    ];
    for piece in pieces {
        let long = piece.repeat(limits::MESSAGE_BYTES / piece.len());
        let mut raw = raw(&long, &[]);
        redaction.raw(&mut raw, &mut Counts::default());
    }
    // After so many matches of an expression the rest is one match.
    let mut raw = raw(&"x ".repeat(5000), &[]);
    let mut counts = Counts::default();
    redaction.raw(&mut raw, &mut counts);
    assert_eq!(counts.sum(), 2001);
    assert!(raw.message.ends_with("[q] [q]") && !raw.message.contains('x'));
}

#[test]
fn audit_records_that_come_back_stay_as_they_are() {
    let redaction = rules(&["email"]);
    let record = |service: &str| {
        let raw = RawRecord {
            service: service.into(),
            ..raw("user bob@example.com logged in", &[("audit", Value::Bool(true))])
        };
        Normaliser::default().record(raw, NOW).unwrap()
    };
    let mut records = [record("logboom"), record("shop")];
    redaction.all(&mut records);
    assert_eq!(records.map(|record| record.message), ["user bob@example.com logged in", "user [email] logged in"]);
}
