//! Attributes as a flat JSON object that preserves their types.
//!
//! PostgreSQL stores a number in `jsonb` as a decimal with its scale, which distinguishes `1` and `1.0`: a float always
//! has a decimal point, an integer never has one. Negative zero, which decimals lack, is written as `0.00`, which is
//! used for nothing else.

use model::{Text, Value};

/// The object cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("attributes are not a flat object of texts, numbers and booleans")]
pub(crate) struct NotFlat;

/// Appends the attributes as a JSON object.
pub(crate) fn encode(attributes: &[(Text, Value)], out: &mut Vec<u8>) {
    out.push(b'{');
    for (place, (key, value)) in attributes.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        quote(key, out);
        out.push(b':');
        match value {
            Value::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Value::Int(value) => out.extend_from_slice(value.to_string().as_bytes()),
            Value::Float(value) => out.extend_from_slice(float(*value).as_bytes()),
            Value::Text(value) => quote(value, out),
        }
    }
    out.push(b'}');
}

/// A float as a JSON number with a decimal point; a non-finite one as a JSON text.
fn float(value: f64) -> String {
    if !value.is_finite() {
        return format!("\"{value}\"");
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "0.00".to_owned() } else { "0.0".to_owned() };
    }
    // `Display` writes the shortest digits that parse to the same value, without exponent.
    let mut text = value.to_string();
    if !text.contains('.') {
        text.push_str(".0");
    }
    text
}

/// Appends a JSON string.
fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Parses PostgreSQL's output of an object from [`encode`]; sorted by key.
pub(crate) fn decode(json: &str) -> Result<Vec<(Text, Value)>, NotFlat> {
    let mut rest = json.trim().strip_prefix('{').and_then(|json| json.strip_suffix('}')).ok_or(NotFlat)?.trim_start();
    let mut attributes = Vec::new();
    while !rest.is_empty() {
        let (key, after) = text(rest)?;
        let (value, after) = value(after.trim_start().strip_prefix(':').ok_or(NotFlat)?.trim_start())?;
        attributes.push((key, value));
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if after.is_empty() => after,
            None => return Err(NotFlat),
        };
    }
    // PostgreSQL sorts keys by length first.
    attributes.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    Ok(attributes)
}

/// Parses a string at the start; returns the rest.
fn text(json: &str) -> Result<(Text, &str), NotFlat> {
    let inside = json.strip_prefix('"').ok_or(NotFlat)?;
    let mut escaped = false;
    let end = inside.bytes().position(|byte| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        byte => byte == b'"',
    });
    let end = end.ok_or(NotFlat)?;
    let (raw, after) = (&inside[..end], &inside[end + 1..]);
    if raw.contains('\\') {
        let quoted = &json[..end + 2];
        return serde_json::from_str::<String>(quoted).map(|text| (text.into(), after)).map_err(|_| NotFlat);
    }
    Ok((raw.into(), after))
}

/// Parses a value at the start; returns the rest.
fn value(json: &str) -> Result<(Value, &str), NotFlat> {
    if json.starts_with('"') {
        return text(json).map(|(text, after)| (Value::Text(text), after));
    }
    let end = json.find([',', ' ']).unwrap_or(json.len());
    let (word, after) = json.split_at(end);
    let value = match word {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "0.00" => Value::Float(-0.0),
        number if number.contains('.') => Value::Float(number.parse().map_err(|_| NotFlat)?),
        number => Value::Int(number.parse().map_err(|_| NotFlat)?),
    };
    Ok((value, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes() -> Vec<(Text, Value)> {
        let floats = [0.0, -0.0, 1.0, -1.5, 0.1, 1e300, -1e21, 5e-324, f64::MAX, f64::MIN_POSITIVE, 1e15];
        let integers = [0, 1, -1, i64::MAX, i64::MIN, 9_007_199_254_740_993];
        let texts = ["", "1", "1.0", "true", "null", "a\"b\\c", "\u{1}\n\t", "{\"x\": 1}", "naïve 한국어 🦀", ", "];
        let mut all: Vec<(Text, Value)> = Vec::new();
        all.extend(floats.iter().enumerate().map(|(n, value)| (format!("float.{n}").into(), Value::Float(*value))));
        all.extend(integers.iter().enumerate().map(|(n, value)| (format!("int {n}").into(), Value::Int(*value))));
        all.extend(texts.iter().enumerate().map(|(n, text)| (format!("\"{n}\\").into(), Value::Text((*text).into()))));
        all.extend([("".into(), Value::Bool(true)), ("false".into(), Value::Bool(false))]);
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    #[test]
    fn every_value_comes_back_with_its_type_and_sign() {
        let mut json = Vec::new();
        encode(&attributes(), &mut json);
        let back = decode(std::str::from_utf8(&json).unwrap()).unwrap();
        assert_eq!(format!("{back:?}"), format!("{:?}", attributes()));
        assert_eq!(decode("{}"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_not_flat_is_refused() {
        for json in ["", "[]", "{", "{\"a\"}", "{\"a\": null}", "{\"a\": [1]}", "{\"a\": {}}", "{\"a\": 1 2}", "{\"a"] {
            assert_eq!(decode(json), Err(NotFlat), "{json}");
        }
    }
}
