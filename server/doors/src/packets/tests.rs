use proptest::prelude::*;

use super::*;
use crate::stream::feed;

fn messages(bytes: &str) -> (Vec<String>, usize) {
    let frame = feed(&mut Packets::default(), bytes.as_bytes(), &[]).unwrap();
    (frame.records.into_iter().map(|record| record.message).collect(), frame.refused)
}

#[test]
fn params_are_the_record_whether_text_or_object() {
    let packets = concat!(
        r#"{"uri":"/logs","method":"POST","key":3,"params":"{\"message\":\"안녕\",\"level\":\"warn\",\"userid\":7}"}¶"#,
        r#"{"uri":"/logs","method":"POST","key":0,"params":{"service":"goods","msg":"b","a":{"b":1}}}¶"#,
        r#"{"uri":"/members","method":"GET","key":1,"params":null}¶"#,
        r#"{"uri":"/logs","method":"POST","key":0,"params":"just text"}¶"#,
        r#"{"uri":"/logs","method":"POST","key":0,"params":[{"b":1, "a":1e5}]}¶"#,
    );
    let frame = feed(&mut Packets::default(), packets.as_bytes(), &[]).unwrap();
    let [first, second, third, fourth, fifth] = &frame.records[..] else { panic!("{frame:?}") };
    assert_eq!((first.message.as_str(), first.level.as_str()), ("안녕", "warn"));
    let text = |name: &str, value: &str| (Text::from(name), Value::Text(value.into()));
    let int = |name: &str, value| (Text::from(name), Value::Int(value));
    assert_eq!(first.attributes, [text("uri", "/logs"), text("method", "POST"), int("key", 3), int("userid", 7)]);
    assert_eq!((second.message.as_str(), second.service.as_str()), ("b", "goods"));
    assert!(second.attributes.contains(&int("a.b", 1)), "{second:?}");
    assert_eq!((third.message.as_str(), fourth.message.as_str()), ("GET /members", "just text"));
    assert_eq!(fifth.message, r#"[{"b":1, "a":1e5}]"#);
    assert_eq!(fourth.attributes, fifth.attributes);
}

#[test]
fn what_a_service_logs_of_each_request_is_the_message() {
    let log = |params: serde_json::Value| serde_json::json!({"uri":"/logs","method":"POST","key":0,"params":params});
    let served = |packet: &str| log(packet.into());
    for (packet, message, attributes) in [
        (
            served(r#"{"uri":"/goods","method":"GET","params":{"name":"tea","n":2},"key":7}"#),
            r#"GET /goods {"name":"tea","n":2}"#,
            &[("uri", "/goods"), ("method", "GET"), ("key", "7"), ("params.name", "tea"), ("params.n", "2")][..],
        ),
        (served(r#"{"uri":"/goods","method":"GET","params":{}}"#), "GET /goods", &[("uri", "/goods")]),
        (served(r#"{"uri":"/goods","method":"DELETE","params":"id=7"}"#), "DELETE /goods id=7", &[]),
        (
            served(r#"{"uri":"/members","method":"POST","params":{"message":"hi"}}"#),
            r#"POST /members {"message":"hi"}"#,
            &[("params.message", "hi")],
        ),
        (log(serde_json::json!({"uri":"/a","method":"GET","params":[1,2]})), "GET /a [1,2]", &[("method", "GET")]),
        (served(r#"{"message":"m","uri":"/a","method":"GET"}"#), "m", &[("uri", "/a")]),
        (
            served(r#"{"errorcode":1,"results":"none"}"#),
            r#"{"errorcode":1,"results":"none"}"#,
            &[("errorcode", "1"), ("uri", "/logs")],
        ),
        (
            serde_json::json!({"uri":"/goods","method":"GET","key":1,"params":{"name":"tea"}}),
            r#"GET /goods {"name":"tea"}"#,
            &[("name", "tea")],
        ),
        (serde_json::json!({"uri":"/goods","method":"GET","key":1,"params":"tea"}), "GET /goods tea", &[]),
    ] {
        let frame = feed(&mut Packets::default(), format!("{packet}¶").as_bytes(), &[]).unwrap();
        let [record] = &frame.records[..] else { panic!("{frame:?}") };
        assert_eq!(record.message, message, "{packet}");
        for (name, value) in attributes {
            let found = record.attributes.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.to_string());
            assert_eq!(found.as_deref(), Some(*value), "{name} of {packet}");
        }
    }
}

#[test]
fn records_have_their_client_and_if_wanted_their_packet() {
    let client: SocketAddr = "[::ffff:10.0.0.7]:40123".parse().unwrap();
    let packet = "{\"message\":\"¶\\n\",\n\t\"client\":{\"address\":\"forged\",\"id\":7}}";
    for (keep, kept) in [(false, None), (true, Some(packet.replace(['\n', '\t'], " ")))] {
        for (line_break, end) in [("\r", "¶"), ("\n", "¶"), ("\n", "\r\n"), ("\n", "")] {
            let bytes = format!(" {}{end}", packet.replace('\n', line_break));
            let frame = feed(&mut Packets::of_client(client, keep), bytes.as_bytes(), &[]).unwrap();
            let [record] = &frame.records[..] else { panic!("{frame:?}") };
            let text = |name| {
                let mut found = record.attributes.iter().rev().filter(|(key, _)| key == name);
                found.next().map(|(_, value)| value.to_string())
            };
            assert_eq!(record.message, "¶\n");
            assert_eq!(text("client.address").as_deref(), Some("10.0.0.7"));
            assert_eq!((text("client.port").as_deref(), text("client.id").as_deref()), (Some("40123"), Some("7")));
            assert_eq!(text("client.packet"), kept);
        }
    }
}

#[test]
fn an_empty_packet_stays_empty() {
    let client: SocketAddr = "10.0.0.7:1".parse().unwrap();
    let frame = feed(&mut Packets::of_client(client, true), b"{}\n{\"a\":1}\n", &[]).unwrap();
    let attributes: Vec<_> = frame.records.iter().map(|record| record.attributes.len()).collect();
    assert_eq!(attributes, [0, 4]);
}

#[test]
fn the_client_and_a_packet_never_make_a_record_too_large() {
    let client: SocketAddr = "10.0.0.7:1".parse().unwrap();
    let fields = (0..limits::ATTRIBUTES).map(|n| (format!("a{n}"), n.into())).collect::<serde_json::Map<_, _>>();
    let long = serde_json::json!({ "message": "x".repeat(limits::VALUE_BYTES) });
    for (packet, attributes) in [(serde_json::Value::from(fields), limits::ATTRIBUTES), (long, 2)] {
        let frame = feed(&mut Packets::of_client(client, true), packet.to_string().as_bytes(), &[]).unwrap();
        assert_eq!(frame.records[0].attributes.len(), attributes);
    }
}

#[test]
fn both_ends_are_known_also_within_texts() {
    assert_eq!(
        messages("{\"msg\":\"a\"}\n{\"msg\":\"b\"}¶{\"msg\":\"c\"}"),
        (vec!["a".into(), "b".into(), "c".into()], 0)
    );
    assert_eq!(messages("{\"msg\":\"¶ 5, ¶ 6\"}¶{\"msg\":\"b ¶\"}\n"), (vec!["¶ 5, ¶ 6".into(), "b ¶".into()], 0));
    assert_eq!(messages("\n\n ¶{\"msg\":\"a\"}¶\r\n"), (vec!["a".into()], 0));
}

#[test]
fn what_is_broken_costs_itself_alone() {
    assert_eq!(messages("{\"msg\":\"open¶{\"msg\":\"b\"}¶"), (vec!["b".into()], 1));
    assert_eq!(messages("{\"msg\":\"open\n{\"msg\":\"b\"}\n"), (vec!["b".into()], 1));
    assert_eq!(messages("nonsense¶7\n{\"msg\":\"b\"}¶[]¶"), (vec!["b".into()], 3));
    let endless = "x".repeat(MESSAGE_BYTES + 1);
    assert!(feed(&mut Packets::default(), endless.as_bytes(), &[]).unwrap_err().contains("longer"));
}

#[test]
fn packets_may_have_several_lines() {
    let indented = "{\n  \"msg\": \"a\",\n  \"n\": {\n    \"b\": [1,\n 2]\n  }\n}";
    let crlf = indented.replace('\n', "\r\n");
    for (bytes, expected, refused) in [
        (format!("{indented}¶"), &["a"][..], 0),
        (format!("{crlf}\r\n¶\r\n"), &["a"], 0),
        (format!("{indented}\n{crlf}\r\n"), &["a", "a"], 0),
        (format!("{indented}\n¶{indented}"), &["a", "a"], 0),
        (format!("{{\"msg\":\"b\"}}¶{indented}¶"), &["b", "a"], 0),
        (format!("{{\"msg\":\"b\"}}\n{indented}¶{{\"msg\":\"c\"}}\n"), &["b", "a", "c"], 0),
        (format!("plain text\n{indented}¶{{ more text }}\n7\n¶{indented}¶"), &["a", "a"], 2),
        ("{\n\"msg\":\"¶ 5, ¶\"\n}¶{\n\"msg\":\n\"¶\"}¶".to_owned(), &["¶ 5, ¶", "¶"], 0),
        // A line that is cut off costs no other line.
        ("{\"msg\":\n{\"msg\":\"b\"}\n{\"msg\":\"c\"}\n".to_owned(), &["b", "c"], 1),
        ("{\"msg\":\n{\"msg\":\"b\"}\n".to_owned(), &["b"], 1),
        ("{\"msg\":\n{\"msg\":\"b\"}".to_owned(), &["b"], 1),
        ("{plain\n{\"msg\":\"b\"}\n".to_owned(), &["b"], 1),
        // A broken packet among packets that end with `¶` is one, and none of its lines is a record.
        (format!("{indented}¶{{\n\"x\": plain,\n\"y\":\n{{\"msg\":\"z\"}}\n}}¶{indented}¶"), &["a", "a"], 1),
        (format!("{indented}¶{{\"msg\":\"open¶{indented}¶"), &["a", "a"], 1),
        (format!("{indented}¶{{\n\"x\":\n{{\"msg\":\"z\"}}\n"), &["a"], 1),
        (format!("{indented}¶{{\"msg\":\"open¶{{\"msg\":\"b\"}}"), &["a", "b"], 1),
    ] {
        for pieces in [vec![], vec![1; bytes.len()], vec![3; bytes.len()]] {
            let frame = feed(&mut Packets::default(), bytes.as_bytes(), &pieces).unwrap();
            let messages: Vec<_> = frame.records.iter().map(|record| record.message.as_str()).collect();
            assert_eq!((&messages[..], frame.refused), (expected, refused), "{bytes}");
        }
    }
}

#[test]
fn a_text_may_have_many_pilcrows() {
    let text = "¶ ".repeat(40);
    assert_eq!(messages(&format!("{{\"msg\":\"{text}.\"}}¶")), (vec![format!("{text}.")], 0));
}

#[test]
fn lines_that_stay_open_are_refused_one_by_one_and_bounded() {
    assert_eq!(messages(&"{\"a\":\n".repeat(50_000)), (vec![], 50_000));
    let open = format!("{{\"a\":[\n{}", "1,\n".repeat(MESSAGE_BYTES / 3));
    assert!(feed(&mut Packets::default(), open.as_bytes(), &[]).unwrap_err().contains("longer"));
}

proptest! {
    /// The bytes may be cut anywhere, also within a character.
    #[test]
    fn pieces_do_not_matter(messages in prop::collection::vec("[a-z¶한\\\\\"]{0,12}", 1..6), pilcrow in any::<bool>(), indented in any::<bool>(), pieces in prop::collection::vec(1usize..9, 0..40)) {
        let end = if pilcrow { "¶" } else { "\n" };
        let packet = |message: &String| {
            let packet = serde_json::json!({"message": message, "n": [1, {"m": 2}]});
            if indented { format!("{packet:#}{end}") } else { format!("{packet}{end}") }
        };
        let stream: String = messages.iter().map(packet).collect();
        let frame = feed(&mut Packets::default(), stream.as_bytes(), &pieces).unwrap();
        let read: Vec<_> = frame.records.into_iter().map(|record| record.message).collect();
        prop_assert_eq!(read, messages);
    }

    #[test]
    fn any_bytes_come_to_an_end(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(0xc2), Just(0xb6), Just(b'"'), Just(b'{')], 0..300), pieces in prop::collection::vec(1usize..9, 0..40)) {
        let _ = feed(&mut Packets::default(), &bytes, &pieces);
    }
}
