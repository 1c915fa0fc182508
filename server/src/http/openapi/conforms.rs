//! Compares a value with a schema of the document, for examples. It knows the keywords that this document has; the
//! answers of a running server are compared by a complete program (`scripts/fuzz-api.sh`).

use serde_json::{Map, Value};

/// What the schema refuses of the value, with the place of each; empty if it takes the value.
pub(super) fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(document, schema, value, "", &mut faults);
    faults
}

fn check(document: &Value, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        match document.pointer(reference.trim_start_matches('#')) {
            Some(schema) => check(document, schema, value, place, faults),
            None => faults.push(format!("{place}: {reference} is not there")),
        }
    }
    if !is_of_type(&schema["type"], value) {
        faults.push(format!("{place}: {value} is not of the type {}", schema["type"]));
    }
    if let Some(values) = schema["enum"].as_array() {
        let is_one = values.contains(value);
        faults.extend((!is_one).then(|| format!("{place}: {value} is none of {values:?}")));
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check(document, part, value, place, faults);
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(parts) = schema[choice].as_array() {
            let fits = parts.iter().any(|part| self::faults(document, part, value).is_empty());
            faults.extend((!fits).then(|| format!("{place}: {value} fits none of {choice}")));
        }
    }
    match value {
        Value::Object(fields) => check_fields(document, schema, fields, place, faults),
        Value::Array(items) => {
            let of_place = schema["prefixItems"].as_array().map_or(&[][..], Vec::as_slice);
            for (index, item) in items.iter().enumerate() {
                let schema = of_place.get(index).unwrap_or(&schema["items"]);
                check(document, schema, item, &format!("{place}/{index}"), faults);
            }
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap();
            let is_low = schema["minimum"].as_f64().is_some_and(|least| number < least);
            let is_high = schema["maximum"].as_f64().is_some_and(|most| number > most);
            faults.extend((is_low || is_high).then(|| format!("{place}: {number} is out of bounds")));
        }
        _ => {}
    }
}

fn check_fields(document: &Value, schema: &Value, fields: &Map<String, Value>, place: &str, faults: &mut Vec<String>) {
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        faults.extend((!fields.contains_key(name)).then(|| format!("{place}: {name} is missing")));
    }
    for (name, value) in fields {
        let place = format!("{place}/{name}");
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => faults.push(format!("{place}: the field is unknown")),
            // A part of `allOf` names some of the fields, and a type without fields none.
            (Value::Null, others) => check(document, others, value, &place, faults),
            (of_field, _) => check(document, of_field, value, &place, faults),
        }
    }
}

fn is_of_type(kind: &Value, value: &Value) -> bool {
    match kind {
        Value::String(kind) => match kind.as_str() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            other => panic!("the type {other} is unknown here"),
        },
        Value::Array(kinds) => kinds.iter().any(|kind| is_of_type(kind, value)),
        _ => true,
    }
}

#[test]
fn a_value_is_compared_with_its_schema() {
    let document = serde_json::json!({ "components": { "schemas": { "A": {
        "type": "object",
        "required": ["a"],
        "properties": { "a": { "type": "integer", "minimum": 1 }, "b": { "type": ["string", "null"] } },
        "additionalProperties": false,
    } } } });
    let schema = serde_json::json!({ "type": "array", "items": { "$ref": "#/components/schemas/A" } });
    for (value, fault) in [
        (serde_json::json!([{ "a": 1, "b": null }, { "a": 2, "b": "text" }]), ""),
        (serde_json::json!([{ "a": 0 }]), "/0/a: 0 is out of bounds"),
        (serde_json::json!([{ "a": "1" }]), "/0/a: \"1\" is not of the type"),
        (serde_json::json!([{ "b": "text" }]), "/0: a is missing"),
        (serde_json::json!([{ "a": 1, "c": 1 }]), "/0/c: the field is unknown"),
        (serde_json::json!({}), ": {} is not of the type"),
    ] {
        let faults = faults(&document, &schema, &value).join("; ");
        assert!(faults.starts_with(fault) && faults.is_empty() == fault.is_empty(), "{value}: {faults}");
    }
}
