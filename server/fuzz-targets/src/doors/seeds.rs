//! Messages that the doors read.

/// The inputs for the doors of the server, as in [`super::seeds`]. The first byte of a stream is also the length of its
/// pieces.
pub(super) fn of_doors() -> Vec<Vec<u8>> {
    let text: [(u8, &str); 24] = [
        (
            0,
            r#"{"message":"m","level":30,"time":1700000000000,"service":"shop","err":{"stack":"a\n at b"},"n":[1,null]}"#,
        ),
        (
            0,
            "[{\"msg\":\"a\",\"@timestamp\":\"2026-01-02T03:04:05Z\"},{\"message\":\"b\",\"trace_id\":\"0af76519-16cd-43dd-8448-eb211c80319c\"}]",
        ),
        (0, "{\"message\":\"a\"}\n{\"message\":\"b\",\"x\":1e400}\n"),
        (1, "plain\n{\"message\":\"a\"}\n\tat next\n"),
        (
            3,
            r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeLogs":[{"scope":{"name":"n"},"logRecords":[{"timeUnixNano":"1700000000000000001","severityNumber":17,"body":{"stringValue":"m"},"attributes":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":"1"},{"doubleValue":1.5},{"bytesValue":"aGk="}]}}},{"key":"b","value":{"kvlistValue":{"values":[{"key":"c","value":{"boolValue":true}}]}}}],"traceId":"0af7651916cd43dd8448eb211c80319c"},{"body":{"intValue":"x"}}]}]}]}"#,
        ),
        (
            4,
            "{\"index\":{\"_index\":\"shop\",\"_id\":\"1\"}}\n{\"message\":\"m\",\"@timestamp\":\"2026-01-02T03:04:05Z\"}\n{\"create\":{}}\n{\"log\":{\"level\":\"warn\"}}\n",
        ),
        (
            5,
            r#"{"streams":[{"stream":{"service":"shop"},"values":[["1700000000000000001","{\"msg\":\"m\"}",{"user":"ann"}],["1"]]}]}"#,
        ),
        (
            5,
            r#"{"streams":[{"labels":"{service=\"shop\", a=`b`}","entries":[{"ts":"2026-01-02T03:04:05Z","line":"m","structuredMetadata":[{"name":"a","value":"b"}]}]}]}"#,
        ),
        (
            7,
            r#"{"version":"1.1","host":"a1","short_message":"m","full_message":"m\nn","timestamp":1700000000.5,"level":3,"_user":"ann"}"#,
        ),
        (8, "<34>1 2026-01-02T03:04:05.123Z a1 shop 17 ID1 [x@1 a=\"b\\\"c\"][y b=\"\"] \u{feff}message"),
        (8, "<34>Jan  2 03:04:05 a1 shop[17]: message"),
        (8, "<189>123: a1: *Mar  1 18:46:11.123 UTC: %SYS-5-CONFIG_I: Configured from console"),
        (8, "<13>2026 Jan 2 03:04:05 CEST a1 CEF:0|v|p|1|2|name|3|src=10.0.0.1 msg=a b"),
        (
            9,
            "{\"uri\":\"/logs\",\"method\":\"POST\",\"key\":0,\"params\":\"{\\\"message\\\":\\\"m\\\"}\"}¶{\"message\":\"b\"}\n",
        ),
        (10, "<34>1 2026-01-02T03:04:05Z a1 shop - - - one\n<34>Jan 2 03:04:05 a1 shop: two\n"),
        (10, "40 <34>1 2026-01-02T03:04:05Z a1 s - - - one40 <34>1 2026-01-02T03:04:05Z a1 s - - - two"),
        (11, "{\"short_message\":\"a\",\"host\":\"b\"}\0{\"short_message\":\"c\"}\0"),
        (13, "2026-01-02T03:04:05.123456789+09:00"),
        (13, "Fri, 02 Jan 2026 03:04:05 GMT"),
        (13, "1700000000.5"),
        (13, "warning"),
        (14, "0AF7651916CD43DD8448EB211C80319C"),
        (14, "0af76519-16cd-43dd-8448-eb211c80319c"),
        (14, "CvdlGRbNQ92ESOshHIAxnA=="),
    ];
    let of = |(door, bytes): (u8, &[u8])| [&[door], bytes].concat();
    let mut seeds: Vec<Vec<u8>> = text.map(|(door, text)| of((door, text.as_bytes()))).into();
    let otlp = field(1, &[field(1, &attribute("service.name", "shop")), field(2, &field(2, &log_record()))].concat());
    let push = field(
        1,
        &[field(1, b"{service=\"shop\"}"), field(2, &[field(1, &[8, 5, 16, 7]), field(2, b"line")].concat())].concat(),
    );
    // Snappy's block format: how long it is, and all of it as one literal.
    let snappy = [&[push.len() as u8, (push.len() as u8 - 1) << 2], &push[..]].concat();
    // A chunk of GELF that is all of its message.
    let chunk = [&b"\x1e\x0f01234567\x00\x01"[..], b"{\"short_message\":\"m\"}"].concat();
    // Forward mode, and message mode with an `EventTime`; MessagePack.
    let forward =
        b"\x93\xa4shop\x92\x92\xce\x65\x53\xf1\x00\x81\xa3log\xa3one\x92\x01\x81\xa3log\xa3two\x81\xa5chunk\xa2c1";
    let message = b"\x93\xa4shop\xd7\x00\x65\x53\xf1\x00\x00\x00\x00\x05\x82\xa3log\xa3one\xa5level\xa4warn";
    // A time of one byte, and one of none.
    let short = b"\x93\xa4shop\xd4\x00\x05\x81\xa3log\xa3one\x93\xa4shop\xc7\x00\x00\x81\xa3log\xa3two";
    let binary: [(u8, &[u8]); 6] = [(2, &otlp), (6, &snappy), (7, &chunk), (12, forward), (12, message), (12, short)];
    seeds.extend(binary.map(of));
    seeds
}

/// A field of protobuf that has a length.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, content.len() as u8], content].concat()
}

fn attribute(key: &str, value: &str) -> Vec<u8> {
    field(1, &[field(1, key.as_bytes()), field(2, &field(1, value.as_bytes()))].concat())
}

/// A `LogRecord` with a time, a severity, a body and a trace id.
fn log_record() -> Vec<u8> {
    let time = [&[9], &1_700_000_000_000_000_001_u64.to_le_bytes()[..]].concat();
    [time, vec![16, 17], field(5, &field(1, b"message")), field(9, &[7; 16])].concat()
}
