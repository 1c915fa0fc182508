//! Examples of the language: parsing, canonical form and errors.

use super::*;

/// Pairs of written and canonical form.
#[test]
fn a_query_is_read_and_printed_in_its_canonical_form() {
    for (written, canonical) in [
        // Everything.
        ("", "*"),
        ("  ", "*"),
        ("*", "*"),
        ("**", "*"),
        ("\"\"", "*"),
        ("a *", "a"),
        ("a OR *", "*"),
        ("-*", "-*"),
        ("a -*", "-*"),
        // Words and phrases.
        ("timeout", "timeout"),
        ("time* *out *e*", "time out e"),
        ("\"connection reset\"", "\"connection reset\""),
        ("\"timeout\"", "timeout"),
        ("\"OR\" \"NOT\"", "\"OR\" \"NOT\""),
        ("and or not", "and or not"),
        (r#""say \"hi\" \\ C:\dir""#, r#""say \"hi\" \\ C:\\dir""#),
        (r"a\b", r#""a\\b""#),
        ("http://x/y", "\"http://x/y\""),
        ("12:30:01", "\"12:30:01\""),
        ("[::1]:80", "\"[::1]:80\""),
        ("<html>", "\"<html>\""),
        ("f(x) g()", "\"f(x)\" \"g()\""),
        ("{\"a\":1}", r#""{\"a\":1}""#),
        // Pasted from a log.
        ("status=500", "status:500 OR \"status=500\""),
        ("-level=error", "-(level:error OR \"level=error\")"),
        ("user==\"a b\" x", "(user:\"a b\" OR \"user==\\\"a b\\\"\") x"),
        ("a= YWI== a=>b x=", "\"a=\" \"YWI==\" \"a=>b\" \"x=\""),
        ("error: refused", "\"error:\" refused"),
        ("main.go:60", "\"main.go\":60 OR \"main.go:60\""),
        ("\"main.go\":60", "\"main.go\":60"),
        ("localhost:8080,", "\"localhost\":8080 OR \"localhost:8080,\""),
        ("fd12::1 aa:bb:cc:dd:ee:ff", "\"fd12::1\" \"aa:bb:cc:dd:ee:ff\""),
        ("\"fd12\":\":1\"", "\"fd12\":\":1\""),
        (r"C:\Users\a.txt", r#""C:\\Users\\a.txt""#),
        // From other tools.
        ("a && b || !c", "a b OR -c"),
        ("!level:error !\"a b\" !(a b)", "-level:error -\"a b\" -(a b)"),
        ("\"!a\" != !!", "\"!a\" \"!=\" \"!!\""),
        ("_exists_:user", "user:*"),
        ("\"_exists_\":user", "\"_exists_\":user"),
        ("status:[500 TO 599]", "status>=500 status<=599"),
        ("-status:{500 TO 599}", "-(status>500 status<599)"),
        ("status:[500 TO *] x:[* TO *]", "status>=500 x:*"),
        ("level:[warn TO fatal]", "level>=warn level<=fatal"),
        ("status:[500 x", "status:\"[500\" x"),
        ("level:(error OR warn)", "level:warn,error"),
        ("f:(a \"b c\" || d)", "f:a,\"b c\",d"),
        ("/api/users", "/api/users"),
        ("주문 실패", "주문 실패"),
        // Negation.
        ("-health", "-health"),
        ("NOT health", "-health"),
        ("NOT NOT a", "a"),
        ("-(a)", "-a"),
        ("a-b", "a-b"),
        ("--flag ->", "\"--flag\" \"->\""),
        ("- a", "\"-\" a"),
        ("-\"a b\"", "-\"a b\""),
        ("-level:error", "-level:error"),
        // Precedence.
        ("a b OR c d", "a b OR c d"),
        ("a AND b OR c AND d", "a b OR c d"),
        ("(a OR b) c", "(a OR b) c"),
        ("((a OR (b)) OR c)", "a OR b OR c"),
        ("NOT a b", "-a b"),
        ("NOT (a b) c", "-(a b) c"),
        ("NOT(a OR b)", "-(a OR b)"),
        ("a AND(b OR c)", "a (b OR c)"),
        ("a AND NOT b", "a -b"),
        // Fields.
        ("service:api", "service:api"),
        ("service:api,web", "service:api,web"),
        ("service:\"api\",\"my web\"", "service:api,\"my web\""),
        ("service:\"\"", "service:\"\""),
        ("service:\"a,b\"", "service:\"a,b\""),
        ("path:/api/x:y", "path:/api/x:y"),
        ("path:/api/*", "path:/api/*"),
        ("path:/api", "path:\"/api\""),
        ("path:\"/api/\"", "path:\"/api/\""),
        ("path:C:\\Users", "path:\"C:\\\\Users\""),
        ("url:https://x/y", "url:https://x/y"),
        ("at:12:30:01", "at:12:30:01"),
        ("k8s.io/pod-name:a", "k8s.io/pod-name:a"),
        ("@version:1", "@version:1"),
        ("\"my key\":1", "\"my key\":1"),
        ("\"service\":api", "service:api"),
        ("attr.user:1 attr.level:1", "user:1 attr.level:1"),
        ("std::io::Error fe80::1", "\"std::io::Error\" \"fe80::1\""),
        ("url:\"//x\" url:\":x\"", "url:\"//x\" url:\":x\""),
        ("f:g(x)", "f:\"g(x)\""),
        ("(f:a)", "f:a"),
        ("user_id:*", "user_id:*"),
        ("user_id:a*", "user_id:a*"),
        ("user_id:\"a b\"*", "user_id:\"a b\"*"),
        ("user_id:\"a*\"", "user_id:\"a*\""),
        // Ids in every form that they are sent in, and what cannot be one.
        ("trace_id:0AF7651916CD43DD8448EB211C80319C", "trace_id:0af7651916cd43dd8448eb211c80319c"),
        ("trace_id:0af76519-16cd-43dd-8448-eb211c80319c", "trace_id:0af7651916cd43dd8448eb211c80319c"),
        ("trace_id:CvdlGRbNQ92ESOshHIAxnA==", "trace_id:0af7651916cd43dd8448eb211c80319c"),
        ("trace_id:8448eb211c80319c", "trace_id:00000000000000008448eb211c80319c"),
        (
            "trace_id:CvdlGRbNQ92ESOshHIAxnA",
            "trace_id:0af7651916cd43dd8448eb211c80319c OR trace_id.original:CvdlGRbNQ92ESOshHIAxnA",
        ),
        ("span_id:7uGbfsPBsXQ=,Req-17", "span_id:eee19b7ec3c1b174 OR span_id.original:Req-17"),
        ("-trace_id:Req-17", "-trace_id.original:Req-17"),
        ("trace_id:0AF76519-16*", "trace_id:0af7651916*"),
        ("trace_id:Req-*", "trace_id.original:Req-*"),
        ("span_id:/^ee/", "span_id:/^ee/"),
        ("id:0190A1B2C3D470008000000000000001", "id:0190a1b2-c3d4-7000-8000-000000000001"),
        // Messages.
        ("message:foo", "foo"),
        ("message:\"a b\"", "\"a b\""),
        ("message:a,b c", "(a OR b) c"),
        ("message:foo*", "message:foo*"),
        ("message:*foo*", "foo"),
        ("message:*", "message:*"),
        // Regular expressions.
        ("message:/re(gex)?/", "message:/re(gex)?/"),
        ("message:/a (b|c)/ d", "message:/a (b|c)/ d"),
        ("(message:/a/)", "message:/a/"),
        (r"path:/^\/api\/\d+$/", r"path:/^\/api\/\d+$/"),
        // Comparisons.
        ("status>=500", "status>=500"),
        ("status:>=500", "status>=500"),
        ("status:<5", "status<5"),
        ("a>-1.5e3", "a>-1500"),
        ("a<1e300", "a<1e300"),
        ("a<\"5\"", "a<5"),
        // Levels.
        ("level:error", "level:error"),
        ("level:ERROR", "level:error"),
        ("level:warning,err", "level:warn,error"),
        ("level:notice,http,error", "level:error,notice,http"),
        ("level:err*", "level:err*"),
        ("level:\"error\"", "level:error"),
        ("level>=warn", "level>=warn"),
        ("level:<ERR", "level<error"),
    ] {
        let query = Query::parse(written).unwrap_or_else(|error| panic!("{written}: {error}"));
        assert_eq!(query.to_string(), canonical, "{written}");
        assert_eq!(Query::parse(canonical), Ok(query), "{written}");
    }
}

#[test]
fn an_error_says_where_and_what_to_write() {
    for (written, error) in [
        ("a (b", "a parenthesis is not closed at character 2; put a ) at the end of the group"),
        ("a) b", "a closing parenthesis has no opening one at character 1; remove it, or put the text in quotes"),
        ("()", "an expression is missing before the parenthesis at character 1; add an expression, or remove it"),
        ("é \"b", "a quote is not closed at character 2; put a \" at the end of the phrase"),
        (
            "OR a",
            "an operator has no left operand at character 0; put \"AND\" or \"OR\" in quotes to look for the word",
        ),
        ("a OR", "the query is incomplete at character 4; add an expression, or remove the last operator"),
        ("NOT", "the query is incomplete at character 3; add an expression, or remove the last operator"),
        (
            "level: x",
            "a value is missing at character 5; write the value right after the operator, or put the text in quotes",
        ),
        (
            "status>=",
            "a value is missing at character 6; write the value right after the operator, or put the text in quotes",
        ),
        ("a:b,", "a value is missing at character 4; write \"\" for the empty value"),
        (
            "a:(b AND c)",
            "a value's parentheses may hold only plain values joined by OR at character 2; write field:a,b for any of several values, or put the value in quotes",
        ),
        (
            "a:b*c",
            "* is allowed only at the end of a value at character 2; write a regular expression as in field:/a.*b/, or put the value in quotes",
        ),
        ("a:*b*", "* is allowed only at the end of a value at character 2; write a regular expression as in a:/text/"),
        (
            "a:b*,c",
            "* is allowed only at the end of a single value at character 2; join several tests with OR, or put the value in quotes",
        ),
        (
            "a:\"b\"*c",
            "* is allowed only at the end of a single value at character 2; join several tests with OR, or put the value in quotes",
        ),
        (
            "a:b,c*",
            "* is allowed only at the end of a single value at character 2; join several tests with OR, or put the value in quotes",
        ),
        ("a:\"b\"c", "text after a closing quote at character 5; add a blank between them, or \\\" for a quote inside"),
        (
            "dur>500ms",
            "\"500ms\" is not a number at character 4; write a number without a unit after >, or put the text in quotes",
        ),
        ("level>=loud", "\"loud\" is not a level at character 7; write trace, debug, info, warn, error or fatal"),
        ("attr.:x", "the field has no name at character 6; write it before the colon, as in service:api"),
    ] {
        assert_eq!(Query::parse(written).unwrap_err().to_string(), error, "{written}");
        let (query, reason) = Query::parse_or_text(written);
        assert_eq!(query.expr, Expr::Contains(written.to_owned()));
        assert_eq!(reason.unwrap().to_string(), error);
    }
}

#[cfg(feature = "regex")]
#[test]
fn a_regular_expression_that_does_not_compile_is_an_error() {
    let error = Query::parse("message:/a(/").unwrap_err();
    assert_eq!(error.position, 8);
    assert_eq!(error.message, "the regular expression is not valid (unclosed group)");
}

#[test]
fn length_and_depth_are_bounded() {
    use crate::limits::{QUERY_BYTES, QUERY_DEPTH};
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Query::parse(&nested(QUERY_DEPTH)).is_ok());
    let error = Query::parse(&nested(QUERY_DEPTH + 1)).unwrap_err();
    assert!(error.message.contains("deeper than 64"), "{error}");
    assert!(Query::parse(&"NOT ".repeat(1000)).is_err());

    let deepest = format!("{}message:a,b", "-(c ".repeat(QUERY_DEPTH / 2));
    assert!(Query::parse(&format!("{deepest}{}", ")".repeat(QUERY_DEPTH / 2))).is_err());

    assert!(Query::parse(&"a".repeat(QUERY_BYTES)).is_ok());
    let long = "é".repeat(QUERY_BYTES);
    let error = Query::parse(&long).unwrap_err();
    assert_eq!(error.message, "the query has 8192 bytes; the limit is 4096");
    assert_eq!(error.position, QUERY_BYTES / 2);
    assert_eq!(Query::parse_or_text(&long).0, Query::contains(&long[..QUERY_BYTES]));
}

#[test]
fn a_search_box_is_told_what_each_part_is() {
    for (text, parts) in [
        (
            "-health level:error,warn (status>=500 OR \"a b\")",
            "negation[-] text[health] field[level] operator[:] value[error,warn] paren[(] field[status] operator[>=] value[500] operator[OR] text[\"a b\"] paren[)]",
        ),
        ("NOT é AND b", "negation[NOT] text[é] operator[AND] text[b]"),
        ("a \"b c", "text[a] error[\"b c]"),
        ("level:", "field[level] error[:]"),
        ("level:a, b", "field[level] operator[:] error[a, b]"),
        ("level>=loud b", "field[level] operator[>=] error[loud] text[b]"),
        ("a (b OR c", "text[a] error[(] text[b] operator[OR] text[c]"),
        ("a ) b", "text[a] error[)] text[b]"),
        ("a OR", "text[a] operator[OR]"),
        ("x:\"a\"b c", "field[x] operator[:] error[\"a\"b c]"),
        ("", ""),
    ] {
        let spans = highlight(text);
        let told: Vec<_> = spans.iter().map(|span| format!("{}[{}]", span.kind.name(), &text[span.range()])).collect();
        assert_eq!(told.join(" "), parts, "{text}");
    }
}
