//! Examples of the reader, and comparison with serde_json.

use proptest::prelude::*;

use super::*;

/// The value according to serde_json.
fn tree(reader: &mut Reader<'_>) -> Read<serde_json::Value> {
    Ok(match reader.token()? {
        Token::Null => serde_json::Value::Null,
        Token::Bool(value) => value.into(),
        Token::Number(text) => serde_json::from_str(text).map_err(|_| Refusal::Syntax)?,
        Token::Text(text) => text.into_owned().into(),
        Token::List => {
            let mut list = Vec::new();
            reader.elements(|reader, _| {
                list.push(tree(reader)?);
                Ok(())
            })?;
            list.into()
        }
        Token::Object => {
            let mut object = serde_json::Map::new();
            reader.fields(|reader, name| {
                object.insert(name.into_owned(), tree(reader)?);
                Ok(())
            })?;
            object.into()
        }
    })
}

fn whole(text: &str) -> Option<serde_json::Value> {
    let mut reader = Reader::new(text);
    tree(&mut reader).and_then(|value| reader.end().map(|()| value)).ok()
}

#[test]
fn what_is_no_json_is_refused() {
    for text in [
        "",
        "{",
        "[1",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "-",
        "nul",
        "tru",
        "\"",
        "\"\\\"",
        "\"\\u12\"",
        "1 2",
        "[1}",
        "]",
        "NaNs",
        "é",
    ] {
        assert_eq!(whole(text), None, "{text}");
    }
}

#[test]
fn numbers_keep_their_digits_and_halves_of_letters_are_replaced() {
    for (text, token) in [
        ("123456789012345678901234567890", Token::Number("123456789012345678901234567890")),
        (" 1e999 ", Token::Number("1e999")),
        ("-Infinity", Token::Number("-Infinity")),
        ("NaN", Token::Number("NaN")),
        (r#""cut \ud83d""#, Token::Text("cut \u{fffd}".into())),
        (r#""a\"b\\""#, Token::Text("a\"b\\".into())),
    ] {
        assert_eq!(Reader::new(text).token().unwrap(), token, "{text}");
    }
}

#[test]
fn a_value_with_a_fault_is_passed_by() {
    let mut reader = Reader::new(r#"[{"a":[1,{"b":"]"}]},2]"#);
    let mut read = Vec::new();
    assert_eq!(reader.token().unwrap(), Token::List);
    reader
        .elements(|reader, _| {
            let number = |reader: &mut Reader<'_>| match reader.token()? {
                Token::Number(text) => Ok(text.to_owned()),
                other => Err(other.unexpected("a number")),
            };
            read.push(reader.or_fault(number)?);
            Ok(())
        })
        .unwrap();
    let fault = Fault(": an object where a number is expected".to_owned());
    assert_eq!(read, [Err(fault), Ok("2".to_owned())]);
}

proptest! {
    #[test]
    fn it_reads_what_serde_json_reads(
        text in prop_oneof![
            r#"[\[\]{}:,"\\a0-9eE+\-. \n]{0,24}"#,
            any::<i64>().prop_map(|seed| {
                serde_json::json!({ "a": [seed, null, true, { "b\"\n": format!("{seed}\\é") }], "": 1.5 }).to_string()
            }),
        ],
        damage in prop::option::weighted(0.5, (any::<prop::sample::Index>(), any::<char>())),
    ) {
        let mut letters: Vec<char> = text.chars().collect();
        if let (Some((place, letter)), false) = (damage, letters.is_empty()) {
            let place = place.index(letters.len());
            letters[place] = letter;
        }
        let text: String = letters.into_iter().collect();
        // Only serde_json refuses control characters within texts.
        if let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) {
            prop_assert_eq!(whole(&text), Some(value), "{}", text);
        } else if !text.bytes().any(|byte| byte < b' ') && !text.contains(['e', 'E']) {
            prop_assert_eq!(whole(&text), None, "{}", text);
        }
        // Skipping a value covers the same text as reading it.
        let mut reader = Reader::new(&text);
        let skipped = reader.skip().ok().filter(|_| reader.end().is_ok()).map(str::len);
        if whole(&text).is_some() {
            prop_assert_eq!(skipped, Some(text.trim_ascii().len()), "{}", text);
        } else if !text.contains(['\\', 'e', 'E']) {
            prop_assert_eq!(skipped, None, "{}", text);
        }
    }
}
