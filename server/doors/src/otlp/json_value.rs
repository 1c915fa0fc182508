//! The value types of OTLP/JSON: texts, numbers, bytes, and the union `AnyValue`.

use std::borrow::Cow;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use model::{limits, trace};
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value};
use pipeline::normalise::RawId;

use crate::json_reader::{Read, Reader, Refusal, Token};

/// ProtoJSON accepts Base64 with and without padding, in both alphabets.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Reads a text into a field.
pub(super) fn text(reader: &mut Reader<'_>, name: &str, field: &mut String) -> Read<()> {
    match reader.token()? {
        Token::Null => field.clear(),
        Token::Text(text) => *field = text.into_owned(),
        other => return Err(other.unexpected("a text").at(name)),
    }
    Ok(())
}

/// Reads attributes and appends them to the field.
pub(super) fn attributes(reader: &mut Reader<'_>, field: &mut Vec<KeyValue>) -> Read<()> {
    key_values(reader, field, 0).map_err(|fault| fault.at("attributes"))
}

fn key_values(reader: &mut Reader<'_>, field: &mut Vec<KeyValue>, depth: usize) -> Read<()> {
    reader.list(|reader, place| {
        let mut read = KeyValue::default();
        let is_there = reader.object(|reader, name| match &*name {
            "key" => text(reader, "key", &mut read.key),
            "value" => {
                read.value = any_value(reader, depth).map_err(|fault| fault.at("value"))?;
                Ok(())
            }
            _ => reader.skip().map(drop),
        });
        if is_there.map_err(|fault| fault.at(format_args!("[{place}]")))? {
            field.push(read);
        }
        Ok(())
    })
}

/// Reads a value; `None` for `null`. A value of unknown type is kept as its JSON text.
pub(super) fn any_value(reader: &mut Reader<'_>, depth: usize) -> Read<Option<AnyValue>> {
    if depth > limits::DEPTH {
        return Err(Refusal::fault(format!(": nested deeper than {} values; flatten it", limits::DEPTH)));
    }
    let before = *reader;
    let mut value = None;
    let mut is_unknown = false;
    match reader.token()? {
        Token::Null => return Ok(None),
        Token::Object => {}
        other => return Err(other.unexpected("an object such as {\"stringValue\":\"…\"}")),
    }
    reader.fields(|reader, name| {
        let read = member(reader, &name, depth, &mut is_unknown).map_err(|fault| fault.at(&name))?;
        if read.is_some() && value.is_some() {
            return Err(Refusal::fault(format!(": it has another value besides {name}; remove one of them")));
        }
        value = value.take().or(read);
        Ok(())
    })?;
    if value.is_none() && is_unknown {
        value = Some(Value::StringValue(reader.text_since(before).to_owned()));
    }
    Ok(Some(AnyValue { value }))
}

/// Reads the value of a field of `AnyValue`; `None` if it is absent or the field is unknown.
fn member(reader: &mut Reader<'_>, name: &str, depth: usize, is_unknown: &mut bool) -> Read<Option<Value>> {
    Ok(match name {
        "stringValue" | "string_value" => match reader.token()? {
            Token::Null => None,
            Token::Text(text) => Some(Value::StringValue(text.into_owned())),
            other => return Err(other.unexpected("a text")),
        },
        "boolValue" | "bool_value" => match reader.token()? {
            Token::Null => None,
            Token::Bool(value) => Some(Value::BoolValue(value)),
            other => return Err(other.unexpected("a boolean")),
        },
        "intValue" | "int_value" => reader.scalar("a whole number")?.map(int).transpose()?,
        "doubleValue" | "double_value" => reader.scalar("a number")?.map(double).transpose()?,
        "bytesValue" | "bytes_value" => match reader.token()? {
            Token::Null => None,
            Token::Text(text) => {
                let no_base64 = || Refusal::fault(": the text is not Base64");
                Some(Value::BytesValue(bytes(&text).ok_or_else(no_base64)?))
            }
            other => return Err(other.unexpected("a text in Base64")),
        },
        "arrayValue" | "array_value" => {
            let mut values = Vec::new();
            let is_there = values_of(reader, is_unknown, |reader| {
                reader.list(|reader, place| {
                    let place = |fault: Refusal| fault.at(format_args!("[{place}]"));
                    values.push(any_value(reader, depth + 1).map_err(place)?.unwrap_or_default());
                    Ok(())
                })
            })?;
            is_there.then_some(Value::ArrayValue(ArrayValue { values }))
        }
        "kvlistValue" | "kvlist_value" => {
            let mut values = Vec::new();
            let is_there = values_of(reader, is_unknown, |reader| key_values(reader, &mut values, depth + 1))?;
            is_there.then_some(Value::KvlistValue(KeyValueList { values }))
        }
        _ => {
            *is_unknown |= reader.skip()? != "null";
            None
        }
    })
}

