//! The SQL of query language fields.

use model::query::Field;

use super::Parameters;

/// The text form of a field; null if the record does not have it.
pub(crate) fn text_of(field: &Field, parameters: &mut Parameters) -> String {
    match field {
        Field::Level => "level".to_owned(),
        Field::Service => "nullif(service, '')".to_owned(),
        Field::Node => "nullif(node, '')".to_owned(),
        Field::Message => "message".to_owned(),
        Field::TraceId => "encode(trace_id, 'hex')".to_owned(),
        Field::SpanId => "encode(span_id, 'hex')".to_owned(),
        Field::Id => "id::text".to_owned(),
        Field::Attribute(key) => {
            let key = parameters.bind(key.clone());
            format!("logboom.attribute_text(attributes -> {key})")
        }
    }
}

/// The number of a field, or of its text form; null if it is not a number.
pub(super) fn number_of(field: &Field, parameters: &mut Parameters) -> String {
    match field {
        Field::Attribute(key) => {
            let key = parameters.bind(key.clone());
            format!("logboom.attribute_number(attributes -> {key})")
        }
        other => format!("logboom.text_number({})", text_of(other, parameters)),
    }
}

/// Whether the record has the field.
pub(super) fn is_present(field: &Field, parameters: &mut Parameters) -> String {
    match field {
        Field::Level | Field::Message | Field::Id => "true".to_owned(),
        Field::Service => "service <> ''".to_owned(),
        Field::Node => "node <> ''".to_owned(),
        Field::TraceId => "trace_id is not null".to_owned(),
        Field::SpanId => "span_id is not null".to_owned(),
        Field::Attribute(key) => {
            let key = parameters.bind(key.clone());
            format!("attributes ? {key}")
        }
    }
}

/// Whether the text form of the field is one of the values.
pub(super) fn is_any_of(field: &Field, mut values: Vec<String>, parameters: &mut Parameters) -> String {
    match field {
        // Where it is equivalent, the columns themselves are compared, so that indexes and sort orders apply.
        Field::Service | Field::Node => {
            values.retain(|value| !value.is_empty());
            let column = if *field == Field::Service { "service" } else { "node" };
            format!("{column} = any({})", parameters.bind(values))
        }
        Field::TraceId => format!("trace_id = any({})", parameters.bind(bytes_of(&values, 16))),
        Field::SpanId => format!("span_id = any({})", parameters.bind(bytes_of(&values, 8))),
        Field::Id => {
            let is_canonical = |value: &String| value.parse().is_ok_and(|id: model::RecordId| id.to_string() == *value);
            values.retain(is_canonical);
            format!("id = any({}::uuid[])", parameters.bind(values))
        }
        Field::Level | Field::Message | Field::Attribute(_) => {
            let text = text_of(field, parameters);
            format!("{text} = any({})", parameters.bind(values))
        }
    }
}

/// The values that are lower-case hexadecimal for `length` bytes. Other values cannot be the text form of an
/// identifier.
fn bytes_of(values: &[String], length: usize) -> Vec<Vec<u8>> {
    let bytes = |value: &String| hex::decode(value).ok().filter(|bytes| hex::encode(bytes) == *value);
    values.iter().filter_map(bytes).filter(|bytes| bytes.len() == length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lower_case_digits_of_the_right_length_name_an_identifier() {
        let values = ["00ff00000000000a", "00FF00000000000a", "00", "zz00000000000000"].map(str::to_owned);
        assert_eq!(bytes_of(&values, 8), [vec![0, 255, 0, 0, 0, 0, 0, 10]]);
    }
}
