//! Message templates of Serilog's compact format: `@mt` with property names in braces, which stand for their values
//! (<https://messagetemplates.org>).

use std::fmt::Write as _;

use model::limits;
use pipeline::normalise::RawRecord;

const TEMPLATE: &str = "@mt";

/// Sets the message of a record from its template, if it has one. The template remains as an attribute, because it
/// identifies the kind of message.
pub(crate) fn render(record: &mut RawRecord) {
    let Some(model::Value::Text(template)) = attribute(record, TEMPLATE) else { return };
    let mut message = String::with_capacity(template.len() + 32);
    let mut rest = template.as_str();
    while let Some(place) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(place);
        message.push_str(before);
        if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            message.push_str(&from[..1]);
            rest = after;
            continue;
        }
        let hole = from.find('}').map(|end| from.split_at(end + 1));
        let (hole, after) = hole.unwrap_or_else(|| from.split_at(1));
        // A missing property leaves its placeholder.
        match attribute(record, name_of(hole)) {
            Some(value) => {
                let _ = write!(message, "{value}");
            }
            None => message.push_str(hole),
        }
        rest = after;
        if message.len() > limits::MESSAGE_BYTES {
            // Placeholders may repeat one long value many times.
            message.clear();
            rest = template.as_str();
            break;
        }
    }
    message.push_str(rest);
    record.message = message;
}

/// The property name of a placeholder: `{@User}`, `{Elapsed:0.000}` and `{Count,5}` refer to `User`, `Elapsed` and
/// `Count`.
fn name_of(hole: &str) -> &str {
    let name = hole.trim_start_matches('{').trim_end_matches('}').trim_start_matches(['@', '$']);
    name.split([':', ',']).next().unwrap_or_default()
}

fn attribute<'a>(record: &'a RawRecord, name: &str) -> Option<&'a model::Value> {
    record.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use crate::{fields::read_json, mapping::Mapping};

    fn message(json: &str) -> String {
        read_json(json.as_bytes(), &Mapping::usual()).unwrap().message
    }

    #[test]
    fn holes_are_filled_and_what_is_missing_stays() {
        for (json, expected) in [
            (r#"{"@mt":"Hello, {User}!","User":"ann"}"#, "Hello, ann!"),
            (
                r#"{"@mt":"{@User} took {Elapsed:0.0} of {Count,5}","User":"ann","Elapsed":1.5,"Count":3}"#,
                "ann took 1.5 of 3",
            ),
            (r#"{"@mt":"{{braces}} {Gone} {","x":1}"#, "{braces} {Gone} {"),
            (r#"{"@mt":"} alone","x":1}"#, "} alone"),
            (r#"{"@mt":"of {User}","@m":"rendered","User":"ann"}"#, "rendered"),
        ] {
            assert_eq!(message(json), expected, "{json}");
        }
    }

    #[test]
    fn one_long_value_named_often_does_not_fill_the_memory() {
        let json = format!(r#"{{"@mt":"{}","a":"{}"}}"#, "{a}".repeat(1000), "x".repeat(60_000));
        assert_eq!(message(&json), "{a}".repeat(1000));
    }
}