/// Reads `{"values":[…]}`. Returns `false` if it is absent or has only unknown fields.
fn values_of<'a>(
    reader: &mut Reader<'a>,
    is_unknown: &mut bool,
    mut read: impl FnMut(&mut Reader<'a>) -> Read<()>,
) -> Read<bool> {
    let (mut has, mut other) = (false, false);
    let is_there = reader.object(|reader, name| {
        if name == "values" {
            has = true;
            return read(reader).map_err(|fault| fault.at("values"));
        }
        other = true;
        reader.skip().map(drop)
    })?;
    *is_unknown |= other && !has;
    Ok(is_there && (has || !other))
}

/// Whole numbers beyond 64 bits become texts, to keep their digits.
fn int(text: Cow<'_, str>) -> Read<Value> {
    let is_long = || text.len() > 19 && text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
    Ok(match integer(&text) {
        Some(number) => i64::try_from(number).map_or_else(|_| Value::StringValue(number.to_string()), Value::IntValue),
        None if is_long() => Value::StringValue(text.into_owned()),
        None => return Err(no_number(&text, "a whole number")),
    })
}

/// Numbers out of a double's range become texts.
fn double(text: Cow<'_, str>) -> Read<Value> {
    match &*text {
        "NaN" => return Ok(Value::DoubleValue(f64::NAN)),
        "Infinity" => return Ok(Value::DoubleValue(f64::INFINITY)),
        "-Infinity" => return Ok(Value::DoubleValue(f64::NEG_INFINITY)),
        _ => {}
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    let number: f64 = text.parse().ok().filter(|_| is_number).ok_or_else(|| no_number(&text, "a number"))?;
    Ok(if number.is_finite() { Value::DoubleValue(number) } else { Value::StringValue(text.into_owned()) })
}

/// The error for a text that is not a number of the expected kind.
pub(super) fn no_number(text: &str, expected: &str) -> Refusal {
    let text: String = text.chars().take(64).collect();
    Refusal::fault(format!(": {text:?} is not {expected}"))
}

/// Parses a whole number in any JSON notation: `17`, `17.0`, `1.7e1`.
pub(super) fn integer(text: &str) -> Option<i128> {
    if let Ok(number) = text.parse() {
        return (!text.starts_with('+')).then_some(number);
    }
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let is_number = !whole.is_empty() && [whole, fraction].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    let zeros = exponent.parse::<i32>().ok()?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let digits: i128 = if is_number { format!("{whole}{fraction}").parse().ok()? } else { return None };
    let power = 10_i128.checked_pow(zeros.unsigned_abs());
    let number = match (digits, power) {
        (0, _) => 0,
        (digits, Some(power)) if zeros >= 0 => digits.checked_mul(power)?,
        (digits, Some(power)) => (digits % power == 0).then_some(digits / power)?,
        _ => return None,
    };
    Some(if negative { -number } else { number })
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let engine = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    engine.decode(text).ok()
}

/// Reads an id. An invalid id does not refuse its record; its text is kept.
pub(super) fn id<const N: usize>(reader: &mut Reader<'_>) -> Read<RawId> {
    let before = *reader;
    let text = match reader.token()? {
        Token::Null => return Ok(RawId::Missing),
        Token::Text(text) => text,
        _ => {
            *reader = before;
            Cow::Borrowed(reader.skip()?)
        }
    };
    if trace::parse_id::<N>(&text).is_some() {
        return Ok(RawId::Text(text.into_owned()));
    }
    // Also the Base64 form of other byte fields: of the id, or of its hexadecimal digits.
    let is_id = |bytes: &Vec<u8>| bytes.len() == N || bytes.len() == N * 2 && bytes.iter().all(u8::is_ascii_hexdigit);
    Ok(bytes(&text).filter(is_id).map_or_else(|| RawId::Text(text.into_owned()), RawId::Bytes))
}
