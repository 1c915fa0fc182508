//! Attributes: bounded, finite, sorted, with unique keys.

use model::{Text, Value, attribute_place, limits};

use super::{
    finite_or_text,
    text::{bounded, prefix},
};
use crate::follow::VIA;

type Attributes = Vec<(Text, Value)>;

/// Checks and sorts the attributes; the last of equal keys wins.
pub(super) fn normalise(mut attributes: Attributes) -> Result<Attributes, String> {
    for (key, value) in &mut attributes {
        if key.is_empty() {
            return Err("attributes: a key is empty; give every attribute a name".into());
        }
        *key = bounded(std::mem::take(key), "attributes: a key", limits::KEY_BYTES)?;
        *value = match std::mem::replace(value, Value::Bool(false)) {
            Value::Text(text) => {
                // The field name costs an allocation, so it is built only for the error.
                let checked = bounded(text, "", limits::VALUE_BYTES);
                Value::Text(checked.map_err(|reason| format!("attributes.{key}{reason}"))?)
            }
            value => finite_or_text(value),
        };
    }
    if !attributes.is_sorted_by(|(left, _), (right, _)| left < right) {
        attributes.sort_by(|(left, _), (right, _)| left.cmp(right));
        attributes.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
    }
    let count = attributes.len();
    if count > limits::ATTRIBUTES && !(count == limits::ATTRIBUTES + 1 && was_passed_on(&attributes)) {
        return Err(format!("attributes: {count} attributes; the limit is {}; send fewer", limits::ATTRIBUTES));
    }
    Ok(attributes)
}

/// Whether another Logboom sent the record on. It adds one attribute, for which a full record has no room.
fn was_passed_on(attributes: &Attributes) -> bool {
    attribute_place(attributes, VIA).is_ok()
}

/// Keeps the client's original value of a replaced field. Truncates it if it is overlong, and drops it if the record
/// has no room for another attribute.
pub(super) fn keep_original(attributes: &mut Attributes, key: &str, original: &str) {
    let original = prefix(original, limits::NAME_BYTES).replace('\0', "\u{fffd}");
    let value = Value::Text(original.into());
    match attribute_place(attributes, key) {
        Ok(place) => attributes[place].1 = value,
        Err(place) if attributes.len() < limits::ATTRIBUTES => attributes.insert(place, (key.into(), value)),
        Err(_) => {}
    }
}
